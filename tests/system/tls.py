#!/usr/bin/python3 -B
"""TLS: what is offered, what is stored of it, and what clients may do to it.

    tests/system/tls.py [--smtpd PROGRAM] [--smtpdb PROGRAM]

Client programs and mail servers are those that are there; which are not is said.
"""

import argparse
import os
import shutil
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "../durability"), str(HERE / "../../bench")]
import beside  # noqa: E402 (where it is was said above)
import common  # noqa: E402
import contestants  # noqa: E402
from listener import Listener, until  # noqa: E402

SENDER, RECIPIENT = "ann@client.example", "bob@mx.example"
MAIL = b"Subject: inside\r\n\r\nOne.\r\n.two\r\n"
HANDSHAKES = 200


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), timeout=60, check=False,
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
            context.load_cert_chain(*self.client)
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
        db = sqlite3.connect(listener.database, timeout=20)
        rows = db.execute(
            "SELECT id, tls, client_subject, protocol, trace, data, requiretls,"
            " client_address FROM message WHERE id > ? ORDER BY id",
            (self.last_id.get(listener.database, 0),)).fetchall()
        db.close()
        return rows

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

    def __init__(self, port, seconds=30):
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


#
# What is offered
#


def offered(w, listener):
    with Plain(listener.port) as c:
        c.reply()
        c.socket.sendall(b"EHLO client.example\r\n")
        words = []
        while (line := c.line())[3:4] == b"-":
            words.append(line[4:].strip())
        w.report.check(b"STARTTLS" in words and b"REQUIRETLS" not in words,
                       f"offered in the plain: {words}")
        w.report.check(c.say("STARTTLS")[:3] == b"220", "STARTTLS")
        c.secure(w.keys.trust())
        c.socket.sendall(b"EHLO client.example\r\n")
        words = []
        while (line := c.line())[3:4] == b"-":
            words.append(line[4:].strip())
        w.report.check(b"STARTTLS" not in words and b"REQUIRETLS" in words,
                       f"offered inside: {words}")
        w.report.check(c.say("STARTTLS")[:3] == b"503", "a second STARTTLS")
        replies = mail_by(c)
        w.report.check(replies[-1][:3] == b"250", f"a mail: {replies}")
    w.expect("by hand", listener, data=MAIL)


def forgets(w, listener):
    """HELO and a mail begun before count for nothing (RFC 3207 s. 4.2)."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        w.report.check(c.say(f"RCPT TO:<{RECIPIENT}>")[:3] == b"503", "RCPT")
        replies = mail_by(c)
        w.report.check(replies[-1][:3] == b"250", f"without EHLO: {replies}")
    w.expect("without EHLO", listener, protocol="SMTP")


def versions(w, listener):
    for version, want in (("TLSv1_3", True), ("TLSv1_2", True), ("TLSv1_1", False)):
        version = getattr(ssl.TLSVersion, version)
        context = w.keys.trust()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        try:
            with Plain(listener.port) as c:
                c.begin()
                c.secure(context).say("QUIT")
            got = True
        except (ssl.SSLError, OSError):
            got = False
        w.report.check(got == want, f"{version}: {got}")


def suites(w, listener):
    """Each suite that is offered has its name of IANA."""
    for cipher, want in (
            ("ECDHE-ECDSA-AES256-GCM-SHA384",
             "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            ("ECDHE-ECDSA-CHACHA20-POLY1305",
             "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")):
        context = w.keys.trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        with smtplib.SMTP("127.0.0.1", listener.port, "client.example") as s:
            s._host = "mx.example"
            s.starttls(context=context)
            s.sendmail(SENDER, RECIPIENT, MAIL)
        rows = w.expect(cipher, listener)
        w.report.check(rows and rows[0][1] == f"TLSv1.2 {want}", f"{rows}")


def sslscan(w, listener):
    if not shutil.which("sslscan"):
        print("tls.py: skipped: sslscan")
        return
    status, text = run("sslscan", "--no-colour", "--starttls-smtp", "--show-ciphers",
                       f"127.0.0.1:{listener.port}")
    w.report.check(status == 0, f"sslscan: {text}")
    for line in ("SSLv2     disabled", "SSLv3     disabled", "TLSv1.0   disabled",
                 "TLSv1.1   disabled", "TLSv1.2   enabled", "TLSv1.3   enabled",
                 "Session renegotiation not supported"):
        w.report.check(line in text, f"sslscan: no '{line}' in {text}")
    accepted = [line for line in text.splitlines()
                if line.startswith(("Accepted", "Preferred"))]
    w.report.check(accepted and all("GCM" in line or "POLY1305" in line or
                                    "CCM" in line for line in accepted),
                   f"sslscan: {accepted}")
    w.report.check("vulnerable to heartbleed" not in
                   text.replace("not vulnerable to heartbleed", ""),
                   "sslscan: heartbleed")


def resume(w, listener, context, session=None):
    """A mail; the session that it came by, and whether that was an old one."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(context, session=session)
        c.say("EHLO client.example")
        replies = mail_by(c)
        w.report.check(replies[-1][:3] == b"250", f"resumed: {replies}")
        return c.socket.session, c.socket.session_reused


def resumed(w, _):
    """A ticket counts in the process of another connection; the row says the same."""
    with w.listen(f"--tls-ca={w.keys.ca[0]}") as listener:
        for version in ("TLSv1_2", "TLSv1_3"):
            context = w.keys.trust(client=True)
            context.maximum_version = getattr(ssl.TLSVersion, version)
            session, was = resume(w, listener, context)
            w.report.check(not was, f"{version}: the first one is new")
            _, was = resume(w, listener, context, session)
            w.report.check(was, f"{version}: the second one is resumed")
            rows = w.expect(version, listener, subject="/O=Clients/CN=ann", number=2)
            w.report.check(rows and rows[0][1] == rows[1][1], f"{version}: {rows}")
        helper = [p for p in listener.children() if "smtpd-tls" in name_of(p)]
        os.kill(helper[0], signal.SIGHUP)
        until(lambda: "read again" in Path(listener.log).read_text())
        _, was = resume(w, listener, context, session)
        w.report.check(not was, "a ticket of before the certificates were read")


def hung_up(w, _):
    """SIGHUP of the listener reads the certificates at once."""
    with w.listen() as listener:
        with Plain(listener.port) as c:
            w.report.check(c.begin()[:3] == b"220", "the helper is there")
            c.secure(w.keys.trust())
        os.kill(listener.process.pid, signal.SIGHUP)
        w.report.check(
            until(lambda: "certificates were read again" in
                  Path(listener.log).read_text()), "SIGHUP is passed on")
        w.report.check(listener.deliver()[0] == 250, "the listener goes on")


def names(w, _):
    """A certificate for each name, and the first for others (SNI)."""
    with w.listen(f"--tls-cert={w.keys.other[0]}",
                  f"--tls-key={w.keys.other[1]}") as listener:
        for name, want in (("other.example", "other.example"),
                           ("mx.example", "mx.example"),
                           ("none.example", "mx.example")):
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust(name=None), name)
                got = dict(x[0] for x in c.socket.getpeercert()["subject"])
            w.report.check(got["commonName"] == want, f"SNI {name}: {got}")


#
# Client certificates
#


def subjects(w, _):
    with w.listen(f"--tls-ca={w.keys.ca[0]}") as listener:
        for client, want in ((True, "ann"), (False, None)):
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust(client)).say("EHLO client.example")
                mail_by(c)
            rows = w.rows(listener)
            got = rows[0][2] if rows else "no mail"
            w.report.check(got == want if want is None else want in (got or ""),
                           f"client_subject: {got}")
            w.expect(f"client certificate {want}", listener, subject=got)
    with w.listen(f"--tls-ca={w.keys.ca[0]}", "--tls-require-client") as listener:
        for client, want in ((True, True), (False, False)):
            try:
                with Plain(listener.port) as c:
                    c.begin()
                    got = c.secure(w.keys.trust(client)).say("NOOP")[:3] == b"250"
            except (ssl.SSLError, OSError):
                got = False
            w.report.check(got == want, f"required: {client} {got}")


#
# From the first octet
#


def immediate(w, _):
    with w.listen("--tls=immediate") as listener:
        with smtplib.SMTP_SSL("127.0.0.1", listener.port, "client.example",
                              context=w.keys.trust(name=None)) as s:
            s.ehlo()
            w.report.check(not s.has_extn("starttls"), "immediate: STARTTLS")
            s.sendmail(SENDER, RECIPIENT, MAIL, ["REQUIRETLS"])
        rows = w.expect("immediate", listener, data=MAIL)
        w.report.check(rows and rows[0][6] == 1, "REQUIRETLS is kept")
        with Plain(listener.port) as c:
            c.socket.sendall(b"EHLO client.example\r\n" * 3)
            heard = c.socket.recv(100)
            w.report.check(not heard.startswith(b"220"),
                           f"immediate, in the plain: {heard}")


def names_of_systemd(w, _):
    """A socket that is called submissions is for TLS; the other one is not."""
    folder = tempfile.mkdtemp(dir=w.folder)
    common.give_away(folder)
    user = ["--user=nobody"] if os.geteuid() == 0 else []
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [s.getsockname()[1] for s in sockets]
    script = (f"export LISTEN_PID=$$; exec {w.options.smtpd} -d {folder}/mail.db"
              f" -n mx.example --tls-cert={w.keys.server[0]}"
              f" --tls-key={w.keys.server[1]} {' '.join(user)}")

    def pass_on():
        # Both out of the way first, as one may stand at 3 or 4.
        copies = [os.dup(s.fileno()) for s in sockets]
        copies = [os.dup(c) for c in copies]
        for number, copy in enumerate(copies):
            os.dup2(copy, 3 + number)
            os.set_inheritable(3 + number, True)

    with subprocess.Popen(
            ["sh", "-c", script], preexec_fn=pass_on, close_fds=False,
            env={**os.environ, "LISTEN_FDS": "2",
                 "LISTEN_FDNAMES": "smtp:submissions"}) as process:
        try:
            with Plain(ports[0]) as c:
                w.report.check(c.begin()[:3] == b"220", "the socket smtp")
            with Plain(ports[1]) as c:
                c.secure(w.keys.trust())
                w.report.check(c.reply()[:3] == b"220", "submissions")
        finally:
            process.terminate()
    for s in sockets:
        s.close()


class Alone:
    """A process for each connection, as inetd or tcpserver starts it."""

    def __init__(self, w, command, **env):
        self.database = os.path.join(tempfile.mkdtemp(dir=w.folder), "mail.db")
        common.give_away(os.path.dirname(self.database))
        self.user = ["--user=nobody"] if os.geteuid() == 0 else []
        self.command = [c.replace("DATABASE", self.database) for c in command]
        self.env = {**os.environ, **env}
        self.log = os.path.join(w.folder, "alone.log")

    def connect(self, pipes=False):
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname(), 30)
        theirs, _ = server.accept()
        server.close()
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [*self.command, *self.user], stdin=theirs, stdout=theirs,
                stderr=log, env=self.env)
        theirs.close()
        plain = Plain.__new__(Plain)
        plain.socket, plain.rest = client, b""
        return plain, process


def alone(w, _):
    keys = [f"--tls-cert={w.keys.server[0]}", f"--tls-key={w.keys.server[1]}"]
    smtpd = [w.options.smtpd, "-d", "DATABASE", "-n", "mx.example"]
    tls = str(Path(w.options.smtpd).resolve().parent / "smtpd-tls")
    wrap = [tls, "-c", w.keys.server[0], "-k", w.keys.server[1], "--", *smtpd]
    for what, command, first in (
            ("alone, STARTTLS", [*smtpd, *keys], False),
            ("alone, immediate", [*smtpd, *keys, "--tls=immediate"], True),
            ("smtpd-tls -- smtpd", wrap, True)):
        server = Alone(w, command)
        c, process = server.connect()
        with c:
            if not first:
                c.begin()
            c.secure(w.keys.trust())
            if first:
                w.report.check(c.reply()[:3] == b"220", f"{what}: greeting")
            c.say("EHLO client.example")
            replies = mail_by(c)
            bye = c.say("QUIT")
            w.report.check(bye[:3] == b"221", f"{what}: {replies} {bye}")
            try:
                end = c.socket.recv(100)
            except ssl.SSLEOFError:
                end = "an end without an alert"
            w.report.check(end == b"", f"{what}: {end}")
        status = process.wait(20)
        w.report.check(status == 0, f"{what}: status {status}")
        w.expect(what, server)
        # One that is plain is served as ever, and starts nothing.
        if not first:
            c, process = server.connect()
            with c:
                c.reply()
                w.report.check(c.say("QUIT")[:3] == b"221", f"{what}: plain")
            w.report.check(process.wait(20) == 0, f"{what}: plain, status")


#
# Clients that mean no good, or have no luck
#


def injected(w, listener):
    """What comes behind STARTTLS in the plain is no command (CVE-2011-0411)."""
    for what, apart in (("in one packet", 0), ("a moment later", 0.2)):
        with Plain(listener.port) as c:
            c.reply()
            c.say("EHLO client.example")
            evil = (b"MAIL FROM:<mallory@client.example>\r\n"
                    b"RCPT TO:<bob@mx.example>\r\n")
            c.socket.sendall(b"STARTTLS\r\n" + (b"" if apart else evil))
            time.sleep(apart)
            if apart:
                c.socket.sendall(evil)
            w.report.check(c.reply()[:3] == b"220", f"injected {what}: 220")
            try:
                c.secure(w.keys.trust())
                said = c.say("DATA")
                w.report.check(said[:3] == b"503", f"injected {what}: {said}")
            except (ssl.SSLError, OSError):
                w.report.check(apart > 0, f"injected {what}: no handshake")
    w.report.check(w.rows(listener) == [], "injected: nothing is stored")


def garbage(w, listener):
    """Anything but a handshake ends the connection, and is logged."""
    before = Path(listener.log).read_text().count("no TLS client=127.0.0.1")
    tried = [b"\r\n", b"EHLO x\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70000,
             b"\x80\x2e\x01\0\2", os.urandom(3000)]
    for octets in tried:
        with Plain(listener.port) as c:
            c.begin()
            try:
                c.socket.sendall(octets)
                c.socket.shutdown(socket.SHUT_WR)
                while c.socket.recv(65536):
                    pass
            except OSError:
                pass
    w.report.check(until(lambda: Path(listener.log).read_text().count(
        "no TLS client=127.0.0.1") >= before + len(tried)), "garbage: logged")
    w.report.check("killed" not in Path(listener.log).read_text(), "garbage: a death")


def vanishing(w, listener):
    """Who goes at any moment leaves no process."""
    for moment in range(4):
        with Plain(listener.port) as c:
            c.begin()
            if moment == 1:
                c.socket.sendall(b"\x16\x03\x01")
            if moment > 1:
                c.secure(w.keys.trust())
            if moment == 3:
                c.say("EHLO client.example")
                c.say(f"MAIL FROM:<{SENDER}>")
                c.socket.sendall(b"RCPT TO:<x")
            if moment % 2:  # a reset
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\1\0\0\0\0\0\0\0")
    w.report.check(until(lambda: tls_processes(listener) <= 1),
                   f"vanishing: {tls_processes(listener)} processes")
    w.report.check(w.rows(listener) == [], "vanishing: nothing is stored")


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


def half_closed(w, listener):
    """A client that has said all still gets its replies."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        c.socket.sendall(
            f"EHLO x\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\n"
            "BDAT 3 LAST\r\nx\r\nQUIT\r\n".encode())
        socket.socket.shutdown(c.socket, socket.SHUT_WR)
        heard = b""
        try:
            while more := c.socket.recv(65536):
                heard += more
        except ssl.SSLError as e:
            heard += repr(e).encode()
        w.report.check(b"250 2.0.0 Stored" in heard and b"221" in heard,
                       f"half-closed: {heard}")
    w.expect("half-closed", listener, data=b"x\r\n")


def truncated(w, listener):
    """A mail whose connection ends without the alert of TLS is no mail."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        c.say("EHLO x")
        for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "DATA"):
            c.say(line)
        c.socket.sendall(b"half of it\r\n.")
        c.socket.shutdown(socket.SHUT_RDWR)
    time.sleep(0.1)
    w.report.check(w.rows(listener) == [], "truncated: nothing is stored")


def renegotiating(w, listener):
    """Nobody can have the server do handshakes for ever."""
    with subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-tls1_2", "-connect",
             f"127.0.0.1:{listener.port}"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        time.sleep(0.5)
        client.stdin.write(b"R\n")
        client.stdin.flush()
        time.sleep(0.5)
        try:
            text = client.communicate(b"QUIT\n", timeout=20)[0].decode()
        except BrokenPipeError:
            text = client.stdout.read().decode()
    w.report.check("RENEGOTIATING" in text and ("no renegotiation" in text or
                                                "221" not in text), text[-300:])


def big(w, listener):
    """All octets of a mail of 20 MB, in both directions of haste."""
    data = b"".join(b"%07d" % n + b"x" * 60 + b"\r\n" for n in range(290000))
    with smtplib.SMTP("127.0.0.1", listener.port, "client.example") as s:
        s._host = "mx.example"
        s.starttls(context=w.keys.trust())
        s.sendmail(SENDER, RECIPIENT, data)
    w.expect("big", listener, data=data)


def many(w, _):
    """At once: each has its handshake, and nobody is lost."""
    failed = []

    def one(listener, number):
        try:
            with Plain(listener.port, 60) as c:
                c.begin()
                c.secure(w.keys.trust()).say("EHLO client.example")
                replies = mail_by(c)
                if replies[-1][:3] != b"250":
                    failed.append((number, replies))
                c.say("QUIT")
        except OSError as e:
            failed.append((number, e))

    with w.listen("--max-connections=400", "--max-per-source=400") as listener:
        threads = [threading.Thread(target=one, args=(listener, n))
                   for n in range(HANDSHAKES)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        w.report.check(not failed, f"{HANDSHAKES} at once: {failed[:3]}")
        w.expect(f"{HANDSHAKES} at once", listener, number=HANDSHAKES)
        w.report.check(until(lambda: tls_processes(listener) <= 1),
                       "they leave no process")


def slow(w, listener):
    """A handshake octet by octet is one, and holds up nobody."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = w.keys.trust().wrap_bio(incoming, outgoing, server_hostname="mx.example")
    with Plain(listener.port) as c:
        c.begin()
        while True:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            for octet in outgoing.read():
                c.socket.sendall(bytes([octet]))
                time.sleep(0.0005)
            if done:
                break
            incoming.write(c.socket.recv(65536))
        tls.write(b"QUIT\r\n")
        c.socket.sendall(outgoing.read())
        heard = b""
        while b"221" not in heard:
            incoming.write(c.socket.recv(65536))
            try:
                heard += tls.read()
            except ssl.SSLWantReadError:
                pass
    w.report.check(b"221" in heard, f"slow: {heard}")


#
# The processes
#


def renewed(w, _):
    """A renewed certificate counts without a restart; a broken one does not."""
    cert, key = w.folder / "renewed.crt", w.folder / "renewed.key"

    def put(source):
        for path, to in zip(source, (cert, key)):
            shutil.copy(path, f"{to}.new")
            os.chmod(f"{to}.new", 0o644)
            os.rename(f"{to}.new", to)

    def name():
        with Plain(listener.port) as c:
            c.begin()
            c.secure(w.keys.trust(name=None))
            return dict(x[0] for x in c.socket.getpeercert()["subject"])["commonName"]

    put(w.keys.server)
    with w.listen(cert=(cert, key)) as listener:
        w.report.check(name() == "mx.example", "before it is renewed")
        cert.write_text("no certificate")
        time.sleep(1.1)
        w.report.check(name() == "mx.example", "a broken one does not count")
        put(w.keys.other)
        time.sleep(1.1)
        w.report.check(name() == "other.example", "a renewed one counts")


def lost_helper(w, _):
    """Without smtpd-tls there is no STARTTLS, but mail; and it comes back."""
    with w.listen() as listener:
        with Plain(listener.port) as c:
            w.report.check(c.begin()[:3] == b"220", "with it")
        helper = [p for p in listener.children() if "smtpd-tls" in name_of(p)]
        w.report.check(len(helper) == 1, f"one helper: {helper}")
        with Plain(listener.port) as c:
            c.reply()
            c.say("EHLO client.example")
            os.kill(helper[0], 9)
            until(lambda: not name_of(helper[0]))
            w.report.check(c.say("NOOP")[:3] == b"250", "a session goes on")
            c.socket.sendall(b"STARTTLS\r\n")
            c.reply()
            w.report.check(c.line() == b"", "and has no TLS")

        def offers():
            with Plain(listener.port) as c:
                return c.begin()[:3] == b"220"
        w.report.check(until(offers), "it is started again")
    with w.listen(cert=("/nonexistent", "/nonexistent")) as listener:
        with Plain(listener.port) as c:
            c.reply()
            c.say("EHLO client.example")
        until(lambda: "ended with status 78" in Path(listener.log).read_text())
        reply = listener.deliver()
        w.report.check(reply[0] == 250, f"without a certificate: {reply}")
        with Plain(listener.port) as c:
            w.report.check(c.begin()[:3] in (b"502", b"503", b"220"), "not offered")


def killed_writer(w, listener):
    """Another writer hears of the next sessions too."""
    writer = until(listener.holders)
    w.report.check(len(writer) == 1, f"one writer: {writer}")
    os.kill(writer[0], 9)
    until(lambda: not name_of(writer[0]))

    def deliver():
        try:
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust()).say("EHLO client.example")
                return mail_by(c)[-1][:3] == b"250"
        except OSError:
            return False
    w.report.check(until(deliver), "after the writer was killed")
    w.expect("after the writer was killed", listener)


def confined(w, listener):
    """What stands between a client and its session can open nothing."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust()).say("NOOP")
        helper = next(p for p in listener.children() if "smtpd-tls" in name_of(p))
        child = next(int(p) for p in os.listdir("/proc")
                     if p.isdigit() and parent(int(p)) == helper)
        status = Path(f"/proc/{child}/status").read_text()
        for line in ("NoNewPrivs:\t1", "Seccomp:\t2"):
            w.report.check(line in status, f"a client's process: no {line}")
        if os.geteuid() == 0:
            fds = [os.readlink(f"/proc/{child}/fd/{n}")
                   for n in os.listdir(f"/proc/{child}/fd")]
            files = [f for f in fds if not f.startswith(
                ("socket:", "/dev/null", "pipe:")) and f != listener.log]
            w.report.check(not files, f"a client's process holds {fds}")
            sockets = {f for f in fds if f.startswith("socket:")}
            w.report.check(len(sockets) == 2, f"and sockets {fds}")


#
# Client programs
#


def programs(w, listener):
    path = w.folder / "mail.eml"
    path.write_bytes(MAIL)
    ca, port = w.keys.ca[0], listener.port
    swaks = ["swaks", "--server", "127.0.0.1", "--port", port, "--helo",
             "client.example", "--from", SENDER, "--to", RECIPIENT, "--data",
             f"@{path}", "--tls"]
    curl = ["curl", "-qsS", "--ssl-reqd", "--cacert", ca, "--resolve",
            f"mx.example:{port}:127.0.0.1", "--mail-from", SENDER, "--mail-rcpt",
            RECIPIENT, "--upload-file", path,
            f"smtp://mx.example:{port}/client.example"]
    msmtp = ["msmtp", "--host=127.0.0.1", f"--port={port}", "--tls=on",
             "--tls-starttls=on", "--tls-certcheck=off", "--domain=client.example",
             f"--from={SENDER}", RECIPIENT]
    for command in (swaks, curl, msmtp):
        if not shutil.which(command[0]):
            print(f"tls.py: skipped: {command[0]}")
            continue
        w.expect(command[0], listener, run(*command, input=MAIL.replace(b"\r", b"")))
    with smtplib.SMTP("127.0.0.1", port, "client.example") as s:
        s._host = "mx.example"
        s.starttls(context=w.keys.trust())
        s.sendmail(SENDER, RECIPIENT, MAIL)
    w.expect("smtplib", listener, data=MAIL)


NODEMAILER = """
const [port, from, to, ca] = process.argv.slice(2);
require('nodemailer').createTransport({ host: '127.0.0.1', port,
    requireTLS: true, name: 'client.example',
    tls: { ca: require('fs').readFileSync(ca), servername: 'mx.example' },
}).sendMail({ envelope: { from, to }, raw: 'Subject: x\\n\\nx\\n' }, failed => {
    if (failed) { console.error(failed.message); process.exit(1); }
});"""


def nodemailer(w, listener):
    if not shutil.which("npm"):
        print("tls.py: skipped: nodemailer, as there is no npm")
        return
    status, _ = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                    "--prefix", w.folder, "nodemailer@6.9.16")
    if status != 0:
        print("tls.py: skipped: nodemailer, as npm installs nothing")
        return
    path = w.folder / "nodemailer.js"
    path.write_text(NODEMAILER)
    w.expect("nodemailer", listener, run("node", path, listener.port, SENDER,
                                         RECIPIENT, w.keys.ca[0]))


def postfix(w, listener):
    """As a client: with TLS if there is any, and not without."""
    if not shutil.which("postfix"):
        print("tls.py: skipped: Postfix")
        return
    for level in ("may", "encrypt"):
        folder = w.folder / f"postfix-{level}"
        folder.mkdir()
        folder.chmod(0o755)
        server = beside.Postfix(
            folder, f"default_transport = smtp:[127.0.0.1]:{listener.port}\n"
            f"smtp_tls_security_level = {level}\n"
            "mynetworks = 127.0.0.0/8\n"
            "smtpd_recipient_restrictions = permit\n",
            "smtp unix - - n - - smtp\ntlsmgr unix - - n 1000? 1 tlsmgr\n")
        server.start()
        try:
            beside.send_smtp(server.port, [RECIPIENT], MAIL)
            w.expect(f"Postfix, {level}", listener, f"{server.queued()} queued")
        finally:
            server.stop()


EXIM = """\
  hosts_require_tls = {require}
  tls_verify_certificates = {ca}
  tls_verify_hosts = {require}
  tls_verify_cert_hostnames =
"""


def exim(w, listener):
    if not beside.unpack_peers(w):
        print("tls.py: skipped: Exim")
        return
    for require in ("", "*"):
        server = beside.EximRelay(
            w.folder, f"exim-{'required' if require else 'may'}", listener.port,
            EXIM.format(require=require, ca=w.keys.ca[0]))
        server.prepare()
        w.expect(f"Exim, '{require}'", listener, server.send(MAIL, [RECIPIENT]))


SHARED = (offered, forgets, versions, suites, sslscan, injected, garbage, vanishing,
          half_closed, truncated, renegotiating, big, slow, confined,
          programs, nodemailer, postfix, exim, killed_writer)
OWN = (names, resumed, hung_up, subjects, immediate, names_of_systemd, alone, many, renewed,
       lost_helper)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    parser.add_argument("--only", help="a test by its name")
    options = parser.parse_args()
    options.smtpd = os.path.abspath(options.smtpd)
    if not os.path.exists(os.path.join(os.path.dirname(options.smtpd), "smtpd-tls")):
        print("tls.py: skipped: there is no smtpd-tls")
        return
    report = common.Report()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        w = World(options, report, folder, Keys(tempfile.mkdtemp(dir=folder)))
        with w.listen("--max-per-source=100") as listener:
            for test in (*SHARED, *OWN):
                if options.only and test.__name__ != options.only:
                    continue
                began = time.monotonic()
                try:
                    test(w, listener if test in SHARED else None)
                except (OSError, smtplib.SMTPException, StopIteration,
                        subprocess.TimeoutExpired, contestants.Failed) as e:
                    report.check(False, f"{test.__name__}: {e!r}")
                if time.monotonic() - began > 5:
                    print(f"tls.py: {test.__name__} took "
                          f"{time.monotonic() - began:.0f} s", file=sys.stderr)
            text = Path(listener.log).read_text()
            report.check("killed by signal 31" not in text, "seccomp killed one")
    report.end()


if __name__ == "__main__":
    main()
