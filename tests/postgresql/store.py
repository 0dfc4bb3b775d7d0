#!/usr/bin/python3 -B
"""smtpd with PostgreSQL when all is well: big mails, the order of ids, the rows of
the policy, and accounts."""

import base64
import os
import re
import select
import shutil
import sqlite3
import subprocess
import tempfile
import threading

import psycopg2

import bench
import cluster
import common


def plain(b):
    b.stored("a mail")
    id_ = b.stored("a big mail", size=20 << 20)
    data = bytes(b.ask("SELECT data FROM main.message WHERE id = %s", id_)[0][0])
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
                     " client_subject FROM main.message WHERE id = %s", id_)[0]

    options = ("--auth=rows", "--auth-insecure")
    listener = b.listen(b.it.uri(), *options)
    client = listener.connect()
    client.greet()
    reply = client.command("AUTH PLAIN " + word(b"secret"))
    b.check(reply[0] == 235, f"AUTH: {reply}")
    reply = client.mail(common.mail(1, 100), 1)
    last_id = common.id_of(reply)
    b.check(row(last_id)[0] == "ann", f"authenticated: {reply}")
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
    b.check(ids == [last_id + 1, last_id + 2], f"AUTH has taken an id: {last_id} {ids}")
    for table in ("account", "rate_limit", "rate_count"):
        b.ask(f"DELETE FROM {table}")


def notifies(b):
    db = b.it.primary.connect("mail")
    with db.cursor() as c:
        c.execute("LISTEN smtpd_message")
    id_ = b.stored("a mail that is told of")
    told = []
    # Of the mail before it may be told late.
    while str(id_) not in told and select.select([db], [], [], cluster.PATIENCE)[0]:
        db.poll()
        told = [n.payload for n in db.notifies]
    b.check(str(id_) in told, f"NOTIFY: {told}")
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
    cluster.until(lambda: b.ask("SELECT 1 FROM message WHERE id = %s", id_),
                  "it is seen behind it")


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
    listener = b.listen(b.it.uri(), "--vrfy", "--max-errors=1000000")
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
        b.check(sorted(found, key=fold) == sorted(rows, key=fold),
                f"{q}: SQLite {rows}, PostgreSQL {found}")
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
        thread.join(cluster.PATIENCE)
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


def very_big(b):
    """The server may take longer for a mail than the timeout, by its size; one that
    no value of PostgreSQL could hold is refused before it is sent.  On a busy machine
    it may take longer for something else."""
    listener = cluster.Listener(b.smtpd, b.it.uri(), b.log, "--max-size=999000000",
                                env={"SMTPD_POSTGRESQL_TIMEOUT": "1"})
    reply = b.send(listener, size=200 << 20)
    for _ in range(3):
        if not common.is_stored(reply):
            reply = b.send(listener, size=200 << 20)
    b.check(common.is_stored(reply), f"a very big mail: {reply}")
    client = listener.connect()
    client.greet()
    reply = client.command("MAIL FROM:<a@client.example> SIZE=999000001")
    b.check(reply[0] == 552, f"one that is too big: {reply}")
    client.close()
    listener.end()
    done = subprocess.run([b.smtpd, "-d", b.it.uri(), "--max-size=1G"], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    b.check(done.returncode == 64 and "max-size" in done.stderr, f"1 GB: {done}")


CHECKS = [plain, columns, notifies, order, policy, counts, refused, accounts,
          very_big]


if __name__ == "__main__":
    bench.main(__doc__, CHECKS)
