#!/usr/bin/python3 -B
"""smtpd as a listener, without a superserver: its processes, and what may not
keep them or their clients waiting.

    tests/system/listener.py [--smtpd PROGRAM]
"""

import argparse
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)

MAIL = b"Subject: hi\r\n\r\nHello.\r\n"


def until(condition, seconds=20):
    """What the condition becomes, or its last answer."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


class Listener:
    def __init__(self, options, folder, *arguments, **popen):
        self.database = os.path.join(folder, "mail.db")
        self.log = os.path.join(folder, "log")
        with socket.create_server(("127.0.0.1", 0)) as listening, \
                open(self.log, "wb") as log:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [options.smtpd, "-d", self.database, "-n", "mx.example", *arguments],
                stdin=listening, stderr=log, **popen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self, deadline=60):
        return common.Client(socket.create_connection(("127.0.0.1", self.port)),
                             deadline)

    def deliver(self, data=MAIL, deadline=60):
        """The reply that decided it."""
        client = self.connect(deadline)
        try:
            code, text = client.greet()
            return (code, text) if code >= 400 else client.mail(data)
        except (common.Lost, TimeoutError) as e:
            return 0, repr(e)
        finally:
            client.close()

    def children(self):
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if parent_of(pid) == self.process.pid]

    def holders(self):
        """Its children that have the database open."""
        return [pid for pid in self.children()
                if self.database in open_files(pid)]

    def writer(self):
        """The one child that has the database open; 0: there is not one."""
        holders = self.holders()
        return holders[0] if len(holders) == 1 else 0


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def open_files(pid):
    try:
        return {os.readlink(f"/proc/{pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return set()


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}")


def writer_outlives_the_listener(options, report, folder):
    with Listener(options, folder) as listener:
        report.check(listener.deliver()[0] == 250, "mail")
        client = listener.connect()
        client.greet()
        writer = until(listener.writer)
        report.check(writer, "one process alone has the database open")
        listener.process.kill()
        listener.process.wait()
        reply = client.mail(MAIL)
        report.check(reply[0] == 250, f"the session of a killed listener: {reply}")
        client.close()
        report.check(until(lambda: not is_alive(writer)),
                     "the writer ends with the last session")


def writer_that_is_killed(options, report, folder):
    with Listener(options, folder) as listener:
        client = listener.connect()
        client.greet()
        report.check(client.mail(MAIL)[0] == 250, "mail")
        os.kill(listener.writer(), signal.SIGKILL)
        replies = [client.command("MAIL FROM:<a@client.example>")[0]
                   for _ in range(2)]
        report.check(replies == [451, 421], f"its session: {replies}")
        client.close()
        reply = listener.deliver()
        report.check(reply[0] == 250, f"the next one: {reply}")
        rows = sqlite3.connect(listener.database).execute(
            "SELECT count(*) FROM message").fetchone()[0]
        report.check(rows == 2, f"{rows} rows of 2 mails")


def greeting_needs_no_database(options, report, folder):
    with Listener(options, folder) as listener:
        report.check(listener.deliver()[0] == 250, "mail")
    foreign = sqlite3.connect(listener.database, isolation_level=None)
    foreign.execute("PRAGMA locking_mode = EXCLUSIVE")
    foreign.execute("BEGIN IMMEDIATE")
    foreign.execute("ROLLBACK")
    with Listener(options, folder) as listener:
        for _ in range(3):  # the first worker began before there was one
            client = listener.connect(10)
            try:
                code, text = client.reply()
            except TimeoutError:
                code, text = 0, "nothing"
            report.check(code == 220, f"a locked database, and the greeting: {text}")
            client.close()
        foreign.close()
        reply = listener.deliver()
        report.check(reply[0] == 250, f"mail when it is free: {reply}")


def new_mail_is_no_fifo(options, report, folder):
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    with Listener(options, folder, "--new-mail=" + fifo) as listener:
        reply = listener.deliver(deadline=10)
        report.check(reply[0] == 250, f"--new-mail is a FIFO: {reply}")


def file_size_limit(options, report, folder):
    """A file that may not grow kills nobody."""
    limit = 1 << 20
    with Listener(options, folder, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit))) as listener:
        replies = [listener.deliver(MAIL + b"x" * 70000 + b"\r\n")[0]
                   for _ in range(40)]
        # The housekeeper may make room meanwhile.
        report.check(replies[0] == 250 and {451, 452} & set(replies),
                     f"replies until the file may not grow: {replies}")
        report.check(set(replies) <= {250, 451, 452}, f"and no others: {replies}")
        stored = sqlite3.connect(listener.database).execute(
            "SELECT count(*) FROM message").fetchone()[0]
        report.check(stored >= replies.count(250),
                     f"{stored} rows of {replies.count(250)} mails")
    with open(listener.log, encoding="utf-8") as f:
        report.check("killed by signal" not in f.read(), "nobody is killed")


def refusals_are_summed_up(options, report, folder):
    """One session cannot fill the log."""
    with Listener(options, folder, "--max-errors=100000") as listener:
        client = listener.connect()
        client.greet()
        client.send(b"RCPT TO:<a@b>\r\n" * 5000)
        last = ""
        for _ in range(5000):
            last = client.reply()
        report.check(last[0] == 503, f"the last refusal: {last}")
        client.close()
        until(lambda: "more" in read(listener.log))
        log = read(listener.log).splitlines()
    report.check(len([line for line in log if "refused client" in line]) == 10,
                 f"the first refusals: {log[:20]}")
    report.check(any("more client=127.0.0.1" in line and
                     "refused=4990 deferred=0" in line for line in log),
                 f"the sum of the others: {log[-3:]}")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    options = parser.parse_args()
    report = common.Report()
    for test in (writer_outlives_the_listener, writer_that_is_killed,
                 greeting_needs_no_database, new_mail_is_no_fifo, file_size_limit,
                 refusals_are_summed_up):
        with tempfile.TemporaryDirectory() as folder:
            test(options, report, folder)
    report.end()


if __name__ == "__main__":
    main()
