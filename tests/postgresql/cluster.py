"""A PostgreSQL cluster under a temporary folder: one primary and standbys, of
which ANY 1 has each commit; on AF_UNIX alone, as user nobody."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psycopg2

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402

BIN = "/usr/lib/postgresql/15/bin"
NAMES = "abc"
CONF = """
listen_addresses = ''
unix_socket_directories = '{folder}'
cluster_name = '{name}'
shared_buffers = 32MB
max_connections = {connections}
max_wal_senders = 10
wal_keep_size = 512MB
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
synchronous_standby_names = '{standbys}'
log_min_messages = warning
log_line_prefix = '%a %e %m [%p] '
jit = off
"""


def available():
    """What the tests need is there, or they say that they are skipped."""
    return os.path.exists(os.path.join(BIN, "initdb"))


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(common.NOBODY)
        os.setuid(common.NOBODY)


def until(true, seconds, what):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(f"not in {seconds} s: {what}")
        time.sleep(0.05)


class Node:
    """One server; its processes are those of its postmaster's session."""

    def __init__(self, root, name, connections):
        self.name = name
        self.folder = os.path.join(root, name)
        self.data = os.path.join(self.folder, "data")
        self.connections = connections
        self.process = None
        os.mkdir(self.folder)
        common.give_away(self.folder)

    def tool(self, *args):
        subprocess.run([os.path.join(BIN, args[0]), *args[1:]], check=True,
                       preexec_fn=as_nobody, cwd=self.folder,
                       stdout=subprocess.DEVNULL)

    def configure(self, standbys):
        with open(os.path.join(self.data, "postgresql.conf"), "w",
                  encoding="utf-8") as f:
            f.write(CONF.format(folder=self.folder, name=self.name,
                                connections=self.connections, standbys=standbys))

    def make(self, standbys):
        self.tool("initdb", "-D", self.data, "-A", "trust", "-U", "smtpd",
                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.configure(standbys)

    def copy(self, primary, standbys):
        self.take_copy(primary)
        self.configure(standbys)
        self.follow(primary)

    def take_copy(self, primary, tries=5):
        """On a busy machine the server may take the copier for dead."""
        shutil.rmtree(self.data, ignore_errors=True)
        try:
            self.tool("pg_basebackup", "-h", primary.folder, "-U", "smtpd", "-D",
                      self.data, "-X", "stream", "-c", "fast", "--no-sync")
        except subprocess.CalledProcessError:
            if tries == 1:
                raise
            self.take_copy(primary, tries - 1)

    def receive_from(self, where):
        with open(os.path.join(self.data, "postgresql.auto.conf"), "w",
                  encoding="utf-8") as f:
            f.write(f"primary_conninfo = '{where}'\n")
        if self.process:
            os.kill(self.process.pid, signal.SIGHUP)

    def follow(self, primary):
        signal_file = os.path.join(self.data, "standby.signal")
        with open(signal_file, "w", encoding="utf-8"):
            pass
        common.give_away(signal_file)
        self.receive_from(f"host={primary.folder} user=smtpd "
                          f"application_name={self.name}")

    def follow_nobody(self):
        """From now on it has no more than it has."""
        self.receive_from("")
        until(lambda: self.ask("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)],
              60, f"{self.name} receives no more")

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BIN, "postgres"), "-D", self.data],
                preexec_fn=as_nobody, start_new_session=True,
                stdout=log, stderr=log, cwd=self.folder)
        until(self.answers, 60, f"server {self.name}")

    def connect(self, database="postgres"):
        db = psycopg2.connect(host=self.folder, user="smtpd", dbname=database,
                              connect_timeout=5)
        db.autocommit = True
        return db

    def ask(self, sql, database="postgres"):
        db = self.connect(database)
        try:
            with db.cursor() as c:
                c.execute(sql)
                return c.fetchall() if c.description else None
        finally:
            db.close()

    def answers(self):
        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg2.OperationalError:
            return False

    def in_commit(self):
        """The processes that wait for a standby."""
        return self.ask("SELECT pid FROM pg_stat_activity"
                        " WHERE wait_event = 'SyncRep' AND query = 'COMMIT'")

    def processes(self):
        """The postmaster and its children."""
        pids = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8",
                          errors="replace") as f:
                    parent = f.read().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if int(parent) == self.process.pid:
                pids.append(int(entry))
        return pids + [self.process.pid]

    def send(self, number):
        """A signal to all its processes, the postmaster first."""
        for pid in reversed(self.processes()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def is_running(self):
        return self.process and self.process.poll() is None

    def come_back(self):
        """From the loss of a process: by itself, but where that was the one which
        recovers from another's loss."""
        until(lambda: self.answers() or not self.is_running(), 60,
              f"server {self.name} again")
        if not self.is_running():
            self.clear()
            self.start()

    def kill(self):
        if not self.process:
            return
        self.send(signal.SIGKILL)
        self.process.wait()
        self.process = None
        self.clear()

    def clear(self):
        """The locks stay of what was killed, with a number that may be another's."""
        for name in os.listdir(self.folder):
            if name.startswith(".s.PGSQL"):
                os.unlink(os.path.join(self.folder, name))
        pid_file = os.path.join(self.data, "postmaster.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)

    def received(self):
        return self.ask("SELECT greatest(pg_last_wal_receive_lsn(),"
                        " pg_last_wal_replay_lsn()) - '0/0'::pg_lsn")[0][0]


class Cluster:
    def __init__(self, standbys=2, connections=60):
        self.root = tempfile.mkdtemp(prefix="smtpd-pg-")
        os.chmod(self.root, 0o755)
        self.nodes = [Node(self.root, name, connections)
                      for name in NAMES[:1 + standbys]]
        self.primary = self.nodes[0]
        self.names = "ANY 1 (a, b, c)" if standbys else ""
        # The first standby has to be there before the primary waits for one.
        self.primary.make("")
        self.primary.start()
        self.primary.ask("CREATE DATABASE mail")
        for node in self.standbys():
            node.copy(self.primary, self.names)
            node.start()
        self.primary.configure(self.names)
        os.kill(self.primary.process.pid, signal.SIGHUP)

    def standbys(self):
        return [n for n in self.nodes if n is not self.primary]

    def uri(self):
        hosts = ",".join(n.folder for n in self.nodes)
        ports = ",".join("5432" for _ in self.nodes)
        return f"postgresql://smtpd@/mail?host={hosts}&port={ports}"

    def uris(self):
        """Of two clients."""
        return [self.uri(), self.uri()]

    def listen(self, smtpd, uri, *options, timeout):
        """smtpd with so many seconds for the server."""
        return Listener(self.program(smtpd), uri, os.path.join(self.root, "smtpd.log"),
                        *options, env={"SMTPD_POSTGRESQL_TIMEOUT": str(timeout)})

    def fail_over(self, cut_off=False):
        """The primary goes; the standby that has most takes its place, and the
        old one comes back as a copy."""
        old = self.primary
        if cut_off:
            old.send(signal.SIGSTOP)
        else:
            old.kill()
        for node in self.standbys():
            if not node.is_running():
                node.clear()
                node.start()
        for node in self.standbys():
            node.follow_nobody()
        new = max(self.standbys(), key=Node.received)
        other = [n for n in self.standbys() if n is not new]
        for node in other:
            node.follow(new)
        new.ask("SELECT pg_promote()")
        self.primary = new
        if cut_off:
            # It does not know that it is not the primary any more.
            old.send(signal.SIGCONT)
            time.sleep(0.5)
            old.kill()
        old.copy(new, self.names)
        old.start()

    def program(self, smtpd):
        """A copy of the programs where another user may run them."""
        copy = os.path.join(self.root, "smtpd")
        if not os.path.exists(copy):
            for name in "smtpd", "smtpd-postgresql", "smtpdb", "smtpdb-postgresql":
                shutil.copy(os.path.join(os.path.dirname(smtpd), name), self.root)
        return copy

    def end(self, keep=False):
        for node in self.nodes:
            node.kill()
        self.leave(keep)

    def leave(self, keep):
        if keep:
            print(f"{self.root} has what is left", flush=True)
        else:
            shutil.rmtree(self.root)


class Listener:
    """smtpd at a free port, with its log in the cluster's folder; what it asks and
    writes goes by the network of `host`, if one is given."""

    def __init__(self, smtpd, uri, log, *options, env=None, host=None):
        self.log = log
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listening, \
                open(log, "ab") as f:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [*(host.as_nobody() if host else []), smtpd, "--database", uri,
                 "-n", "mx.example", "--idle-exit=0", "--max-per-source=1000",
                 *options],
                stdin=listening, stderr=f, preexec_fn=None if host else as_nobody,
                env={**os.environ, **(env or {})})

    def connect(self, seconds=90):
        sock = socket.create_connection(("127.0.0.1", self.port), seconds)
        return common.Client(sock, seconds)

    def deliver(self, number, size=500, nrecipients=1):
        """One mail; the reply that decided it."""
        client = self.connect()
        try:
            reply = client.greet()
            if reply[0] < 400:
                reply = client.mail(common.mail(number, size), nrecipients)
            return reply
        finally:
            client.close()

    def children(self, name):
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8",
                          errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            state, parent = text.rpartition(")")[2].split()[:2]
            comm = text[text.index("(") + 1:text.rindex(")")]
            if int(parent) == self.process.pid and state != "Z" and comm == name:
                found.append(int(entry))
        return found

    def writer(self):
        return self.children("smtpd-postgresq")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
