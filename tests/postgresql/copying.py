#!/usr/bin/python3 -B
"""smtpdb copy: a table of SQLite into PostgreSQL and back, killed again and again
and gone on with, while mail comes; then all rows are the same, with their ids."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import time

import cluster
import common

TABLES = {
    "message": "id", "recipient": "message_id, position",
    "filter_change": "message_id, position", "delivery": "message_id, consumer",
    "domain": "id", "mailbox": "id", "alias": "id", "quota": "id", "sender_rule": "id",
    "client_rule": "id", "rate_limit": "id", "rate_count": "scope, key",
    "account": "id", "account_address": "id", "account_secret": "id",
}
COLUMNS = {}
ROWS = """
INSERT INTO domain (name, id) VALUES ('MX.example', 5);
INSERT INTO mailbox (address, quota_messages, messages, octets, counted_from)
  VALUES ('ann@mx.example', 9, 3, 77, 2), ('*@mx.example', NULL, 0, 0, NULL);
INSERT INTO alias (address, target, forward) VALUES ('a@mx.example', 'ann@mx.example', 1);
INSERT INTO quota (max_messages, messages, octets) VALUES (1000000000, 1, 2);
INSERT INTO sender_rule (pattern, allow, text) VALUES ('Bad.example', 0, 'No, "no": 5:x,');
INSERT INTO client_rule (network) VALUES ('192.0.2.0/24');
INSERT INTO rate_limit (scope, max_messages) VALUES ('total', 1000000000);
INSERT INTO rate_count VALUES ('total', '', 9999999999, 1, 2, 3),
  ('sender', 'x@y', 9999999999, 1, 2, 3);
INSERT INTO account (name, subject) VALUES ('ann', 'CN=ann'), ('bob', NULL);
INSERT INTO account_address (name, pattern) VALUES ('ann', 'ann@mx.example');
INSERT INTO account_secret VALUES (1, x'00ff2c3a');
"""


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        print(f"seed {options.seed}", flush=True)
        self.smtpdb = os.path.join(self.it.root, "smtpdb")
        self.folder = os.path.join(self.it.root, "sqlite")
        os.mkdir(self.folder)
        common.give_away(self.folder)
        self.choose = random.Random(options.seed)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *args, **more):
        return subprocess.Popen([self.smtpdb, "copy", *args], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=cluster.as_nobody, start_new_session=True,
                                **more)

    def copy(self, *args, status=0):
        process = self.start(*args)
        out, err = process.communicate(timeout=1800)
        self.check(process.returncode == status,
                   f"copy {args}: {process.returncode} {out} {err}")
        return out + err

    def killed(self, source, target, after):
        """The whole group goes, as with a power cut of one host; both ends."""
        process = self.start(source, target)
        time.sleep(after)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()
        return process.returncode == 0

    def make(self, path, n):
        """Mails without smtpd, which would take an hour, and some with it."""
        first = subprocess.run(
            [self.smtpd, "-d", path, "-n", "mx.example"], text=True,
            input="EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@mx.example>\r\n"
            "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n", preexec_fn=cluster.as_nobody,
            capture_output=True, check=True)
        self.check("250 2.0.0 Stored" in first.stdout, f"smtpd: {first.stdout}")
        db = sqlite3.connect(path)
        db.execute("PRAGMA synchronous = OFF")
        choose = random.Random(1)

        def mails():
            for i in range(2, n + 2):
                # Some ids are not there.
                id_ = i + i // 10
                size = 300 << 10 if i % 1000 == 5 else choose.randrange(1, 3000)
                yield (id_, 10**15 + i, f"192.0.2.{i % 250}", i % 60000 or None,
                       f"Trace: \u00fc {i}\r\n", i % 7 and f"Subject {i}" or None,
                       choose.randbytes(size), size)

        db.executemany(
            "INSERT INTO message (id, received_at, client_address, client_port, helo,"
            " protocol, verb, reverse_path, body_type, smtputf8, size, trace,"
            " header_size, header_subject, data) VALUES"
            " (?1, ?2, ?3, ?4, 'helo', 'ESMTP', 'MAIL', 'a@b.example', '7BIT', 0, ?8,"
            " ?5, 2, ?6, ?7)", mails())
        db.execute("INSERT INTO recipient SELECT id, n, 'r' || n || '@mx.example', NULL,"
                   " NULL, 'ann@mx.example', 0 FROM message, (SELECT 1 AS n UNION"
                   " SELECT 2) WHERE id > 1 AND (n = 1 OR id % 3 = 0)")
        db.execute("INSERT INTO filter_change SELECT id, n, 'f', 'add-header', NULL,"
                   " 'X', x'2c3a00ff' FROM message, (SELECT 1 AS n UNION SELECT 2)"
                   " WHERE id % 500 = 0")
        db.execute("INSERT INTO delivery SELECT id, 'c' || id % 2, 1, 7 FROM message"
                   " WHERE id % 5 = 0")
        db.executescript(ROWS)
        db.execute("DELETE FROM domain WHERE id = 5")
        db.execute("INSERT INTO domain (name) VALUES ('other.example')")
        db.execute("INSERT INTO message SELECT id + 50, received_at, client_address,"
                   " client_port, helo, protocol, verb, reverse_path, body_type, smtputf8,"
                   " NULL, NULL, size, trace, header_size, NULL, NULL, NULL, NULL, NULL,"
                   " data, 0, NULL, NULL, NULL, NULL, NULL, 0 FROM message"
                   " ORDER BY id DESC LIMIT 1")
        db.execute("DELETE FROM message WHERE id = (SELECT max(id) FROM message)")
        db.commit()
        db.close()
        common.give_away(*(os.path.join(self.folder, f) for f in os.listdir(self.folder)))

    # What is there: a hash of each table, and the last id given.

    def hash_of(self, rows):
        sums = hashlib.sha256()
        n = 0
        for row in rows:
            n += 1
            sums.update(repr([bytes(v) if isinstance(v, (bytes, memoryview)) else v
                              for v in row]).encode())
        return n, sums.hexdigest()[:16]

    def sqlite_state(self, path):
        db = sqlite3.connect(path)
        state = {}
        for table, key in TABLES.items():
            COLUMNS[table] = ", ".join(
                c[1] for c in db.execute(f"PRAGMA table_info({table})"))
            state[table] = self.hash_of(db.execute(
                f"SELECT {COLUMNS[table]} FROM {table} ORDER BY {key}"))
        state["given"] = db.execute("SELECT seq FROM sqlite_sequence WHERE name IN"
                                    " ('message', 'domain') ORDER BY name").fetchall()
        db.close()
        return state

    def postgresql_state(self):
        db = self.it.primary.connect("mail")
        db.autocommit = False
        state = {}
        for table, key in TABLES.items():
            order = ", ".join(f'{k} COLLATE "C"' if k in ("scope", "key", "consumer") else k
                              for k in key.split(", "))
            with db.cursor(table + "_rows") as c:
                c.itersize = 500
                c.execute(f"SELECT {COLUMNS[table]} FROM {table} ORDER BY {order}")
                state[table] = self.hash_of(c)
        with db.cursor() as c:
            c.execute("SELECT pg_sequence_last_value('domain_id_seq') UNION ALL"
                      " SELECT pg_sequence_last_value('main.message_id')")
            state["given"] = c.fetchall()
        db.close()
        return state

    def same(self, what, want, got):
        for name, value in want.items():
            self.check(value == got[name], f"{what}: {name}: {value}, {got[name]}")


def until_whole(b, source, target, kills, reaches=1.5):
    """Killed at random instants, then left alone; how long that took at last."""
    for _ in range(kills):
        if b.killed(source, target, 0.05 + b.choose.random() * reaches):
            break
    start = time.monotonic()
    said = b.copy(source, target)
    return time.monotonic() - start, said


def there_and_back(b):
    first, uri = b.path("first.db"), b.it.uri()
    b.make(first, b.options.mails)
    start = time.monotonic()
    alone = b.copy(first, b.path("alone.db"))
    files = time.monotonic() - start
    want = b.sqlite_state(first)
    b.check(alone.startswith("copied "), f"SQLite to SQLite: {alone}")
    b.same("SQLite to SQLite", want, b.sqlite_state(b.path("alone.db")))
    os.unlink(b.path("alone.db"))

    start = time.monotonic()
    listener = cluster.Listener(b.smtpd, first, b.path("log"))
    before = want["message"][0]
    until_whole(b, first, uri, b.options.kills)
    there = time.monotonic() - start
    # One that comes after all was copied, and is not allowed for; one before.
    db = sqlite3.connect(first)
    db.execute("DELETE FROM domain")
    db.commit()
    db.close()
    reply = listener.deliver(1, 500)
    b.check(common.is_stored(reply), f"a mail to the source: {reply}")
    said = b.copy(first, uri)
    b.check(said == "copied 1 mail\n", f"what came meanwhile: {said}")
    listener.end()
    want = b.sqlite_state(first)
    b.check(want["message"][0] == before + 1, "all mails are counted")
    b.same("into PostgreSQL", want, b.postgresql_state())

    second = b.path("second.db")
    start = time.monotonic()
    until_whole(b, uri, second, b.options.kills)
    back = time.monotonic() - start
    b.same("back", want, b.sqlite_state(second))
    print(f"{before} mails: SQLite to SQLite {files:.0f} s; into PostgreSQL {there:.0f} s,"
          f" back {back:.0f} s, each with {b.options.kills} kills")


def meanwhile(b):
    """A mail that comes while the copy is under way is part of it."""
    first, third = b.path("first.db"), b.path("third.db")
    reader, writer = os.pipe()
    dump = b.start(first, "-", stdin=subprocess.DEVNULL)
    dump_out = dump.stdout.buffer
    part = dump_out.read(1000)
    listener = cluster.Listener(b.smtpd, first, b.path("log"))
    reply = listener.deliver(2, 500)
    listener.end()
    os.close(reader)
    os.close(writer)
    load = subprocess.Popen([b.smtpdb, "copy", "-", third], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, preexec_fn=cluster.as_nobody)
    load.stdin.write(part)
    while piece := dump_out.read(1 << 16):
        load.stdin.write(piece)
    load.stdin.close()
    b.check(load.wait(600) == 0 and dump.wait(60) == 0, "by hand")
    b.check(common.is_stored(reply), f"meanwhile: {reply}")
    b.same("with a mail that came meanwhile", b.sqlite_state(first), b.sqlite_state(third))


def refused(b):
    """The target has to be empty or a part of what comes."""
    uri, other = b.it.uri(), b.path("other.db")
    b.make(other, 3)
    said = b.copy(other, uri, status=65)
    b.check("that is not in what comes" in said, f"another table: {said}")
    reply = subprocess.run(
        [b.smtpd, "-d", uri, "-n", "mx.example"], text=True, preexec_fn=cluster.as_nobody,
        input="EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@other.example>\r\n"
        "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n", capture_output=True, check=False,
        env={**os.environ, "TMPDIR": "/tmp"}).stdout
    last = b.it.primary.ask("SELECT max(id) FROM message", "mail")[0][0]
    b.check(f"Stored as message {last}" in reply, f"smtpd goes on behind the copy: {reply}")
    b.copy(uri, b.path("second.db"))
    said = b.copy(b.path("first.db"), uri, status=65)
    b.check("that is not in what comes" in said, f"mail of its own: {said}")


def big(b):
    """A big mail goes through in pieces."""
    path, uri = b.path("big.db"), b.it.uri()
    b.it.primary.ask("DROP DATABASE mail WITH (FORCE)")
    b.it.primary.ask("CREATE DATABASE mail")
    size = b.options.big << 20
    db = sqlite3.connect(path)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "..", "schema.sql"), encoding="utf-8") as f:
        db.executescript(f.read())
    db.execute("PRAGMA application_id = 0x736d7464")
    db.execute("PRAGMA user_version = 4")
    db.execute("INSERT INTO message (received_at, client_address, helo, protocol, verb,"
               " reverse_path, body_type, smtputf8, size, trace, header_size, data) VALUES"
               " (1, 'local', '', 'SMTP', 'MAIL', '', '7BIT', 0, ?1, '', 2, randomblob(?1))",
               (size,))
    db.execute("INSERT INTO recipient VALUES (1, 1, 'a@b', NULL, NULL, 'a@b', 0)")
    db.commit()
    db.close()
    common.give_away(path)
    for source, target in ((path, uri), (uri, b.path("big2.db"))):
        process = b.start(source, target)
        peak = 0
        while process.poll() is None:
            peak = max([peak, *map(memory, family(process.pid))])
            time.sleep(0.02)
        b.check(process.returncode == 0, f"{size} octets: {process.stderr.read()}")
        b.check(0 < peak < 60 << 10, f"{size} octets: {peak} KiB of memory")
    b.same(f"a mail of {size} octets", b.sqlite_state(path), b.sqlite_state(b.path("big2.db")))


def memory(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return next((int(line.split()[1]) for line in f if line.startswith("RssAnon")), 0)
    except OSError:
        return 0


def family(session):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                if int(f.read().rpartition(")")[2].split()[3]) == session:
                    found.append(int(entry))
        except (OSError, ValueError):
            pass
    return found


def main():
    parser = cluster.arguments(__doc__)
    parser.add_argument("--mails", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--big", type=int, default=100, help="MB of the big mail")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    cluster.main(__doc__, Bench, [there_and_back, meanwhile, refused, big], parser)


if __name__ == "__main__":
    main()
