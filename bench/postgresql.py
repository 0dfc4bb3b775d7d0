#!/usr/bin/python3 -B
"""Mails a second into PostgreSQL, in one run on one machine: beside SQLite's
writer, beside the naive way (bench/naive.c: an SMTP server whose processes each have
a connection, with a transaction for each mail; and pgbench, the same without SMTP),
where each client sends one mail and goes, where all of the policy is in use, with
several listeners, and with a million rows there.

Beside each rate stand the milliseconds of processor time that a mail costs, in the
server and in what is in front of it, which other work on the machine changes less."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "postgresql"))
import cluster  # noqa: E402
import common  # noqa: E402

OCTETS = 4096
NAIVE = """BEGIN;
INSERT INTO naive_message (received_at, client_address, helo, reverse_path, trace, data)
  VALUES (1, '127.0.0.1', 'client.example', 's@client.example', repeat('t', 200),
  decode(repeat('61', 4096), 'hex'));
INSERT INTO naive_recipient VALUES (currval('naive_message_id_seq'), 1, 'r@mx.example');
COMMIT;
"""
TABLES = """
CREATE TABLE naive_message (id bigserial PRIMARY KEY, received_at bigint,
  client_address text, helo text, reverse_path text, trace text, data bytea);
ALTER TABLE naive_message ALTER data SET STORAGE EXTERNAL;
CREATE TABLE naive_recipient (message_id bigint REFERENCES naive_message (id),
  position integer, forward_path text, PRIMARY KEY (message_id, position))
"""
MILLION = """
INSERT INTO main.message (id, received_at, client_address, helo, protocol, verb,
  reverse_path, body_type, smtputf8, size, trace, header_size, data)
SELECT nextval('main.message_id'), 1, '127.0.0.1', 'x', 'ESMTP', 'MAIL', 'a@b.c',
  '7BIT', 0, 10, repeat('t', 200), 5, '\\x00112233445566778899'
FROM generate_series(1, 1000000)
"""
RULES = """
INSERT INTO domain VALUES ('mx.example');
INSERT INTO mailbox (address, quota_messages) VALUES ('alice@mx.example', 100000000),
  ('r0@mx.example', 1);
INSERT INTO quota (max_messages) VALUES (1000000000);
INSERT INTO rate_limit (scope, max_messages) VALUES ('client', 1000000000),
  ('sender', 1000000000), ('total', 1000000000);
INSERT INTO client_rule (network, allow) VALUES ('198.51.100.0/24', 0);
INSERT INTO sender_rule (pattern, allow) VALUES ('nobody@client.example', 0)
"""
NO_RULES = """
DELETE FROM domain; DELETE FROM mailbox; DELETE FROM quota; DELETE FROM rate_limit;
DELETE FROM client_rule; DELETE FROM sender_rule
"""

MAILS_MAX = 9000  # of one session: smtpd takes 10,000
TICK = os.sysconf("SC_CLK_TCK")
PROGRAMS = os.path.join(HERE, "..", "build", "bench")


def processor_ms(root):
    """Of this process and all below it, with those that have ended."""
    below, spent = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(entry))
        spent[int(entry)] = sum(int(n) for n in fields[11:15])
    found, todo = 0, [root]
    while todo:
        pid = todo.pop()
        found += spent.get(pid, 0)
        todo += below.get(pid, [])
    return found * 1000 / TICK


def load(ports, sessions, mails):
    """Mails a second of so many sessions, spread over the ports."""
    start = time.monotonic()
    clients = [subprocess.Popen(
        [os.path.join(PROGRAMS, "latency"), str(port),
         str(sessions // len(ports)), str(mails), str(OCTETS), "DATA"],
        stdout=subprocess.DEVNULL) for port in ports]
    for client in clients:
        if client.wait():
            raise SystemExit("the client failed")
    return sessions * mails / (time.monotonic() - start)


def visit(ports, sessions, mails):
    """The same of clients that send one mail each (Postfix's smtp-source)."""
    start = time.monotonic()
    subprocess.run(["smtp-source", "-s", str(sessions), "-m", str(mails), "-l",
                    str(OCTETS), "-f", "s@client.example", "-t", "r@mx.example",
                    f"127.0.0.1:{ports[0]}"], check=True, stdout=subprocess.DEVNULL)
    return mails / (time.monotonic() - start)


def pgbench(node, sessions, mails):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as f:
        f.write(NAIVE)
        f.flush()
        done = subprocess.run(
            [os.path.join(cluster.BIN, "pgbench"), "-h", node.folder, "-U", "smtpd",
             "-n", "-M", "prepared", "-c", str(sessions), "-t", str(mails), "-f",
             f.name, "mail"], capture_output=True, text=True, check=True)
    return float(done.stdout.split("tps = ")[1].split()[0])


class Naive:
    """The naive server, with a process for each session."""

    def __init__(self, node, *each):
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [os.path.join(PROGRAMS, "naive"),
                 f"host={node.folder} user=smtpd dbname=mail", "64", *each],
                stdin=listening)

    def end(self):
        self.process.terminate()
        self.process.wait()


class Run:
    def __init__(self, options):
        self.options = options
        self.it = cluster.Cluster(standbys=options.standbys, connections=200)
        self.listeners = []

    def listen(self, uri):
        self.listeners.append(cluster.Listener(
            self.it.program(self.options.smtpd), uri,
            os.path.join(self.it.root, "log"), "--max-connections=300"))
        return self.listeners[-1]

    def measure(self, work, root, mails):
        """Rate, and what each mail cost the server and what is below `root`."""
        roots = [self.it.primary.process.pid] + ([root] if root else [])
        before = [processor_ms(r) for r in roots]
        rate = work()
        cost = [(processor_ms(r) - b) / mails for r, b in zip(roots, before)]
        return [rate] + cost + [0] * (2 - len(cost))

    def compare(self):
        folder = os.path.join(self.it.root, "sqlite")
        os.mkdir(folder)
        common.give_away(folder)
        node = self.it.primary
        ours = {"SQLite": self.listen(os.path.join(folder, "mail.db")),
                "PostgreSQL": self.listen(self.it.uri())}
        for listener in ours.values():
            listener.deliver(1)
        ours["naive"] = Naive(node)
        for sessions in self.options.sessions:
            mails = min(max(self.options.mails // sessions, 20), MAILS_MAX)
            tries = {}
            for _ in range(self.options.tries):
                for name, it in ours.items():
                    tries.setdefault(name, []).append(self.measure(
                        lambda it=it: load([it.port], sessions, mails),
                        it.process.pid, sessions * mails))
                tries.setdefault("pgbench", []).append(self.measure(
                    lambda: pgbench(node, sessions, mails), None, sessions * mails))
            self.tell(sessions, tries)
        self.visits(ours)
        self.rules(ours)
        ours["naive"].end()

    def visits(self, ours):
        """One mail a client, which is what most of them have."""
        each = Naive(self.it.primary, "each")
        mails = self.options.mails // 4
        tries = {}
        for _ in range(self.options.tries):
            for name, it in {**ours, "naive, each": each}.items():
                tries.setdefault(name, []).append(self.measure(
                    lambda it=it: visit([it.port], 64, mails), it.process.pid, mails))
        each.end()
        self.tell("64, a mail each", tries)

    def rules(self, ours):
        """Rows in all tables that are looked at, or counted in, for a mail."""
        self.it.primary.ask(RULES, "mail")
        mails = self.options.mails // 64
        tries = {}
        for _ in range(self.options.tries):
            for name in "PostgreSQL", "naive":
                tries.setdefault(name, []).append(self.measure(
                    lambda it=ours[name]: load([it.port], 64, mails),
                    ours[name].process.pid, 64 * mails))
        self.tell("64, all rules", tries)
        self.it.primary.ask(NO_RULES, "mail")

    @staticmethod
    def tell(sessions, tries):
        middle = {name: [sorted(column)[len(rows) // 2] for column in zip(*rows)]
                  for name, rows in tries.items()}
        for name, (rate, server, front) in middle.items():
            print(f"{sessions:3} {name:12} {rate:7.0f} mails/s; ms a mail: server "
                  f"{server:.3f}, in front {front:.3f}", flush=True)
        rate = {name: m[0] for name, m in middle.items()}
        ours = rate.pop("PostgreSQL")
        print(f"{sessions:3} PostgreSQL / " + ", / ".join(
            f"{name} {ours / r:.2f}" for name, r in rate.items()), flush=True)

    def several(self):
        mails = self.options.mails // 64 or 1
        for n in (1, 2, 4):
            while len(self.listeners) <= n:
                self.listen(self.it.uri())
            ports = [li.port for li in self.listeners[1:1 + n]]
            rate = sorted(load(ports, 64, mails) for _ in range(self.options.tries))
            print(f"{n} listeners, 64 sessions in all: "
                  f"{rate[len(rate) // 2]:.0f}", flush=True)

    def million(self):
        mails = self.options.mails // 64
        port = self.listeners[1].port

        def cost():
            tries = sorted(self.measure(lambda: load([port], 64, mails),
                                        self.listeners[1].process.pid, 64 * mails)
                           for _ in range(self.options.tries))
            return [sorted(column)[len(tries) // 2] for column in zip(*tries)]

        before = cost()
        self.it.primary.ask(MILLION, "mail")
        self.it.primary.ask("VACUUM ANALYZE main.message", "mail")
        self.it.primary.ask("CHECKPOINT", "mail")
        after = cost()
        print(f"with a million rows more: {after[0]:.0f} mails/s, before "
              f"{before[0]:.0f}; the server's processor time "
              f"{after[1] / before[1]:.2f} of before")

    def end(self):
        for listener in self.listeners:
            listener.end()
        self.it.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--standbys", type=int, default=0)
    parser.add_argument("--mails", type=int, default=6400)
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--only-compare", action="store_true")
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
        if not options.only_compare:
            run.several()
            run.million()
    finally:
        run.end()


if __name__ == "__main__":
    main()
