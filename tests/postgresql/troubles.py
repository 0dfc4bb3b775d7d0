#!/usr/bin/python3 -B
"""What smtpd says, logs and does when its PostgreSQL server is in trouble, and that
it recovers by itself; what a pooler, big mails and the rows of the policy do there."""

import argparse
import base64
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import psycopg2

import cluster
import common

TIMEOUT = 8


class Bench:
    """A cluster with a listener, and what the checks have in common."""

    def __init__(self, smtpd):
        self.report = common.Report()
        self.it = cluster.Cluster(standbys=1, connections=25)
        self.built = os.path.dirname(smtpd)
        self.smtpd = self.it.program(smtpd)
        self.log = os.path.join(self.it.root, "smtpd.log")
        self.listener = self.listen(self.it.uri())
        self.number = 0

    def listen(self, uri, *options):
        return cluster.Listener(self.smtpd, uri, self.log, *options,
                                env={"SMTPD_POSTGRESQL_TIMEOUT": str(TIMEOUT)})

    def check(self, ok, what):
        self.report.check(ok, what)

    def send(self, listener=None, **more):
        self.number += 1
        return (listener or self.listener).deliver(self.number, **more)

    def stored(self, what, listener=None, **more):
        reply = self.send(listener, **more)
        self.check(common.is_stored(reply), f"{what}: {reply}")
        return common.id_of(reply) if common.is_stored(reply) else 0

    def deferred(self, what, code, cause, listener=None):
        """The reply, and the log line with its cause."""
        reply = self.send(listener)
        self.check(reply[0] == code, f"{what}: {reply}, not {code}")
        line = self.listener.said().splitlines()[-1]
        self.check(cause in self.listener.said()[-2000:], f"{what}: log: {line}")

    def recovers(self, what, listener=None, seconds=30):
        end = time.monotonic() + seconds
        reply = self.send(listener)
        while not common.is_stored(reply) and time.monotonic() < end:
            time.sleep(0.2)
            reply = self.send(listener)
        self.check(common.is_stored(reply), f"after {what}: {reply}")

    def ask(self, sql, *args):
        db = self.it.primary.connect("mail")
        try:
            with db.cursor() as c:
                c.execute(sql, args)
                return c.fetchall() if c.description else None
        finally:
            db.close()

    def reload(self, setting, value):
        self.it.primary.ask(f"ALTER SYSTEM SET {setting} = {value}")
        self.it.primary.ask("SELECT pg_reload_conf()")
        time.sleep(0.3)

    def end_connections(self):
        self.it.primary.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'smtpd'")
        time.sleep(0.2)

    def in_commit(self):
        return self.it.primary.ask(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            " AND query = 'COMMIT'")


def plain(b):
    b.stored("a mail")
    id_ = b.stored("a big mail", size=20 << 20)
    data = bytes(b.ask("SELECT data FROM message WHERE id = %s", id_)[0][0])
    b.check(data == common.mail(*common.number_of(data)), "20 MB, octet for octet")
    b.stored("one that is bound whole", size=3 << 20)
    storage = b.ask("SELECT attstorage FROM pg_attribute WHERE attname = 'data'"
                    " AND attrelid = 'main.message'::regclass")
    b.check(storage == [("e",)], f"storage {storage}")
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "TMPDIR": folder}
        talk = ("EHLO a\r\nMAIL FROM:<\u00fc@b.example> SMTPUTF8\r\nRCPT TO:<x@y.example>"
                "\r\nDATA\r\nSubject: \xff\r\n\r\nx\r\n.\r\nQUIT\r\n").encode("latin-1")
        talk = talk.replace(b"\xfc@", "\u00fc@".encode())
        done = subprocess.run([b.smtpd, "-d", b.it.uri(), "-n", "mx.example"],
                              input=talk, env=env, capture_output=True, check=False)
        b.check(b"250 2.0.0 Stored" in done.stdout, f"by hand: {done.stdout}")
        b.check(done.returncode == 0, f"by hand: {done.returncode}")


def refused(b):
    """What does not work with PostgreSQL says so, and so do programs that are not
    there."""
    uri = b.it.uri()
    here = os.path.dirname(b.smtpd)
    alone = os.path.join(b.it.root, "alone")
    os.mkdir(alone)
    shutil.copy(os.path.join(here, "smtpdb"), alone)
    for command, status, why in (
            ([os.path.join(alone, "smtpdb"), "-d", uri, "list"], 69,
             "smtpdb-postgresql"),
            ([os.path.join(here, "smtpdb-postgresql"), "-d", "mail.db", "list"], 64,
             "not a database of PostgreSQL")):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, env={**os.environ, "PATH": "/bin"})
        b.check(done.returncode == status and why in done.stderr,
                f"{command[:2]}: {done.returncode} {done.stderr}")


def accounts(b):
    """AUTH reads accounts there, for a listener and for one connection, whose writer
    is told what only the session knows."""
    here = os.path.dirname(b.smtpd)
    for name in ("smtpd-auth", "smtpd-auth-postgresql"):
        shutil.copy(os.path.join(b.built, name), here)
    verifier = subprocess.run([os.path.join(here, "smtpd-auth"), "--verifier=ann"],
                              input="secret\n", capture_output=True, text=True,
                              check=True).stdout.strip()
    b.ask("INSERT INTO account (name, verifier) VALUES ('ann', %s)", verifier)
    b.ask("INSERT INTO rate_limit (scope, max_messages) VALUES ('auth', 3)")

    def word(password):
        return base64.b64encode(b"\0ann\0" + password).decode()

    def row(id_):
        return b.ask("SELECT authenticated_as, split_part(tls, ' ', 1), protocol,"
                     " client_subject FROM message WHERE id = %s", id_)[0]

    options = ("--auth=rows", "--auth-insecure")
    listener = b.listen(b.it.uri(), *options)
    client = listener.connect()
    client.greet()
    reply = client.command("AUTH PLAIN " + word(b"secret"))
    b.check(reply[0] == 235, f"AUTH: {reply}")
    reply = client.mail(common.mail(1, 100), 1)
    b.check(row(common.id_of(reply))[0] == "ann", f"authenticated: {reply}")
    client.close()
    replies = []
    for _ in range(5):
        client = listener.connect()
        client.greet()
        replies.append(client.command("AUTH PLAIN " + word(b"wrong"))[0])
        client.close()
    failures = b.ask("SELECT messages FROM rate_count WHERE scope = 'auth'")
    b.check(replies[0] == 535 and failures == [(3,)], f"guesses: {replies} {failures}")
    listener.end()
    b.ask("DELETE FROM rate_count")
    env = {**os.environ, "SSL_PROTOCOL": "TLSv1.3", "SSL_CIPHER": "X",
           "SSL_CLIENT_S_DN": "/CN=ann"}
    talk = ("EHLO a\r\n" + "AUTH PLAIN " + word(b"secret") + "\r\n" + 2 * (
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n"
        "Subject: x\r\n\r\nx\r\n.\r\n") + "QUIT\r\n")
    done = subprocess.run([b.smtpd, "-d", b.it.uri(), "-n", "mx.example", *options],
                          input=talk, env=env, capture_output=True, text=True,
                          check=False)
    ids = [int(n) for n in re.findall("message ([0-9]+)", done.stdout)]
    rows = [row(id_) for id_ in ids]
    want = ("ann", "TLSv1.3", "ESMTPSA", "/CN=ann")
    b.check(rows == [want, want], f"by hand: {rows} {done.stdout} {done.stderr}")
    for table in ("account", "rate_limit", "rate_count"):
        b.ask(f"DELETE FROM {table}")


def missing_standby(b):
    node = b.it.standbys()[0]
    node.send(signal.SIGSTOP)
    start = time.monotonic()
    b.deferred("no standby", 451, "waits for a standby")
    b.check(time.monotonic() - start < TIMEOUT + 5, "no standby: in time")
    b.deferred("still none", 451, "waits for a standby")
    node.send(signal.SIGCONT)
    b.recovers("a standby came")


def cancelled_wait(b):
    node = b.it.standbys()[0]
    node.send(signal.SIGSTOP)
    replies = []
    thread = threading.Thread(target=lambda: replies.append(b.send()))
    thread.start()
    cluster.until(b.in_commit, 20, "a COMMIT that waits")
    b.it.primary.ask(f"SELECT pg_cancel_backend({b.in_commit()[0][0]})")
    thread.join(30)
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
    cluster.until(b.in_commit, 20, "a COMMIT that waits")
    os.kill(b.in_commit()[0][0], signal.SIGKILL)
    cluster.until(b.it.primary.answers, 60, "the primary again")
    node.send(signal.SIGCONT)
    thread.join(30)
    count = b.ask("SELECT count(*) FROM message WHERE position(%s in data) = 1",
                  psycopg2.Binary(b"X-Number: %d " % number))[0][0]
    b.check(replies and common.is_stored(replies[0]), f"unknown end: {replies}")
    b.check(count == 1, f"unknown end: {count} rows")
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


def newer_version(b):
    b.ask("UPDATE main.version SET number = number + 1")
    b.end_connections()
    b.deferred("a newer version", 421, "of a newer smtpd")
    b.ask("UPDATE main.version SET number = number - 1")
    b.recovers("the version is known")


def too_many_connections(b):
    b.end_connections()
    held = []
    try:
        while len(held) < 100:
            held.append(b.it.primary.connect())
    except psycopg2.OperationalError:
        pass
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
    node.ask("SELECT pg_reload_conf()")
    time.sleep(0.3)
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
        b.it.primary.ask("SELECT 1")
        # The standby has the same path, which is the same folder here; it is
        # put aside meanwhile.
        b.it.standbys()[0].kill()
        b.it.primary.configure("")
        b.it.primary.ask("SELECT pg_reload_conf()")
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
        reply = b.send(size=2 << 20)
        for _ in range(40):
            if not common.is_stored(reply):
                break
            ids.append(common.id_of(reply))
            reply = b.send(size=2 << 20)
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


def pooler(b):
    program = "/usr/sbin/pgbouncer"
    if not os.path.exists(program):
        print("skipped: needs pgbouncer")
        return
    folder = os.path.join(b.it.root, "pooler")
    os.mkdir(folder)
    conf = os.path.join(folder, "conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"""[databases]
mail = host={b.it.primary.folder}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = trust
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
pidfile = {folder}/pid
""")
    with open(os.path.join(folder, "users"), "w", encoding="utf-8") as f:
        f.write('"smtpd" ""\n')
    common.give_away(folder, conf)
    with open(conf, "a", encoding="utf-8") as f:
        f.write(f"auth_file = {folder}/users\n")
    process = subprocess.Popen([program, conf], preexec_fn=cluster.as_nobody,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        cluster.until(lambda: any(n.startswith(".s.PGSQL") for n in os.listdir(folder)),
                      20, "pgbouncer")
        listeners = [b.listen(f"postgresql://smtpd@/mail?host={folder}&port=6432")
                     for _ in range(2)]
        for i in range(8):
            b.stored("by way of PgBouncer", listeners[i % 2], nrecipients=3)
        b.stored("a big one", listeners[0], size=9 << 20)
        for listener in listeners:
            listener.end()
    finally:
        process.terminate()
        process.wait()


def notifies(b):
    db = b.it.primary.connect("mail")
    with db.cursor() as c:
        c.execute("LISTEN smtpd_message")
    id_ = b.stored("a mail that is told of")
    ready = select.select([db], [], [], 10)[0]
    db.poll()
    b.check(ready and db.notifies and db.notifies[0].payload == str(id_),
            f"NOTIFY: {db.notifies}")
    db.close()


def order(b):
    """A row waits until those in front of it can be seen, or never will."""
    db = psycopg2.connect(host=b.it.primary.folder, user="smtpd", dbname="mail")
    with db.cursor() as c:
        c.execute("SELECT main.begin_batch('another', 1, 1)")
        first = c.fetchone()[0]
        id_ = b.stored("behind an open transaction")
        b.check(id_ > first, f"{id_} behind {first}")
        seen = b.ask("SELECT count(*) FROM message WHERE id = %s", id_)[0][0]
        b.check(seen == 0, "it is seen before what may come in front of it")
    db.rollback()
    db.close()
    seen = b.ask("SELECT count(*) FROM message WHERE id = %s", id_)[0][0]
    b.check(seen == 1, "it is seen behind it")


RULES = """
INSERT INTO domain (name) VALUES ('Mx.example');
INSERT INTO mailbox (address) VALUES ('Ann@mx.example');
INSERT INTO mailbox (address, state) VALUES ('off@mx.example', 'disabled');
INSERT INTO mailbox (address, state, moved_to)
  VALUES ('gone@mx.example', 'moved', 'gone@other.example');
INSERT INTO mailbox (address, quota_messages) VALUES ('full@mx.example', 1);
INSERT INTO alias (address, target) VALUES ('all@mx.example', 'ann@mx.example');
INSERT INTO alias (address, target) VALUES ('all@mx.example', 'off@mx.example');
INSERT INTO alias (address, target, forward)
  VALUES ('away@mx.example', 'x@far.example', 1);
INSERT INTO sender_rule (pattern) VALUES ('Bad.example');
INSERT INTO sender_rule (pattern, allow) VALUES ('good@bad.example', 1);
INSERT INTO rate_limit (scope, max_messages) VALUES ('sender', 3);
INSERT INTO quota (max_messages) VALUES (9);
"""
RECIPIENTS = ["ann@mx.example", "ANN+x@MX.EXAMPLE", "off@mx.example", "gone@mx.example",
              "all@mx.example", "away@mx.example", "none@mx.example", "a@far.example",
              "full@mx.example", "postmaster", "gone@far.example"]


def dialogue(listener):
    """What it answers to all of these, without the ids."""
    replies = []
    client = listener.connect()
    client.greet()
    for address in RECIPIENTS:
        replies.append(client.command("VRFY " + address.partition("@")[0]))
        replies.append(client.command("EXPN " + address))
    for sender in ["a@bad.example", "GOOD@BAD.example", "b@fine.example", ""]:
        for turn in range(5):
            replies.append(client.command(f"MAIL FROM:<{sender}>"))
            replies += [client.command(f"RCPT TO:<{r}>") for r in RECIPIENTS]
            replies.append(client.command("DATA"))
            if replies[-1][0] == 354:
                client.send(common.on_the_wire(common.mail(turn, 100)))
                code, text = client.reply()
                replies.append((code, text if code != 250 else "stored"))
            client.command("RSET")
    client.close()
    return replies


def policy(b):
    """The same rows make the same answers, and the same counts."""
    count = ("SELECT address, messages, octets FROM mailbox ORDER BY address",
             "SELECT messages, octets FROM quota",
             "SELECT scope, key, messages, recipients, octets FROM rate_count"
             " ORDER BY scope, key",
             "SELECT forward_path, mailbox FROM recipient ORDER BY message_id, position")
    with tempfile.TemporaryDirectory() as folder:
        common.give_away(folder)
        path = os.path.join(folder, "mail.db")
        listener = cluster.Listener(b.smtpd, path, b.log, "--vrfy",
                                    "--max-errors=1000000")
        first = listener.connect()
        first.greet()
        first.command("MAIL FROM:<>")
        first.close()
        db = sqlite3.connect(path, timeout=20)
        db.executescript(RULES)
        db.commit()
        want = dialogue(listener)
        wanted = [db.execute(q).fetchall() for q in count]
        db.close()
        listener.end()
    b.ask("DELETE FROM message")
    b.ask(RULES)
    listener = b.listen(b.it.uri(), "--vrfy",
                                    "--max-errors=1000000")
    got = dialogue(listener)
    listener.end()
    want, got = ([(code, re.sub(r"in [0-9]+ s", "in N s", text)) for code, text in r]
                 for r in (want, got))
    for i, (w, g) in enumerate(zip(want, got)):
        b.check(w == g, f"reply {i}: SQLite {w}, PostgreSQL {g}")
    b.check(len(want) == len(got), f"{len(got)} replies, not {len(want)}")
    for q, rows in zip(count, wanted):
        found = [tuple(int(v) if hasattr(v, "as_tuple") else v for v in row)
                 for row in b.ask(q)]
        fold = lambda row: [str(v).lower() for v in row]  # noqa: E731
        b.check(sorted(found, key=fold) == sorted(rows, key=fold), f"{q}: SQLite {rows}, PostgreSQL {found}")
    b.ask("DELETE FROM message WHERE id IN (SELECT max(id) FROM message)")
    left = b.ask("SELECT messages FROM quota")[0][0]
    b.check(left == wanted[1][0][0] - 1, f"a deleted mail counts no more: {left}")
    for table in ("domain", "mailbox", "alias", "sender_rule", "rate_limit",
                  "rate_count", "quota"):
        b.ask(f"DELETE FROM {table}")


def counts(b):
    """Several hosts count in the same rows: none is refused, and the sums are right."""
    names = [f"c{i}@mx.example" for i in range(4)]
    b.ask("DELETE FROM message")
    for name in names:
        b.ask("INSERT INTO mailbox (address, quota_messages) VALUES (%s, 9999)", name)
    b.ask("INSERT INTO quota (max_messages) VALUES (99999)")
    b.ask("INSERT INTO rate_limit (scope, max_messages) VALUES ('sender', 99999)")
    listeners = [b.listener, b.listen(b.it.uri())]
    replies = []

    def send(turn):
        client = listeners[turn % 2].connect()
        client.greet()
        for i in range(10):
            client.command(f"MAIL FROM:<s{(i + turn) % 3}@client.example>")
            for k in range(len(names)):
                client.command(f"RCPT TO:<{names[(k * (turn + 1) + i) % 4]}>")
            client.command("DATA")
            client.send(common.on_the_wire(common.mail(i, 100)))
            replies.append(client.reply())
        client.close()

    threads = [threading.Thread(target=send, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    bad = [r for r in replies if not common.is_stored(r)]
    b.check(len(replies) == 80 and not bad, f"counted by two hosts: {bad[:3]}")
    b.check(b.ask("SELECT messages FROM quota") == [(80,)], "the quota's count")
    total = b.ask("SELECT sum(messages) FROM rate_count")[0][0]
    b.check(total == 80, f"the rates' count: {total}")
    got = b.ask("SELECT sum(messages) FROM mailbox")[0][0]
    want = b.ask("SELECT count(*) FROM (SELECT DISTINCT message_id, mailbox"
                 " FROM recipient) AS r")[0][0]
    b.check(got == want, f"the mailboxes' count: {got}, not {want}")
    listeners[1].end()
    for table in ("mailbox", "quota", "rate_limit", "rate_count"):
        b.ask(f"DELETE FROM {table}")


def columns(b):
    """Both schemas have the same tables, views and columns."""
    db = sqlite3.connect(":memory:")
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "..", "schema.sql"), encoding="utf-8") as f:
        db.executescript(f.read())
    want = {(t, c[1]) for t, in db.execute(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite%'").fetchall()
        for c in db.execute(f"PRAGMA table_info({t})")}
    got = set(b.ask("SELECT CAST(table_name AS text), CAST(column_name AS text)"
                    " FROM information_schema.columns WHERE table_schema = 'public'"))
    b.check(want == got, f"columns that differ: {sorted(want ^ got)}")


CHECKS = [plain, columns, notifies, order, policy, counts, refused, accounts, pooler, missing_standby,
          cancelled_wait, unknown_end, unsafe, newer_version,
          too_many_connections, server_gone, password, full_disk, full_wal]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("only", nargs="*", help="names of checks")
    options = parser.parse_args()
    if not cluster.available():
        print("skipped: tests/postgresql needs postgresql-15")
        return
    b = Bench(os.path.realpath(options.smtpd))
    try:
        b.stored("the first mail, which makes the tables")
        for check in CHECKS:
            if not options.only or check.__name__ in options.only:
                check(b)
    finally:
        b.listener.end()
        if b.report.failed:
            causes = [line for line in b.listener.said().splitlines()
                      if "cause=" in line]
            print("\n".join(causes[-40:]))
        b.it.end()
    b.report.end()


if __name__ == "__main__":
    main()
