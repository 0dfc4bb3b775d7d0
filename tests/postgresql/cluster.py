"""A PostgreSQL cluster under a temporary folder: one primary and standbys, of
which ANY 1 has each commit; on AF_UNIX alone, as user nobody."""

import argparse
import atexit
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
# Seconds until something that must come is given up: a slow machine's.
PATIENCE = 180
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
    return os.path.exists(os.path.join(BIN, "initdb"))


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(common.NOBODY)
        os.setuid(common.NOBODY)


class NotInTime(SystemExit):
    """The test ends, unless somebody knows better."""


def until(true, what, seconds=PATIENCE):
    """Returns what it has become."""
    end = time.monotonic() + seconds
    while not (is_ := true()):
        if time.monotonic() > end:
            raise NotInTime(f"not in {seconds} s: {what}")
        time.sleep(0.05)
    return is_


def state_of(pid):
    """Its letter and its parent, of proc(5); nothing, if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            letter, parent = f.read().rpartition(")")[2].split()[:2]
    except OSError:
        return None, None
    return letter, int(parent)


def is_gone(pid):
    """It runs no more, and whatever it had open is closed."""
    return state_of(pid)[0] in (None, "Z", "X")


def signal_to(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


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
        # On a busy machine a server would take a copier for dead.
        env = {**os.environ, "PGOPTIONS": "-c wal_sender_timeout=0"}
        subprocess.run([os.path.join(BIN, args[0]), *args[1:]], check=True,
                       preexec_fn=as_nobody, cwd=self.folder, env=env,
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
        shutil.rmtree(self.data, ignore_errors=True)
        self.tool("pg_basebackup", "-h", primary.folder, "-U", "smtpd", "-D",
                  self.data, "-X", "stream", "-c", "fast", "--no-sync")
        self.configure(standbys)
        self.follow(primary)

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
              f"{self.name} receives no more")

    def start(self):
        atexit.register(self.kill)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BIN, "postgres"), "-D", self.data],
                preexec_fn=as_nobody, start_new_session=True,
                stdout=log, stderr=log, cwd=self.folder)
        until(self.answers, f"server {self.name}")

    def connect(self, database="postgres"):
        db = psycopg2.connect(host=self.folder, user="smtpd", dbname=database,
                              connect_timeout=PATIENCE)
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
        except psycopg2.Error:
            return False

    def reload(self):
        """Who connects from now on meets what the files say."""
        when = "SELECT pg_conf_load_time()"
        before = self.ask(when)
        self.ask("SELECT pg_reload_conf()")
        until(lambda: self.ask(when) != before, f"{self.name} has read its files")

    def end_connections(self, of="application_name = 'smtpd'"):
        """When it returns, the clients can know."""
        pids = [pid for pid, _ in self.ask(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + of)]
        until(lambda: all(map(is_gone, pids)), "the end of connections")

    def in_commit(self):
        """The processes that wait for a standby."""
        return self.ask("SELECT pid FROM pg_stat_activity"
                        " WHERE wait_event = 'SyncRep' AND query = 'COMMIT'")

    def processes(self):
        """The postmaster's children, and it."""
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()
                and state_of(entry)[1] == self.process.pid] + [self.process.pid]

    def send(self, number):
        """A signal to all its processes.  The postmaster stands still first, so that
        it makes no more of them."""
        postmaster = self.process.pid
        if self.process.poll() is not None:
            return []
        signal_to(postmaster, signal.SIGSTOP)
        until(lambda: is_gone(postmaster) or state_of(postmaster)[0] == "T",
              f"server {self.name} stands still")
        pids = self.processes()
        for pid in pids:
            signal_to(pid, number)
        if number == signal.SIGSTOP:
            until(lambda: all(is_gone(p) or state_of(p)[0] == "T" for p in pids),
                  f"all of server {self.name} stands still")
        return pids

    def is_running(self):
        return self.process and self.process.poll() is None

    def come_back(self):
        """From the loss of a process: by itself, but where that was the one which
        recovers from another's loss."""
        until(lambda: self.answers() or not self.is_running(),
              f"server {self.name} again")
        if not self.is_running():
            self.clear()
            self.start()

    def kill(self):
        """When it returns, whoever was connected can know."""
        if not self.process:
            return
        pids = self.send(signal.SIGKILL)
        self.process.wait()
        until(lambda: all(map(is_gone, pids)), f"the end of server {self.name}")
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

    def has_standby(self, node):
        return self.ask("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"
                        f" AND application_name = '{node.name}'")

    def catch_up(self, primary):
        """A standby comes to show what the primary does now."""
        lsn = primary.ask("SELECT pg_current_wal_flush_lsn()")[0][0]
        until(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'")[0][0],
              f"{self.name} has all that {primary.name} has")

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
        self.primary.reload()
        # The checkpointer has each COMMIT wait, once it has read the file as well.
        self.primary.ask("CHECKPOINT")

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
        new.ask(f"SELECT pg_promote(true, {PATIENCE})")
        self.primary = new
        if cut_off:
            # Nobody is left who would tell it that he has what it commits.
            for node in other:
                until(lambda: new.has_standby(node), "the other standby")
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

    def excuse(self):
        """Why mails may be lost for which smtpd is not to blame, or None."""
        return None

    def excuse_for(self, late):
        """The same where something did not come in time."""
        raise late

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
        atexit.register(self.process.kill)

    def connect(self, seconds=PATIENCE):
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
            if state_of(entry)[1] != self.process.pid or is_gone(entry):
                continue
            try:
                with open(f"/proc/{entry}/comm", encoding="utf-8") as f:
                    if f.read().rstrip("\n") == name:
                        found.append(int(entry))
            except OSError:
                continue
        return found

    def writer(self):
        return self.children("smtpd-postgresq")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    """What the checks of a test have in common."""

    def __init__(self, options, it):
        self.options, self.it = options, it
        self.report = common.Report()
        self.check = self.report.check
        self.built = os.path.dirname(options.smtpd)
        self.smtpd = it.program(options.smtpd)
        self.log = os.path.join(it.root, "smtpd.log")

    def end(self):
        self.it.end()


def arguments(about):
    parser = argparse.ArgumentParser(description=about.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", type=os.path.realpath, default="./smtpd")
    return parser


def main(about, make_bench, checks, parser=None):
    """Runs the checks one after the other, on one bench; or says that it cannot."""
    parser = parser or arguments(about)
    parser.add_argument("only", nargs="*", help="names of checks")
    options = parser.parse_args()
    if not available():
        print(f"skipped: {parser.prog}, since postgresql-15 is not there")
        return
    b = make_bench(options)
    try:
        for check in checks:
            if not options.only or check.__name__ in options.only:
                check(b)
    finally:
        b.end()
    b.report.end()
