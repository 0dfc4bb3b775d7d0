#!/usr/bin/python3 -B
"""Nobody is shut out by those who only hold their connections: the latency of
honest mail beside each way to hold them.

    tests/system/starvation.py [--smtpd PROGRAM] [--seconds N]

Sources are addresses of 127.0.0.0/8.  Whoever is thrown out comes again.
"""

import argparse
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)
from listener import Listener, MAIL, until  # noqa: E402

BEGUN = b"EHLO x\r\nMAIL FROM:<a@b>\r\n"
TO = b"RCPT TO:<c@d>\r\n"
FEW = [(f"127.1.0.{i}", 20) for i in range(1, 11)]
MANY = [(f"127.2.{i // 250}.{i % 250 + 1}", 1) for i in range(500)]

# What is held, by whom: what is said at first, what then in drops, and whether
# the replies are read.
ATTACKS = [
    ("10 x 20 idle", FEW, b"", b"", True),
    ("500 x 1 idle", MANY, b"", b"", True),
    ("before the greeting is read", FEW, b"", b"", False),
    ("in HELO", FEW, b"EHLO ", b"x", True),
    ("after HELO", FEW, b"EHLO x\r\n", b"", True),
    ("in MAIL", FEW, b"EHLO x\r\nMAIL FROM:<", b"x", True),
    ("after MAIL", FEW, BEGUN, b"", True),
    ("after RCPT", FEW, BEGUN + TO, b"", True),
    ("in DATA", FEW, BEGUN + TO + b"DATA\r\n", b"x", True),
    ("in DATA at 1 kB/s", FEW, BEGUN + TO + b"DATA\r\n", b"x" * 398 + b"\r\n", True),
    ("in DATA at 20 kB/s", FEW, BEGUN + TO + b"DATA\r\n", b"x" * 7998 + b"\r\n", True),
    ("500 x 1 in DATA at 1 kB/s", MANY, BEGUN + TO + b"DATA\r\n",
     b"x" * 398 + b"\r\n", True),
    ("in BDAT", FEW, BEGUN + TO + b"BDAT 1000000\r\n", b"x", True),
    ("replies are not read", FEW, BEGUN + TO * 4000, b"", False),
]
DROP_SECONDS = 0.4
AGAIN_SECONDS = 0.5


class Holder:
    """One connection, made again whenever it is lost."""

    def __init__(self, crowd, source):
        self.crowd = crowd
        self.source = source
        self.sock = None
        self.at = 0.0  # when there is something to do

    def connect(self):
        self.sock = socket.socket()
        if not self.crowd.reads:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.sock.bind((self.source, 0))
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", self.crowd.port))
        self.said = False
        self.heard = b""
        self.crowd.selector.register(self.sock, selectors.EVENT_READ
                                     | selectors.EVENT_WRITE, self)

    def lose(self):
        self.unregister()
        self.sock.close()
        self.sock = None
        self.crowd.count(self.heard)
        self.at = time.monotonic() + AGAIN_SECONDS

    def unregister(self):
        if self.sock in self.crowd.selector.get_map():
            self.crowd.selector.unregister(self.sock)

    def handle(self, events):
        try:
            if events & selectors.EVENT_WRITE:
                if not self.said and self.crowd.first:
                    self.sock.send(self.crowd.first)
                self.said = True
                self.at = time.monotonic() + DROP_SECONDS
                if self.crowd.reads:
                    self.crowd.selector.modify(
                        self.sock, selectors.EVENT_READ, self)
                else:
                    self.unregister()
            elif events & selectors.EVENT_READ:
                octets = self.sock.recv(65536)
                self.heard = (self.heard + octets)[-200:]
                if not octets:
                    self.lose()
        except OSError:
            self.lose()

    def drip(self):
        self.at = time.monotonic() + DROP_SECONDS
        try:
            if self.said and self.crowd.drop:
                self.sock.send(self.crowd.drop)
            elif not self.crowd.reads and is_over(self.sock):
                self.lose()
        except BlockingIOError:
            pass
        except OSError:
            self.lose()


def is_over(sock):
    """Has the server closed?  Asked of the kernel, since nothing is read."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return info[0] != 1  # TCP_ESTABLISHED


class Crowd:
    def __init__(self, port, attack, counts):
        _, sources, self.first, self.drop, self.reads = attack
        self.port = port
        self.counts = counts  # lost, of them with a 421
        self.selector = selectors.PollSelector()
        self.holders = [Holder(self, source)
                        for source, n in sources for _ in range(n)]

    def count(self, heard):
        self.counts[0] += 1
        self.counts[1] += b"421 " in heard
        self.counts[2] += b"220 " in heard

    def run(self):
        while True:
            now = time.monotonic()
            for holder in self.holders:
                if holder.at <= now:
                    if holder.sock:
                        holder.drip()
                    else:
                        holder.connect()
                    holder.at = max(holder.at, now + 0.01)
            for key, events in self.selector.select(0.02):
                if key.data.sock is key.fileobj:
                    key.data.handle(events)


def attack_in_process(port, attack, counts):
    Crowd(port, attack, counts).run()


def honest_mail(port, source):
    """How long one took, and its reply."""
    begin = time.monotonic()
    try:
        sock = socket.create_connection(("127.0.0.1", port), 5, (source, 0))
        client = common.Client(sock, 5)
        code, text = client.greet()
        reply = (code, text) if code >= 400 else client.mail(MAIL)
        if reply[0] == 250:
            client.command("QUIT")
        client.close()
    except (common.Lost, OSError) as e:
        reply = 0, repr(e)
    return time.monotonic() - begin, reply


def slow_mail(port, seconds, result):
    """One that arrives slowly, but honestly: 10 kB in a second."""
    try:
        sock = socket.create_connection(("127.0.0.1", port), 5, ("127.9.9.8", 0))
        client = common.Client(sock, 20)
        client.greet()
        for line in ("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"):
            client.command(line)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            client.send(b"x" * 498 + b"\r\n")
            time.sleep(0.05)
        result.append(client.command("."))
        client.close()
    except (common.Lost, OSError) as e:
        result.append((0, repr(e)))


def run(options, report, attack):
    name = attack[0]
    with tempfile.TemporaryDirectory() as folder, \
            Listener(options, folder, "--idle-exit=0") as listener:
        honest_mail(listener.port, "127.9.9.9")  # makes the database
        counts = multiprocessing.Array("i", 3)
        crowd = multiprocessing.Process(
            target=attack_in_process, args=(listener.port, attack, counts),
            daemon=True)
        crowd.start()
        until(lambda: len(listener.children()) >= 150, 10)
        took, refused, slow = [], [], []
        slow_thread = threading.Thread(
            target=slow_mail, args=(listener.port, options.seconds, slow))
        slow_thread.start()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end or len(took) < 10:
            seconds, reply = honest_mail(listener.port, "127.9.9.9")
            took.append(seconds)
            if reply[0] != 250:
                refused.append(reply)
            time.sleep(0.02)
        slow_thread.join()
        held = len(listener.children())
        crowd.terminate()
        crowd.join()
    took.sort()
    print(f"{name:28} {held:5} {counts[0]:6} {counts[1]:6} {len(took):6}"
          f" {statistics.median(took) * 1000:8.1f}"
          f" {took[len(took) * 99 // 100] * 1000:8.1f}"
          f" {took[-1] * 1000:8.1f}", flush=True)
    report.check(not refused, f"{name}: {len(refused)} of {len(took)} honest "
                 f"mails were not taken: {refused[:3]}")
    # Where the queue of the socket is full, the kernel drops a SYN, which comes
    # again after 1.02 s and 3 s; so the bound is for half of them a second, and
    # for all what a busy machine makes of two SYNs.
    report.check(took[len(took) // 2] < 1, f"{name}: {took[len(took) // 2]:.3f} s")
    report.check(took[-1] < 5, f"{name}: {took[-1]:.3f} s")
    report.check(slow[0][0] == 250, f"{name}, and a slow mail: {slow}")
    if attack[4]:
        report.check(counts[1] == counts[0],
                     f"{name}: {counts[0] - counts[1]} of {counts[0]} thrown out "
                     "without a 421")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    report = common.Report()
    print(f"{'what is held':28} {'held':>5} {'lost':>6} {'by 421':>6} "
          f"{'honest':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for attack in ATTACKS:
        if options.only in attack[0]:
            run(options, report, attack)
    report.end()


if __name__ == "__main__":
    main()
