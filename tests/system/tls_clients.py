#!/usr/bin/python3 -B
"""Client programs and mail servers that send by TLS; which are not there is said.

    tests/system/tls_clients.py [--smtpd PROGRAM] [--smtpdb PROGRAM] [--only TEST]
"""

import os
import shutil
import smtplib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside  # noqa: E402 (where it is was said above)
from tls_world import MAIL, RECIPIENT, SENDER, play, run  # noqa: E402



def sslscan(w, listener):
    if not shutil.which("sslscan"):
        print("skipped: sslscan, since there is none")
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
            print(f"skipped: {command[0]} with TLS, since there is none")
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
        print("skipped: nodemailer with TLS, since there is no npm")
        return
    status, _ = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                    "--prefix", w.folder, "nodemailer@6.9.16")
    if status != 0:
        print("skipped: nodemailer with TLS, since npm installs nothing")
        return
    path = w.folder / "nodemailer.js"
    path.write_text(NODEMAILER)
    w.expect("nodemailer", listener, run("node", path, listener.port, SENDER,
                                         RECIPIENT, w.keys.ca[0]))


def postfix(w, listener):
    """As a client: with TLS if there is any, and not without."""
    if not shutil.which("postfix"):
        print("skipped: Postfix with TLS, since there is none")
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
    if not beside.unpack_peers(w, "Exim as a client with TLS"):
        return
    for require in ("", "*"):
        server = beside.EximRelay(
            w.folder, f"exim-{'required' if require else 'may'}", listener.port,
            EXIM.format(require=require, ca=w.keys.ca[0]))
        server.prepare()
        w.expect(f"Exim, '{require}'", listener, server.send(MAIL, [RECIPIENT]))


if __name__ == "__main__":
    play((sslscan, programs, nodemailer, postfix, exim), ())
