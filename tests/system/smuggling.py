#!/usr/bin/python3 -B
"""One mail stays one mail: what could end a text at some host is sent to smtpd
by socket, and handed on from there to a real Postfix and a real Exim.

    tests/system/smuggling.py [--smtpd PROGRAM] [--smtpdb PROGRAM]

Both are started for the test (bench/contestants.py); it is skipped where there
is no Postfix, or where Exim cannot be unpacked.
"""

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "../durability"), str(HERE / "../../bench")]
import common  # noqa: E402 (where it is was said above)
import contestants  # noqa: E402
from listener import Listener, until  # noqa: E402

# What stands between the text of the mail and the one that would be smuggled.
SEPARATORS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.CR": b"\r\n.\r",
    "CR.LF": b"\r.\n",
    "LF.CR": b"\n.\r",
    "CRLF.CRCRLF": b"\r\n.\r\r\n",
    "CRCRLF.CRLF, stuffed": b"\r\r\n..\r\n",
    "LFCR.CRLF": b"\n\r.\r\n",
    "LFLF.CRLF": b"\n\n.\r\n",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\0\r\n",
    "LF NUL.LF": b"\n\0.\n",
    "CRLF..LF": b"\r\n..\n",
    "CRLF..CR": b"\r\n..\r",
    "CRLF..CRLF": b"\r\n..\r\n",
    "LF..LF": b"\n..\n",
    "LF..CRLF": b"\n..\r\n",
    "CR..CRLF": b"\r..\r\n",
    "CRLF...LF": b"\r\n...\n",
    "CRLF. CRLF": b"\r\n. \r\n",
    "VT.VT": b"\x0b.\x0b",
    "FF.FF": b"\x0c.\x0c",
    "NEL.NEL": b"\xc2\x85.\xc2\x85",
}
EVIL = (b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<victim@mx.example>\r\n"
        b"DATA\r\nSubject: evil\r\n\r\nevil")


def texts():
    """Each with its name; behind DATA, and as BDAT's octets."""
    for name, separator in SEPARATORS.items():
        text = b"Subject: smuggling\r\n\r\nfirst" + separator + EVIL + b"\r\n"
        yield name, b"DATA", text
        yield name, b"BDAT", text
    # BDAT frames these, so that they are text.
    yield "CRLF.CRLF", b"BDAT", (b"Subject: smuggling\r\n\r\nfirst\r\n.\r\n" +
                                 EVIL + b"\r\n")
    yield ".CRLF at the beginning", b"BDAT", b".\r\n" + EVIL + b"\r\n"
    yield ". at the end", b"BDAT", b"Subject: smuggling\r\n\r\nfirst\r\n."
    yield "CR at the end", b"BDAT", b"Subject: smuggling\r\n\r\nfirst\r\n.\r"
    yield "LF. at the end", b"BDAT", b"Subject: smuggling\r\n\r\nfirst\n."


def send(port, how, text):
    """The replies to the text, and to the NOOP behind it."""
    client = common.Client(socket.create_connection(("127.0.0.1", port)))
    client.greet()
    client.command("MAIL FROM:<ann@client.example>")
    client.command("RCPT TO:<bob@mx.example>")
    if how == b"BDAT":
        client.send(b"BDAT %d LAST\r\n%s" % (len(text), text))
    else:
        client.command("DATA")
        client.send(text + b".\r\n")
    codes = client.reply()[0], client.command("NOOP")[0]
    client.close()
    return codes


class Gateway:
    """Speaks LMTP for a server that speaks SMTP: to one recipient all that
    differs is the first command.  Every other octet is passed on."""

    def __init__(self, port):
        self.target = port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.forward, args=(client, server, b"LHLO"),
                             daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, b""),
                             daemon=True).start()

    @staticmethod
    def forward(source, sink, verb):
        try:
            while octets := source.recv(65536):
                if verb and octets.startswith(verb):
                    octets, verb = b"EHLO" + octets[len(verb):], b""
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listening.close()


class Postfix(contestants.Postfix):
    """What its sendmail takes is held as well."""

    def prepare(self):
        super().prepare()
        with open(self.folder / "etc/main.cf", "a", encoding="ascii") as f:
            f.write("header_checks = static:HOLD\n")

    def stored(self):
        queue = self.folder / "queue"
        until(lambda: not any((queue / "maildrop").iterdir()))
        return sum(contestants.count_files(queue / name) for name in
                   ("maildrop", "incoming", "active", "deferred", "hold"))


class Host:
    """A real mail server, its queue, and its sendmail."""

    def __init__(self, server, sendmail):
        self.server = server
        self.sendmail = sendmail

    def deliver(self, options, database, how, mail_id):
        if how == "LMTP":
            gateway = Gateway(self.server.port)
            command = ["--lmtp", f"127.0.0.1:{gateway.port}"]
        else:
            gateway = None
            command = ["--sendmail", self.sendmail]
        done = subprocess.run(
            [options.smtpdb, "-d", database, "deliver", str(mail_id), *command],
            timeout=60, capture_output=True, check=False)
        if gateway:
            gateway.close()
        return done


def test_host(options, report, database, name, host, rows):
    for how in ("LMTP", "sendmail"):
        for mail_id, what in rows:
            host.server.wipe()
            try:
                done = host.deliver(options, database, how, mail_id)
            except subprocess.TimeoutExpired:
                report.check(False, f"{name}, {how}, {what}: no end")
                continue
            report.check(done.returncode == 0,
                         f"{name}, {how}, {what}: {done.stderr.decode()}")
            report.check(host.server.stored() == 1,
                         f"{name}, {how}, {what}: {host.server.stored()} mails")


def script(path, *words):
    """A program that runs the words, with what it gets behind them."""
    path.write_text("#!/bin/sh\nexec " + " ".join(map(str, words)) + ' "$@"\n')
    path.chmod(0o755)
    return path


def start_hosts(folder):
    if not shutil.which("postfix") or not shutil.which("tcpserver"):
        return
    postfix = Postfix(folder, folder / "postfix")
    yield "Postfix", Host(postfix, script(
        folder / "postfix-sendmail", "sendmail", "-C", folder / "postfix/etc"))
    peers = subprocess.run([HERE / "../../bench/peers.sh", folder / "peers"],
                           capture_output=True, check=False)
    if peers.returncode != 0:
        return
    exim = contestants.Exim(folder, folder / "exim")
    yield "Exim", Host(exim, script(
        folder / "exim-sendmail", HERE / "../../bench/stage.sh", folder / "exim",
        folder / "peers/usr/sbin/exim4"))


def send_all(options, report, listener):
    rows = []
    for name, how, text in texts():
        codes = send(listener.port, how, text)
        report.check(codes == (250, 250), f"{name}, {how.decode()}: {codes}")
        rows.append((len(rows) + 1, f"{name}, {how.decode()}"))
    found = sqlite3.connect(listener.database).execute(
        "SELECT count(*), count(DISTINCT reverse_path), min(reverse_path)"
        " FROM message").fetchone()
    report.check(found == (len(rows), 1, "ann@client.example"),
                 f"rows of {len(rows)} mails: {found}")
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--smtpdb", default="./smtpdb")
    options = parser.parse_args()
    report = common.Report()
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # the servers have users of their own
        folder, tried = Path(name), []
        with Listener(options, name) as listener:
            rows = send_all(options, report, listener)
        for host_name, host in start_hosts(folder):
            tried.append(host_name)
            try:
                host.server.start()
                test_host(options, report, listener.database, host_name, host,
                          rows)
            finally:
                host.server.stop()
        if len(tried) < 2:
            print(f"skipped: smuggling past others than {tried or 'smtpd'}, since "
                  "there is no Postfix, tcpserver or Exim")
    report.end()


if __name__ == "__main__":
    main()
