#!/usr/bin/python3 -B
"""Runs what smtpd-db(5) tells readers who have PostgreSQL to type, as it stands
there, and the examples."""

import os
import re
import subprocess
import time

import cluster
import common

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def blocks(section):
    """The displays of a section of smtpd-db(5), as a reader sees them."""
    with open(os.path.join(SOURCE, "smtpd-db.5"), encoding="utf-8") as f:
        text = f.read()
    found = re.search(rf"^\.Ss {re.escape(section)}\n(.*?)^\.S[sh] ", text,
                      re.DOTALL | re.MULTILINE)
    displays = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", found[1],
                          re.DOTALL | re.MULTILINE)
    return [d.replace("\\e", "\\").replace("\\&", "") for d in displays]


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        self.folder = self.it.root
        self.listener = cluster.Listener(self.smtpd, self.it.uri(), self.log)
        (self.roles, self.polling, self.taking, self.sharing, self.deleting,
         self.backup, self.restore) = blocks("PostgreSQL")
        self.number = 0
        self.send(8)

    def end(self):
        self.listener.end()
        super().end()

    def env(self, user="smtpd", database="mail"):
        return {**os.environ, "PGHOST": self.it.primary.folder, "PGUSER": user,
                "PGDATABASE": database,
                "PATH": f"{cluster.BIN}:{os.environ['PATH']}"}

    def send(self, count):
        """Their ids."""
        replies = []
        for _ in range(count):
            self.number += 1
            replies.append(self.listener.deliver(self.number))
        self.check(all(map(common.is_stored, replies)), f"mails: {replies}")
        return [common.id_of(reply) for reply in replies]

    def shell(self, text, **who):
        return subprocess.run(["sh", "-ec", text], env=self.env(**who), check=False,
                              capture_output=True, text=True, cwd=self.folder)

    def start(self, command, text=None, **who):
        process = subprocess.Popen(
            command, env=self.env(**who), stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder)
        if text:
            process.stdin.write(text)
            process.stdin.close()
        return process

    def psql(self, text, **who):
        process = self.start(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1"], text, **who)
        said = process.stdout.read()
        self.check(process.wait() == 0, f"{text}: {said}")
        return said.split()

    def ids(self, database="mail"):
        return [row[0] for row in self.it.primary.ask(
            "SELECT id FROM main.message ORDER BY id", database)]


def roles(b):
    b.psql(b.roles)
    b.check(b.psql("SELECT count(*) FROM message", user="reader") ==
            [str(len(b.ids()))], "a reader reads")
    for text in ("DELETE FROM message", "SELECT * FROM main.message",
                 "SELECT * FROM account"):
        done = b.shell(f"psql -c '{text}'", user="reader")
        b.check("permission denied" in done.stderr, f"a reader: {done}")


def polling(b):
    """With mails that are there, and some that come."""
    want = b.ids()
    code = b.polling
    process = b.start(["/usr/bin/python3", "-uc", code], user="reader")
    got = [int(process.stdout.readline().split()[0]) for _ in want]
    # Now it waits, for a minute at most.
    cluster.until(lambda: b.it.primary.ask(
        "SELECT 1 FROM pg_stat_activity WHERE usename = 'reader' AND state = 'idle'"),
        "a reader that waits")
    start = time.monotonic()
    want += b.send(3)
    got += [int(process.stdout.readline().split()[0]) for _ in range(3)]
    b.check(got == want, f"polling: {got}, not {want}")
    b.check(time.monotonic() - start < 50, "polling was woken")
    process.kill()
    process.wait()


def taking(b):
    """By several at once, in each of the ways."""
    examples = os.path.join(SOURCE, "examples", "postgresql")
    ways = {
        "psql": lambda: b.start(["psql", "-qAtX"], b.taking * 40, user="taker"),
        "take.py": lambda: b.start(
            ["/usr/bin/python3", os.path.join(examples, "take.py")], user="taker"),
        "take.sh": lambda: b.start(
            ["sh", os.path.join(examples, "take.sh")], user="taker"),
    }
    for name, start in ways.items():
        b.it.primary.ask("DELETE FROM delivery", "mail")
        want = b.ids()
        takers = [start() for _ in range(3)]
        # Where there is none left, psql has no :id.
        said = [line for taker in takers for line in taker.stdout.read().split("\n")]
        for taker in takers:
            taker.wait()
        got = sorted(int(line) for line in said if line.isdigit())
        b.check(got == want, f"{name} took {got}, not {want}")


def sharing(b):
    make, lease = b.sharing.split("\n\n")
    b.psql(make)
    want = b.ids()
    workers = [b.start(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1"], lease * len(want))
               for _ in range(3)]
    got = sorted(int(n) for w in workers for n in w.stdout.read().split())
    b.check([w.wait() for w in workers] == [0] * 3, f"leases: {got}")
    b.check(got == want, f"leases of {got}, not {want}")
    b.check(b.psql(lease) == [], "a lease that is another's")
    b.psql("UPDATE lease SET until = now() - interval '1 second' WHERE message_id ="
           f" {want[0]}")
    b.check(b.psql(lease) == [str(want[0])], "one that is over")


def accepting(b):
    """The rows of the policy, which are the same."""
    for text in blocks("What is accepted")[:3]:
        b.psql(text)
    b.psql("DELETE FROM domain; DELETE FROM mailbox; DELETE FROM alias;"
           " DELETE FROM client_rule; DELETE FROM sender_rule; DELETE FROM rate_limit")


def deleting(b):
    old = b.ids()
    b.psql("UPDATE main.message SET received_at = received_at - 3000000000000")
    new = b.send(2)
    b.psql("CREATE ROLE application LOGIN; GRANT smtpd TO application")
    b.psql(b.deleting, user="application")
    b.check(b.ids() == new, f"{b.ids()} are left of {old} and {new}")
    b.check(b.psql("SELECT count(*) FROM recipient") == ["2"], "recipients")


def backup(b):
    want = b.ids()
    done = b.shell(b.backup)
    b.check(done.returncode == 0, f"pg_dump: {done}")
    b.check(os.stat(os.path.join(b.folder, "mail.dump")).st_mode & 0o77 == 0,
            "a copy for all to read")
    b.it.primary.ask("CREATE DATABASE restored OWNER smtpd ENCODING 'UTF8'"
                     " TEMPLATE template0")
    done = b.shell(re.sub(r"\bmail\b(?!\.)", "restored", b.restore))
    b.check(done.returncode == 0, f"pg_restore: {done}")
    b.check(b.ids("restored") == want, f"restored: {b.ids('restored')}, not {want}")
    other = cluster.Listener(
        b.smtpd, b.it.uri().replace("/mail?", "/restored?"), b.log)
    reply = other.deliver(1)
    b.check(common.is_stored(reply) and common.id_of(reply) == 123457,
            f"behind the restored ones: {reply}")
    other.end()


CHECKS = [roles, polling, taking, sharing, accepting, deleting, backup]


if __name__ == "__main__":
    cluster.main(__doc__, Bench, CHECKS)
