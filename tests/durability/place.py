"""A database in a folder of its own, and what a test does there and checks."""

import os
import signal
import sqlite3
import time

import common

QUICK_MS = 250  # the longest wait for a lock, where a test sees it end


class Place:
    """A database in a folder of its own."""

    def __init__(self, options, report, root, name):
        self.smtpd = options.smtpd
        self.library = options.faults
        self.report = report
        self.name = name
        self.folder = os.path.join(root, name)
        os.mkdir(self.folder)
        self.database = os.path.join(self.folder, "mail.db")
        self.lock = self.database + "-lock"
        self.log = self.database + "-wal"
        self.trace = self.folder + ".trace"
        self.number = 0
        self.acknowledged = []
        self.last_log = []

    def check(self, ok, what):
        self.report.check(ok, f"{self.name}: {what}")

    def next_mail(self, size=500):
        self.number += 1
        return common.mail(self.number, size)

    def env(self, rules=(), wait_ms=QUICK_MS):
        return common.faults_env(
            self.library, self.database, rules, wait_ms=wait_ms, log=self.trace)

    def start(self, rules=(), wait_ms=QUICK_MS, **popen):
        """A session that has said EHLO."""
        server = common.Server(
            self.smtpd, self.database, self.env(rules, wait_ms), **popen)
        server.client.greet()
        return server

    def send(self, server, size=500):
        """The next mail; the reply that decided it, as "250 2.0.0 ..."."""
        data = self.next_mail(size)
        try:
            code, text = server.client.mail(data)
        except common.Lost:
            return "no reply"
        if common.is_stored((code, text)):
            self.acknowledged.append(data)
        return f"{code} {text}"

    def session(self, rules=(), size=500, **popen):
        """One mail in a session of its own; the reply that decided it."""
        try:
            server = self.start(rules, **popen)
        except common.Lost:
            return "no greeting"
        reply = self.send(server, size)
        status = server.end()
        self.last_log = server.log()
        if status not in (0, *range(64, 79)):
            self.check(False, f"exit status {status}")
        return reply

    def takes(self, what, rules=(), **more):
        reply = self.session(rules, **more)
        self.check(reply.startswith("250 "), f"{what}: {reply}")

    def refuses(self, expected, what, rules=(), **more):
        """One reply, and one line in the log, with the cause."""
        reply = self.session(rules, **more)
        self.check(reply.startswith(expected), f"{what}: {reply}, not {expected}")
        causes = [line for line in self.last_log if 'cause="' in line]
        self.check(len(causes) == 1, f"{what}: the log has {self.last_log}")

    def nothing_is_lost(self):
        """All that was acknowledged is there, and nothing by halves."""
        try:
            table = common.rows(self.database)
            stored = [data for _, _, data, _ in table]
            lost = [common.number_of(data) for data in self.acknowledged
                    if stored.count(data) != 1]
            half = [id_ for id_, number, data, recipients in table
                    if not number or data != common.mail(*number) or recipients != 1]
            wrong = common.trouble_in(self.database)
        except sqlite3.Error as e:
            lost, half, wrong = [], [], [str(e)]
        self.check(not lost, f"acknowledged, but no row: {lost}")
        self.check(not half, f"rows that are not as sent: {half}")
        self.check(not wrong, f"the file: {wrong}")

    def faults(self):
        """How many calls have failed since this was last asked."""
        if not os.path.exists(self.trace):
            return 0
        with open(self.trace, encoding="ascii") as f:
            n = sum(" fail " in line for line in f)
        os.unlink(self.trace)
        return n

    def mark(self):
        with open(self.lock, "rb") as f:
            return f.read(1)

    def crash(self, connection):
        """Closes it, with what a crash of all processes leaves."""
        ends = ("", "-wal", "-lock")
        files = {}
        for end in ends:
            with open(self.database + end, "rb") as f:
                files[end] = f.read()
        connection.close()
        for end in ends:
            with open(self.database + end, "wb") as f:
                f.write(files[end])

    def keep_log(self):
        """A connection that keeps the log from being removed, with two mails
        before and one in it."""
        self.takes("at first")
        self.takes("the second")
        db = sqlite3.connect(self.database, timeout=0, isolation_level=None)
        db.execute("SELECT count(*) FROM message").fetchone()
        self.takes("into the log")
        return db

    def fill_log(self):
        """Makes the log long enough for a checkpoint (8 MB), and dies before it
        can make that: it takes the write lock for the mail first."""
        server = self.start([f"enter mail.db-lock 2 2 before {signal.SIGKILL:d}"])
        self.send(server, 8300 * 1024)
        server.end()


def stopped(pid, deadline=120):
    """Waits until the process has stopped (SIGSTOP); False: it ended."""
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            state = f.read().rsplit(")", 1)[1].split()[0]
        if state in "TZ":
            return state == "T"
        time.sleep(0.001)
    return False
