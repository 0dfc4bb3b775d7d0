"""What the durability tests share: mails with numbers, a plain SMTP client,
smtpd on one end of a socket pair, and the count at the end."""

import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import threading


class Lost(Exception):
    """The connection ended before the reply came."""


# Mails


def _noise():
    """A megabyte of lines: 8-bit octets, lone dots, dots in front, no bare CR
    or LF."""
    octets = bytes(c for c in range(1, 256) if c not in (10, 13))
    choose = random.Random(1)
    lines = [b".", b"..", b".x", b"", b"From here"]
    size = 0
    while size < 1 << 20:
        line = bytes(choose.choices(octets, k=choose.randrange(200)))
        lines += [line, choose.choice(lines[:5])]
        size += len(line) + 4
    return b"\r\n".join(lines)


NOISE = _noise()


def mail(number, size):
    """The text of a mail, the same for the same arguments."""
    at = number * 7919 % (len(NOISE) // 2)
    body = NOISE[at:at + size]
    while len(body) < size:
        body += NOISE[:size - len(body)]
    return b"X-Number: %d %d\r\n\r\n%s\r\n" % (number, size, body.strip(b"\r\n"))


def number_of(data):
    """(number, size) of a mail, or None where there is none to be read."""
    found = re.match(rb"X-Number: (\d+) (\d+)\r\n", data)
    return (int(found[1]), int(found[2])) if found else None


def on_the_wire(data):
    """With dots stuffed and the final one added (RFC 5321 s. 4.5.2)."""
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


# SMTP


NOBODY = 65534


def give_away(*folders):
    """Root does not serve a network; it becomes the owner of such a folder."""
    if os.geteuid() == 0:
        for folder in folders:
            os.chown(folder, NOBODY, NOBODY)


class Client:
    """Sends commands, reads replies: (code, last line behind the code)."""

    def __init__(self, sock, deadline=60):
        self.sock = sock
        self.sock.settimeout(deadline)
        self.unread = b""
        self.replies = 0
        self.sent_text = False
        self.refusals = []

    def close(self):
        self.sock.close()

    def send(self, octets):
        try:
            self.sock.sendall(octets)
        except ConnectionError:
            pass  # what the server said before is still there to be read

    def _line(self):
        while b"\n" not in self.unread:
            try:
                more = self.sock.recv(65536)
            except ConnectionError as e:
                raise Lost() from e
            if not more:
                raise Lost()
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        return line.rstrip(b"\r").decode()

    def reply(self):
        line = self._line()
        while line[3:4] == "-":
            line = self._line()
        self.replies += 1
        if line[0] in "45":
            self.refusals.append(line)
        return int(line[:3]), line[4:]

    def command(self, text):
        self.send(text.encode() + b"\r\n")
        return self.reply()

    def greet(self):
        code, text = self.reply()
        return (code, text) if code != 220 else self.command("EHLO client.example")

    def mail(self, data, nrecipients=1):
        """One mail in lock step; the reply that decided it."""
        commands = ["MAIL FROM:<a@client.example>"]
        commands += ["RCPT TO:<r%d@mx.example>" % i for i in range(nrecipients)]
        for text in commands + ["DATA"]:
            code, line = self.command(text)
            if code >= 400:
                return code, line
        self.sent_text = True
        self.send(on_the_wire(data))
        return self.reply()

    def mail_pipelined(self, data, nrecipients=1):
        """One mail in two writes (RFC 2920)."""
        commands = ["MAIL FROM:<a@client.example>"]
        commands += ["RCPT TO:<r%d@mx.example>" % i for i in range(nrecipients)]
        self.send("".join(c + "\r\n" for c in commands + ["DATA"]).encode())
        replies = [self.reply() for _ in range(nrecipients + 2)]
        refused = [r for r in replies if r[0] >= 400]
        if refused:
            return refused[0]
        self.sent_text = True
        self.send(on_the_wire(data))
        return self.reply()


# smtpd


class Server:
    """smtpd on a socket pair; `client` speaks to it."""

    def __init__(self, smtpd, database, env=None, log=None, **popen):
        near, far = socket.socketpair()
        # What is preloaded makes calls that no session may.
        more = ["--no-confine"] if "LD_PRELOAD" in (env or {}) else []
        # Not in the database's folder, which may be full or read-only.
        self.log_path = os.path.dirname(database) + (log or ".log")
        with far, open(self.log_path, "wb") as log_file:
            self.process = subprocess.Popen(
                [smtpd, "-d", database, "-n", "mx.example", *more],
                stdin=far, stdout=far, stderr=log_file,
                env={**os.environ, **(env or {})}, **popen)
        self.client = Client(near)

    def end(self):
        """Closes the connection; the exit status, negative for a signal."""
        self.client.close()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "none, it hung"

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()


def deliver(smtpd, database, data, nrecipients=1, env=None):
    """One mail in a session of its own; the reply that decided it."""
    server = Server(smtpd, database, env, log=".deliver-log")
    try:
        reply = server.client.greet()
        if reply[0] < 400:
            reply = server.client.mail(data, nrecipients)
        if reply[0] < 400:
            server.client.command("QUIT")
    except Lost:
        reply = (0, "no reply: " + " / ".join(server.log()))
    except TimeoutError:
        reply = (0, "no reply in time")
    status = server.end()
    return reply if status == 0 or reply[0] >= 400 else (0, f"exit status {status}")


def is_stored(reply):
    return reply[0] == 250 and "Stored as message" in reply[1]


def id_of(reply):
    return int(reply[1].split()[-1])


def faults_env(library, database, rules, **more):
    """The environment for rules.h."""
    env = {
        "LD_PRELOAD": os.path.realpath(library),
        "FAULTS_FOLDER": os.path.realpath(os.path.dirname(database)),
        "FAULTS": ";".join(rules),
    }
    env.update({"FAULTS_" + name.upper(): str(v) for name, v in more.items()})
    return env


# The table


def rows(database):
    """All mails: (id, number and size, data, recipients)."""
    db = sqlite3.connect(database, timeout=30)
    try:
        return [
            (id_, number_of(data), data, n)
            for id_, data, n in db.execute(
                "SELECT id, data, (SELECT count(*) FROM recipient"
                " WHERE message_id = message.id) FROM message ORDER BY id")
        ]
    finally:
        db.close()


def trouble_in(database):
    """What is wrong with the file as such: integrity, orphaned recipients."""
    db = sqlite3.connect(database, timeout=30)
    try:
        found = [r[0] for r in db.execute("PRAGMA integrity_check") if r[0] != "ok"]
        found += [
            f"recipient of no message {id_}" for id_, in db.execute(
                "SELECT DISTINCT message_id FROM recipient"
                " WHERE message_id NOT IN (SELECT id FROM message)")
        ]
        return found
    except sqlite3.Error as e:
        return [str(e)]
    finally:
        db.close()


# The count


class Report:
    """Counts checks; tells of those that failed."""

    SHOWN = 40

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.lock = threading.Lock()

    def check(self, ok, what):
        with self.lock:
            if ok:
                self.passed += 1
                return
            self.failed += 1
            if self.failed <= self.SHOWN:
                print(f"FAIL {what}", flush=True)
            elif self.failed == self.SHOWN + 1:
                print("(more failures are counted, not shown)", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)
