"""Writes the mails that the clients send into a folder.

Of each KIND: KIND.lf and KIND.crlf, the mail with either line end; and
KIND.body, its text with LF, for a client that makes the header itself.

    mailkinds.py FOLDER
"""
import base64
import os
import random
import sys

HEADER = """\
From: Sender <sender@client.example>
To: zoe@mx.example
Cc: ann@mx.example
Subject: {subject}
Date: Mon, 01 Jan 2024 00:00:00 +0000
Message-ID: <{kind}@client.example>
MIME-Version: 1.0
Content-Type: text/plain; charset={charset}
Content-Transfer-Encoding: 8bit

"""

# What a client or a server could take for something else.
ODD = b"""\
.
..
...
.one dot
..two dots
 .indented
.

From the start of a line
MAIL FROM:<mallory@client.example>
QUIT
blanks at the end \t

%s
tab\there

""" % (b"long" * 225)

LARGE = 30_000_000  # octets with CRLF


def plain():
    """Ends in two empty lines."""
    return ODD + b"end\n\n\n"


def latin1():
    """Every octet above ASCII, and no line end at the end."""
    return ODD + bytes(range(0x80, 0x100)) + b"\n\xa0\n\n.\xff\nno end"


def utf8():
    return ODD + "Grüße, δοκιμή, 試験, 🐘\n.é\n\u00a0\n".encode()


def nul():
    """Every octet but CR and LF, NUL most of all."""
    octets = bytes(set(range(256)) - {10, 13})
    return ODD + b"\0\n.\0\n\0.\n\0\0\0\n" + octets + b"\nend\n"


def large():
    """Lines as base64 makes them; always the same ones."""
    lines = LARGE // 78
    return base64.encodebytes(random.Random(30).randbytes(lines * 57))


KINDS = [
    # kind, subject, charset, body
    ("plain", "plain", "us-ascii", plain),
    ("8bit", "8bit", "iso-8859-1", latin1),
    ("utf8", "Grüße, δοκιμή", "utf-8", utf8),
    ("nul", "nul", "utf-8", nul),
    ("large", "large", "us-ascii", large),
]


def write(folder, name, octets):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(octets)


def main(folder):
    for kind, subject, charset, body in KINDS:
        header = HEADER.format(kind=kind, subject=subject, charset=charset)
        mail = header.encode() + body()
        write(folder, kind + ".lf", mail)
        write(folder, kind + ".crlf", mail.replace(b"\n", b"\r\n"))
        write(folder, kind + ".body", body())
    write(folder, "attachment", bytes(range(256)) * 5)


main(sys.argv[1])
