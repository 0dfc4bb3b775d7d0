#!/usr/bin/python3 -B
"""What smtpd says, logs and does when its PostgreSQL server is in trouble, and that
it recovers by itself."""

import os
import signal
import subprocess
import threading
import time

import psycopg2

import bench
import cluster
import common


def missing_standby(b):
    node = b.it.standbys()[0]
    node.send(signal.SIGSTOP)
    hasty = b.listen(b.it.uri(), timeout=5)
    start = time.monotonic()
    b.deferred("no standby", 451, "waits for a standby", hasty)
    took = time.monotonic() - start
    # Without a word it would be 30.
    b.check(5 <= took < 25, f"no standby: 451 after {took} s")
    b.deferred("still none", 451, "waits for a standby", hasty)
    node.send(signal.SIGCONT)
    b.recovers("a standby came", hasty)
    hasty.end()


def cancelled_wait(b):
    node = b.it.standbys()[0]
    node.send(signal.SIGSTOP)
    replies = []
    thread = threading.Thread(target=lambda: replies.append(b.send()))
    thread.start()
    b.it.primary.ask(f"SELECT pg_cancel_backend({b.in_commit()})")
    thread.join(cluster.PATIENCE)
    node.send(signal.SIGCONT)
    b.check(replies and replies[0][0] == 451, f"a cancelled wait: {replies}")
    b.check("canceling wait" in b.listener.said(), "a cancelled wait: log")
    b.recovers("a cancelled wait")


def unknown_end(b):
    """The server crashes while a COMMIT waits: it is on its disk, and on the
    standby's soon; the client is told 250, and it stands there once."""
    node = b.it.standbys()[0]
    node.send(signal.SIGSTOP)
    replies = []
    number = b.number + 1
    thread = threading.Thread(target=lambda: replies.append(b.send()))
    thread.start()
    os.kill(b.in_commit(), signal.SIGKILL)
    b.it.primary.come_back()
    node.send(signal.SIGCONT)
    thread.join(cluster.PATIENCE)
    b.check(replies and common.is_stored(replies[0]), f"unknown end: {replies}")
    b.check(b.times(number) == 1, f"unknown end: {b.times(number)} rows")
    b.recovers("a crash in COMMIT")


def unsafe(b):
    for value in "off", "local":
        b.reload("synchronous_commit", value)
        b.end_connections()
        b.deferred(value, 421, f"synchronous_commit = {value}")
        with_leave = b.listen(b.it.uri(), "--allow-unsafe")
        b.stored(f"--allow-unsafe, {value}", with_leave)
        with_leave.end()
    b.reload("synchronous_commit", "remote_apply")
    b.recovers("remote_apply")
    b.reload("synchronous_commit", "on")


def unsafe_meanwhile(b):
    """A setting is changed under a writer that stays connected."""
    with_leave = b.listen(b.it.uri(), "--allow-unsafe")
    b.stored("--allow-unsafe, before", with_leave)
    for setting in "fsync", "full_page_writes", "synchronous_commit":
        b.stored(f"{setting}, on")
        b.reload(setting, "off")
        b.comes_to(setting, 421, f"{setting} = off, and so may lose mails")
        b.deferred(f"still {setting}", 421, f"{setting} = off")
        b.stored(f"--allow-unsafe, {setting}", with_leave)
        b.reload(setting, "on")
        b.recovers(f"{setting} is on again")
    with_leave.end()


def newer_version(b):
    b.ask("UPDATE main.version SET number = number + 1")
    b.end_connections()
    b.deferred("a newer version", 421, "of a newer smtpd")
    b.ask("UPDATE main.version SET number = number - 1")
    b.recovers("the version is known")


def too_many_connections(b):
    b.end_connections()
    held, said = [], ""
    while "too many clients" not in said and len(held) < 100:
        try:
            held.append(b.it.primary.connect())
        except psycopg2.OperationalError as e:
            said = str(e)
    b.deferred("max_connections", 451, "too many clients")
    for db in held:
        db.close()
    b.recovers("connections are free")


def server_gone(b):
    b.it.primary.kill()
    b.deferred("no server", 451, "No such file or directory")
    b.it.primary.start()
    b.recovers("the server came")


def password(b):
    node = b.it.primary
    node.ask("CREATE ROLE mailer LOGIN PASSWORD 'one' IN ROLE smtpd SUPERUSER")
    hba = os.path.join(node.data, "pg_hba.conf")
    with open(hba, encoding="utf-8") as f:
        before = f.read()
    with open(hba, "w", encoding="utf-8") as f:
        f.write("local mail mailer scram-sha-256\n" + before)
    node.reload()
    secret = os.path.join(b.it.root, "passfile")
    with open(secret, "w", encoding="utf-8") as f:
        f.write("*:*:*:mailer:one\n")
    os.chmod(secret, 0o600)
    common.give_away(secret)
    listener = b.listen(b.it.uri().replace("smtpd@", "mailer@") + "&passfile=" + secret)
    b.stored("with a password", listener)
    node.ask("ALTER ROLE mailer PASSWORD 'two'")
    b.end_connections()
    b.deferred("another password", 451, "password authentication failed", listener)
    node.ask("ALTER ROLE mailer PASSWORD 'one'")
    b.recovers("the password is right", listener)
    listener.end()
    b.check("one" not in [w for line in b.listener.said().splitlines()
                          for w in line.split(":")], "the log has a password")


def full_disk(b):
    if os.geteuid() != 0:
        print("skipped: a full disk needs root")
        return
    folder = os.path.join(b.it.primary.folder, "small")
    os.mkdir(folder)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=777",
                              "smtpd-test", folder], check=False).returncode == 0
    if not mounted:
        print("skipped: a full disk needs mount(8)")
        return
    other = os.path.join(b.it.standbys()[0].folder, "small")
    os.mkdir(other)
    common.give_away(folder)
    try:
        # The standby has the same path, which is the same folder here; it is
        # put aside meanwhile.
        b.it.standbys()[0].kill()
        b.it.primary.configure("")
        b.it.primary.reload()
        b.ask(f"CREATE TABLESPACE small LOCATION '{folder}'")
        b.ask("TRUNCATE main.message CASCADE")
        b.ask("ALTER TABLE main.message_1 SET TABLESPACE small")
        with open(os.path.join(folder, "ballast"), "wb") as f:
            f.write(bytes(2 << 20))
        reply = b.send(size=6 << 20)
        for _ in range(8):
            if not common.is_stored(reply):
                break
            reply = b.send(size=6 << 20)
        b.check(reply[0] == 452, f"a full disk: {reply}")
        b.check("53100" in b.listener.said(), "a full disk: log")
        os.unlink(os.path.join(folder, "ballast"))  # VACUUM takes some
        b.ask("DELETE FROM main.message")
        b.ask("VACUUM main.message")
        b.recovers("there is room")
        b.ask("ALTER TABLE main.message_1 SET TABLESPACE pg_default")
        b.ask("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def full_wal(b):
    """No room for the WAL: the server ends, and what was acknowledged is there when it
    has room again."""
    node = b.it.primary
    folder = os.path.join(node.folder, "wal")
    os.mkdir(folder)
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=80m,mode=700", "smtpd-test", folder],
            check=False).returncode != 0:
        print("skipped: a full disk needs root and mount(8)")
        return
    common.give_away(folder)
    wal = os.path.join(node.data, "pg_wal")
    ballast = os.path.join(folder, "ballast")
    try:
        b.it.standbys()[0].kill()
        node.configure("")
        with open(os.path.join(node.data, "postgresql.conf"), "a",
                  encoding="utf-8") as f:
            f.write("wal_keep_size = 0\nmin_wal_size = 32MB\nmax_wal_size = 32MB\n")
        node.kill()
        node.start()
        node.ask("CHECKPOINT")
        node.kill()
        subprocess.run(["cp", "-a", wal + "/.", folder], check=True)
        os.rename(wal, wal + ".before")
        os.symlink(folder, wal)
        node.start()
        b.recovers("the WAL has moved")
        ids = []
        with open(ballast, "wb") as f:
            try:
                while True:
                    f.write(bytes(1 << 20))
                    f.flush()
            except OSError:
                pass
        hasty = b.listen(b.it.uri(), timeout=5)
        reply = b.send(hasty, size=2 << 20)
        for _ in range(40):
            if not common.is_stored(reply):
                break
            ids.append(common.id_of(reply))
            reply = b.send(hasty, size=2 << 20)
        hasty.end()
        b.check(reply[0] in (451, 452), f"no room for the WAL: {reply}")
        line = [x for x in b.listener.said().splitlines() if "cause=" in x][-1]
        # The server's last word, if it comes through before its end.
        b.check(any(word in line for word in
                    ("connection", "53100", "No space left on device")),
                f"no room for the WAL: {line}")
        node.kill()
        os.unlink(ballast)
        node.start()
        b.recovers("the WAL has room")
        there = {row[0] for row in b.ask("SELECT id FROM message")}
        b.check(set(ids) <= there, f"{set(ids) - there} are lost")
        node.kill()
        os.unlink(wal)
        subprocess.run(["cp", "-a", folder, wal], check=True)
        node.start()
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


CHECKS = [missing_standby, cancelled_wait, unknown_end, unsafe, unsafe_meanwhile,
          newer_version, too_many_connections, server_gone, password, full_disk, full_wal]


if __name__ == "__main__":
    bench.main(__doc__, CHECKS)
