"""What the tests of TLS share: keys, listeners, clients by hand, the report."""

import argparse
import os
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "../durability"), str(HERE / "../../bench")]
import common  # noqa: E402 (where it is was said above)
import contestants  # noqa: E402
from listener import Listener, until  # noqa: E402

SENDER, RECIPIENT = "ann@client.example", "bob@mx.example"
MAIL = b"Subject: inside\r\n\r\nOne.\r\n.two\r\n"
NAME = os.path.basename(sys.argv[0])


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), timeout=300, check=False,
                          capture_output=True, **more)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Keys:
    """A certificate authority, and what it has signed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.chmod(0o755)
        self.ca = self.sign("ca", "/CN=Test CA")
        self.server = self.sign("mx", "/CN=mx.example", "mx.example")
        self.other = self.sign("other", "/CN=other.example", "other.example")
        self.client = self.sign("client", "/O=Clients/CN=ann")
        self.twisted = self.sign("twisted", r"/O=Clients\/CN=ann")

    def sign(self, name, subject, host=None):
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        by = ["-CA", self.folder / "ca.crt", "-CAkey", self.folder / "ca.key"] \
            if name != "ca" else []
        names = ["-addext", f"subjectAltName=DNS:{host}"] if host else []
        status, text = run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-keyout", key,
            "-out", cert, "-subj", subject, *names, *by)
        if status != 0:
            raise SystemExit(f"openssl: {text}")
        key.chmod(0o644)  # for whoever the test runs as
        return str(cert), str(key)

    def trust(self, client=False, name="mx.example", **more):
        context = ssl.create_default_context(cafile=self.ca[0])
        context.check_hostname = name is not None
        if client:
            context.load_cert_chain(*(self.client if client is True else client))
        for attribute, value in more.items():
            setattr(context, attribute, value)
        return context


class World:
    """The listeners, a folder for what clients need, and the report."""

    def __init__(self, options, report, folder, keys):
        self.options, self.report = options, report
        self.folder, self.keys = Path(folder), keys
        self.last_id = {}

    def listen(self, *arguments, cert=None):
        folder = tempfile.mkdtemp(dir=self.folder)
        os.chmod(folder, 0o755)
        cert = cert or self.keys.server
        return Listener(self.options, folder, f"--tls-cert={cert[0]}",
                        f"--tls-key={cert[1]}", *arguments)

    def rows(self, listener):
        if not os.path.exists(listener.database):
            return []
        db = sqlite3.connect(listener.database, timeout=60)
        try:
            return db.execute(
                "SELECT id, tls, client_subject, protocol, trace, data, requiretls,"
                " client_address FROM message WHERE id > ? ORDER BY id",
                (self.last_id.get(listener.database, 0),)).fetchall()
        except sqlite3.OperationalError:
            return []  # its tables are being made
        finally:
            db.close()

    def expect(self, what, listener, outcome="", protocol="ESMTPS", subject=None,
               data=None, number=1):
        """So many mails have come inside TLS since the last time."""
        rows = until(lambda: len(self.rows(listener)) >= number and
                     self.rows(listener))
        check = self.report.check
        check(rows and len(rows) == number,
              f"{what}: {len(rows or [])} mails: {outcome}")
        for row in rows or []:
            self.last_id[listener.database] = row[0]
            version, _, suite = (row[1] or "").partition(" ")
            check(version in ("TLSv1.3", "TLSv1.2") and suite.startswith("TLS_"),
                  f"{what}: tls is {row[1]}")
            check(row[2] == subject, f"{what}: client_subject is {row[2]}")
            check(row[3] == protocol, f"{what}: protocol is {row[3]}")
            check(f"\r\n\ttls {suite};" in row[4], f"{what}: {row[4]!r}")
            check(row[7] == "127.0.0.1", f"{what}: client {row[7]}")
            if data is not None:
                check(row[5] == data, f"{what}: {row[5]!r}")
        return rows


class Plain:
    """A connection before TLS, by hand."""

    def __init__(self, port, seconds=120):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def line(self):
        while b"\n" not in self.rest:
            more = self.socket.recv(1 if isinstance(self.socket, socket.socket)
                                    and not isinstance(self.socket, ssl.SSLSocket)
                                    else 65536)
            if not more:
                return b""
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"

    def reply(self):
        while (line := self.line())[3:4] == b"-":
            pass
        return line

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def begin(self):
        self.reply()
        self.say("EHLO client.example")
        return self.say("STARTTLS")

    def secure(self, context, name="mx.example", **more):
        self.socket = context.wrap_socket(self.socket, server_hostname=name,
                                          suppress_ragged_eofs=False, **more)
        return self


def mail_by(client, data=MAIL):
    replies = [client.say(f"MAIL FROM:<{SENDER}>"),
               client.say(f"RCPT TO:<{RECIPIENT}>"), client.say("DATA")]
    client.socket.sendall(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return [*replies, client.reply()]


def tls_processes(listener):
    """smtpd-tls and its children, of this listener."""
    found = [pid for pid in listener.children() if "smtpd-tls" in name_of(pid)]
    everyone = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if "smtpd-tls" in name_of(pid)]
    return len(found) + sum(parent(pid) in found for pid in everyone)


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def play(shared, own):
    """Runs the tests: those with one listener for all, and those with their own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    parser.add_argument("--only", help="a test by its name")
    options = parser.parse_args()
    options.smtpd = os.path.abspath(options.smtpd)
    if not os.path.exists(os.path.join(os.path.dirname(options.smtpd), "smtpd-tls")):
        print(f"skipped: {NAME}, since there is no smtpd-tls")
        return
    report = common.Report()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        w = World(options, report, folder, Keys(tempfile.mkdtemp(dir=folder)))
        with w.listen("--max-per-source=100") as listener:
            for test in (*shared, *own):
                if options.only and test.__name__ != options.only:
                    continue
                began = time.monotonic()
                try:
                    test(w, listener if test in shared else None)
                except (OSError, smtplib.SMTPException, StopIteration,
                        subprocess.TimeoutExpired, contestants.Failed) as e:
                    report.check(False, f"{test.__name__}: {e!r}")
                if time.monotonic() - began > 5:
                    print(f"{NAME}: {test.__name__} took "
                          f"{time.monotonic() - began:.0f} s", file=sys.stderr)
            text = Path(listener.log).read_text()
            report.check("killed by signal 31" not in text, "seccomp killed one")
    report.end()
