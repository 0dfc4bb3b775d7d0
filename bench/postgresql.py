#!/usr/bin/python3 -B
"""Mails a second into PostgreSQL, in one run on one machine: beside SQLite's
writer, beside the naive way (pgbench: a transaction a mail on each connection),
with several listeners, and with a million rows there."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "postgresql"))
import cluster  # noqa: E402
import common  # noqa: E402

OCTETS = 4096
NAIVE = """\\set id random(1, 9000000000000000000)
BEGIN;
INSERT INTO naive_message (received_at, client_address, helo, trace, data)
  VALUES (1, '127.0.0.1', 'client.example', repeat('t', 200),
  decode(repeat('61', 4096), 'hex'));
INSERT INTO naive_recipient VALUES (currval('naive_message_id_seq'), 1, 'r@mx.example');
COMMIT;
"""
TABLES = """
CREATE TABLE naive_message (id bigserial PRIMARY KEY, received_at bigint,
  client_address text, helo text, trace text, data bytea);
ALTER TABLE naive_message ALTER data SET STORAGE EXTERNAL;
CREATE TABLE naive_recipient (message_id bigint, position integer,
  forward_path text, PRIMARY KEY (message_id, position))
"""
MILLION = """
INSERT INTO main.message (id, received_at, client_address, helo, protocol, verb,
  reverse_path, body_type, smtputf8, size, trace, header_size, data)
SELECT nextval('main.message_id'), 1, '127.0.0.1', 'x', 'ESMTP', 'MAIL', 'a@b.c',
  '7BIT', 0, 10, repeat('t', 200), 5, '\\x00112233445566778899'
FROM generate_series(1, 1000000)
"""


def load(listeners, sessions, mails):
    """Mails a second of so many sessions, spread over the listeners."""
    start = time.monotonic()
    clients = [subprocess.Popen(
        [os.path.join(HERE, "..", "build", "bench", "latency"), str(li.port),
         str(sessions // len(listeners)), str(mails), str(OCTETS), "DATA"],
        stdout=subprocess.DEVNULL) for li in listeners]
    for client in clients:
        if client.wait():
            raise SystemExit("the client failed")
    return sessions * mails / (time.monotonic() - start)


def naive(node, sessions, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as f:
        f.write(NAIVE)
        f.flush()
        done = subprocess.run(
            [os.path.join(cluster.BIN, "pgbench"), "-h", node.folder, "-U", "smtpd",
             "-n", "-M", "prepared", "-c", str(sessions), "-T", str(seconds), "-f",
             f.name, "mail"], capture_output=True, text=True, check=True)
    return float(done.stdout.split("tps = ")[1].split()[0])


class Run:
    def __init__(self, options):
        self.options = options
        self.it = cluster.Cluster(standbys=options.standbys, connections=120)
        self.listeners = []

    def listen(self, uri):
        self.listeners.append(cluster.Listener(
            self.it.program(self.options.smtpd), uri,
            os.path.join(self.it.root, "log"), "--max-connections=300"))
        return self.listeners[-1]

    def compare(self):
        folder = os.path.join(self.it.root, "sqlite")
        os.mkdir(folder)
        common.give_away(folder)
        sqlite = self.listen(os.path.join(folder, "mail.db"))
        first = self.listen(self.it.uri())
        first.deliver(1)
        sqlite.deliver(1)
        print(f"{'sessions':>8} {'SQLite':>8} {'PostgreSQL':>10} {'naive':>8}  ratios")
        for sessions in (1, 16, 64):
            mails = max(self.options.mails // sessions, 20)
            tries = [(load([sqlite], sessions, mails), load([first], sessions, mails),
                      naive(self.it.primary, sessions, self.options.seconds))
                     for _ in range(self.options.tries)]
            s, p, n = (sorted(column)[len(tries) // 2] for column in zip(*tries))
            print(f"{sessions:8} {s:8.0f} {p:10.0f} {n:8.0f}  {p / s:.2f} {p / n:.2f}",
                  flush=True)

    def several(self):
        for n in (1, 2, 4):
            listeners = self.listeners[1:2]
            listeners += [self.listen(self.it.uri()) for _ in range(n - 1)]
            rate = sorted(load(listeners, 64, self.options.mails // 64 or 1)
                          for _ in range(self.options.tries))
            print(f"{n} listeners, 64 sessions in all: "
                  f"{rate[len(rate) // 2]:.0f}", flush=True)

    def million(self):
        before = load(self.listeners[1:2], 64, self.options.mails // 64)
        self.it.primary.ask(MILLION, "mail")
        self.it.primary.ask("VACUUM ANALYZE main.message", "mail")
        after = load(self.listeners[1:2], 64, self.options.mails // 64)
        print(f"with a million rows more: {after:.0f}, before {before:.0f}; "
              f"cost {before / after:.2f}")

    def end(self):
        for listener in self.listeners:
            listener.end()
        self.it.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--standbys", type=int, default=0)
    parser.add_argument("--mails", type=int, default=6400)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--tries", type=int, default=3)
    options = parser.parse_args()
    if not cluster.available():
        print("skipped: needs postgresql-15")
        return
    print(f"{options.standbys} standbys; mails of {OCTETS} octets a second; load "
          f"{os.getloadavg()[0]:.0f}", flush=True)
    run = Run(options)
    try:
        run.it.primary.ask(TABLES, "mail")
        run.compare()
        run.several()
        run.million()
    finally:
        run.end()


if __name__ == "__main__":
    main()
