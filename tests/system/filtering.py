"""What the tests of filters share: smtpd with them, and programs and threads that
are filters."""

import argparse
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)

HERE = os.path.dirname(os.path.abspath(__file__))
MAIL = b"Subject: hi\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nHello.\r\n"


def wait_for(path, process=None, seconds=120):
    """Until somebody listens at the socket."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
            s.connect(path)
            return
        if process and process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens at {path}")


@contextlib.contextmanager
def program(arguments, path, log=None, kills=True):
    """A program that listens at a socket, for a while; libmilter takes five seconds
    to end by itself."""
    with open(log or os.devnull, "ab") as out:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out)
    try:
        wait_for(path, process)
        os.chmod(path, 0o666)
        yield process
    finally:
        process.kill() if kills else process.terminate()
        process.wait(120)


def milter(folder, name="milter", *arguments):
    path = os.path.join(folder, name)
    return program(["/usr/bin/python3", "-B", os.path.join(HERE, "milters.py"), path,
                    *arguments], path, os.path.join(folder, name + ".log"))


class Server:
    """smtpd as a listener, in a folder of its own that anybody may enter."""

    def __init__(self, options, folder, *arguments):
        self.folder = os.path.join(folder, "smtpd")
        os.mkdir(self.folder)
        common.give_away(self.folder)
        self.database = os.path.join(self.folder, "mail.db")
        self.log = os.path.join(folder, "smtpd.log")
        with socket.create_server(("127.0.0.1", 0)) as listening, \
                open(self.log, "ab") as log:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [options.smtpd, "-d", self.database, "-n", "mx.example", *arguments],
                stdin=listening, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(120)

    def connect(self, helo="client.example"):
        client = common.Client(
            socket.create_connection(("127.0.0.1", self.port)), 60)
        client.reply()
        client.command("EHLO " + helo)
        return client

    def send(self, helo="client.example", data=MAIL, nrecipients=1):
        """The code that decided a mail, at which command."""
        client = self.connect(helo)
        try:
            commands = ["MAIL FROM:<a@client.example>"]
            commands += [f"RCPT TO:<r{i}@mx.example>" for i in range(nrecipients)]
            for text in commands + ["DATA"]:
                code, line = client.command(text)
                if code >= 400:
                    return text[:4], code, line
            client.send(common.on_the_wire(data))
            return "text", *client.reply()
        finally:
            client.close()

    def query(self, sql):
        with sqlite3.connect(self.database, timeout=30) as db:
            return db.execute(sql).fetchall()


def alone(options, folder, lines, *arguments):
    """What smtpd answers to lines on standard input: the codes."""
    done = subprocess.run(
        [options.smtpd, "-d", os.path.join(folder, "alone.db"), "-n", "mx.example",
         *arguments], input="".join(line + "\r\n" for line in lines).encode(),
        capture_output=True, timeout=300, check=False)
    return [line[:3] for line in done.stdout.decode().split("\r\n")
            if line[3:4] == " "]


class Fake:
    """Listens at a socket and talks to each who connects, in a thread."""

    def __init__(self, path, talk):
        self.path, self.talk = path, talk

    def __enter__(self):
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listening.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listening.accept()[0]
                threading.Thread(target=self.serve, args=(connection,),
                                 daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError, ValueError, KeyError):
            self.talk(connection)

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        os.unlink(self.path)


@contextlib.contextmanager
def policy_server(folder, decide, name="policy"):
    def talk(connection):
        stream = connection.makefile("rb")
        attributes = {}
        for line in stream:
            line = line.decode().rstrip("\n")
            if line:
                key, _, value = line.partition("=")
                attributes[key] = value
                continue
            connection.sendall(f"action={decide(attributes)}\n\n".encode())
            attributes = {}
    with Fake(os.path.join(folder, name), talk):
        yield


def run(tests, may_run=lambda test: True):
    """Each test in a folder of its own; the count at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    report = common.Report()
    os.umask(0o022)  # what is in the folders is for other users too
    for test in tests:
        if options.names and test.__name__ not in options.names or not may_run(test):
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="smtpd-filters-") as folder:
            os.chmod(folder, 0o755)
            test(options, report, folder)
        print(f"{test.__name__}: {time.monotonic() - start:.1f} s")
    report.end()
