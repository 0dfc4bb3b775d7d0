#!/usr/bin/python3 -B
"""Minor page faults of a listener for each connection, its session's among
them: a fault costs from 0.2 to 10 us, so with one mail per connection they are
most of the time.  Unlike times, they are the same on every run.

    bench/faults.py [--connections N] [--most N] PROGRAM [ARGUMENT...]

Prints them for a connection with one mail, with a QUIT alone, and with nothing
said at all.  Each connection begins when the one before is over.  With --most,
fails if there are more for one with a mail.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time

MAIL = (b"EHLO client.example\r\n", b"MAIL FROM:<ann@client.example>\r\n",
        b"RCPT TO:<bob@mx.example>\r\n", b"DATA\r\n",
        b"Subject: hi\r\n\r\n" + 60 * (b"x" * 68 + b"\r\n") + b".\r\n",
        b"QUIT\r\n")
KINDS = {"mail": MAIL, "quit": (b"QUIT\r\n",), "nothing": ()}


class Listener:
    def __init__(self, command):
        self.folder = tempfile.TemporaryDirectory()
        if os.geteuid() == 0:  # which does not serve a network
            os.chown(self.folder.name, 65534, 65534)
        with socket.create_server(("127.0.0.1", 0)) as listening, \
                open(f"{self.folder.name}/log", "wb") as log:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [*command, "--hostname=mx.example", "--max-per-source=100",
                 f"--database={self.folder.name}/mail.db"],
                stdin=listening, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.folder.cleanup()

    def faults(self):
        """Of its own and of the children that it has waited for."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[7]) + int(fields[8])

    def connect(self, lines):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            file = connection.makefile("rb")
            reply(file)
            for line in lines:
                connection.sendall(line)
                said = reply(file)
                assert said[:1] in b"23", said
            connection.shutdown(socket.SHUT_WR)
            assert file.read() == b""

    def measure(self, kind, connections):
        for _ in range(10):
            self.connect(KINDS[kind])
        before = self.settled()
        for _ in range(connections):
            self.connect(KINDS[kind])
        return (self.settled() - before) / connections

    def settled(self):
        """The count when whoever has ended is counted."""
        last, since = self.faults(), time.monotonic()
        while time.monotonic() - since < 0.3:
            time.sleep(0.02)
            now = self.faults()
            if now != last:
                last, since = now, time.monotonic()
        return last


def reply(file):
    line = file.readline()
    while line[3:4] == b"-":
        line = file.readline()
    return line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--most", type=float)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = [os.path.abspath(options.command[0]), *options.command[1:]]
    with Listener(command) as listener:
        for kind in KINDS:
            faults = listener.measure(kind, options.connections)
            for _ in range(4):  # a busy machine may count some too late
                if kind == "mail" and options.most and faults > options.most:
                    faults = listener.measure(kind, options.connections)
            print(f"{kind:8}{faults:8.1f}")
            if kind == "mail" and options.most and faults > options.most:
                sys.exit(f"more than {options.most:g} page faults")


if __name__ == "__main__":
    main()
