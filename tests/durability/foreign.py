#!/usr/bin/python3 -B
"""Foreign hands: the sqlite3 shell deletes, vacuums, backs up and checkpoints
while mail arrives at full rate, and a reader polls WHERE id > ?.

As smtpd-db(5) asks of them, foreign writers take the write lock, with flock(1),
or do not checkpoint (wal_autocheckpoint=0).
"""

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import common


class Test:
    """What all threads share."""

    def __init__(self, options, report, database):
        self.smtpd = options.smtpd
        self.report = report
        self.database = database
        self.folder = os.path.dirname(os.path.dirname(database))
        self.stop = threading.Event()
        self.senders_gone = threading.Event()
        self.numbers = iter(range(1, 1 << 40))
        self.lock = threading.Lock()
        self.acknowledged = {}  # id: number
        self.refusals = []
        self.seen = {}  # id: number, by the reader
        self.last = 0  # id that the reader has read up to
        self.deleted = []  # ids
        self.done = {}  # what the foreign hands did: how often

    def did(self, what):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1

    def is_all_done(self):
        with self.lock:
            return len(self.done) == len(HANDS) and self.deleted


# Mail


def send_mails(test, seed):
    choose = random.Random(seed)
    while not test.stop.is_set():
        server = common.Server(test.smtpd, test.database, log=f".log-{seed}")
        try:
            server.client.greet()
            for _ in range(choose.randrange(1, 100)):
                if test.stop.is_set():
                    break
                send_one(test, server.client, choose.randrange(4000))
            server.client.command("QUIT")
        except common.Lost:
            test.refusals.append(f"no reply {server.log()[-1:]}")
        except TimeoutError:
            test.refusals.append("no reply in time")
        status = server.end()
        if status != 0:
            test.refusals.append(f"exit status {status}")


def send_one(test, client, size):
    with test.lock:
        number = next(test.numbers)
    reply = client.mail_pipelined(common.mail(number, size))
    if common.is_stored(reply):
        with test.lock:
            test.acknowledged[common.id_of(reply)] = number
    else:
        test.refusals.append(str(reply))


# The reader


def poll(test):
    """Reads on from the last id, as an application would."""
    db = sqlite3.connect(test.database, timeout=30)
    while True:
        stopping = test.senders_gone.is_set()
        rows = db.execute("SELECT id, data FROM message WHERE id > ? ORDER BY id",
                          (test.last,)).fetchall()
        for id_, data in rows:
            number = common.number_of(data)
            if number is None or data != common.mail(*number):
                test.report.check(False, f"message {id_} is not as sent")
            test.seen[id_] = number and number[0]
            test.last = id_
        if stopping and not rows:
            db.close()
            return
        time.sleep(0.001)


# Foreign hands


def shell(test, sql, lock):
    """Runs the sqlite3 shell, which waits as long as smtpd would; its output."""
    command = ["sqlite3", "-bail", "-cmd", ".timeout 20000", test.database, sql]
    if lock:
        command = ["flock", test.database + "-lock"] + command
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         check=False, text=True)
    if ran.returncode != 0 or ran.stderr:
        test.report.check(False, f"sqlite3 '{sql}': {ran.returncode} {ran.stderr}")
    return ran.stdout


def delete(test, lock):
    """Deletes rows that the reader has read; the rest is for it to find."""
    while not test.stop.is_set():
        sql = ("BEGIN IMMEDIATE; DELETE FROM message WHERE id IN (SELECT id FROM"
               f" message WHERE id <= {test.last} ORDER BY random() LIMIT 8)"
               " RETURNING 'deleted ' || id; COMMIT")
        if not lock:
            sql = "PRAGMA wal_autocheckpoint = 0; " + sql
        output = shell(test, sql, lock)
        ids = [int(line.split()[1]) for line in output.splitlines()
               if line.startswith("deleted ")]
        with test.lock:
            test.deleted += ids
        test.did("DELETE under the write lock" if lock else
                 "DELETE without checkpoint")
        time.sleep(0.1)


def vacuum(test):
    while not test.stop.is_set():
        shell(test, "VACUUM", True)
        test.did("VACUUM")
        time.sleep(0.1)


def checkpoint(test):
    while not test.stop.is_set():
        shell(test, "PRAGMA wal_checkpoint(TRUNCATE)", True)
        test.did("checkpoint")
        time.sleep(0.1)


def not_deleted(test, ids, seconds=120):
    """Those that no delete was told of; the shell that did it may still run."""
    until = time.monotonic() + seconds
    while True:
        with test.lock:
            left = ids - set(test.deleted)
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.005)


def back_up(test, what, command, lock):
    """Makes copies; what was acknowledged before is in them, or deleted."""
    copy = os.path.join(test.folder, f"copy-{what.strip('.').replace(' ', '-')}")
    while not test.stop.is_set():
        with test.lock:
            before = set(test.acknowledged)
        shell(test, command % copy, lock)
        db = sqlite3.connect(copy)
        there = {id_ for id_, in db.execute("SELECT id FROM message")}
        wrong = [r for r in db.execute("PRAGMA integrity_check") if r[0] != "ok"]
        db.close()
        os.unlink(copy)
        lost = not_deleted(test, before - there)
        test.report.check(not wrong, f"{what}: the copy: {wrong[:3]}")
        test.report.check(not lost, f"{what}: not in the copy: {sorted(lost)[:9]}")
        test.did(what)
        time.sleep(0.1)


HANDS = [
    (delete, True),
    (delete, False),
    (vacuum,),
    (checkpoint,),
    (back_up, ".backup", ".backup '%s'", True),
    (back_up, "VACUUM INTO", "VACUUM INTO '%s'", False),
]


# What must hold


def check(test):
    report = test.report
    lost = [n for id_, n in test.acknowledged.items() if test.seen.get(id_) != n]
    report.check(not lost, f"acknowledged, but not read by the reader: {lost[:9]}")
    table = {id_: number and number[0]
             for id_, number, _, _ in common.rows(test.database)}
    gone = set(test.deleted)
    missed = set(table) - set(test.seen)
    report.check(not missed, f"rows that the reader missed: {sorted(missed)[:9]}")
    report.check(gone <= set(test.seen), "rows were deleted that nobody has read")
    report.check(set(table) == set(test.seen) - gone,
                 f"rows gone or come back: {set(table) ^ (set(test.seen) - gone)}")
    changed = [id_ for id_, n in table.items() if test.seen.get(id_, n) != n]
    report.check(not changed, f"rows that became others: {changed[:9]}")
    report.check(len(test.deleted) == len(gone), "an id was given twice")
    numbers = list(test.seen.values())
    report.check(len(numbers) == len(set(numbers)), "a mail became two rows")
    report.check(not test.refusals, f"refused: {test.refusals[:3]}")
    wrong = common.trouble_in(test.database)
    report.check(not wrong, f"the file: {wrong[:3]}")
    report.check(test.is_all_done(),
                 f"some hands did nothing: {test.done}")
    print(f"{len(test.acknowledged)} mails acknowledged, {len(test.seen)} read, "
          f"{len(gone)} deleted, {len(table)} left")
    for what in sorted(test.done):
        print(f"  {test.done[what]:5} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    options.smtpd = os.path.realpath(options.smtpd)
    report = common.Report()
    with tempfile.TemporaryDirectory(prefix="smtpd-foreign-") as root:
        database = os.path.join(root, "db", "mail.db")
        os.mkdir(os.path.dirname(database))
        if not common.is_stored(common.deliver(options.smtpd, database, common.mail(0, 10))):
            sys.exit("the database cannot be made")
        test = Test(options, report, database)
        reader = threading.Thread(target=poll, args=(test,))
        reader.start()
        hands = [threading.Thread(target=hand[0], args=(test, *hand[1:]))
                 for hand in HANDS]
        senders = [threading.Thread(target=send_mails, args=(test, i))
                   for i in range(options.clients)]
        for thread in senders + hands:
            thread.start()
        time.sleep(options.seconds)
        # A slow machine has each hand do something all the same.
        end = time.monotonic() + 300
        while not test.is_all_done() and time.monotonic() < end:
            time.sleep(0.1)
        test.stop.set()
        for thread in senders + hands:
            thread.join()
        test.senders_gone.set()
        reader.join()
        check(test)
    report.end()


if __name__ == "__main__":
    main()
