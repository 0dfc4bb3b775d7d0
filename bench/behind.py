#!/usr/bin/python3 -B
"""How long small mails wait while a big one is stored: the longest time from a final
dot to its reply, of one client that sends small mails all the while, in SQLite and in
PostgreSQL (without standbys)."""

import argparse
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "postgresql"))
import cluster  # noqa: E402
import common  # noqa: E402

ENVELOPE = (b"MAIL FROM:<a@client.example>\r\n", b"RCPT TO:<b@mx.example>\r\n",
            b"DATA\r\n")
LINE = b"x" * 998 + b"\r\n"
SMALL = b"Subject: small\r\n\r\nsmall\r\n.\r\n"


def begin(client):
    for line in ENVELOPE:
        client.send(line)
        if client.reply()[0] not in (250, 354):
            raise SystemExit("smtpd did not take the envelope")


def end(client):
    """The milliseconds from the final dot to its reply."""
    since = time.monotonic()
    if client.reply()[0] != 250:
        raise SystemExit("a mail was not stored")
    return (time.monotonic() - since) * 1000


def send_big(listener, octets):
    """Returns when it is stored."""
    client = listener.connect()
    client.greet()
    begin(client)
    piece = LINE * 1000
    for _ in range(octets // len(piece)):
        client.send(piece)
    client.send(b".\r\n")
    found = end(client)
    client.close()
    return found


def waits_behind(listener, octets):
    """(of the big mail's reply, of the slowest small mail's), in milliseconds."""
    small, big, done = [], [], threading.Event()

    def send_small():
        client = listener.connect()
        client.greet()
        while not done.is_set():
            begin(client)
            client.send(SMALL)
            small.append(end(client))
            # A session takes 10,000 mails.
            time.sleep(0.02)
        client.close()

    thread = threading.Thread(target=send_small)
    thread.start()
    try:
        big.append(send_big(listener, octets))
    finally:
        done.set()
        thread.join()
    return big[0], max(small)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtpd", type=os.path.realpath, default="./smtpd")
    parser.add_argument("--tries", type=int, default=3)
    options = parser.parse_args()
    it = cluster.Cluster(standbys=0)
    try:
        folder = os.path.join(it.root, "sqlite")
        os.mkdir(folder)
        common.give_away(folder)
        for name, place in (("SQLite", os.path.join(folder, "mail.db")),
                            ("PostgreSQL", it.uri())):
            listener = cluster.Listener(
                it.program(options.smtpd), place, os.path.join(it.root, "log"),
                "--max-size=600M", "--max-spool=2G")
            for octets in 50_000_000, 500_000_000:
                found = [waits_behind(listener, octets) for _ in range(options.tries)]
                print(f"{name}, {octets // 1_000_000} MB: small mails waited up to "
                      + ", ".join(f"{small:.0f}" for _, small in found)
                      + " ms; the big one "
                      + ", ".join(f"{big:.0f}" for big, _ in found) + " ms", flush=True)
            listener.end()
    finally:
        it.end()


if __name__ == "__main__":
    main()
