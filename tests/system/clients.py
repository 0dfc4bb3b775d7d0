#!/usr/bin/python3 -B
"""Ordinary calls of ordinary clients: what a program gets that sends what it
has, lines that end in LF or an address in UTF-8, and asks nobody.

    tests/system/clients.py [--smtpd PROGRAM]

Those of npm are installed for the test, where there is npm and a registry.
"""

import argparse
import os
import shutil
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)
from listener import Listener  # noqa: E402

LF_MAIL = b"Subject: LF\n\nOne.\n.two\n\nThree.\n"
SENDER, RECIPIENT = "ann@client.example", "bob@mx.example"
UTF8_SENDER, UTF8_RECIPIENT = "j\u00fcrgen@client.example", "\u00e4nne@mx.example"

# Each is run with the port, and then what it needs; "npm" are its packages.
NODE = {
    "nodemailer": ("nodemailer@6.9.16", """
        const [port, from, to, text] = process.argv.slice(2);
        require('nodemailer').createTransport({
            host: '127.0.0.1', port, ignoreTLS: true,
        }).sendMail({ envelope: { from, to }, raw: text }, failed => {
            if (failed) { console.error(failed.message); process.exit(1); }
        });"""),
    "smtp-client": ("smtp-client@0.4.0", """
        const [port, from, to, text] = process.argv.slice(2);
        const { SMTPClient } = require('smtp-client');
        const s = new SMTPClient({ host: '127.0.0.1', port });
        (async () => {
            await s.connect();
            await s.greet({ hostname: 'client.example' });
            await s.mail({ from });
            await s.rcpt({ to });
            await s.data(text);
            await s.quit();
        })().catch(e => { console.error(e.message); process.exit(1); });"""),
    "emailjs": ("emailjs@4.0.3", """
        const [port, from, to, text] = process.argv.slice(2);
        import('emailjs').then(({ SMTPClient, Message }) => {
            const client = new SMTPClient({ host: '127.0.0.1', port });
            client.send(new Message({ from, to, subject: 'LF', text }),
                failed => {
                    if (failed) { console.error(failed.message); process.exit(1); }
                    process.exit(0);
                });
        });"""),
}


class World:
    """smtpd, and a folder for what clients need."""

    def __init__(self, listener, report, folder):
        self.listener = listener
        self.report = report
        self.folder = folder
        self.last_id = 0

    def file(self, name, octets):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(octets)
        return path

    def run(self, *command, **more):
        done = subprocess.run(command, timeout=600, capture_output=True,
                              check=False, **more)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def expect(self, what, outcome, sender=SENDER, recipient=RECIPIENT,
               data=None):
        """One mail has come since the last time, and it is this one."""
        db = sqlite3.connect(self.listener.database)
        rows = db.execute(
            "SELECT id, reverse_path, data, (SELECT group_concat(forward_path)"
            " FROM recipient WHERE message_id = id) FROM message WHERE id > ?",
            (self.last_id,)).fetchall()
        db.close()
        self.report.check(len(rows) == 1, f"{what}: {len(rows)} mails: {outcome}")
        if len(rows) != 1:
            return
        self.last_id, reverse_path, found, forward_path = rows[0]
        self.report.check((reverse_path, forward_path) == (sender, recipient),
                          f"{what}: from {reverse_path} to {forward_path}")
        if data is not None:
            self.report.check(found == data, f"{what}: {found!r}")


def smtplib_octets(w):
    """smtplib sends bytes as they are, and doubles dots behind LF."""
    with smtplib.SMTP("127.0.0.1", w.listener.port, "client.example") as s:
        refused = s.sendmail(SENDER, RECIPIENT, LF_MAIL)
    w.expect("smtplib, bytes", refused,
             data=LF_MAIL.replace(b"\n.", b"\n..") + b"\r\n")


def smtplib_utf8(w):
    with smtplib.SMTP("127.0.0.1", w.listener.port, "client.example") as s:
        s.command_encoding = "utf-8"
        refused = s.sendmail(UTF8_SENDER, UTF8_RECIPIENT, "Subject: x\n\nx\n")
    w.expect("smtplib, UTF-8", refused, UTF8_SENDER, UTF8_RECIPIENT,
             b"Subject: x\r\n\r\nx\r\n")


def curl(w):
    path = w.file("lf.eml", LF_MAIL)
    url = f"smtp://127.0.0.1:{w.listener.port}/client.example"
    outcome = w.run("curl", "-qsS", "--mail-from", SENDER, "--mail-rcpt",
                    RECIPIENT, "--upload-file", path, url)
    w.expect("curl", outcome, data=LF_MAIL + b"\r\n")


def swaks(w):
    for name, sender, recipient in (("swaks", SENDER, RECIPIENT),
                                    ("swaks, UTF-8", UTF8_SENDER, UTF8_RECIPIENT)):
        outcome = w.run("swaks", "--server", "127.0.0.1", "--port",
                        str(w.listener.port), "--helo", "client.example",
                        "--from", sender, "--to", recipient, "--data",
                        "@" + w.file("lf.eml", LF_MAIL))
        w.expect(name, outcome, sender, recipient)


def msmtp(w):
    outcome = w.run("msmtp", "--host=127.0.0.1", f"--port={w.listener.port}",
                    "--domain=client.example", f"--from={UTF8_SENDER}",
                    UTF8_RECIPIENT, input=LF_MAIL)
    w.expect("msmtp, UTF-8", outcome, UTF8_SENDER, UTF8_RECIPIENT)


def net_smtp(w):
    """Perl's, which is part of it."""
    outcome = w.run("perl", "-MNet::SMTP", "-e", """
        my ($port, $from, $to) = @ARGV;
        my $s = Net::SMTP->new("127.0.0.1", Port => $port,
            Hello => "client.example") or die "connect";
        $s->mail($from) && $s->to($to) && $s->data("Subject: LF\n", "\n", ".x\n")
            or die $s->message;
        $s->quit;""", str(w.listener.port), UTF8_SENDER, UTF8_RECIPIENT)
    w.expect("Net::SMTP, UTF-8", outcome, UTF8_SENDER, UTF8_RECIPIENT,
             b"Subject: LF\r\n\r\n.x\r\n")


def typed(w):
    """Lines that end in LF are told of at once, not waited through."""
    with socket.create_connection(("127.0.0.1", w.listener.port), 60) as s:
        heard = s.makefile("rb")
        heard.readline()
        s.sendall(b"EHLO client.example\n")
        reply = heard.readline()
        w.report.check(reply.startswith(b"500 5.5.2 Lines end in CRLF"),
                       f"typed into a connection: {reply!r}")


def node(w):
    if not shutil.which("npm") or not shutil.which("node"):
        print("skipped: clients of Node.js, since there is no npm")
        return
    packages = [package for package, _ in NODE.values()]
    status, text = w.run("npm", "install", "--no-audit", "--no-fund",
                         "--ignore-scripts", "--prefix", w.folder, *packages)
    if status != 0:
        print(f"clients.py: npm installs nothing, its clients are not tried: {text}")
        return
    for name, (_, script) in NODE.items():
        program = w.file(f"{name}.js", script.encode())
        outcome = w.run("node", program, str(w.listener.port), SENDER, RECIPIENT,
                        LF_MAIL.decode())
        w.expect(name, outcome)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    options = parser.parse_args()
    report = common.Report()
    with tempfile.TemporaryDirectory() as folder, \
            Listener(options, folder) as listener:
        world = World(listener, report, folder)
        for test in (smtplib_octets, smtplib_utf8, curl, swaks, msmtp, net_smtp,
                     typed, node):
            try:
                test(world)
            except (OSError, smtplib.SMTPException,
                    subprocess.TimeoutExpired) as e:
                report.check(False, f"{test.__name__}: {e!r}")
    report.end()


if __name__ == "__main__":
    main()
