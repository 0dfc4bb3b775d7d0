#!/usr/bin/python3 -B
"""Faults of the machine: every call that smtpd makes on its files, and every
allocation, fails in turn; by itself, and with all that follow.

Under each fault a session sends two mails.  In between, with that session still
open, another one sends a mail, and afterwards one more does; both without a
fault.  What must hold is in Run.troubles().
"""

import argparse
import concurrent.futures
import errno
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading

import common

WAIT_MS = 5000
QUICK_MS = 30000  # of sessions without a fault, which nothing keeps waiting

# What trouble is answered with (smtpd(8), DIAGNOSTICS).
FULL = "452 4.3.1"
NO_MEMORY = "452 4.3.1"
FAILED = "451 4.3.0"
BUSY = "451 4.3.0"
BROKEN = "421 4.3.0"


class Sweep:
    """Calls of one class that fail with one errno."""

    def __init__(self, kind, error, allowed, sticky=True, wait_ms=WAIT_MS):
        self.kind = kind
        self.error = error  # 0: a write does half
        self.allowed = allowed
        self.sticky = sticky  # also: this call and all after it
        self.wait_ms = wait_ms


SWEEPS = [
    Sweep("write", errno.ENOSPC, {FULL}),
    Sweep("write", errno.EDQUOT, {FULL}),
    Sweep("write", errno.EIO, {FAILED}),
    Sweep("write", 0, set(), sticky=False),
    Sweep("sync", errno.EIO, {FAILED}),
    Sweep("sync", errno.ENOSPC, {FULL, FAILED}),
    Sweep("open", errno.EMFILE, {FAILED}),
    Sweep("open", errno.EACCES, {FAILED}),
    # SQLite says CANTOPEN, whatever the errno was.
    Sweep("open", errno.ENOSPC, {FULL, FAILED}),
    Sweep("open", errno.ENOMEM, {NO_MEMORY, FAILED}),
    # SQLite calls most of them damage to the file (SQLITE_IOERR_CORRUPTFS).
    Sweep("read", errno.EIO, {FAILED, BROKEN}),
    Sweep("truncate", errno.EIO, {FAILED}),
    Sweep("mmap", errno.ENOMEM, {NO_MEMORY}),
    Sweep("lock", errno.ENOLCK, {FAILED}, sticky=False),
    # Not all of them: SQLite then tries for ten seconds, at some of its locks.
    # The real thing, a lock held by others, is in troubles.py.
    Sweep("lock", errno.EAGAIN, {BUSY}, sticky=False),
    Sweep("enter", errno.ENOLCK, {FAILED}),
    Sweep("stat", errno.EIO, {FAILED}),
    Sweep("statfs", errno.EIO, {FAILED}),
    Sweep("unlink", errno.EIO, {FAILED}),
    Sweep("alloc", errno.ENOMEM, {NO_MEMORY}),
]


class Scenario:
    """The database that a session finds, and how big its mails are."""

    def __init__(self, name, size):
        self.name = name
        self.size = size


FRESH = Scenario("fresh", 500)
USUAL = Scenario("usual", 500)
LARGE = Scenario("large", 300 * 1024)  # goes through the spool
CRASHED = Scenario("crashed", 500)  # a long log was left behind
SCENARIOS = [FRESH, USUAL, LARGE, CRASHED]


class Bench:
    """A folder to work in, and the templates of the scenarios."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.templates = {}
        for scenario in SCENARIOS:
            self.templates[scenario.name] = self._template(scenario)

    def _template(self, scenario):
        folder = os.path.join(self.folder, "template-" + scenario.name)
        database = os.path.join(folder, "mail.db")
        os.mkdir(folder)
        if scenario is FRESH:
            return folder
        for number in range(1, 4):
            self._must(common.deliver(
                self.options.smtpd, database, common.mail(number, 500)))
        if scenario is CRASHED:
            self._crash(database)
        return folder

    @staticmethod
    def _must(reply):
        if not common.is_stored(reply):
            sys.exit(f"no template: {reply}")

    def _crash(self, database):
        """Leaves a log that is worth a checkpoint (8 MB)."""
        db = sqlite3.connect(database)  # keeps the log from being removed
        db.execute("SELECT count(*) FROM message").fetchone()
        # It dies before it makes the checkpoint, not in it.
        server = common.Server(self.options.smtpd, database, common.faults_env(
            self.options.faults, database,
            [f"enter mail.db-lock 2 2 before {signal.SIGKILL:d}"]))
        server.client.greet()
        self._must(server.client.mail(common.mail(4, 8300 * 1024)))
        server.end()
        # Closed as by a crash: what is copied is what counts.
        keep = [database + end for end in ("", "-wal", "-lock")]
        copies = [(path, open(path, "rb").read()) for path in keep]
        db.close()
        for path, octets in copies:
            with open(path, "wb") as f:
                f.write(octets)

    def prepare(self, scenario, name):
        """A copy of the scenario's database; its path."""
        folder = os.path.join(self.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.templates[scenario.name], folder)
        return os.path.join(folder, "mail.db")

    def quick(self):
        """The environment of a session that nothing may keep waiting."""
        return {
            "LD_PRELOAD": os.path.realpath(self.options.faults),
            "FAULTS_FOLDER": "/nowhere",
            "FAULTS_WAIT_MS": str(QUICK_MS),
        }


# One fault


class Run:
    """A session under a fault, and what came of it."""

    def __init__(self, bench, sweep, scenario, database, rules, sticky=False):
        self.bench = bench
        self.sweep = sweep
        self.scenario = scenario
        self.database = database
        self.rules = rules
        self.sticky = sticky
        self.acknowledged = []  # numbers
        self.refused = []  # numbers that were answered with an error
        self.lost = False  # no reply at all
        self.asked_at = {}  # number: replies read before the final dot
        self.outside = []  # replies to the sessions without a fault

    def go(self):
        trace = os.path.dirname(self.database) + ".trace"
        if os.path.exists(trace):
            os.unlink(trace)
        env = common.faults_env(
            self.bench.options.faults, self.database,
            self.rules + ["send - 1 0 trace 0"], log=trace,
            wait_ms=self.sweep.wait_ms)
        server = common.Server(self.bench.options.smtpd, self.database, env)
        try:
            self._talk(server.client)
        except common.Lost:
            self.lost = True
        self.refusals = server.client.refusals
        self.status = server.end()
        self.log = server.log()
        self._from_outside(202)
        self.events = []
        if os.path.exists(trace):
            with open(trace, encoding="ascii") as f:
                self.events = [line.split()[1:] for line in f]

    def _talk(self, client):
        if client.greet()[0] >= 400:
            return
        self._mail(client, 101)
        self._from_outside(201)
        if self._is_over(client):
            return
        self._mail(client, 102)
        if self._is_over(client):
            return
        client.command("QUIT")

    @staticmethod
    def _is_over(client):
        return bool(client.refusals) and client.refusals[-1].startswith("421")

    def _mail(self, client, number):
        for line in ("MAIL FROM:<a@client.example>", "RCPT TO:<r0@mx.example>",
                     "DATA"):
            if client.command(line)[0] >= 400:
                self.refused.append(number)
                return
        self.asked_at[number] = client.replies
        self.refused.append(number)  # until it is answered otherwise
        client.send(common.on_the_wire(common.mail(number, self.scenario.size)))
        if common.is_stored(client.reply()):
            self.refused.remove(number)
            self.acknowledged.append(number)

    def _from_outside(self, number):
        reply = common.deliver(
            self.bench.options.smtpd, self.database, common.mail(number, 500),
            env=self.bench.quick())
        self.outside.append(reply)
        if common.is_stored(reply):
            self.acknowledged.append(number)

    # What must hold

    def hits(self):
        """The faults that came about: (class, file, replies sent before)."""
        sent = 0
        found = []
        for what, kind, _, file in self.events:
            if what == "trace" and kind == "send":
                sent += 1
            elif what in ("fail", "short"):
                found.append((kind, file, sent))
        return found

    def troubles(self):
        yield from self._replies()
        yield from self._log_lines()
        yield from self._rows()

    def _replies(self):
        for line in self.refusals:
            if line[0] == "5":
                yield f"5yz for trouble of ours: {line}"
            elif line[:9] not in (self.sweep.allowed | self._at_start() |
                                    self._in_journal()):
                yield f"reply {line}"
        if len(self.refusals) > 1 and not self.sticky:
            yield f"one fault, {len(self.refusals)} refusals"
        if self.lost:
            yield "closed without a reply"
        if self.status not in (0, *range(64, 79)):
            yield f"exit status {self.status}"
        for reply in self.outside:
            if not common.is_stored(reply):
                yield f"session without a fault: {reply}"
        for kind, file, sent in self.hits():
            for number in self.acknowledged:
                if (sent == self.asked_at.get(number) and
                        kind in ("write", "sync") and file == "mail.db-wal"
                        and self.sweep.error):
                    yield f"250 after a failed {kind} of the log"

    def _at_start(self):
        """Without memory for the session itself there is but one reply."""
        none = self.sweep.kind == "alloc" and not self.asked_at
        return {BROKEN} if none and self.status == os.EX_OSERR else set()

    def _in_journal(self):
        """SQLite forgets why it could not write its rollback journal, which
        is there only while the database is made."""
        hits = self.hits()
        return {FAILED} if hits and hits[0][1] == "mail.db-journal" else set()

    def _log_lines(self):
        lines = [line for line in self.log
                 if line.startswith(("smtpd: deferred ", "smtpd: refused "))]
        if self.status == os.EX_OSERR:
            lines = [line for line in self.log if "out of memory" in line]
        if len(lines) != len(self.refusals):
            yield f"{len(self.refusals)} refusals, {len(lines)} lines in the log"
        for line in lines:
            has_cause = 'cause="' in line and 'cause=""' not in line
            if not has_cause and "out of memory" not in line.lower():
                yield f"no cause in the log: {line}"

    def _rows(self):
        before = {1, 2, 3, 4}
        found = {}
        try:
            table = common.rows(self.database)
        except sqlite3.Error as e:
            yield f"rows: {e}"
            return
        for id_, number, data, nrecipients in table:
            if number is None or data != common.mail(*number):
                yield f"message {id_} is not as sent"
                continue
            if nrecipients != 1:
                yield f"message {id_} has {nrecipients} recipients"
            found[number[0]] = found.get(number[0], 0) + 1
        for number in self.acknowledged:
            if found.get(number, 0) != 1:
                yield f"mail {number} was acknowledged; rows: {found.get(number, 0)}"
        # A row whose sync failed may be there, and the client sends it again.
        for number in self.refused:
            if found.get(number, 0) > self._unconfirmed():
                yield f"mail {number} was refused; rows: {found[number]}"
        for number in set(found) - before - {101, 102, 201, 202}:
            yield f"mail {number} was never sent"
        yield from common.trouble_in(self.database)
        with open(self.database + "-lock", "rb") as f:
            mark = f.read(1)
        if mark != b"-":
            yield f"the mark is {mark}"

    def _unconfirmed(self):
        return any(kind == "sync" for kind, _, _ in self.hits())


def rule(sweep, first, last, action="fail"):
    file = "-" if sweep.kind == "alloc" else "*"
    if sweep.error == 0:
        action = "short"
    return f"{sweep.kind} {file} {first} {last} {action} {sweep.error}"


def count_calls(bench, sweep, scenario):
    """How many calls of the class a session without faults makes."""
    database = bench.prepare(scenario, "count")
    run = Run(bench, sweep, scenario, database, [rule(sweep, 1, 0, "count")])
    run.go()
    return max([int(n) for what, kind, n, _ in run.events
                if what == "count" and kind == sweep.kind] or [0])


def spread(n, at_most):
    """Numbers from 1 to n, both ends among them."""
    if n <= at_most:
        return range(1, n + 1)
    return sorted({1 + i * (n - 1) // (at_most - 1) for i in range(at_most)})


def try_one(bench, report, hit, case):
    sweep, scenario, first, sticky = case
    name = f"{threading.get_ident()}"
    database = bench.prepare(scenario, name)
    run = Run(bench, sweep, scenario, database,
              [rule(sweep, first, 0 if sticky else first)], sticky)
    error = errno.errorcode.get(sweep.error, "short")
    what = f"{scenario.name}: {error} from {sweep.kind} {first}{'+' if sticky else ''}"
    try:
        run.go()
    except Exception as e:  # pylint: disable=broad-except
        report.check(False, f"{what}: {e!r}")
        return
    hits = run.hits()
    if hits:
        hit[sweep.kind] = hit.get(sweep.kind, 0) + 1
        what += f" ({hits[0][1]} after {hits[0][2]} replies)"
    troubles = list(run.troubles())
    for line in run.log if troubles else []:
        if "cause=" in line:
            troubles.append(line[line.index("cause="):])
    report.check(not troubles, f"{what}: {'; '.join(troubles)}")


def sweep_all(bench, report):
    cases = []
    for scenario in SCENARIOS:
        # Those of a long log take long and are much alike.
        limit = bench.options.each
        if scenario is CRASHED:
            limit = max(2, limit // 2)
        counts = {}
        for sweep in SWEEPS:
            if bench.options.only and bench.options.only not in (
                    f"{scenario.name}:{sweep.kind}", sweep.kind, scenario.name):
                continue
            if sweep.kind not in counts:
                counts[sweep.kind] = count_calls(bench, sweep, scenario)
            for first in spread(counts[sweep.kind], limit):
                cases.append((sweep, scenario, first, False))
                if sweep.sticky:
                    cases.append((sweep, scenario, first, True))
    hit = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda case: try_one(bench, report, hit, case), cases))
    for kind in sorted(hit):
        print(f"{kind}: {hit[kind]} faults")
    if not bench.options.only:
        for sweep in SWEEPS:
            report.check(hit.get(sweep.kind), f"no {sweep.kind} ever failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--faults", default="build/faults.so")
    parser.add_argument("--each", type=int, default=5,
                        help="calls of each kind that fail (all: a big number)")
    parser.add_argument("--only", help="scenario, class or scenario:class")
    options = parser.parse_args()
    options.smtpd = os.path.realpath(options.smtpd)
    report = common.Report()
    with tempfile.TemporaryDirectory(prefix="smtpd-faults-") as folder:
        os.chmod(folder, 0o755)
        bench = Bench(options, folder)
        sweep_all(bench, report)
    report.end()


if __name__ == "__main__":
    main()
