"""A cluster of a primary and a standby with a listener, and what checks of it have
in common."""

import time

import psycopg2

import cluster
import common

# Seconds that a server has for an answer: less than without a word (30), and enough
# for what a check does meanwhile.
TIMEOUT = 25


class Bench(cluster.Bench):
    """Two listeners, and the tables made."""

    def __init__(self, options, it):
        super().__init__(options, it)
        self.listener, self.other = (self.listen(uri) for uri in self.it.uris())
        self.number = 0
        self.stored("the first mail, which makes the tables", self.other)

    def end(self):
        self.listener.end()
        self.other.end()
        if self.report.failed:
            causes = [line for line in self.listener.said().splitlines()
                      if "cause=" in line]
            print("\n".join(causes[-40:]))
        super().end()

    def listen(self, uri, *options, timeout=TIMEOUT):
        return self.it.listen(self.smtpd, uri, *options, timeout=timeout)

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

    def comes_to(self, what, code, cause, seconds=cluster.PATIENCE):
        """The same, once the server's processes have heard of it."""
        end = time.monotonic() + seconds
        reply = self.send()
        while reply[0] != code and time.monotonic() < end:
            time.sleep(0.1)
            reply = self.send()
        self.check(reply[0] == code, f"{what}: {reply}, not {code}")
        self.check(cause in self.listener.said()[-2000:], f"{what}: log")

    def recovers(self, what, listener=None, seconds=cluster.PATIENCE):
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
        self.it.primary.reload()

    def end_connections(self):
        self.it.primary.end_connections()

    def in_commit(self):
        """The process whose COMMIT waits for a standby, as soon as there is one."""
        return cluster.until(self.it.primary.in_commit, "a COMMIT that waits")[0][0]

    def times(self, number, table="main.message"):
        """In how many rows the mail stands; a reader of `message` may see them later."""
        return self.ask(f"SELECT count(*) FROM {table} WHERE position(%s in data) = 1",
                        psycopg2.Binary(b"X-Number: %d " % number))[0][0]


def make():
    return cluster.Cluster(standbys=1, connections=25)


def main(about, checks, make=make):
    cluster.main(about, lambda options: Bench(options, make()), checks)
