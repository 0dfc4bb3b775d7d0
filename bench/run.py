#!/usr/bin/python3
"""Measures the program and its peers, side by side, in one run (make bench:
what there are targets for; make bench-all: everybody and everything).

    bench/run.py [--all] [--quick] [--only PART,...] [--sessions N,...]
        [--peers NAME,...] [--programs DIR] [--docs DIR]

Writes bench.md and bench.svg beside the programs, or into DIR.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import contestants
import loads
import memory
import report
from contestants import Failed

TROUBLE = (Failed, OSError, subprocess.SubprocessError)
BIG_OCTETS = 50 * 1024 * 1024
SLOW_SYNC_US = 5000


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int
    per_session: int    # (a): mails of each session
    connections: dict   # (b): how many, with so many at once
    latency_mails: int  # (c): of each session
    big_mails: int      # (d)
    spawns: int         # (e)
    slow_mails: int     # (h): of each session
    beside_mails: int   # (k): of each session
    rows: tuple         # (i)


FULL = Size(rounds=3, per_session=100,
            connections={1: 200, 4: 400, 16: 800, 64: 1000, 200: 1000},
            latency_mails=50, big_mails=4, spawns=100, slow_mails=20,
            beside_mails=50, rows=(0, 100_000, 1_000_000))
QUICK = Size(rounds=1, per_session=20,
             connections={1: 100, 4: 200, 16: 300, 64: 400, 200: 400},
             latency_mails=20, big_mails=2, spawns=20, slow_mails=5,
             beside_mails=20, rows=(0, 1_000, 10_000))
ALL_SESSIONS = (1, 4, 16, 64, 200)
SESSIONS = (1, 16, 64)
PEERS = {"Postfix": contestants.Postfix, "Exim": contestants.Exim,
         "OpenSMTPD": contestants.OpenSMTPD,
         "aiosmtpd": contestants.Aiosmtpd}
CROWD = 200  # so many at once take long; one round does
FEW = 4  # as many as even those can take at once who hesitate
# What takes a moment is measured more often, to meet the same disturbances.
SHORT_ROUNDS = 5


class Bench:
    """Where the programs are, where the mails go, and what was found."""

    def __init__(self, arguments, folder):
        self.programs = arguments.programs.resolve()
        self.folder = folder
        self.size = QUICK if arguments.quick else FULL
        self.sessions = arguments.sessions
        self.peer_names = arguments.peers
        self.results = {}  # part -> contestant -> key -> [figures]
        self.void = []     # what gave no figure, and why

    def smtpd(self, how, program="smtpd", keeps=True, env=None):
        return contestants.Smtpd(
            self.programs, self.folder / f"{program}-{how}", env, how=how,
            program=program, keeps=keeps)

    def peers(self, env=None):
        return [PEERS[name](self.programs, self.folder / name, env)
                for name in self.peer_names]

    def sink(self):
        return contestants.Sink(self.programs, self.folder / "sink")

    def note(self, part, name, key, figure):
        of_part = self.results.setdefault(part, {})
        of_part.setdefault(name, {}).setdefault(str(key), []).append(figure)
        print(f"  {part} {name}, {key}: {figure}", flush=True)

    def try_to(self, part, c, key, load):
        """One figure of one contestant, or the reason why there is none."""
        try:
            self.note(part, c.name, key, load())
        except TROUBLE as e:
            self.fail(part, f"{c.name}, {key}:", e)

    def fail(self, part, what, error):
        why = f"({part}) {what} {getattr(error, 'stderr', '') or error}"
        self.void.append(why.strip())
        print(f"  void: {why}", file=sys.stderr, flush=True)

    def each(self, everybody, rounds):
        """Round by round, everybody in turn, another one first each time."""
        try:
            for i in range(rounds):
                at = i * 2 % len(everybody)
                for c in everybody[at:] + everybody[:at]:
                    yield i, c
        finally:
            for c in everybody:
                c.stop()
                shutil.rmtree(c.folder, ignore_errors=True)


def share(c, mails):
    """What of so many mails a contestant is to take."""
    return max(1, int(mails * c.share))


def is_due(i, c, sessions):
    """Is it worth doing in round `i`?"""
    slow = sessions >= CROWD or (c.hesitates and sessions > FEW)
    return i == 0 or not slow


def measured(c, sessions, load):
    c.begin()
    loads.warm_up(c, sessions)
    return loads.counted(c, load)


def part_a(b):
    """Mails a second, sessions used again."""
    everybody = [b.smtpd("listener"), b.smtpd("tcpserver"),
                 b.smtpd("listener", "smtpd-null", keeps=False),
                 b.smtpd("tcpserver", "smtpd-naive"), *b.peers()]
    for i, c in b.each(everybody, b.size.rounds):
        for n in b.sessions:
            if is_due(i, c, n):
                b.try_to("a", c, n, lambda c=c, n=n: loads.rate(measured(
                    c, n, lambda: loads.smtp_source(
                        c, n, n * share(c, b.size.per_session), again=True))))
    for _ in range(b.size.rounds):
        for n in b.sessions:
            b.note("a", "append + fdatasync", n, loads.rate(loads.append(
                b.programs, b.folder, n, b.size.per_session)))


def part_b(b):
    """Mails a second, a connection for each."""
    everybody = [b.smtpd("listener"), b.smtpd("tcpserver"),
                 b.smtpd("listener", "smtpd-null", keeps=False), b.sink(),
                 *b.peers()]
    for kind, faults in loads.page_faults(b.programs / "smtpd").items():
        b.note("faults", "smtpd, listener", kind, faults)
    for i, c in b.each(everybody, b.size.rounds):
        for n in b.sessions:
            mails = b.size.connections[n]
            if c.hesitates and n > FEW:
                mails = max(n, mails // 10)
            if is_due(i, c, n):
                b.try_to("b", c, n, lambda c=c, n=n, mails=mails: loads.rate(
                    measured(c, n, lambda: loads.smtp_source(
                        c, n, mails, again=False))))


def part_c(b):
    """Milliseconds from the final dot to the 250."""
    everybody = [b.smtpd("listener"), b.smtpd("tcpserver", "smtpd-naive"),
                 *b.peers()]
    for i, c in b.each(everybody, b.size.rounds):
        for n in sorted({1, 16, 64} & set(b.sessions)):
            if is_due(i, c, n):
                b.try_to("c", c, n, lambda c=c, n=n: measured(
                    c, n, lambda: loads.latency(
                        c, n, share(c, b.size.latency_mails),
                        loads.MAIL_OCTETS)))


def part_d(b):
    """MB/s of mails of 50 MB."""
    everybody = [b.smtpd("listener"),
                 b.smtpd("listener", "smtpd-null", keeps=False), *b.peers()]
    megabytes = BIG_OCTETS / 1e6
    for _, c in b.each(everybody, b.size.rounds):
        for verb in ("DATA", "BDAT"):
            if verb == "DATA" or c.chunking:
                b.try_to("d", c, verb, lambda c=c, v=verb: loads.rate(measured(
                    c, 1, lambda: loads.latency(
                        c, 1, b.size.big_mails, BIG_OCTETS, v))) * megabytes)


def part_e(b):
    """Milliseconds from spawn to exit, to the banner, to the exit at QUIT."""
    options = ["--database", b.folder / "never-made.db", "--hostname",
               "mx.example"]
    for _ in range(b.size.rounds * SHORT_ROUNDS):
        for name, until, command in (
                ("empty static program", "exit", [b.programs / "empty"]),
                ("sink", "banner", [b.programs / "sink"]),
                ("sink", "quit", [b.programs / "sink"]),
                ("smtpd", "banner", [b.programs / "smtpd", *options]),
                ("smtpd", "quit", [b.programs / "smtpd", *options])):
            b.note("e", name, until, loads.fields(loads.run(
                b.programs / "spawn", b.size.spawns, until, *command))["p50"])


def part_f(b):
    """kB of memory."""
    for how in ("tcpserver", "listener"):
        for _, c in b.each([b.smtpd(how)], 1):
            c.begin()
            loads.warm_up(c, 1)
            for n in (1, 20):
                for what, kb in memory.idle(c, n).items():
                    b.note("f", c.name, f"{what}, {n} at once", kb)
            before = memory.writer(c)
            if before:
                b.note("f", c.name, "anonymous, writer", before)
            for verb in ("DATA", "BDAT"):
                for who, kb in memory.peak(c, BIG_OCTETS, verb).items():
                    b.note("f", c.name, f"anonymous, {who}, 50 MB by {verb}",
                           kb)


def part_g(b):
    """Instructions of a session, counted by callgrind."""
    folder = b.folder / "instructions"
    folder.mkdir()
    program = b.programs / "smtpd"
    memory.instructions(program, folder, 1, loads.MAIL_OCTETS)
    for mails in (0, 1, 11):
        for _ in range(2):  # they repeat
            b.note("g", "smtpd", mails, memory.instructions(
                program, folder, mails, loads.MAIL_OCTETS))
    shutil.rmtree(folder)


def part_h(b):
    """Mails a second when each sync takes 5 ms longer, and syncs a mail."""
    counter = b.folder / "syncs"
    env = {"LD_PRELOAD": str(b.programs / "slow_fsync.so"),
           "BENCH_SYNC_US": str(SLOW_SYNC_US), "BENCH_SYNCS": str(counter)}
    everybody = [b.smtpd("listener", env=env),
                 b.smtpd("tcpserver", "smtpd-naive", env=env), *b.peers(env)]

    def load(c):
        mails = 64 * share(c, b.size.slow_mails)
        before = int.from_bytes(counter.read_bytes(), sys.byteorder)
        result = loads.smtp_source(c, 64, mails, again=True)
        after = int.from_bytes(counter.read_bytes(), sys.byteorder)
        b.note("syncs", c.name, 64, (after - before) / mails)
        return result

    counter.write_bytes(bytes(8))
    counter.chmod(0o666)
    for i, c in b.each(everybody, b.size.rounds):
        if is_due(i, c, 64):
            b.try_to("h", c, 64, lambda c=c: loads.rate(measured(
                c, 64, lambda: load(c))))


def fill(database, rows):
    """Mails of 512 octets, at once."""
    loads.run("sqlite3", database, f"""
        PRAGMA synchronous = OFF;
        WITH RECURSIVE n(i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        INSERT INTO message (id, received_at, client_address, helo, protocol,
            verb, reverse_path, body_type, smtputf8, size, trace, header_size,
            data)
            SELECT i, 0, '192.0.2.1', 'client.example', 'ESMTP', 'MAIL',
            'sender@client.example', '7BIT', 0, 512, '', 0, zeroblob(512)
            FROM n;
        INSERT INTO recipient (message_id, position, forward_path, mailbox)
            SELECT id, 1, 'alice@mx.example', 'alice@mx.example' FROM message;
        PRAGMA wal_checkpoint(TRUNCATE)""")


def part_i(b):
    """Mails a second into a table that has rows already."""
    tables = {}
    for rows in b.size.rows:
        c = b.smtpd("listener")
        c.folder = b.folder / f"rows-{rows}"
        c.start()
        loads.warm_up(c, 1)
        c.stop()
        if rows:
            loads.run("sqlite3", c.database, "DELETE FROM message")
            fill(c.database, rows)
        tables[rows] = c
    for _ in range(b.size.rounds):
        for rows, c in tables.items():
            c.start()
            loads.warm_up(c, 64)
            b.try_to("i", c, rows, lambda c=c: loads.rate(loads.counted(
                c, lambda: loads.smtp_source(
                    c, 64, 64 * b.size.per_session, again=True))))
            c.stop()
    for c in tables.values():
        shutil.rmtree(c.folder)


# Each with those before it.
POLICY = {
    "no rows": "",
    "domain, mailbox": """
        INSERT INTO domain (name) VALUES ('mx.example');
        INSERT INTO mailbox (address) VALUES ('alice@mx.example');""",
    "and rates": """
        INSERT INTO rate_limit (scope, max_messages) VALUES
            ('client', 1000000000), ('sender', 1000000000),
            ('total', 1000000000);""",
    "and all other tables": """
        INSERT INTO sender_rule (pattern) VALUES ('bad.example');
        INSERT INTO client_rule (network) VALUES ('192.0.2.0/24');
        INSERT INTO quota (max_messages) VALUES (1000000000);
        UPDATE mailbox SET quota_messages = 1000000000;""",
}


def part_j(b):
    """Mails a second with policy in the tables."""
    for _ in range(b.size.rounds):
        for n in sorted({16, 64} & set(b.sessions)):
            c = b.smtpd("listener")
            c.begin()
            loads.warm_up(c, n)
            for rows, sql in POLICY.items():
                loads.run("sqlite3", c.database, sql)
                b.try_to("j", c, f"{n}: {rows}", lambda c=c, n=n: loads.rate(
                    loads.counted(c, lambda: loads.smtp_source(
                        c, n, n * b.size.per_session, again=True))))
            c.stop()
            shutil.rmtree(c.folder)


@contextmanager
def big_mails(c):
    """One more session, which sends one such mail after the other."""
    with subprocess.Popen(
            [c.programs / "latency", str(c.port), "1", "1000",
             str(BIG_OCTETS), "DATA"], stderr=subprocess.DEVNULL) as sender:
        time.sleep(0.5)
        yield
        if sender.poll() is not None:
            raise Failed(f"{c.name}: the big mails are over already")
        sender.terminate()


def part_k(b):
    """As (c), of 63 sessions, alone and beside one with mails of 50 MB."""
    everybody = [b.smtpd("listener"), *b.peers()]

    def load(c):
        return loads.latency(
            c, 63, b.size.beside_mails, loads.MAIL_OCTETS)

    def load_beside(c):
        with big_mails(c):
            return load(c)

    for i, c in b.each(everybody, b.size.rounds):
        if is_due(i, c, 63):
            b.try_to("k", c, "alone", lambda c=c: measured(
                c, 63, lambda: load(c)))
            b.try_to("k", c, "beside", lambda c=c: load_beside(c))


ALL_PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d, "e": part_e,
             "f": part_f, "g": part_g, "h": part_h, "i": part_i, "j": part_j,
             "k": part_k}
# Those that there are targets for, but for (i), which fills a million rows.
PARTS = ("a", "b", "c", "d", "f", "h", "j", "k")


def names_of(known):
    """A list of them, with commas."""
    def read(text):
        names = text.split(",")
        if not set(names) <= set(known):
            raise argparse.ArgumentTypeError(f"known are {', '.join(known)}")
        return names
    return read


def numbers(text):
    return tuple(int(n) for n in text.split(","))


def read_arguments():
    here = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true",
                        help="where nothing else is said")
    parser.add_argument("--quick", action="store_true",
                        help="one round, of little")
    parser.add_argument("--only", type=names_of(ALL_PARTS),
                        help="parts, as in a,b,c")
    parser.add_argument("--sessions", type=numbers,
                        help="so many at once, as in 1,16,64")
    parser.add_argument("--peers", type=names_of(PEERS),
                        help="as in Postfix,Exim")
    parser.add_argument("--programs", type=Path, default=here / "build/bench")
    parser.add_argument("--docs", type=Path, help="where the page goes")
    given = parser.parse_args()
    given.only = given.only or (ALL_PARTS if given.all else PARTS)
    given.sessions = given.sessions or (
        ALL_SESSIONS if given.all else SESSIONS)
    given.peers = given.peers or (PEERS if given.all else ["Postfix"])
    return given


def main():
    arguments = read_arguments()
    # A place on a disk that every user of the peers can reach.
    folder = Path(tempfile.mkdtemp(prefix="smtpd-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    bench = Bench(arguments, folder)
    start = time.monotonic()
    load = os.getloadavg()[0]
    try:
        for part in arguments.only:
            measure = ALL_PARTS[part]
            print(f"({part}) {measure.__doc__}", flush=True)
            try:
                measure(bench)
            except TROUBLE as e:
                bench.fail(part, measure.__doc__, e)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results = {"results": bench.results, "void": bench.void,
               "seconds": time.monotonic() - start,
               "rounds": bench.size.rounds, "load": load,
               "command": shlex.join(["bench/run.py", *sys.argv[1:]])}
    path = bench.programs / "results.json"
    path.write_text(json.dumps(results, indent=1))
    report.write(results, arguments.docs or bench.programs)


if __name__ == "__main__":
    main()
