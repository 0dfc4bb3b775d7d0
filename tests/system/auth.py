#!/usr/bin/python3 -B
"""AUTH with real clients: by the table account, by Dovecot, and by nobody.

    tests/system/auth.py [--smtpd PROGRAM] [--smtpdb PROGRAM]

smtpd-auth stands beside smtpd; without it, only --auth=any is tried.
"""

import argparse
import base64
import hashlib
import hmac
import os
import re
import shutil
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import auth_clients  # noqa: E402 (where it is was said above)
import common  # noqa: E402
import filtering  # noqa: E402
from auth_clients import MAIL, NAME, PASSWORD  # noqa: E402
from listener import Listener, children_of, open_files, until  # noqa: E402

WRONG = "Tr0ub"
BAD = "535 5.7.8 Credentials not accepted"


def plain(name=NAME, password=PASSWORD):
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


class Conversation:
    """A client that says what it is told to."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.features = self.say("EHLO client.example")

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class World:
    def __init__(self, options, report, folder, *arguments):
        self.options = options
        self.report = report
        self.folder = folder
        self.listener = Listener(options, folder, "--auth=rows", *arguments)
        self.port = self.listener.port
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.__exit__()

    def run(self, *command, **more):
        done = subprocess.run(command, timeout=300, capture_output=True,
                              check=False, **more)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def smtpdb(self, *arguments, password=PASSWORD):
        return self.run(self.options.smtpdb, "-d", self.listener.database,
                        *arguments, input=password.encode() + b"\n")

    def query(self, sql):
        db = sqlite3.connect(self.listener.database, timeout=60)
        try:
            rows = db.execute(sql).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def await_mail(self):
        until(lambda: self.query(
            f"SELECT 1 FROM message WHERE id > {self.last_id}"))

    def expect(self, what, outcome, column="authenticated_as", name=NAME):
        """One more mail has come, and this is whose it is."""
        rows = self.query(f"SELECT id, {column}, protocol, trace FROM message"
                          f" WHERE id > {self.last_id}")
        self.report.check(len(rows) == 1, f"{what}: {len(rows)} mails: {outcome}")
        if not rows:
            return
        self.last_id, found, protocol, trace = rows[-1]
        self.report.check(found == name, f"{what}: {column} is {found}")
        wanted = "ESMTPA" if column == "authenticated_as" else "ESMTP"
        self.report.check(protocol == wanted and f"with {wanted} id" in trace,
                          f"{what}: {protocol}, {trace}")


def refusals(w):
    check = w.report.check
    with Conversation(w.port) as c:
        check("AUTH PLAIN LOGIN SCRAM-SHA-256" in c.features, c.features)
        start = time.monotonic()
        said = c.say("AUTH PLAIN " + plain(password=WRONG))
        took = time.monotonic() - start
        check(said.startswith("535 5.7.8 "), f"wrong: {said}")
        check(took >= 1, f"the first guess costs a second, and cost {took:.2f}")
        start = time.monotonic()
        said = c.say("AUTH PLAIN " + plain("bob"))
        took = time.monotonic() - start
        check(said.startswith("535 ") and took >= 2, f"unknown, {took:.2f}: {said}")
        said = c.say("AUTH PLAIN " + base64.b64encode(b"no NUL").decode())
        check(said.startswith("501 5.5.2 "), f"what is not PLAIN: {said}")
        other = base64.b64encode(f"bob\0{NAME}\0{PASSWORD}".encode()).decode()
        check(c.say("AUTH PLAIN " + other).startswith("535 "), "who acts as another")
        check(c.say("AUTH EXTERNAL =").startswith("504 "), "no certificate")
        check(c.say("AUTH PLAIN " + plain()).startswith("235 "), "right")
        check(c.say("AUTH PLAIN " + plain()).startswith("503 "), "twice")
    with open(w.listener.log, encoding="ascii") as f:
        log = f.read()
    refused = re.findall(r" refused (client=127.0.0.1 port=\d+ .*)", log)
    check([re.sub(r"port=\d+ ", "", line) for line in refused] == [
        f'client=127.0.0.1 reply="{reply}" command="AUTH {mechanism}"{account}'
        for reply, mechanism, account in (
            (BAD, "PLAIN", " account=ann"), (BAD, "PLAIN", " account=bob"),
            ("501 5.5.2 Malformed response", "PLAIN", ""),
            (BAD, "PLAIN", " account=ann"),
            ("504 5.5.4 Mechanism not offered", "EXTERNAL", ""),
            ("503 5.5.1 Authenticated already", "PLAIN", ""))],
        f"refusals are logged: {refused}")
    check(len(re.findall(r"authenticated client=127.0.0.1 port=\d+"
                         r" mechanism=PLAIN account=ann\n", log)) > 0,
          f"and who it was: {log}")
    check(plain(password=WRONG) not in log and WRONG not in log, "but no password")


def first_guess(w):
    """It costs no second more than one: the quickest of some tells, as the machine
    may be busy."""
    quickest = 60
    for _ in range(10):
        forget_guesses(w)
        with Conversation(w.port) as c:
            start = time.monotonic()
            c.say("AUTH PLAIN " + plain(password=WRONG))
            quickest = min(quickest, time.monotonic() - start)
        if quickest < 1.9:
            break
    w.report.check(1 <= quickest < 1.9, f"the first guess costs {quickest:.2f}")
    forget_guesses(w)


def scram_begins(c, name):
    said = c.say("AUTH SCRAM-SHA-256 " +
                 base64.b64encode(f"n,,n={name},r=nonce".encode()).decode())
    fields = base64.b64decode(said[4:]).decode() if said[:3] == "334" else said
    c.say("*")
    return re.sub(r"^r=[^,]*,", "", fields)


def scram(c, name=NAME, gs2="n,,", bound=None, nonce=""):
    """Does the whole of it by hand; the last reply."""
    def b64(octets):
        return base64.b64encode(octets).decode()

    first = f"n={name},r=abc"
    said = c.say("AUTH SCRAM-SHA-256 " + b64((gs2 + first).encode()))
    if said[:3] != "334":
        return said
    second = base64.b64decode(said[4:]).decode()
    fields = dict(field.split("=", 1) for field in second.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", b"ascii",
                                 base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    last = f"c={b64((bound or gs2).encode())},r={fields['r']}{nonce}"
    text = ",".join((first, second, last)).encode()
    signed = hmac.digest(hashlib.sha256(key).digest(), text, "sha256")
    proof = bytes(x ^ y for x, y in zip(key, signed))
    said = c.say(b64(f"{last},p={b64(proof)}".encode()))
    if said[:3] != "334":
        return said
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), text,
                         "sha256")
    if base64.b64decode(said[4:]) != b"v=" + b64(server).encode():
        return "the server proves nothing"
    return c.say("")


def scram_that_is_twisted(w):
    w.query("INSERT INTO rate_limit (scope, max_messages) VALUES ('auth', 1000)")
    w.smtpdb("account", "add", "twist", password="ascii")
    for wanted, arguments in (
            ("235", {}), ("235", {"gs2": "y,,"}), ("235", {"gs2": "n,a=twist,"}),
            # A name is what RFC 4013 makes of it.
            ("235", {"name": "twi\u00adst"}),
            # Bound to nothing, or not as it said first; as another; replayed.
            ("535", {"gs2": "p=tls-unique,,"}), ("535", {"gs2": "p=tls-exporter,,"}),
            ("535", {"bound": "y,,"}), ("535", {"gs2": "p=x,,", "bound": "n,,"}),
            ("535", {"gs2": f"n,a={NAME},"}), ("535", {"nonce": "x"}),
            ("535", {"name": "nobody"}), ("535", {"name": "twist=3"}),
            ("501", {"name": ""})):
        with Conversation(w.port) as c:
            said = scram(c, **{"name": "twist", **arguments})
            w.report.check(said[:3] == wanted, f"SCRAM, {arguments}: {said}")
    w.smtpdb("account", "rm", "twist")
    w.query("DELETE FROM rate_limit")
    forget_guesses(w)


def unknown_names(w):
    """They look like known ones, and always like themselves."""
    check = w.report.check
    times = {NAME: [], "nobody": []}
    with Conversation(w.port) as c:
        known, unknown = scram_begins(c, NAME), scram_begins(c, "nobody")
        check(re.fullmatch(r"s=.{24},i=10000", unknown), f"unknown: {unknown}")
        check(re.fullmatch(r"s=.{24},i=10000", known), f"known: {known}")
        check(scram_begins(c, "nobody") == unknown, "the same salt")
        check(scram_begins(c, "nobody else") != unknown, "of another name, another")
    for _ in range(12):
        with Conversation(w.port) as c:
            for _ in range(4):
                for name, took in times.items():
                    start = time.monotonic()
                    scram_begins(c, name)
                    took.append(time.monotonic() - start)
    fast, slow = sorted(map(min, times.values()))
    check(slow < 2 * fast + 0.001, f"SCRAM begins in {times}")
    return unknown


def forget_guesses(w):
    w.query("DELETE FROM rate_count WHERE scope = 'auth'")


def is_smtpd_auth(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith("/smtpd-auth")
    except FileNotFoundError:  # a session that has ended meanwhile
        return False


def helpers(w):
    return [pid for pid in w.listener.children() if is_smtpd_auth(pid)]


def exchanges(w):
    """The children of smtpd-auth, one for each client that authenticates."""
    return [pid for parent in helpers(w) for pid in children_of(parent)]


def processor_time(w):
    """Of smtpd-auth and its children, all of which have ended, in ticks."""
    until(lambda: not exchanges(w))
    for pid in helpers(w):
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15]))
    return 0


def time_of_a_guess(w):
    """What is computed for a name that there is not is no less.  As many guesses
    are made as it takes to measure them on this machine."""
    ticks = {NAME: 0, "nobody": 0}

    def guess(name):
        with Conversation(w.port) as c:
            c.say("AUTH PLAIN " + plain(name, WRONG))

    w.query("INSERT INTO rate_limit (scope, max_messages) VALUES ('auth', 100000)")
    for _ in range(50):
        for name in ticks:
            before = processor_time(w)
            threads = [threading.Thread(target=guess, args=(name,))
                       for _ in range(30)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ticks[name] += processor_time(w) - before
        if max(ticks.values()) > 25:
            break
    fast, slow = sorted(ticks.values())
    w.report.check(slow > 25 and slow < 1.7 * fast + 3, f"known and unknown: {ticks}")
    w.query("DELETE FROM rate_limit")


def guesses_in_parallel(w):
    """From one source, by connections of two services at once."""
    check = w.report.check
    forget_guesses(w)
    w.query("INSERT INTO rate_limit (scope, window_sec, max_messages)"
            " VALUES ('auth', 600, 5)")
    said = []

    def guess(port, password):
        with Conversation(port) as c:
            said.append(c.say("AUTH PLAIN " + plain(password=password))[:3])

    with Listener(w.options, w.folder, "--auth=rows") as other:
        threads = [threading.Thread(target=guess, args=(port, f"guess {n}"))
                   for n in range(12) for port in (w.port, other.port)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check(said.count("535") == 5, f"of 24 guesses, 5 are told: {said}")
    check(said.count("454") == 19, f"and others are too many: {said}")
    said.clear()
    guess(w.port, PASSWORD)
    check(said == ["454"], f"the right one then, too: {said}")
    forget_guesses(w)
    said.clear()
    guess(w.port, PASSWORD)
    check(said == ["235"], f"later it is right: {said}")
    w.query("DELETE FROM rate_limit")


def login_beside_a_writer(w):
    """Only a wrong guess is written down: who knows the password needs no turn."""
    with Conversation(w.port) as c:
        c.say("AUTH PLAIN " + plain())  # the secret for unknown names is there now
    db = sqlite3.connect(w.listener.database, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with Conversation(w.port) as c:
        said = c.say("AUTH PLAIN " + plain())
    db.execute("ROLLBACK")
    db.close()
    w.report.check(said[:3] == "235", f"while another writes: {said}")


def process_of_an_exchange(w):
    """What reads a client's octets is confined, and has no database."""
    check = w.report.check
    with Conversation(w.port) as c:
        check(c.say("AUTH LOGIN").startswith("334 "), "LOGIN")
        check(len(helpers(w)) == 1, f"smtpd-auth: {helpers(w)}")
        # Those of the sessions before may still be ending.
        until(lambda: len(exchanges(w)) == 1)
        found = exchanges(w)
        check(len(found) == 1, f"its children: {found}")
        for pid in found:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = f.read()
            check("Seccomp:\t2" in status, "it is confined")
            files = [f for f in open_files(pid)
                     if not f.startswith(("/dev/null", "pipe:")) and f != w.listener.log]
            check(len([f for f in files if f.startswith("socket:")]) <= 2 and
                  not [f for f in files if f.startswith("/")], f"it has {files}")
        c.say("*")


def accounts(w):
    check = w.report.check
    with Conversation(w.port) as c:
        said = c.say("MAIL FROM:<ann@a.example>")
        check(said.startswith("530 5.7.0 "), f"without an account: {said}")
        check(c.say("AUTH PLAIN " + plain()).startswith("235 "), "with one")
        w.smtpdb("account", "add", NAME, "ann@a.example")
        said = c.say("MAIL FROM:<bob@a.example>")
        check(said.startswith("553 5.7.1 "), f"as another: {said}")
        check(c.say("MAIL FROM:<ann@a.example>").startswith("250 "), "as itself")
        w.smtpdb("account", "rm", NAME, "ann@a.example")


def one_connection(options, report, folder):
    """Started by inetd: smtpd-auth is started for it."""
    database = os.path.join(folder, "mail.db")
    for address, more, wanted in (
            ("", (), "235"), ("192.0.2.1", (), "538"),
            ("192.0.2.1", ("--auth-insecure",), "235"),
            ("127.0.0.1", (), "235"), ("::1", (), "235")):
        env = dict(os.environ, TCPREMOTEIP=address)
        if not address:
            del env["TCPREMOTEIP"]
        with subprocess.Popen(
                [options.smtpd, "-d", database, "--auth=rows", "-n", "mx.example",
                 *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=env) as p:
            said, _ = p.communicate(
                f"EHLO me\r\nAUTH PLAIN {plain()}\r\nMAIL FROM:<a@b>\r\n"
                "RCPT TO:<c@d>\r\nDATA\r\n.\r\nQUIT\r\n".encode(), 60)
        codes = [line[:3] for line in said.decode().splitlines()
                 if line[3:4] == " "]
        report.check(codes[2] == wanted, f"{address} {more}: {said}")
        offered = b"AUTH PLAIN" in said
        report.check(offered == (wanted == "235"), f"{address} {more}: {said}")
        db = sqlite3.connect(database)
        row = db.execute("SELECT authenticated_as, protocol FROM message"
                         " ORDER BY id DESC").fetchone()
        db.close()
        report.check(row == ((NAME, "ESMTPA") if wanted == "235"
                             else (None, "ESMTP")), f"{address} {more}: {row}")


CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx.example -days 2 \\
    -keyout server.key -out server.crt
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 2 \\
    -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj /O=Office/CN=printer \\
    -keyout client.key -out client.csr
openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial \\
    -days 2 -out client.crt
chmod 0644 server.key
"""


def inside_tls(options, report):
    """A password, and a certificate in place of one."""
    check = report.check
    program = os.path.join(os.path.dirname(options.smtpd) or ".", "smtpd-tls")
    if not os.path.exists(program):
        print("skipped: AUTH inside TLS, since there is no smtpd-tls")
        return
    with tempfile.TemporaryDirectory() as box, \
            tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        subprocess.run(CERTIFICATES, shell=True, check=True, cwd=folder,
                       capture_output=True)
        with World(options, report, box, f"--tls-cert={folder}/server.crt",
                   f"--tls-key={folder}/server.key",
                   f"--tls-ca={folder}/ca.crt", "--xclient=127.0.0.1") as w:
            w.smtpdb("account", "add", NAME)
            context = ssl.create_default_context(cafile=f"{folder}/server.crt")
            context.check_hostname = False
            with smtplib.SMTP("127.0.0.1", w.port, "client.example") as s:
                s.starttls(context=context)
                s.ehlo()
                check("EXTERNAL" not in s.esmtp_features["auth"], "no certificate")
                said = s.docmd("AUTH PLAIN " + plain())
                check(said[0] == 235, f"inside TLS: {said}")
                s.sendmail("a@b.example", ["c@d.example"], MAIL)
            context.load_cert_chain(f"{folder}/client.crt", f"{folder}/client.key")
            with smtplib.SMTP("127.0.0.1", w.port, "client.example") as s:
                s.starttls(context=context)
                s.ehlo()
                check("EXTERNAL" in s.esmtp_features["auth"], "a certificate")
                said = s.docmd("AUTH EXTERNAL =")
                check(said[0] == 535, f"of no account: {said}")
                s.sendmail("a@b.example", ["c@d.example"], MAIL)
                subject = w.query("SELECT client_subject FROM message"
                                  " ORDER BY id DESC")[0][0]
                w.smtpdb("account", "add", "printer", f"--certificate={subject}",
                         "printer@b.example")
                other = base64.b64encode(NAME.encode()).decode()
                said = s.docmd("AUTH EXTERNAL " + other)
                check(said[0] == 535, f"as another: {said}")
                said = s.docmd("AUTH EXTERNAL =")
                check(said[0] == 235, f"EXTERNAL: {said}")
                check(s.docmd("MAIL FROM:<a@b.example>")[0] == 553, "as others")
                s.sendmail("printer@b.example", ["c@d.example"], MAIL)
            rows = w.query("SELECT authenticated_as, protocol FROM message")
            check(rows == [(NAME, "ESMTPSA"), (None, "ESMTPS"),
                           ("printer", "ESMTPSA")], f"{rows}")
            with smtplib.SMTP("127.0.0.1", w.port, "front.example") as s:
                s.starttls(context=context)
                s.ehlo()
                s.docmd("XCLIENT ADDR=192.0.2.9")
                s.ehlo()
                check("EXTERNAL" not in s.esmtp_features["auth"],
                      "the certificate of a front is not its client's")
                said = s.docmd("AUTH EXTERNAL =")
                check(said[0] == 504, f"by a front's certificate: {said}")
                s.sendmail("a@b.example", ["c@d.example"], MAIL)
            rows = w.query("SELECT client_address, client_subject, authenticated_as,"
                           " protocol FROM message ORDER BY id DESC LIMIT 1")
            check(rows == [("192.0.2.9", None, None, "ESMTPS")], f"by a front: {rows}")


DOVECOT = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = yes
auth_mechanisms = plain
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
"""


def by_dovecot(options, report):
    if not shutil.which("dovecot") or os.geteuid() != 0:
        print("skipped: AUTH by Dovecot, since it is not there or this is not root")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with open(f"{folder}/users", "w", encoding="utf-8") as f:
            f.write(f"{NAME}:{{PLAIN}}{PASSWORD}::::::\n")
        with open(f"{folder}/conf", "w", encoding="ascii") as f:
            f.write(DOVECOT.format(folder=folder))
        dovecot = subprocess.Popen(["dovecot", "-F", "-c", f"{folder}/conf"],
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            filtering.wait_for(f"{folder}/auth", dovecot)
            ask_dovecot(options, report, folder)
        finally:
            dovecot.terminate()
            dovecot.wait(30)


def ask_dovecot(options, report, folder):
    check = report.check
    with tempfile.TemporaryDirectory() as box, \
            Listener(options, box, f"--auth=dovecot:{folder}/auth") as listener:
        with Conversation(listener.port) as c:
            check("AUTH PLAIN LOGIN\n" in c.features, c.features)
            check(c.say("AUTH PLAIN " + plain(password=WRONG)).startswith("535 "),
                  "Dovecot: wrong")
            with open(listener.log, encoding="ascii") as f:
                check('command="AUTH PLAIN" account=ann\n' in f.read(),
                      "Dovecot: who it was to be")
            check(c.say("AUTH PLAIN").startswith("334 "), "Dovecot: a prompt")
            said = c.say(plain())
            check(said.startswith("235 "), f"Dovecot: {said}")
            for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"):
                c.say(line)
            said = c.say(".")
            check(said.startswith("250 "), f"Dovecot: {said}")
        db = sqlite3.connect(listener.database)
        row = db.execute("SELECT authenticated_as, protocol FROM message").fetchone()
        db.close()
        check(row == (NAME, "ESMTPA"), f"Dovecot: {row}")
        with Conversation(listener.port) as c:
            c.say("AUTH LOGIN")
            c.say(base64.b64encode(NAME.encode()).decode())
            said = c.say(base64.b64encode(PASSWORD.encode()).decode())
            check(said.startswith("235 "), f"Dovecot, LOGIN: {said}")
    with tempfile.TemporaryDirectory() as box, \
            Listener(options, box, f"--auth=dovecot:{folder}/none") as listener, \
            Conversation(listener.port) as c:
        said = c.say("AUTH PLAIN " + plain())
        check(said.startswith("454 4.7.0 "), f"no Dovecot: {said}")


def silent_dovecot(options, report):
    """It takes connections, and says nothing."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as silent, \
            tempfile.TemporaryDirectory() as box:
        os.chmod(folder, 0o755)
        silent.bind(f"{folder}/auth")
        os.chmod(f"{folder}/auth", 0o666)
        silent.listen()
        with Listener(options, box, f"--auth=dovecot:{folder}/auth",
                      "--timeout=1") as listener:
            with Conversation(listener.port) as c:
                said = c.say("AUTH PLAIN " + plain())
            report.check(said[:4] in ("454 ", "421 "), f"a silent Dovecot: {said}")
            first = [pid for pid in listener.children() if is_smtpd_auth(pid)]
            left = until(lambda: not [pid for parent in first
                                      for pid in children_of(parent)])
            report.check(len(first) == 1 and left, "a silent Dovecot keeps no process")


def record_has_no_password(options, report, any_is_taken):
    """It is answered alike when it is played again, and has no secret."""
    check = report.check
    secrets = ("s3cret", "p4ssword")

    def b64(text):
        return base64.b64encode(text.encode()).decode()

    said = [
        "AUTH PLAIN " + plain(NAME, WRONG), "AUTH PLAIN !!!s3cret", "AUTH LOGIN",
        b64(NAME), b64("p4ssword"), "AUTH PLAIN", "=s3cret", "AUTH LOGIN", "*",
        "AUTH " + "s3cret" * 4, "AUTH PLAIN " + b64("s3cret"),
        "  auth login " + b64(NAME), b64("s3cret" * 400), "AUTH PLAIN  =",
        "AUTH PLAIN " + plain() + " ", "AUTH PLAIN " + plain()]
    if any_is_taken:
        said = said[1:4] + ["*"] + said[10:11] + said[2:5] + said[:1]
    how = "any" if any_is_taken else "rows"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "recorded")
        with World(options, report, folder, f"--record={path}",
                   f"--auth={how}") as w:
            w.smtpdb("account", "add", NAME)
            with Conversation(w.port) as c:
                for line in said:
                    c.say(line)
                for line in ("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"):
                    c.say(line)
                answer = c.say("AUTH PLAIN is text\r\n.")
                check(answer.startswith("250 "), f"{how}, recorded: {answer}")
                c.say("QUIT")
        with open(path, encoding="ascii") as f:
            text = f.read()
        played = subprocess.run([options.player, path], check=False, text=True,
                                capture_output=True)
        check(played.returncode == 0, f"{how}, played: {played.stderr}{text}")
        check("> AUTH PLAIN is text" in text, f"{how}: text is not masked")
        for secret in (*secrets, WRONG, PASSWORD):
            for shift in range(3):  # however it lies among the others
                coded = b64("x" * shift + secret)[2 * shift:-4]
                check(coded not in text and secret not in text,
                      f"{how}: {secret} in {text}")


def by_nobody(options, report):
    with tempfile.TemporaryDirectory() as folder:
        w = World.__new__(World)
        w.options, w.report, w.folder, w.last_id = options, report, folder, 0
        w.listener = Listener(options, folder, "--auth=any", "--auth-required")
        with w:
            w.port = w.listener.port
            with Conversation(w.port) as c:
                said = c.say("MAIL FROM:<a@b>")
                report.check(said.startswith("530 "), f"any, required: {said}")
            auth_clients.by_smtplib(w, ("PLAIN", "LOGIN", "CRAM-MD5"), "claimed_as")


def by_rows(options, report):
    program = os.path.join(os.path.dirname(options.smtpd) or ".", "smtpd-auth")
    if not os.path.exists(program):
        print("skipped: auth.py, since there is no smtpd-auth")
        return
    with tempfile.TemporaryDirectory() as folder:
        with World(options, report, folder, "--max-per-source=100") as w:
            status, text = w.smtpdb("account", "add", NAME)
            report.check(status == 0, f"account add: {text}")
            for client in auth_clients.ALL:
                client(w)
            refusals(w)
            first_guess(w)
            scram_that_is_twisted(w)
            salt = unknown_names(w)
            login_beside_a_writer(w)
            process_of_an_exchange(w)
            time_of_a_guess(w)
            guesses_in_parallel(w)
        with World(options, report, folder, "--auth-required") as w:
            w.last_id = w.query("SELECT max(id) FROM message")[0][0]
            with Conversation(w.port) as c:
                report.check(scram_begins(c, "nobody") == salt,
                             "after a restart, the same salt")
            accounts(w)
            w.smtpdb("account", "passwd", NAME, password="ascii")
            auth_clients.by_smtplib(w, ("LOGIN",))
            w.smtpdb("account", "passwd", NAME)
        one_connection(options, report, folder)
    record_has_no_password(options, report, False)
    record_has_no_password(options, report, True)
    inside_tls(options, report)
    silent_dovecot(options, report)
    by_dovecot(options, report)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    parser.add_argument("--player", default="build/tests/play")
    options = parser.parse_args()
    report = common.Report()
    by_nobody(options, report)
    by_rows(options, report)
    report.end()


if __name__ == "__main__":
    main()
