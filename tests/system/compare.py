"""Compares the new row of a mail table with the mail that was sent.

    compare.py OPTIONS

Prints what differs, a line each, and exits with 1 if anything does.  The rows
seen are remembered beside the database, so that "new" means since the last
call.
"""
import argparse
import email
import os
import re
import sqlite3
import sys
import time

import wire

DEADLINE_SEC = 120


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def read_number(path):
    return int(read_file(path)) if os.path.exists(path) else 0


def write_number(path, number):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(number))


def hint(name, got, want):
    """Nothing if both are the same, else where they part."""
    if got == want:
        return []
    if not isinstance(got, bytes):
        return [f"{name}: got {got!r}, want {want!r}"]
    at = len(os.path.commonprefix([got, want]))
    start = max(0, at - 20)
    return [f"{name}: {len(got)} octets, want {len(want)}; at {at}: "
        f"got {got[start:at + 20]!r}, want {want[start:at + 20]!r}"]


def wait_for(path):
    deadline = time.monotonic() + DEADLINE_SEC
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise ValueError("the session does not end")
        time.sleep(0.002)


def read_wire(folder):
    """The mail of the connections since the last call, and its port."""
    path = os.path.join(folder, "seen")
    number = read_number(path)
    found = []
    while os.path.exists(base := os.path.join(folder, str(number + 1))):
        number += 1
        wait_for(base + ".port")
        write_number(path, number)
        mails = wire.read_session(
            read_file(base + ".client"), read_file(base + ".server"))
        found += [(mail, read_number(base + ".port")) for mail in mails]
    if len(found) != 1:
        raise ValueError(f"{len(found)} mails were sent, want 1")
    return found[0]


def new_rows(database):
    """Rows since the last call, with their recipients."""
    path = database + ".seen"
    seen = read_number(path)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute(
            "SELECT * FROM message WHERE id > ? ORDER BY id", (seen,))
        rows = [dict(row) for row in rows]
        for row in rows:
            found = db.execute("SELECT position, forward_path FROM recipient "
                "WHERE message_id = ? ORDER BY position", (row["id"],))
            row["recipients"] = [tuple(r) for r in found]
    db.close()
    if rows:
        write_number(path, rows[-1]["id"])
    return rows


def compare_trace(row, want):
    """Return-Path, then Received with all that is known of the session."""
    address = row["client_address"]
    literal = f" ([{address}])"
    if ":" in address:
        literal = f" ([IPv6:{address}])"
    if address == "local":
        literal = ""
    start = (f"Return-Path: <{row['reverse_path']}>\r\n"
        f"Received: from {row['helo']}{literal} "
        f"by {want.hostname} with {row['protocol']} id {row['id']}")
    unfolded = re.sub(r"\r\n[ \t]+", " ", row["trace"])
    if not re.match(re.escape(start) + r"[ ;]", unfolded):
        return [f"trace: got {unfolded!r}, want it to start {start!r}"]
    if not re.fullmatch(r"([!-~]+(\r\n[ \t]|[^\r\n])+\r\n)+", row["trace"]):
        return [f"trace: not header fields: {row['trace']!r}"]
    # One recipient is named; with several, none may learn of another.
    named = re.findall(r" for <([^>]*)>;", unfolded)
    if len(want.to) == 1 and named != want.to or len(want.to) > 1 and named:
        return [f"trace: names {named}"]
    return []


def compare_envelope(row, want):
    numbered = list(enumerate(want.to, 1))
    return (hint("client_address", row["client_address"], want.address) +
        hint("helo", row["helo"], want.helo) +
        hint("protocol", row["protocol"], want.protocol) +
        hint("reverse_path", row["reverse_path"], want.sender) +
        hint("body_type", row["body_type"], want.body_type) +
        hint("recipients", row["recipients"], numbered) +
        hint("verb", row["verb"], "MAIL"))


def compare_wire(row, mail, port):
    return (hint("the final reply", mail.reply, 250) +
        hint("client_port", row["client_port"], port) +
        hint("helo sent", row["helo"], mail.helo) +
        hint("protocol sent", row["protocol"], mail.protocol) +
        hint("reverse-path sent", row["reverse_path"], mail.reverse_path) +
        hint("body type sent", row["body_type"], mail.body_type) +
        hint("SMTPUTF8 sent", row["smtputf8"], int(mail.smtputf8)) +
        hint("recipients sent", [r[1] for r in row["recipients"]],
            mail.recipients) +
        hint("octets sent", row["data"], mail.data))


def read_parts(data):
    """The decoded parts of a mail that its client composed."""
    header, _, text = data.partition(b"\r\n\r\n")
    mail = email.message_from_bytes(header)
    if mail["Content-Transfer-Encoding"] in ("7bit", "8bit"):
        return [text]  # nothing to decode, and it may be large
    mail = email.message_from_bytes(data)
    return [part.get_payload(decode=True) for part in mail.walk()
        if not part.is_multipart()]


def as_typed(text):
    """With LF, with one at the end, and without the mark that s-nail sets
    before "From", as mailboxes need it."""
    text = text.replace(b"\r\n", b"\n").replace(b"\n>From ", b"\nFrom ")
    return text if text.endswith(b"\n") else text + b"\n"


def compare_decoded(data, text, attachment):
    parts = read_parts(data)
    wrong = hint("text", as_typed(parts[0]), as_typed(read_file(text)))
    if attachment:
        wrong += hint("attachment", parts[-1], read_file(attachment))
    return wrong


def compare_row(row, want):
    now = time.time_ns() // 1000
    data = row["data"]
    wrong = compare_envelope(row, want) + compare_trace(row, want)
    wrong += hint("size", row["size"], len(data))
    if (row["client_address"] == "local") != (row["client_port"] is None):
        wrong += [f"client_port: got {row['client_port']!r}"]
    if not now - DEADLINE_SEC * 10**6 < row["received_at"] <= now:
        wrong += [f"received_at: {row['received_at']}, and now is {now}"]
    if want.data:
        octets = read_file(want.data)
        if want.line_added or not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        wrong += hint("data", data, octets)
    if want.text:
        wrong += compare_decoded(data, want.text, want.attachment)
    for secret in want.secret:
        if secret.encode() in data or secret in row["trace"]:
            wrong += [f"{secret} got into the mail"]
    return wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--database", required=True)
    p.add_argument("--wire", help="the tee's folder, if it went through one")
    p.add_argument("--hostname", required=True, help="the server's")
    p.add_argument("--address", required=True, help="the client's")
    p.add_argument("--helo", required=True)
    p.add_argument("--protocol", required=True)
    p.add_argument("--from", dest="sender", required=True)
    p.add_argument("--to", action="append", required=True)
    p.add_argument("--secret", action="append", default=[],
        help="a Bcc, which nothing stored may show to the others")
    p.add_argument("--body-type", default="7BIT")
    p.add_argument("--data", help="the octets of the mail, in a file")
    p.add_argument("--line-added", action="store_true",
        help="the client adds a line end even behind a line end")
    p.add_argument("--text", help="what its text decodes to")
    p.add_argument("--attachment", help="what its last part decodes to")
    want = p.parse_args()

    wrong = []
    try:
        if want.wire:
            mail, port = read_wire(want.wire)
        rows = new_rows(want.database)
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} new rows, want 1")
        wrong = compare_row(rows[0], want)
        if want.wire:
            wrong += compare_wire(rows[0], mail, port)
    except (OSError, ValueError, sqlite3.Error) as error:
        wrong += [str(error)]
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
