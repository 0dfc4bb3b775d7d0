#!/usr/bin/python3 -B
"""smtpd beside the programs that others run: the next host of Postfix, Exim
and OpenSMTPD by LMTP.

    tests/system/beside.py [--smtpd PROGRAM] [--smtpdb PROGRAM]

Each program is started for the test.  What is not there is skipped, and said.
"""

import argparse
import os
import re
import shutil
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "../durability"), str(HERE / "../../bench")]
import common  # noqa: E402 (where it is was said above)
import contestants  # noqa: E402
from listener import Listener, until  # noqa: E402

SENDER = "ann@client.example"
KNOWN, UNKNOWN = ["bob@mx.example", "carl@mx.example"], "nobody@mx.example"
MAIL = b"From: ann@client.example\r\nSubject: beside\r\n\r\nOne.\r\n.two\r\n"


class UnixListener(Listener):
    """The same at a socket in the file system."""

    def __init__(self, options, folder, *arguments):
        self.database = os.path.join(folder, "mail.db")
        self.log = os.path.join(folder, "log")
        self.path = os.path.join(folder, "socket")
        common.give_away(folder)
        # By AF_UNIX root would stay root.
        user = ["--user=nobody"] if os.geteuid() == 0 else []
        with socket.socket(socket.AF_UNIX) as listening, \
                open(self.log, "wb") as log:
            listening.bind(self.path)
            os.chmod(self.path, 0o666)
            listening.listen(64)
            self.process = subprocess.Popen(
                [options.smtpd, "-d", self.database, "-n", "mx.example",
                 *user, *arguments], stdin=listening, stderr=log)


class World:
    """A report, and listeners with a folder each."""

    def __init__(self, options, report, folder):
        self.options = options
        self.report = report
        self.folder = folder

    def make(self, name):
        path = self.folder / name
        path.mkdir()
        path.chmod(0o755)
        return path

    def skip(self, what):
        print(f"skipped: {what} beside smtpd, which is not installed")


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), timeout=300, check=False,
                          capture_output=True, **more)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Rows:
    """What has come into a database since the last time."""

    def __init__(self, world, listener):
        self.world = world
        self.listener = listener
        self.last_id = 0

    def query(self, sql, *values):
        if not os.path.exists(self.listener.database):
            return []
        db = sqlite3.connect(self.listener.database, timeout=60)
        with db:
            found = db.execute(sql, values).fetchall()
        db.close()
        return found

    def new(self):
        if not self.query("SELECT 1 FROM sqlite_master WHERE name = 'message'"):
            return []
        return self.query(
            "SELECT id, protocol, (SELECT group_concat(forward_path) FROM"
            " (SELECT * FROM recipient WHERE message_id = id ORDER BY position)),"
            " data, trace, client_address, client_port, helo"
            " FROM message WHERE id > ? ORDER BY id", self.last_id)

    def expect(self, what, outcome, recipients, protocol="LMTP"):
        """One mail has come, by that protocol, with our text in it."""
        rows = until(self.new)
        check = self.world.report.check
        check(len(rows) == 1, f"{what}: {len(rows)} mails: {outcome}")
        if len(rows) != 1:
            return None
        self.last_id = rows[0][0]
        check(rows[0][1] == protocol, f"{what}: protocol {rows[0][1]}")
        check(rows[0][2] == ",".join(recipients), f"{what}: to {rows[0][2]}")
        check(MAIL.split(b"\r\n\r\n")[1] in rows[0][3], f"{what}: {rows[0][3]}")
        check(f"with {protocol} id" in rows[0][4], f"{what}: {rows[0][4]}")
        return rows[0]


#
# LMTP: clients
#


def lmtp_smtplib(w, host, rows):
    """Makes the database, whose rows then tell who is here.  smtplib itself
    reads one reply to a mail, whoever it is for."""
    def send(recipients):
        with smtplib.LMTP(*host, local_hostname="client.example") as client:
            refused = client.sendmail(SENDER, recipients, MAIL)
            reply = client.getreply()
            w.report.check(reply[0] == 250, f"smtplib, the second: {reply}")
        return refused

    rows.expect("smtplib.LMTP", send(KNOWN), KNOWN)
    rows.query("INSERT INTO domain (name) VALUES ('mx.example')")
    for address in KNOWN:
        rows.query("INSERT INTO mailbox (address) VALUES (?)", address)
    refused = send([KNOWN[0], UNKNOWN, KNOWN[1]])
    w.report.check(refused.get(UNKNOWN, (0,))[0] == 550, f"smtplib: {refused}")
    rows.expect("smtplib.LMTP, one unknown", refused, KNOWN)


def lmtp_swaks(w, host, rows):
    where = ["--server", host[0], "--port", host[1]] if host[1] else \
        ["--socket", host[0]]
    path = w.folder / "swaks.eml"
    path.write_bytes(MAIL)
    outcome = run("swaks", "--protocol", "LMTP", *where, "--helo",
                  "client.example", "--from", SENDER, "--to", ",".join(KNOWN),
                  "--data", f"@{path}")
    rows.expect("swaks", outcome, KNOWN)


def lmtp_deliver(w, host, rows):
    """From one table into another."""
    before = rows.last_id
    where = f"{host[0]}:{host[1]}" if host[1] else host[0]
    outcome = run(w.options.smtpdb, "-d", rows.listener.database, "deliver",
                  before, "--lmtp", where)
    w.report.check(outcome[0] == 0, f"smtpdb deliver: {outcome}")
    rows.expect("smtpdb deliver", outcome, KNOWN)


def lmtp_refuses_smtp(w, host, rows):
    family = socket.AF_INET if host[1] else socket.AF_UNIX
    with socket.socket(family) as s:
        s.connect(host if host[1] else host[0])
        client = common.Client(s)
        w.report.check(client.reply() == (220, "mx.example LMTP smtpd"), "greeting")
        for verb in ("HELO", "EHLO"):
            w.report.check(client.command(f"{verb} client.example")[0] == 500, verb)
        w.report.check(client.command("LHLO client.example")[0] == 250, "LHLO")
    w.report.check(rows.new() == [], "nothing is stored by that")


#
# LMTP: mail servers
#


def recipe(name, nth):
    """A display of smtpd(8), by its section."""
    page = (HERE / "../../smtpd.8").read_text()
    section = page.split(f"\n.Ss {name}\n")[1].split("\n.S")[0]
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section,
                      re.DOTALL | re.MULTILINE)[nth]


class Postfix(contestants.Postfix):
    """Takes mail, and hands it on; what it cannot, it discards."""

    def __init__(self, folder, settings, master=""):
        super().__init__(folder, folder / "postfix")
        self.settings = settings
        self.services = master

    def prepare(self):
        super().prepare()
        with open(self.folder / "etc/main.cf", "a", encoding="ascii") as f:
            f.write("mynetworks = 192.0.2.1\ndefault_transport = discard\n"
                    "address_verify_poll_delay = 1\n"
                    "address_verify_poll_count = 60\n" + self.settings)
        with open(self.folder / "etc/master.cf", "a", encoding="ascii") as f:
            f.write("lmtp unix - - n - - lmtp\n"
                    "discard unix - - n - - discard\n"
                    "verify unix - - n - 1 verify\n"
                    "trace unix - - n - 0 bounce\n" + self.services)

    def queued(self):
        queue = self.folder / "queue"
        return sum(contestants.count_files(queue / name)
                   for name in ("incoming", "active", "deferred"))


def send_smtp(port, recipients, data=MAIL):
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=120) as s:
        return s.sendmail(SENDER, recipients, data)


def lmtp_postfix(w, host, rows):
    """As smtpd(8) says it is set up."""
    if not shutil.which("postfix"):
        w.skip("Postfix")
        return
    where = f"inet:{host[0]}:{host[1]}" if host[1] else f"unix:{host[0]}"
    settings = recipe("Behind Postfix", 1).replace("unix:private/smtpd", where)
    server = Postfix(w.make("of-postfix-" + ("inet" if host[1] else "unix")),
                     settings.replace("example.org", "mx.example"))
    server.start()
    try:
        refused = send_smtp(server.port, [KNOWN[0], UNKNOWN, KNOWN[1]])
        w.report.check(refused.get(UNKNOWN, (0,))[0] == 550, f"Postfix: {refused}")
        rows.expect("Postfix", refused, KNOWN)
        w.report.check(until(lambda: server.queued() == 0),
                       f"Postfix keeps {server.queued()} mails")
    finally:
        server.stop()


EXIM_HEAD = """\
log_file_path = {folder}/log/%slog
exim_path = {program}
primary_hostname = client.example
acl_smtp_rcpt = accept
host_lookup =
keep_environment =
trusted_users = root
begin routers
"""

EXIM = EXIM_HEAD + """\
unix:
  driver = accept
  local_parts = bob : carl : nobody
  condition = ${{if def:h_X-Unix:}}
  transport = unix
inet:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = inet
begin transports
unix:
  driver = lmtp
  socket = {socket}
  batch_max = 100
  user = Debian-exim
inet:
  driver = smtp
  protocol = lmtp
  port = {port}
  hosts_override
  allow_localhost
"""


def unpack_peers(w, what):
    """Those that cannot be installed beside Postfix; once.  They have folders
    of their own by mounts, which a chroot does not allow."""
    if run("unshare", "--mount", "true")[0] != 0:
        print(f"skipped: {what}, since no mounts can be made here")
        return False
    folder = w.folder / "peers"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    done = subprocess.run([HERE / "../../bench/peers.sh", folder], check=False,
                          capture_output=True, timeout=300)
    if done.returncode != 0:
        print(f"skipped: {what}, since its package cannot be fetched")
    return done.returncode == 0


class Exim(contestants.Exim):
    """Is given a mail and delivers it at once."""

    def __init__(self, folder, socket_path, port):
        super().__init__(folder, folder / "exim")
        self.where = {"socket": socket_path, "port": port}
        self.program = self.programs / "peers/usr/sbin/exim4"

    def prepare_stage(self):
        super().prepare_stage()
        (self.folder / "etc/exim4/exim4.conf").write_text(
            EXIM.format(folder=self.folder, program=self.program, **self.where))

    def send(self, data, recipients):
        return run(HERE / "../../bench/stage.sh", self.folder,
                   self.program, "-odf", "-i", "-f",
                   SENDER, *recipients, input=data.replace(b"\r\n", b"\n"))


EXIM_RELAY = EXIM_HEAD + """\
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = smtp
begin transports
smtp:
  driver = smtp
  port = {port}
  hosts_override
  allow_localhost
{more}"""


class EximRelay(Exim):
    """Hands every mail on to a port; `more` says how, behind its transport."""

    def __init__(self, folder, name, port, more):
        super().__init__(folder, "", port)
        self.folder = folder / name
        self.more = more

    def prepare_stage(self):
        super().prepare_stage()
        (self.folder / "etc/exim4/exim4.conf").write_text(
            EXIM_RELAY.format(folder=self.folder, program=self.program,
                              more=self.more, **self.where), encoding="utf-8")


def lmtp_exim(w, host, rows):
    if not unpack_peers(w, "Exim beside smtpd"):
        return
    if host[1]:
        server = Exim(w.folder, "/nowhere", host[1])
    else:
        server = Exim(w.folder, host[0], 1)
    server.folder = w.folder / ("exim-inet" if host[1] else "exim-unix")
    server.prepare()
    data = MAIL if host[1] else b"X-Unix: yes\r\n" + MAIL
    outcome = server.send(data, [*KNOWN, UNKNOWN])
    rows.expect("Exim", outcome, KNOWN)


OPENSMTPD = """\
listen on 127.0.0.1 port {port} hostname client.example
action "rows" relay host "lmtp://127.0.0.1:{target}"
match from any for domain "mx.example" action "rows"
"""


class OpenSMTPD(contestants.OpenSMTPD):
    target = 0

    def prepare_stage(self):
        super().prepare_stage()
        (self.folder / "etc/smtpd.conf").write_text(
            OPENSMTPD.format(port=self.port, target=self.target))

    def staged_command(self):
        return [self.programs / "peers/usr/sbin/smtpd", "-d"]


def lmtp_opensmtpd(w, host, rows):
    if not host[1]:
        return  # to a socket it goes by a program that is not unpacked
    if not unpack_peers(w, "OpenSMTPD beside smtpd"):
        return
    server = OpenSMTPD(w.folder, w.folder / "opensmtpd")
    server.target = host[1]
    server.start()
    try:
        outcome = send_smtp(server.port, [KNOWN[0]])
        rows.expect("OpenSMTPD", outcome, [KNOWN[0]])
    finally:
        server.stop()


LMTP = (lmtp_smtplib, lmtp_refuses_smtp, lmtp_swaks, lmtp_deliver, lmtp_postfix,
        lmtp_exim, lmtp_opensmtpd)


def test_lmtp(w):
    with Listener(w.options, w.make("inet"), "--lmtp") as listener:
        rows = Rows(w, listener)
        for test in LMTP:
            test(w, ("127.0.0.1", listener.port), rows)
    with UnixListener(w.options, w.make("unix"), "--lmtp") as listener:
        rows = Rows(w, listener)
        for test in LMTP:
            test(w, (listener.path, 0), rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    options = parser.parse_args()
    report = common.Report()
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # the servers have users of their own
        test_lmtp(World(options, report, Path(name)))
    report.end()


if __name__ == "__main__":
    main()
