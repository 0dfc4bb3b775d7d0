#!/usr/bin/python3 -B
"""A client of LMTP, for a server that is being started:

    lmtp.py HOST PORT DATABASE

Two recipients are taken, so that the mail has two replies and one row.
"""

import smtplib
import sqlite3
import sys
import time

DEADLINE_SEC = 120


class Client(smtplib.LMTP):
    """Without the replies behind DATA, which here are read one by one."""

    def say(self, line, *want):
        code, text = self.docmd(line)
        assert code in want, (line, code, text)
        return text


def connect(host, port):
    deadline = time.monotonic() + DEADLINE_SEC
    while True:
        try:
            return Client(host, port, timeout=DEADLINE_SEC)
        except (OSError, smtplib.SMTPServerDisconnected):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(host, port, database):
    client = connect(host, int(port))
    client.say("EHLO lmtp.example", 500)
    client.say("LHLO lmtp.example", 250)
    client.say("MAIL FROM:<ann@lmtp.example>", 250)
    client.say("RCPT TO:<bob@mx.example>", 250)
    client.say("RCPT TO:<>", 501, 550, 553)
    client.say("RCPT TO:<eve@mx.example>", 250)
    client.say("DATA", 354)
    client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
    replies = [client.getreply(), client.getreply()]
    assert replies[0] == replies[1] and replies[0][0] == 250, replies
    client.say("QUIT", 221)
    client.close()
    db = sqlite3.connect(database)
    rows = db.execute("SELECT protocol, forward_path FROM message JOIN recipient"
                      " ON message_id = id ORDER BY position").fetchall()
    assert rows == [("LMTP", "bob@mx.example"), ("LMTP", "eve@mx.example")], rows


main(*sys.argv[1:])
