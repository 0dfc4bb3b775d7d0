#!/usr/bin/python3 -B
"""PgBouncer between smtpd and PostgreSQL, in each of its modes: mails come through,
also when it is killed at a COMMIT, or the log says why none does."""

import os
import signal
import socket
import subprocess
import threading

import bench
import cluster
import common

PROGRAM = "/usr/sbin/pgbouncer"
CONF = """[databases]
mail = host={server}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
logfile = {folder}/log
pidfile = {folder}/pid
"""


class Pooler:
    def __init__(self, b, mode):
        self.folder = os.path.join(b.it.root, mode)
        self.conf = os.path.join(self.folder, "conf")
        os.mkdir(self.folder)
        # A session keeps its connection: two listeners have two each.
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(CONF.format(server=b.it.primary.folder, folder=self.folder,
                                mode=mode, size=4 if mode == "session" else 2))
        with open(os.path.join(self.folder, "users"), "w", encoding="utf-8") as f:
            f.write('"smtpd" ""\n')
        common.give_away(self.folder, self.conf)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, self.conf], preexec_fn=cluster.as_nobody,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cluster.until(self.listens, "pgbouncer")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(os.path.join(self.folder, ".s.PGSQL.6432")) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        for name in ".s.PGSQL.6432", "pid":
            os.unlink(os.path.join(self.folder, name))

    def uri(self):
        return f"postgresql://smtpd@/mail?host={self.folder}&port=6432"

    def end(self):
        self.process.terminate()
        self.process.wait()


def killed_at_commit(b, pooler, listener):
    """The COMMIT ends where nobody hears of it; it is looked up by way of the next
    PgBouncer, so the client is told 250, and it stands there once."""
    what = f"{pooler.folder}: killed at a COMMIT"
    standby = b.it.standbys()[0]
    standby.send(signal.SIGSTOP)
    replies, number = [], b.number + 1
    thread = threading.Thread(target=lambda: replies.append(b.send(listener)))
    thread.start()
    try:
        b.in_commit()
        pooler.kill()
    finally:
        standby.send(signal.SIGCONT)
    pooler.start()
    thread.join(cluster.PATIENCE)
    b.check(replies and common.is_stored(replies[0]), f"{what}: {replies}")
    b.check(b.times(number) == 1, f"{what}: {b.times(number)} rows")
    b.recovers(what, listener)


def watches(b, mode, pooler):
    """It asks, since it cannot listen there."""
    watcher = subprocess.Popen(
        [os.path.join(os.path.dirname(b.smtpd), "smtpdb"), "-d", pooler.uri(), "watch",
         "-n", "1", f"--timeout={cluster.PATIENCE}"], stdout=subprocess.PIPE)
    watcher.stdout.readline()
    id_ = b.stored(f"{mode}: a mail that is watched for")
    line = watcher.stdout.readline()
    b.check(line.startswith(b"%d\t" % id_), f"{mode}: watch: {line}")
    watcher.terminate()
    watcher.wait()


def comes_through(b, mode):
    pooler = Pooler(b, mode)
    listeners = [b.listen(pooler.uri()) for _ in range(2)]
    try:
        for i in range(8):
            b.stored(f"{mode}: a mail", listeners[i % 2], nrecipients=3)
        b.stored(f"{mode}: a big one", listeners[0], size=9 << 20)
        killed_at_commit(b, pooler, listeners[0])
        b.stored(f"{mode}: the other listener", listeners[1])
        if mode == "transaction":
            watches(b, mode, pooler)
    finally:
        for listener in listeners:
            listener.end()
        pooler.end()


def session(b):
    comes_through(b, "session")


def transaction(b):
    comes_through(b, "transaction")


def statement(b):
    """There are no transactions."""
    pooler = Pooler(b, "statement")
    listener = b.listen(pooler.uri())
    try:
        b.deferred("statement", 451, "transaction blocks not allowed", listener)
    finally:
        listener.end()
        pooler.end()


CHECKS = [session, transaction, statement]


def main():
    if os.path.exists(PROGRAM):
        bench.main(__doc__, CHECKS)
    else:
        print("skipped: tests/postgresql/pooler.py, since pgbouncer is not there")


if __name__ == "__main__":
    main()
