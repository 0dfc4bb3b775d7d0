#!/usr/bin/python3 -B
"""smtpdb on PostgreSQL: the tests of its commands that SQLite has, and what
servers refuse."""

import os
import re
import signal
import subprocess
import threading
import time

import cluster

# The others are of files, or of what smtpdb does without a database; copying.py
# has copy.
COMMANDS = (
    "list watch show raw extract export import mbox deliver deliver_lmtp rm prune"
    " domain mailbox alias rule quota rate account explain stats doctor_rows"
    " complete line_ends odd_mails filter_change bounds hostile").split()
# What the server says of a statement that it does not understand, or that there is
# none: but for rights (42501), that is our fault.
NOT_UNDERSTOOD = re.compile(r"^smtpd (?:42(?!501)|26).*", re.M)
MAIL = ("EHLO a\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n"
        "Subject: x\r\n\r\ny\r\n.\r\nQUIT\r\n")


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=1))
        self.smtpd, self.smtpdb = options.smtpd, os.path.join(self.built, "smtpdb")
        self.check = lambda what, ok, said="": self.report.check(ok, f"{what}: {said}")
        subprocess.run([self.smtpd, "-d", self.uri()], input=MAIL, text=True, check=True,
                       capture_output=True)

    def uri(self, node=None, user="smtpd", more=""):
        folder = (node or self.it.primary).folder
        return f"postgresql://{user}@/mail?host={folder}{more}"

    def run(self, uri, *args, **env):
        return subprocess.run([self.smtpdb, "-d", uri, *args], text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=cluster.PATIENCE,
                              env={**os.environ, **env})

    def works(self, uri, *args, says=""):
        done = self.run(uri, *args)
        self.check(args, done.returncode == 0 and says in done.stdout, done)

    def fails(self, status, why, uri, *args):
        """In one line."""
        done = self.run(uri, *args)
        self.check((args, why), done.returncode == status and why in done.stderr and
                   done.stderr.count("\n") == 1 and not done.stdout, done)


def standby(b):
    """What reads works where nobody may write, and all on the one of several
    hosts that takes writes."""
    node = b.it.standbys()[0]
    node.catch_up(b.it.primary)
    here = b.uri(node)
    b.works(here, "list", says="a@a.example")
    b.works(here, "list", "--subject=x", says="a@a.example")
    b.works(here, "show", "1", says="Subject: x")
    b.works(here, "raw", "1", says="\ny")
    b.works(here, "stats", says="mails       1")
    b.works(here, "explain", "--to=b@b.example", says="250")
    b.fails(78, "read-only", here, "domain", "add", "x.example")
    b.fails(78, "read-only", here, "rm", "1")
    both = f"postgresql://smtpd@/mail?host={node.folder},{b.it.primary.folder}"
    b.works(both, "domain", "add", "b.example")
    b.works(both, "domain", "list", says="b.example")


def services(b):
    """What libpq's service file says of it; another word is the name of a file."""
    path = os.path.join(b.it.root, "services")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"[mail]\nhost={b.it.primary.folder}\nuser=smtpd\ndbname=mail\n")
    for address in "postgresql:///?service=mail", "postgres:///?service=mail":
        done = b.run(address, "list", PGSERVICEFILE=path)
        b.check(address, done.returncode == 0 and "a@a.example" in done.stdout, done)
    done = subprocess.run([b.smtpd, "-d", "postgresql:///?service=mail"], text=True,
                          input="HELO a\nMAIL FROM:<a@a.example>\nQUIT\n", check=False,
                          capture_output=True, env={**os.environ, "PGSERVICEFILE": path})
    b.check("smtpd", "250 2.1.0" in done.stdout, done)
    b.fails(66, "service=mail is not there", "service=mail", "list")


def rights(b):
    b.it.primary.ask("CREATE ROLE reader LOGIN; CREATE ROLE nobody LOGIN")
    b.it.primary.ask("GRANT USAGE ON SCHEMA main TO reader; GRANT SELECT ON"
                     " ALL TABLES IN SCHEMA main, public TO reader; GRANT SELECT ON"
                     " SEQUENCE main.message_id TO reader", "mail")
    reader, nobody = b.uri(user="reader"), b.uri(user="nobody")
    b.works(reader, "list", says="a@a.example")
    b.works(reader, "show", "1", says="Subject: x")
    b.works(reader, "stats", says="mails       1")
    b.works(reader, "doctor")
    b.fails(74, "permission denied", reader, "domain", "add", "x.example")
    b.fails(74, "permission denied", reader, "rm", "1")
    b.fails(74, "permission denied", nobody, "list")
    b.fails(74, "permission denied", nobody, "domain", "list")


def passwords(b):
    hba = os.path.join(b.it.primary.data, "pg_hba.conf")
    with open(hba, encoding="utf-8") as f:
        rules = f.read()
    with open(hba, "w", encoding="utf-8") as f:
        f.write("local all locked scram-sha-256\n" + rules)
    b.it.primary.ask("CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'right'")
    b.it.primary.reload()
    b.works(b.uri(user="locked:right"), "list", says="a@a.example")
    b.fails(74, "password authentication failed", b.uri(user="locked:wrong"), "list")
    b.fails(74, "no password supplied", b.uri(user="locked"), "list")


def versions(b):
    b.it.primary.ask("UPDATE main.version SET number = number + 1", "mail")
    b.fails(78, "of a newer smtpd", b.uri(), "list")
    b.it.primary.ask("UPDATE main.version SET number = number - 1", "mail")


def settings(b):
    """smtpd refuses it; smtpdb reads, and doctor says what is wrong."""
    unsafe = b.uri(more="&options=-csynchronous_commit%3Doff")
    b.works(unsafe, "list", says="a@a.example")
    done = b.run(unsafe, "doctor")
    b.check("doctor", done.returncode == 78 and "synchronous_commit = off" in done.stdout,
            done)
    b.works(b.uri(), "doctor", says="a standby has each mail")
    b.works(b.uri(), "doctor", says="accounts: 0")


def schema(b):
    """What lacks or differs is told, with what mends it; more does not count."""
    def doctor(what, status, *says):
        done = b.run(b.uri(), "doctor")
        b.check((what, says), done.returncode == status and
                all(s in done.stdout for s in says), done)
        return done.stdout

    good = "tables, columns and all else are those of version 4"
    ask = lambda sql: b.it.primary.ask(sql, "mail")  # noqa: E731
    ask("CREATE TABLE mine (x integer); CREATE VIEW mine_too AS SELECT 1;"
        " ALTER TABLE domain ADD COLUMN note text; ALTER TABLE domain ADD CHECK"
        " (note <> 'x' OR name <> 'y'); CREATE INDEX by_time ON main.message (received_at);"
        " CREATE FUNCTION main.mine() RETURNS text LANGUAGE sql AS $x$ SELECT '$$' $x$")
    doctor("more", 0, good)
    mended = {
        "DROP TABLE rate_count": "lacks the table rate_count, the index rate_count_key",
        "DROP VIEW inbox": "lacks the view inbox",
        "DROP INDEX alias_domain": "lacks the index alias_domain",
        "DROP INDEX domain_name; CREATE INDEX domain_name ON domain (name)":
            "not as smtpd makes it: the index domain_name",
        "DROP TRIGGER account_deleted ON account": "lacks the trigger account_deleted",
        "ALTER TABLE account DISABLE TRIGGER account_deleted":
            "lacks the trigger account_deleted",
        "ALTER TABLE mailbox DROP COLUMN authenticated":
            "lacks the column mailbox.authenticated",
        "CREATE OR REPLACE FUNCTION main.account_deleted() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'":
            "not as smtpd makes it: the function main.account_deleted",
    }
    for sql, says in mended.items():
        ask(sql)
        said = doctor(sql, 78, says)
        remedy = re.search(r"^ *\$ (psql .*ALTER.*|psql .*CREATE.*)$", said, re.M)
        if "DISABLE" in sql:
            ask("ALTER TABLE account ENABLE TRIGGER account_deleted")
        else:
            subprocess.run(["sh", "-c", remedy[1]], check=True, capture_output=True)
        doctor(sql, 0, good)
    for sql, back, says in (
            ("ALTER TABLE mailbox DROP CONSTRAINT mailbox_check",
             "ALTER TABLE mailbox ADD CONSTRAINT mailbox_check"
             " CHECK (state <> 'moved' OR moved_to IS NOT NULL)",
             "lacks the constraint CHECK (state <> 'moved'"),
            ("ALTER TABLE quota DROP CONSTRAINT quota_id_check",
             "ALTER TABLE quota ADD CONSTRAINT quota_id_check CHECK (id = 1)",
             "not as smtpd makes it: the column quota.id"),
            ("ALTER TABLE rate_limit DROP CONSTRAINT rate_limit_scope_key",
             "ALTER TABLE rate_limit ADD UNIQUE (scope)", "rate_limit.scope"),
            ("ALTER TABLE rate_count DROP CONSTRAINT rate_count_pkey",
             "ALTER TABLE rate_count ADD PRIMARY KEY (scope, key)",
             "lacks the constraint PRIMARY KEY (scope, key) of rate_count"),
            ("ALTER TABLE account_secret ALTER secret DROP NOT NULL",
             "ALTER TABLE account_secret ALTER secret SET NOT NULL",
             "the column account_secret.secret"),
            ("ALTER TABLE mailbox ALTER messages DROP DEFAULT",
             "ALTER TABLE mailbox ALTER messages SET DEFAULT 0",
             "the column mailbox.messages"),
            ("ALTER TABLE rate_limit ALTER window_sec TYPE bigint",
             "ALTER TABLE rate_limit ALTER window_sec TYPE integer",
             "the column rate_limit.window_sec")):
        ask(sql)
        doctor(sql, 78, says, "$ smtpdb copy postgresql://")
        ask(back)
        doctor(back, 0, good)
    ask("DROP TABLE mine; DROP VIEW mine_too; ALTER TABLE domain DROP COLUMN note;"
        " DROP INDEX main.by_time; DROP FUNCTION main.mine()")


def is_locked_out(b):
    return b.it.primary.ask("SELECT 1 FROM pg_stat_activity WHERE application_name ="
                            " 'smtpd' AND wait_event_type = 'Lock'")


def waits(b):
    """For an answer as long as it takes; for a lock, or for a standby, so long."""
    db = b.it.primary.connect("mail")
    db.autocommit = False

    def lock(table):
        with db.cursor() as c:
            c.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    def release():
        cluster.until(lambda: is_locked_out(b), "somebody waits for an answer")
        time.sleep(2)
        db.rollback()

    hasty = {"SMTPD_POSTGRESQL_TIMEOUT": "1"}
    lock("main.message")
    thread = threading.Thread(target=release)
    thread.start()
    done = b.run(b.uri(), "stats", **hasty)
    thread.join()
    b.check("an answer", done.returncode == 0 and not done.stderr, done)
    lock("domain")
    done = b.run(b.uri(), "domain", "add", "w.example", **hasty)
    db.close()
    b.check("a lock", done.returncode == 75 and "lock timeout" in done.stderr, done)
    standby_ = b.it.standbys()[0]
    standby_.send(signal.SIGSTOP)
    done = b.run(b.uri(), "domain", "add", "w.example", **hasty)
    standby_.send(signal.SIGCONT)
    b.check("no standby", done.returncode == 75 and "waits for a standby" in done.stderr,
            done)


def connection_lost(b):
    """While a command has the mail: that it is delivered is written all the same."""
    end = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
           " WHERE application_name = 'smtpd'")
    command = (f"cat >/dev/null; psql -Xq -h {b.it.primary.folder} -U smtpd mail"
               f" -c \"{end}\" >/dev/null")
    b.works(b.uri(), "deliver", "--new", "--consumer=cut", "--", "sh", "-c", command)
    found = b.it.primary.ask("SELECT done FROM delivery WHERE consumer = 'cut'", "mail")
    b.check("what was delivered is done", found == [(1,)], found)


def last_query(b):
    """When it began, and what time it is now."""
    return b.it.primary.ask(
        "SELECT query_start, clock_timestamp() FROM pg_stat_activity"
        " WHERE application_name = 'smtpd' ORDER BY backend_start DESC")[0]


def rests(b, seconds):
    """Waits until nothing was asked for so long; when it was asked last."""

    def does():
        asked, now = last_query(b)
        return (now - asked).total_seconds() > seconds and asked
    return cluster.until(does, f"nothing is asked for {seconds} s")


def next_query(b, asked):
    """When it is asked again."""
    return cluster.until(lambda: last_query(b)[0] != asked and last_query(b)[0],
                         "another look")


def listens(b):
    """watch asks each two seconds, where it would ask five times each, and at once
    when it is told."""
    watcher = subprocess.Popen([b.smtpdb, "-d", b.uri(), "watch", "-n", "1"], text=True,
                               stdout=subprocess.PIPE)
    watcher.stdout.readline()
    next_query(b, rests(b, 1))
    early = False
    # On a busy machine it may be told so late that it asks anyway.
    for _ in range(20):
        asked = rests(b, 0.5)
        b.it.primary.ask("NOTIFY smtpd_message, '1'", "mail")
        early = (next_query(b, asked) - asked).total_seconds() < 1.9
        if early:
            break
    b.check("asks when it is told", early)
    watcher.terminate()
    watcher.wait()


def files(b):
    """What is of SQLite's files alone says so."""
    b.fails(78, "not for PostgreSQL", b.uri(), "index")
    b.fails(78, "not for PostgreSQL", b.uri(), "search", "x")
    b.fails(78, "not for PostgreSQL", b.uri(), "web")
    b.fails(64, "for a file", b.uri(), "doctor", "--new-schema=x.db")


def gone(b):
    b.fails(74, "No such file", f"postgresql:///mail?host={b.it.root}/none", "list")
    b.fails(74, "does not exist", b.uri().replace("/mail", "/nomail"), "list")
    watcher = subprocess.Popen([b.smtpdb, "-d", b.uri(), "watch", "-n", "1"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    b.check("watch", "a@a.example" in watcher.stdout.readline())
    b.it.primary.kill()
    said = watcher.communicate(timeout=cluster.PATIENCE)[1]
    b.check("watch ends with the server", watcher.returncode == 74 and
            said.count("\n") == 1, said)


def commands(b):
    env = {**os.environ, "SMTPDB_TEST_POSTGRESQL": b.it.primary.folder,
           "SMTPD_PROGRAM": b.smtpd, "SMTPDB_PROGRAM": b.smtpdb}
    done = subprocess.run(["sh", "tests/system/smtpdb/run.sh", *COMMANDS],
                          env=env, check=False)
    b.check("the commands", done.returncode == 0)
    with open(os.path.join(b.it.primary.folder, "log"), encoding="utf-8") as f:
        found = NOT_UNDERSTOOD.findall(f.read())
    b.check("the server has understood all", not found, found)


if __name__ == "__main__":
    cluster.main(__doc__, Bench, [
        standby, services, rights, passwords, versions, settings, waits, connection_lost,
        listens, files, commands, schema, gone])
