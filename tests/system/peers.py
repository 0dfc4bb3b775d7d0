#!/usr/bin/python3 -B
"""What a server answers to what strangers send: one code for each probe.

    tests/system/peers.py [--smtpd PROGRAM] [--check docs/peers.md]
    tests/system/peers.py --port PORT

With --check, the first column of the table in that file must be what smtpd
answers now.  With --port, another server on 127.0.0.1 is asked.
"""

import argparse
import os
import re
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)
from listener import Listener  # noqa: E402

EHLO = b"EHLO c\r\n"
MAIL = b"MAIL FROM:<a@b.c>\r\n"
RCPT = b"RCPT TO:<d@e.f>\r\n"
DATA = b"DATA\r\n"
MAILED, NAMED, TEXT = [EHLO, MAIL], [EHLO, MAIL, RCPT], [EHLO, MAIL, RCPT, DATA]


def sender(path, more=b""):
    return [EHLO], b"MAIL FROM:" + path + more + b"\r\n"


def local(n):
    return b"<" + b"l" * n + b"@b.example>"


# The name, what comes before, and the octets whose answer counts.
PROBES = {
    "NOOP TAB": ([EHLO], b"NOOP\t\r\n"),
    "MAIL..> TAB": sender(b"<a@b.c>\t"),
    "RCPT..> TAB": (MAILED, b"RCPT TO:<d@e.f>\t\r\n"),
    "MAIL FROM: TAB <>": sender(b"\t<a@b.c>"),
    "EHLO TAB x": ([], b"EHLO\tx\r\n"),
    "sender local 65": sender(local(65)),
    "sender local 100": sender(local(100)),
    "sender local 200": sender(local(200)),
    "rcpt local 65": (MAILED, b"RCPT TO:" + local(65) + b"\r\n"),
    "rcpt local 100": (MAILED, b"RCPT TO:" + local(100) + b"\r\n"),
    "LF body": (TEXT, b"Subject: x\n\nhi\n\r\n.\r\n"),
    "LF.LF inside": (TEXT, b"Subject: x\r\n\r\na\n.\nb\r\n.\r\n"),
    "CR inside": (TEXT, b"Subject: x\r\n\r\na\rb\r\n.\r\n"),
    "LF.CRLF then CRLF.CRLF": (TEXT, b"Subject: x\r\n\r\na\n.\r\nb\r\n.\r\n"),
    "NUL": (TEXT, b"Subject: x\r\n\r\na\0b\r\n.\r\n"),
    "utf8 no SMTPUTF8": sender("<änn@a.example>".encode()),
    "utf8 rcpt no SMTPUTF8": (MAILED, "RCPT TO:<änn@a.example>\r\n".encode()),
    "FROM: SIZE=1000": sender(b" SIZE=1000"),
    "FROM:": sender(b""),
    "QUIT arg": ([EHLO], b"QUIT bye\r\n"),
    "RSET arg": ([EHLO], b"RSET now\r\n"),
    "DATA arg": (NAMED, b"DATA 5\r\n"),
    "trailing-dot sender": sender(b"<a@b.example.>"),
    "NOTIFY=F,F": (MAILED, b"RCPT TO:<d@e.f> NOTIFY=FAILURE,FAILURE\r\n"),
    "ENVID=": sender(b"<a@b.c>", b" ENVID="),
    "SIZE x2": sender(b"<a@b.c>", b" SIZE=1 SIZE=1"),
    "MAIL MAIL": (MAILED, MAIL),
    "HELO empty": ([], b"HELO\r\n"),
    "EHLO empty": ([], b"EHLO\r\n"),
    "no-domain sender": sender(b"<philip>"),
    "name before sender": sender(b"Ann <a@b.c>"),
    "invisible U+200B domain": sender("<a@exam\u200bple.com>".encode(),
                                      b" SMTPUTF8"),
    "domain _": sender(b"<a@b_c.example>"),
    "dots": sender(b"<a..b@c.example>"),
    "AUTH=<>": sender(b"<a@b.c>", b" AUTH=<>"),
    "unknown param": sender(b"<a@b.c>", b" FOO=1"),
    "IPv6 literal": sender(b"<a@[IPv6:2001:db8::1]>"),
    "source route": sender(b"<@x.example:a@b.c>"),
    "VRFY": ([EHLO], b"VRFY ann\r\n"),
    "VRFY no arg": ([EHLO], b"VRFY\r\n"),
    "HELP": ([EHLO], b"HELP\r\n"),
    "GET": ([], b"GET / HTTP/1.1\r\n"),
    "PUT": ([], b"PUT / HTTP/1.1\r\n"),
    "LF-only command": ([], b"EHLO c\n"),
    "cmd 3000": ([EHLO], b"NOOP " + b"x" * 3000 + b"\r\n"),
    "EHLO 300": ([], b"EHLO " + b"x" * 300 + b"\r\n"),
    "line 5000": (TEXT, b"Subject: x\r\n\r\n" + b"x" * 5000 + b"\r\n.\r\n"),
    "SIZE 20 digits": sender(b"<a@b.c>", b" SIZE=99999999999999999999"),
    "BDAT 0 no LAST": (NAMED, b"BDAT 0\r\n"),
    "BDAT LF text": (NAMED, b"BDAT 14 LAST\r\nSubject: x\n\nhi"),
    "BDAT no RCPT": (MAILED, b"BDAT 3 LAST\r\nabc"),
    "BDAT TAB": (NAMED, b"BDAT\t3 LAST\r\nabc"),
    "BDAT 21 digits": (NAMED, b"BDAT 999999999999999999999 LAST\r\n"),
    "RCPT between chunks": (NAMED + [b"BDAT 3\r\nabc"], RCPT),
    "DATA no RCPT": (MAILED, DATA),
    "BINARYMIME": sender(b"<a@b.c>", b" BODY=BINARYMIME"),
    "BODY=FOO": sender(b"<a@b.c>", b" BODY=FOO"),
    "STARTTLS": ([EHLO], b"STARTTLS\r\n"),
}


def ask(port, before, octets):
    """The code, "none", or "close"."""
    client = common.Client(
        socket.create_connection(("127.0.0.1", port)), 10)
    try:
        client.reply()
        for command in before:
            client.send(command)
            client.reply()
        client.send(octets)
        return str(client.reply()[0])
    except TimeoutError:
        return "none"
    except (common.Lost, OSError):
        return "close"
    finally:
        client.close()


def read_table(path):
    """Our column of the table: a code for each probe."""
    with open(path, encoding="utf-8") as f:
        rows = re.findall(r"^\| `(.*?)` \| (\w+) \|", f.read(), re.M)
    return {name.replace("\\|", "|"): code for name, code in rows}


def check(answers, path):
    report = common.Report()
    told = read_table(path)
    for name, answer in answers.items():
        report.check(told.get(name) == answer,
                     f"{name}: {path} says {told.get(name)}, smtpd {answer}")
    report.check(set(told) == set(answers), f"probes not in one of both: "
                 f"{set(told) ^ set(answers)}")
    report.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--port", type=int)
    parser.add_argument("--check")
    options = parser.parse_args()
    if options.port:
        answers = {name: ask(options.port, *probe)
                   for name, probe in PROBES.items()}
    else:
        with tempfile.TemporaryDirectory() as folder, \
                Listener(options, folder) as listener:
            answers = {name: ask(listener.port, *probe)
                       for name, probe in PROBES.items()}
    if options.check:
        check(answers, options.check)
    for name, answer in answers.items():
        print(f"{name:26} {answer}")


if __name__ == "__main__":
    main()
