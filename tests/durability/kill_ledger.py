#!/usr/bin/python3 -B
"""The kill ledger: clients send numbered mails through a superserver and write
down every 250, while sessions and writers are killed, at random instants and at
chosen ones.  Afterwards every number acknowledged must be a row, with exact octets.
"""

import argparse
import collections
import collections
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time

import common

# A killed session may have run through each of them so often, before.
INSTANTS = [
    "enter mail.db-lock 1 4",  # the write lock
    "leave mail.db-lock 1 4",  # COMMIT is over
    "write mail.db-wal 1 40",  # in COMMIT
    "lock mail.db-shm 1 60",
    "sync mail.db-wal 1 5",
    "send - 5 24",  # a reply
    "write spool 1 4",
    "write mail.db 1 30",  # a checkpoint
    "sync mail.db 1 2",
    "truncate mail.db-wal 1 1",
    "unlink mail.db-wal 1 1",
]
ODDS = 50  # percent of the sessions that end so


class Ledger:
    """What the clients know; `lost` counts the texts without a reply."""

    def __init__(self, has_writer):
        self.has_writer = has_writer
        self.lock = threading.Lock()
        self.next = 0
        self.ids = {}  # number: id that the 250 named
        self.size = {}
        self.lost = collections.Counter()
        self.refusals = []
        self.lost_sessions = 0

    def take_number(self, choose):
        size = 300 * 1024 if choose.random() < 0.03 else choose.randrange(4000)
        with self.lock:
            self.next += 1
            self.size[self.next] = size
            return self.next


def recipients_of(number):
    return 1 + number % 3


class Sender(threading.Thread):
    """One client after the other, each with a few mails."""

    def __init__(self, ledger, port, seed, stop):
        super().__init__(daemon=True)
        self.ledger = ledger
        self.port = port
        self.choose = random.Random(seed)
        self.stop = stop
        self.number = None  # to be sent again

    def run(self):
        while not self.stop.is_set():
            try:
                # A listener keeps an address waiting whose sessions crash.
                source = "127.1.%d.%d" % (self.choose.randrange(256),
                                          self.choose.randrange(1, 255))
                sock = socket.create_connection(("127.0.0.1", self.port), 60,
                                                (source, 0))
            except OSError:
                time.sleep(0.001)  # its backlog is full
                continue
            client = common.Client(sock)
            try:
                self.session(client)
            except common.Lost:
                self.ledger.lost_sessions += 1
            finally:
                client.close()

    def session(self, client):
        client.greet()
        for _ in range(self.choose.randrange(1, 7)):
            if self.number is None:
                self.number = self.ledger.take_number(self.choose)
            self.send(client, self.number)
            self.number = None
        client.command("QUIT")

    def send(self, client, number):
        data = common.mail(number, self.ledger.size[number])
        send = client.mail_pipelined if self.choose.random() < 0.5 else client.mail
        client.sent_text = False
        try:
            reply = send(data, recipients_of(number))
        except common.Lost:
            # Without the text no row can have come of it.
            self.ledger.lost[number] += client.sent_text
            raise
        if common.is_stored(reply):
            self.ledger.ids[number] = common.id_of(reply)
        else:
            self.ledger.refusals.append((number, reply))
            # A writer that was killed may have committed it.
            self.ledger.lost[number] += self.ledger.has_writer and client.sent_text
            client.command("RSET")  # where RCPT was refused, the mail stands


class Superserver:
    """tcpserver, or smtpd itself; its sessions, and how to kill them."""

    def __init__(self, name, options, database, trace, log):
        rules = [f"{instant} {when} {signal.SIGKILL.value}"
                 for instant in INSTANTS for when in ("before", "after")]
        env = {**os.environ, **common.faults_env(
            options.faults, database, rules, odds=ODDS, log=trace)}
        # The rules make calls that no session may.
        smtpd = [options.smtpd, "-d", database, "-n", "mx.example",
                 "--no-confine"]
        if name == "tcpserver":
            self.process = subprocess.Popen(
                ["tcpserver", "-1", "-H", "-R", "-l0", "-b100", "-c100",
                 "127.0.0.1", "0", *smtpd],
                stdout=subprocess.PIPE, stderr=log, env=env)
            with self.process.stdout as f:
                self.port = int(f.readline())
            return
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                smtpd + ["--max-per-source=100", "--idle-exit=0"],
                stdin=listening, stderr=log, env=env)

    def sessions(self):
        """(pid, name of the program) of each child."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8",
                          errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            name = text[text.index("(") + 1:text.rindex(")")]
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            if int(parent) == self.process.pid and state != "Z":
                found.append((int(entry), name))
        return found

    def kill(self, pid):
        """True: it was a session of ours, and is no more."""
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return False
        try:
            if (pid, "smtpd") not in self.sessions():
                return False  # the number names another process by now
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            return True
        except OSError:
            return False
        finally:
            os.close(fd)

    def end(self):
        """Once the last session is over; a writer stays for longer."""
        until = time.monotonic() + 5
        while (time.monotonic() < until and
               any(name == "smtpd" for _, name in self.sessions())):
            time.sleep(0.01)
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def count_chosen(trace):
    """The kills at chosen instants: how many of each."""
    found = collections.Counter()
    if os.path.exists(trace):
        with open(trace, encoding="ascii") as f:
            for line in f:
                _, when, kind, _, file = line.split()
                found[f"{when} {kind} {file}"] += 1
    return found


def missing(chosen):
    """The instants that the ledger is about, at which none was killed yet."""
    wanted = [f"{when} {what}" for when in ("before", "after")
              for what in ("enter mail.db-lock", "write mail.db-wal",
                           "leave mail.db-lock", "sync mail.db-wal", "send -")]
    return [instant for instant in wanted if not chosen[instant]]


def kill_away(options, kills, server, trace):
    """Until there were enough; how many died at random instants."""
    choose = random.Random(options.seed)
    at_random = 0
    deadline = time.monotonic() + options.deadline
    while time.monotonic() < deadline:
        chosen = count_chosen(trace)
        if (at_random + sum(chosen.values()) >= kills and
                not missing(chosen)):
            return at_random
        time.sleep(choose.random() * 0.03)
        sessions = server.sessions()
        if not sessions:
            continue
        # Now and then all of them, so that the next one finds a left-over log.
        everyone = choose.random() < 0.1
        for pid, name in sessions if everyone else [choose.choice(sessions)]:
            if name == "smtpd":
                at_random += server.kill(pid)
    return at_random


def check(report, ledger, database):
    """The ledger against the table."""
    table = common.rows(database)
    found = collections.defaultdict(list)
    for id_, number, data, nrecipients in table:
        whole = number is not None and data == common.mail(*number)
        report.check(whole, f"message {id_} is not as it was sent")
        if whole:
            found[number[0]].append(id_)
            report.check(nrecipients == recipients_of(number[0]),
                         f"message {id_} has {nrecipients} recipients")
    for number, id_ in ledger.ids.items():
        rows = found.get(number, [])
        report.check(id_ in rows, f"mail {number} was acknowledged as {id_}: {rows}")
        report.check(len(rows) <= 1 + ledger.lost[number],
                     f"mail {number} stands {len(rows)} times, for "
                     f"{ledger.lost[number]} lost replies")
    for number in set(found) - set(ledger.ids):
        report.check(0 < len(found[number]) <= ledger.lost[number],
                     f"mail {number}, unacknowledged: {found[number]}")
    wrong = common.trouble_in(database)
    report.check(not wrong, f"the file: {wrong[:3]}")
    # One may be kept waiting by what a session left that was killed while it
    # made the database, or its writer was killed; but then it is told to come
    # again.
    wrong = [r for r in ledger.refusals if r[1][0] not in (451, 421)]
    report.check(not wrong, f"refused: {wrong[:3]}")
    twice = sum(len(rows) > 1 for rows in found.values())
    print(f"{len(ledger.ids)} mails acknowledged, {len(table)} rows, "
          f"{twice} numbers more than once, {len(ledger.refusals)} deferred, "
          f"{ledger.lost_sessions} sessions lost")


def run(name, options, kills, report, root):
    """One superserver: so many kills, then the check."""
    database = os.path.join(root, "db", "mail.db")
    trace = os.path.join(root, "trace")
    os.mkdir(os.path.dirname(database))
    common.give_away(root, os.path.dirname(database))
    ledger = Ledger(name == "smtpd")
    stop = threading.Event()
    with open(os.path.join(root, "log"), "wb") as log:
        server = Superserver(name, options, database, trace, log)
    senders = [Sender(ledger, server.port, options.seed + i, stop)
               for i in range(options.clients)]
    for sender in senders:
        sender.start()
    at_random = kill_away(options, kills, server, trace)
    stop.set()
    for sender in senders:
        sender.join(120)  # longer than its own patience
        report.check(not sender.is_alive(), "a client got no reply for a minute")
    server.end()
    chosen = count_chosen(trace)
    print(f"{name}: {at_random} sessions killed at random instants, "
          f"{sum(chosen.values())} at chosen ones:")
    for instant in sorted(chosen):
        print(f"  {chosen[instant]:5} {instant}")
    report.check(at_random + sum(chosen.values()) >= kills,
                 f"only {at_random} + {sum(chosen.values())} were killed in time")
    report.check(at_random > 0, "none was killed at random")
    report.check(not missing(chosen), f"none was killed {missing(chosen)}")
    check(report, ledger, database)
    with open(os.path.join(root, "log"), encoding="utf-8", errors="replace") as f:
        told = collections.Counter(
            line.partition("reply=")[2].strip() for line in f if "cause=" in line)
    for what, times in told.most_common(10):
        print(f"  {times:5} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--faults", default="build/faults.so")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--deadline", type=int, default=1800, help="seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    options.smtpd = os.path.realpath(options.smtpd)
    print(f"seed {options.seed}")
    report = common.Report()
    names = ["tcpserver", "smtpd"]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="smtpd-ledger-") as root:
            run(name, options, options.kills // len(names), report, root)
    report.end()


if __name__ == "__main__":
    main()
