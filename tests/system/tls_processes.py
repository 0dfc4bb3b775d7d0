#!/usr/bin/python3 -B
"""The processes of TLS: the helper and its children, renewed keys, inetd, systemd.

    tests/system/tls_processes.py [--smtpd PROGRAM] [--smtpdb PROGRAM] [--only TEST]
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tls_world import (  # noqa: E402 (where it is was said above)
    Plain, common, mail_by, name_of, parent, play, until)



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
        w.report.check(until(lambda: name() == "other.example"),
                       "a renewed one counts")


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
    files = [w.keys.folder / "later.pem", w.keys.folder / "later.key"]
    began = time.monotonic()
    with w.listen(cert=files) as listener:
        def failures():
            return Path(listener.log).read_text().count("ended with status 78")
        with Plain(listener.port) as c:
            c.reply()
            c.say("EHLO client.example")
        until(failures)
        time.sleep(1.1)  # after which another helper is started again
        reply = listener.deliver()
        w.report.check(reply[0] == 250, f"without a certificate: {reply}")
        with Plain(listener.port) as c:
            code = c.begin()[:3]
        if time.monotonic() - began < 30:  # so it was not tried again yet
            w.report.check(code in (b"502", b"503") and failures() == 1,
                           f"not offered: {code}, {failures()} failures")
        for file, made in zip(files, w.keys.server):
            shutil.copy(made, file)
            file.chmod(0o644)
        listener.process.send_signal(signal.SIGHUP)

        def offers_now():
            with Plain(listener.port) as c:
                return c.begin()[:3] == b"220"
        w.report.check(until(offers_now), "SIGHUP: and now it is")


def killed_writer(w, listener):
    """Another writer hears of the next sessions too."""
    def deliver():
        try:
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust()).say("EHLO client.example")
                return mail_by(c)[-1][:3] == b"250"
        except OSError:
            return False

    w.report.check(deliver(), "before the writer was killed")
    w.expect("before the writer was killed", listener)
    writer = until(listener.holders)
    w.report.check(len(writer) == 1, f"one writer: {writer}")
    os.kill(writer[0], 9)
    until(lambda: not name_of(writer[0]))
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
        status = process.wait(60)
        w.report.check(status == 0, f"{what}: status {status}")
        w.expect(what, server)
        # One that is plain is served as ever, and starts nothing.
        if not first:
            c, process = server.connect()
            with c:
                c.reply()
                w.report.check(c.say("QUIT")[:3] == b"221", f"{what}: plain")
            w.report.check(process.wait(60) == 0, f"{what}: plain, status")


if __name__ == "__main__":
    play((confined, killed_writer),
         (resumed, hung_up, names_of_systemd, alone, renewed, lost_helper))
