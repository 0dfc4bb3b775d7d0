#!/usr/bin/python3 -B
"""Months as partitions: a writer goes on to the next one, prune drops what is old as a
whole and counts as if each mail had been deleted, a table of before there were any
becomes the first one, and mails are stored where none can be made."""

import os
import subprocess

import cluster
import common

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ("message", "recipient", "filter_change", "delivery")
COUNTED = """
INSERT INTO mailbox (address, quota_messages) VALUES ('r0@mx.example', 99999);
INSERT INTO mailbox (address, quota_messages) VALUES ('r1@mx.example', 99999);
INSERT INTO quota (max_messages) VALUES (99999);
"""


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        self.uri = self.it.uri()
        self.number = 0
        self.listener = None
        self.listen()

    def end(self):
        self.end_listener()
        super().end()

    def listen(self):
        self.end_listener()
        self.listener = cluster.Listener(self.smtpd, self.uri, self.log)

    def end_listener(self):
        if self.listener:
            self.listener.end()
        self.listener = None

    def ask(self, sql):
        return self.it.primary.ask(sql, "mail")

    def one(self, sql):
        return self.ask(sql)[0][0]

    def send(self, n, what):
        """So many mails; their ids."""
        ids = []
        for _ in range(n):
            self.number += 1
            reply = self.listener.deliver(self.number, nrecipients=2)
            self.check(common.is_stored(reply), f"{what}: {reply}")
            ids.append(common.id_of(reply))
        return ids

    def begin(self, month):
        """As the writer does every few minutes, on the first of that month."""
        self.ask(f"SELECT main.keep_partitions('{month}-01 00:00:10+00')")

    def prune(self, *options):
        done = subprocess.run(
            [os.path.join(os.path.dirname(self.smtpd), "smtpdb"), "-d", self.uri,
             "prune", *options], capture_output=True, text=True, check=False)
        self.check(done.returncode == 0, f"prune {options}: {done.stderr}")
        return done.stdout.strip()

    def parts(self):
        return [row[0] for row in self.ask(
            "SELECT number FROM main.partition ORDER BY number")]

    def counts_are_right(self, what):
        counted = self.ask("SELECT messages, octets FROM quota")
        there = self.ask("SELECT count(*), coalesce(sum(size), 0) FROM main.message")
        self.check(counted == there, f"{what}: quota {counted}, not {there}")
        counted = self.ask("SELECT address, messages, octets FROM mailbox ORDER BY 1")
        there = self.ask("SELECT mailbox, count(*), sum(size) FROM main.message"
                         " JOIN recipient ON message_id = id JOIN mailbox AS b ON"
                         " b.address = mailbox AND counted_from <= message.id"
                         " GROUP BY 1 ORDER BY 1")
        self.check(counted == there, f"{what}: mailboxes {counted}, not {there}")


def months(b):
    """Three months, each in tables of its own, with ids that only grow."""
    b.send(1, "the first")
    b.ask(COUNTED)
    ids = []
    for month in ("2031-01", "2031-02", "2031-03"):
        b.begin(month)
        ids += b.send(3, month)
        b.begin(month)
    b.check(ids == sorted(ids), f"ids {ids}")
    b.check(b.parts() == [1, 2, 3, 4, 5], f"partitions {b.parts()}")
    for number, want in ((1, 1), (2, 3), (3, 3), (4, 3), (5, 0)):
        got = b.one(f"SELECT count(*) FROM main.message_{number}")
        b.check(got == want, f"message_{number} has {got} mails, not {want}")
    rest = sum(b.one(f"SELECT count(*) FROM main.{t}_rest") for t in TABLES)
    b.check(rest == 0, f"{rest} rows beside the partitions")
    seen = [row[0] for row in b.ask("SELECT id FROM message WHERE id > 1 ORDER BY id")]
    b.check(seen == ids, f"read on by id: {seen}")
    b.counts_are_right("three months")
    # No mail: no leap.
    for month in ("2031-04", "2031-05", "2031-06"):
        b.begin(month)
    b.check(len(b.parts()) == 6, f"idle months: {b.parts()}")


def drops(b):
    b.ask("INSERT INTO delivery SELECT id, 'who', 1, 1 FROM message")
    node = b.ask("SELECT relfilenode FROM pg_class WHERE relname = 'message_2'")
    said = b.prune("--older=99999d")
    b.check(said.startswith("deleted 0 "), f"nothing is old: {said}")
    last = b.one("SELECT max(id) FROM main.message_2")
    # Some of the third are old, too: these are deleted.
    first = b.one("SELECT min(id) FROM main.message_3")
    keep = b.one(f"SELECT count(*) FROM message WHERE id > {first}")
    would = b.prune(f"--keep={keep}", "--dry-run")
    said = b.prune(f"--keep={keep}")
    b.check(said.split()[1] == would.split()[2] == "5", f"prune: {said}; {would}")
    b.check(b.parts() == [3, 4, 5, 6], f"partitions {b.parts()}, {node}")
    left = b.one(f"SELECT count(*) FROM message WHERE id <= {first}")
    b.check(left == 0 and last < first, f"{left} are left")
    for t, column in zip(TABLES, ("id",) + 3 * ("message_id",)):
        name = "main.message" if t == "message" else t
        left = b.one(f"SELECT count(*) FROM {name} WHERE {column} <= {first}")
        b.check(left == 0, f"{t}: {left} rows are left")
    b.counts_are_right("pruned")
    b.ask("UPDATE main.partition SET begun_at = '2020-01-01' WHERE number = 4")
    said = b.prune("--older=30d")
    b.check(said.split()[1] == "2", f"by age: {said}")
    b.check(b.parts() == [4, 5, 6], f"partitions {b.parts()}")
    b.counts_are_right("pruned by age")
    b.ask("DELETE FROM message WHERE id IN (SELECT min(id) FROM message)")
    b.counts_are_right("one deleted")


def is_full(b):
    """Half full: the next one begins, and it is wider."""
    number, end = b.ask("SELECT number, end_id FROM main.partition"
                        " WHERE begun_at IS NOT NULL ORDER BY 1 DESC LIMIT 1")[0]
    b.ask(f"SELECT setval('main.message_id', {end} - 1000)")
    b.begin("2031-06")
    ids = b.send(1, "behind a full one")
    b.check(ids[0] >= end, f"{ids} is not behind {end}")
    wide = b.one("SELECT end_id - first_id FROM main.partition WHERE begun_at IS NULL")
    b.check(wide > 30000000, f"{wide} ids wide, after {number}")


def cannot(b):
    """Where no partition can be made, mails go beside them."""
    end = b.one("SELECT max(end_id) FROM main.partition")
    b.ask("ALTER TABLE main.partition RENAME COLUMN end_id TO gone")
    b.ask(f"SELECT setval('main.message_id', {end} + 5)")
    ids = b.send(2, "no partition")
    there = b.one("SELECT count(*) FROM main.message_rest")
    b.check(there == 2, f"{there} mails, {ids}")
    b.listen()
    b.send(1, "no partition, a new writer")
    b.ask("ALTER TABLE main.partition RENAME COLUMN gone TO end_id")


def divided(b):
    """A database of before: rows, views, rights and triggers stay."""
    b.end_listener()
    b.it.primary.ask("DROP DATABASE mail WITH (FORCE)")
    b.it.primary.ask("CREATE DATABASE mail")
    with open(os.path.join(HERE, "..", "..", "schema-postgresql.sql"),
              encoding="utf-8") as f:
        b.ask(f.read())
    b.ask("""
        INSERT INTO main.message (id, received_at, client_address, helo, protocol, verb,
          reverse_path, body_type, smtputf8, size, trace, header_size, data)
        SELECT nextval('main.message_id'), 1, '127.0.0.1', 'x', 'ESMTP', 'MAIL',
          'a@b.c', '7BIT', 0, 10, 't', 5, '0123456789' FROM generate_series(1, 100);
        INSERT INTO recipient (message_id, position, forward_path, mailbox)
          SELECT id, 1, 'r0@mx.example', 'r0@mx.example' FROM main.message;
        CREATE ROLE consumer;
        GRANT SELECT ON recipient, main.message TO consumer;
        GRANT SELECT, INSERT ON delivery TO consumer;
        CREATE VIEW theirs AS SELECT message_id FROM recipient""")
    b.ask(COUNTED)
    b.listen()
    ids = b.send(2, "divided")
    b.check(ids[0] == 101, f"the first id behind is {ids[0]}")
    b.begin("2031-01")
    b.send(2, "another month")
    b.check(b.one("SELECT count(*) FROM message") == 104, "rows of before")
    b.check(b.one("SELECT count(*) FROM theirs") == 108, "a view of others")
    b.check(b.one("SELECT count(*) FROM inbox WHERE \"to\" IS NOT NULL") == 104, "inbox")
    granted = b.one("SELECT count(*) FROM information_schema.role_table_grants"
                    " WHERE grantee = 'consumer' AND table_name IN"
                    " ('message', 'recipient', 'delivery')")
    b.check(granted == 4, f"{granted} rights")
    b.check(b.one("SELECT attstorage = 'e' FROM pg_attribute WHERE attname = 'data'"
                  " AND attrelid = 'main.message_2'::regclass"), "storage")
    said = b.prune("--keep=2")
    b.check(said.split()[1] == "102" and b.parts() == [2, 3], f"{said}, {b.parts()}")
    b.check(b.one("SELECT count(*) FROM recipient") == 4, "recipients of before")


def constraints(b):
    """What a consumer may not do, it may not do in any of them."""
    refused = [
        "INSERT INTO recipient (message_id, position, forward_path, mailbox)"
        " VALUES (7, 1, 'a', 'a')",
        "INSERT INTO delivery VALUES (1, '', 0, 0)",
        "INSERT INTO delivery VALUES (1, 'a', 2, 0)",
        "INSERT INTO filter_change VALUES (1, 1, 'f', 'x')",
        "INSERT INTO main.message SELECT * FROM main.message LIMIT 1"]
    for sql in refused:
        try:
            b.ask(sql)
            b.check(False, f"taken: {sql}")
        except cluster.psycopg2.IntegrityError:
            b.check(True, sql)


CHECKS = [months, drops, is_full, cannot, divided, constraints]


if __name__ == "__main__":
    cluster.main(__doc__, Bench, CHECKS)
