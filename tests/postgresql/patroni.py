"""A cluster that Patroni and etcd keep: each node is a host of its own, as far as
its network goes (a namespace, with an address on a bridge), so it can be cut off
from all others while clients still reach its AF_UNIX socket.

namespace.enter() comes first."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import psycopg2

import cluster
import namespace
from namespace import ip

PROGRAMS = ("/usr/bin/patroni", "/usr/bin/etcd", "/usr/sbin/haproxy",
            "/usr/bin/nsenter", "/usr/bin/unshare", "/usr/sbin/ip")
NET = "10.99.0."
HUB = NET + "254"
# Patroni's own is 30.  A leader that is not heard of for so long is no leader any
# more: what stands still by load alone must not do so that long.
TTL, RETRY = 20, 8
HAPROXY_PORT = 5000

# Patroni's words for a server that has just become the leader, and for one that was.
PROMOTED = ("promoted self to leader", "acquired session lock as a leader")
LEADS = "the leader with the lock"

# What a person may have chosen; "names" is their own synchronous_standby_names.
MODES = {
    "strict": {"synchronous_mode": True, "synchronous_mode_strict": True},
    "synchronous": {"synchronous_mode": True},
    "names": {},
    "asynchronous": {},
}


def missing():
    """What the tests lack to run, or None."""
    if not cluster.available():
        return "needs postgresql-15"
    for program in PROGRAMS:
        if not os.path.exists(program):
            return "needs " + os.path.basename(program)
    if os.geteuid() != 0:
        return "needs root, for networks of its own"
    return None


class Host(cluster.Node):
    """A node with its Patroni."""

    def __init__(self, root, number, mode):
        super().__init__(root, cluster.NAMES[number], 60)
        self.address = NET + str(number + 1)
        self.conf = os.path.join(self.folder, "patroni.json")
        self.network = namespace.Host()
        self.plug_in()
        with open(self.conf, "w", encoding="utf-8") as f:
            json.dump(self.settings(mode), f, indent=1)

    def plug_in(self):
        self.network.plug_in("to-" + self.name)
        ip("link", "set", "to-" + self.name, "master", "hub", "up")
        ip("addr", "add", self.address + "/24", "dev", "eth0", host=self.network)
        ip("link", "set", "eth0", "up", host=self.network)

    def cut(self, is_cut):
        """From all others; its clients on AF_UNIX do not notice."""
        ip("link", "set", "to-" + self.name, "down" if is_cut else "up")

    def settings(self, mode):
        parameters = {
            "shared_buffers": "32MB", "max_connections": 60, "wal_keep_size": "512MB",
            "wal_log_hints": True, "hot_standby": True, "jit": False,
            "wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "200ms",
            "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s",
        }
        if mode == "names":
            parameters["synchronous_standby_names"] = "ANY 1 (a, b, c)"
        return {
            "scope": "mail", "name": self.name,
            "restapi": {"listen": self.address + ":8008",
                        "connect_address": self.address + ":8008"},
            "etcd3": {"host": HUB + ":2379"},
            "bootstrap": {
                "dcs": {"ttl": TTL, "loop_wait": 1, "retry_timeout": RETRY,
                        "postgresql": {"use_pg_rewind": True, "parameters": parameters},
                        **MODES[mode]},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": self.address + ":5432",
                "connect_address": self.address + ":5432",
                "data_dir": self.data, "bin_dir": cluster.BIN,
                "pgpass": os.path.join(self.folder, "pgpass"),
                "use_unix_socket": True,
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
                "authentication": {"superuser": {"username": "smtpd"},
                                   "replication": {"username": "smtpd"}},
                "pg_hba": ["local all all trust",
                           f"host all all {NET}0/24 trust",
                           f"host replication all {NET}0/24 trust"],
                "parameters": {"unix_socket_directories": self.folder},
            },
            "watchdog": {"mode": "off"},
        }

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [*self.network.as_nobody(), "/usr/bin/patroni", self.conf],
                start_new_session=True, stdout=log, stderr=log, cwd=self.folder)

    def lines(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read().splitlines()

    def servers(self):
        """Its processes but for Patroni and who holds the namespace."""
        kept = {self.process.pid if self.process else 0, self.network.holder.pid}
        return [int(e) for e in os.listdir("/proc") if e.isdigit()
                and int(e) not in kept
                and namespace.is_of(e, self.network.namespace)]

    def processes(self):
        """The servers', the postmaster first, then Patroni."""
        return sorted(self.servers()) + ([self.process.pid] if self.process else [])

    def send(self, number):
        pids = self.processes()
        for pid in pids:
            cluster.signal_to(pid, number)
        return pids

    def kill(self):
        """The host loses power, though not what its kernel has yet to write."""
        while self.servers() or self.process:
            self.send(signal.SIGKILL)
            if self.process:
                self.process.wait()
                self.process = None
            time.sleep(0.01)
        self.clear()

    def lose(self):
        """The host with its disk."""
        self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def get(self, path, seconds=10):
        """The status of Patroni's answer, 0 for none."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8008/{path}",
                                        timeout=seconds) as reply:
                return reply.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def post(self, path, what):
        ask = urllib.request.Request(f"http://{self.address}:8008/{path}",
                                     json.dumps(what).encode(), method="POST")
        try:
            with urllib.request.urlopen(ask, timeout=60) as reply:
                return reply.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def end(self):
        ip("link", "del", "to-" + self.name)
        self.kill()
        self.network.end()


class Cluster(cluster.Cluster):
    def __init__(self, mode):  # pylint: disable=super-init-not-called
        self.mode = mode
        self.root = tempfile.mkdtemp(prefix="smtpd-pg-")
        os.chmod(self.root, 0o755)
        self.nodes, self.others = [], []
        ip("link", "add", "hub", "type", "bridge")
        ip("addr", "add", HUB + "/24", "dev", "hub")
        ip("link", "set", "hub", "up")
        # It waits for the disk again and again, for which a busy one takes too long.
        self.memory = tempfile.mkdtemp(
            prefix="smtpd-pg-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.etcd = None
        self.start_etcd()
        self.nodes = [Host(self.root, i, mode) for i in range(len(cluster.NAMES))]
        for node in self.nodes:
            node.start()
            if node is self.nodes[0]:
                cluster.until(lambda: self.nodes[0].get("primary") == 200, "a primary")
        cluster.until(self.is_whole, "two standbys")
        self.primary.ask("CREATE DATABASE mail")
        self.start_haproxy()

    def run(self, *args):
        with open(os.path.join(self.root, os.path.basename(args[0]) + ".log"), "ab") as log:
            return subprocess.Popen(args, stdout=log, stderr=log, cwd=self.root)

    def start_etcd(self):
        url = f"http://{HUB}:"
        self.etcd = self.run("/usr/bin/etcd", "--data-dir", os.path.join(self.memory, "etcd"),
                             "--listen-client-urls", url + "2379",
                             "--advertise-client-urls", url + "2379",
                             "--listen-peer-urls", url + "2380",
                             "--initial-advertise-peer-urls", url + "2380",
                             "--initial-cluster", f"default={url}2380")

    def restart_etcd(self, after):
        self.etcd.kill()
        self.etcd.wait()
        time.sleep(after)
        self.start_etcd()

    def start_haproxy(self):
        """As Patroni's manual has it: who answers 200 to /primary is it."""
        conf = os.path.join(self.root, "haproxy.cfg")
        servers = "\n".join(f"    server {n.name} {n.address}:5432 check port 8008"
                            for n in self.nodes)
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""defaults
    mode tcp
    timeout connect 2s
    timeout client 10m
    timeout server 10m
    timeout check 2s
listen primary
    bind 127.0.0.1:{HAPROXY_PORT}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
""")
        self.others.append(self.run("/usr/sbin/haproxy", "-f", conf))

    def uris(self):
        """The two ways in which a client finds the primary."""
        return [self.uri(), f"postgresql://smtpd@127.0.0.1:{HAPROXY_PORT}/mail"]

    @property
    def primary(self):
        return cluster.until(self.writable, "a primary")

    @primary.setter
    def primary(self, node):
        pass

    def writable(self, but=None):
        """The node that is primary by Patroni's word."""
        for node in self.nodes:
            if node is not but and node.process and node.get("primary") == 200:
                return node
        return None

    def synchronous(self):
        """The standby that Patroni would promote, or None."""
        for node in self.standbys():
            if node.process and node.get("synchronous") == 200:
                return node
        return None

    def is_whole(self):
        """Are both standbys there, and as many of them synchronous as there should be?"""
        node = self.writable()
        want = {"asynchronous": 0, "names": 2}.get(self.mode, 1)
        try:
            rows = node and node.ask("SELECT sync_state FROM pg_stat_replication"
                                     " WHERE state = 'streaming'")
        except psycopg2.Error:
            return False
        if not node or len(rows) != 2 or \
                len([r for r in rows if r[0] in ("sync", "quorum")]) < want:
            return False
        # The server knows it before etcd does; and then nobody would take over.
        return want != 1 or bool(self.synchronous())

    def excuse(self):
        """Patroni 3.0.2 that stood still lets its server go on as the leader, even if
        another has been promoted since: it takes the lock back without a look at who
        has it.  What that one has acknowledged is lost then.  Did this happen?"""
        said = sorted((line[:23], node.name, line[24:].strip()) for node in self.nodes
                      for line in node.lines())
        leader = None
        for when, name, what in said:
            if any(words in what for words in PROMOTED):
                leader = name
            elif LEADS in what and leader not in (None, name):
                return (f"Patroni let {name} lead on at {when}, though {leader} had been"
                        " promoted")
        return None

    def excuse_for(self, late):
        return f"Patroni has not mended its cluster: {late}"

    def end(self, keep=False):
        for node in self.nodes:
            node.end()
        for process in [*self.others, self.etcd]:
            process.kill()
            process.wait()
        ip("link", "del", "hub")
        shutil.rmtree(self.memory)
        self.leave(keep)
