#!/usr/bin/python3 -B
"""Who hears of TLS, and the ways that lead to it without a listener.

    tests/system/tls_told.py [--smtpd PROGRAM]

Milters and policy servers are told what was negotiated.  Under inetd and tcpserver
(Debian: openbsd-inetd ucspi-tcp-ipv6) there is STARTTLS through the launcher, also
where a client is two pipes (recordio), and TLS first by `smtpd-tls -- smtpd`.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "../durability"), str(HERE / "../../bench")]
import common  # noqa: E402 (where it is was said above)
import contestants  # noqa: E402
import filtering  # noqa: E402
from listener import until  # noqa: E402
from tls_world import Keys, Plain, World, mail_by  # noqa: E402

SUBJECT = "/O=Clients/CN=ann"
SUITE = "TLS_AES_256_GCM_SHA384"


def talk(w, port, first=False):
    """A mail inside TLS, and the reply to it."""
    with Plain(port) as c:
        if not first:
            c.begin()
        c.secure(w.keys.trust(client=True))
        if first:
            c.reply()
        c.say("EHLO client.example")
        reply = mail_by(c)[-1]
        c.say("QUIT")
        return reply


def policy_servers(w):
    """By the attributes of Postfix; a plain session has none of it."""
    heard = []
    with filtering.policy_server(str(w.folder), lambda a: heard.append(a) or "DUNNO"), \
            w.listen(f"--tls-ca={w.keys.ca[0]}",
                     f"--policy=unix:{w.folder}/policy") as listener:
        w.report.check(talk(w, listener.port)[:3] == b"250", "a mail inside TLS")
        w.report.check(listener.deliver()[0] == 250, "a mail in the plain")
    names = "encryption_protocol", "encryption_cipher", "ccert_subject"
    told = [tuple(a.get(name) for name in names) for a in heard]
    w.report.check(told == [("TLSv1.3", SUITE, SUBJECT), ("", "", "")], f"policy: {told}")


def milters(w):
    try:
        import Milter  # noqa: F401, PLC0415 (only whether it is there)
    except ImportError:
        print("skipped: what milters hear of TLS, since there is no python3-milter")
        return
    with filtering.milter(str(w.folder)), \
            w.listen(f"--tls-ca={w.keys.ca[0]}",
                     f"--milter=unix:{w.folder}/milter") as listener:
        w.report.check(talk(w, listener.port)[:3] == b"250", "a mail inside TLS")
        w.report.check(listener.deliver()[0] == 250, "a mail in the plain")
    told = Path(w.folder, "milter.log").read_text().splitlines()
    want = f"tls TLSv1.3 {SUITE} {SUBJECT}"
    w.report.check(len(told) == 2 and want in told[0].split("; ") and
                   "; tls" not in told[1], f"milter: {told}")


class Superserver:
    """One that serves connections by this command."""

    def __init__(self, w, tool, command):
        self.port = contestants.free_port()
        if tool == "inetd":
            conf = w.folder / f"inetd-{self.port}.conf"
            conf.write_text(f"127.0.0.1:{self.port} stream tcp nowait root {command[0]} "
                            f"{' '.join(command)}\n")
            start = ["inetd", "-i", str(conf)]
        else:
            start = ["tcpserver", "-HRl0", "127.0.0.1", str(self.port)]
            start += (["recordio"] if tool == "recordio" else []) + command
        self.process = subprocess.Popen(
            start, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def __enter__(self):
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        until(listens)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def superservers(w):
    user = ["--user", "nobody"] if os.getuid() == 0 else []
    for tool in ("inetd", "tcpserver", "recordio"):
        if not shutil.which(tool):
            print(f"skipped: TLS by {tool}, since there is none")
            continue
        for what, first in (("STARTTLS", False), ("smtpd-tls -- smtpd", True)):
            folder = tempfile.mkdtemp(dir=w.folder)
            common.give_away(folder)
            database = os.path.join(folder, "mail.db")
            smtpd = [w.options.smtpd, "-d", database, "-n", "mx.example", *user]
            cert, key = w.keys.server
            tls = os.path.join(os.path.dirname(w.options.smtpd), "smtpd-tls")
            command = [
                tls, f"--cert={cert}", f"--key={key}", f"--ca={w.keys.ca[0]}", "--",
                *smtpd] if first else [
                *smtpd, f"--tls-cert={cert}", f"--tls-key={key}",
                f"--tls-ca={w.keys.ca[0]}"]
            with Superserver(w, tool, command) as server:
                reply = talk(w, server.port, first)
                w.report.check(reply[:3] == b"250", f"{tool}, {what}: {reply}")
            server.database = database
            w.expect(f"{tool}, {what}", server, subject=SUBJECT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    options = parser.parse_args()
    options.smtpd = os.path.abspath(options.smtpd)
    if not os.path.exists(os.path.join(os.path.dirname(options.smtpd), "smtpd-tls")):
        print("skipped: tls_told.py, since there is no smtpd-tls")
        return
    report = common.Report()
    for test in (policy_servers, milters, superservers):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            w = World(options, report, folder, Keys(tempfile.mkdtemp(dir=folder)))
            began = time.monotonic()
            try:
                test(w)
            except (OSError, RuntimeError) as e:
                report.check(False, f"{test.__name__}: {e!r}")
            if time.monotonic() - began > 20:
                print(f"tls_told.py: {test.__name__} took long", file=sys.stderr)
    report.end()


if __name__ == "__main__":
    main()
