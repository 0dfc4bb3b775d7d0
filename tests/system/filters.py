#!/usr/bin/python3 -B
"""smtpd with milters: such as use each action of the protocol, several at once,
dying, hanging and talking nonsense.

    tests/system/filters.py [--smtpd PROGRAM] [--smtpdb PROGRAM] [NAME...]
"""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import filtering  # noqa: E402 (where it is was said above)
from filtering import MAIL, Fake, Server, alone, milter  # noqa: E402
from listener import children_of, until  # noqa: E402


# Milters


# What an action at a stage is answered, where: a stage's own command, or MAIL.
COMMANDS = {"helo": "MAIL", "mail": "MAIL", "rcpt": "RCPT"}
CODES = {"reject": 550, "tempfail": 451, "code": 554, "later": 450}


def verdicts_of_a_milter(options, report, folder):
    with milter(folder), Server(options, folder, "--milter=unix:" + folder + "/milter") \
            as server:
        for stage in "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom":
            for action, code in CODES.items():
                where, got, text = server.send(f"{stage}-{action}.example")
                report.check(
                    (where, got) == (COMMANDS.get(stage, "text"), code),
                    f"{action} at {stage}: {got} {text} at {where}")
                if action == "code":
                    report.check(text == "5.7.9 as a filter says, 100%",
                                 f"{action} at {stage}: {text}")
            report.check(server.query("SELECT count(*) FROM message") == [(0,)],
                         f"nothing is stored at {stage}")
        with open(server.log, encoding="utf-8") as log:
            report.check(f"filter=unix:{folder}/milter" in log.read(),
                         "the log says which filter")


def acceptance_and_discarding(options, report, folder):
    with milter(folder), Server(options, folder, "--milter=unix:" + folder + "/milter") \
            as server:
        for stage in "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom":
            where, code, _ = server.send(f"{stage}-accept.example")
            report.check((where, code) == ("text", 250), f"accept at {stage}")
        report.check(server.query("SELECT count(*), count(quarantine) FROM message")
                     == [(8, 0)], "accepted mails are stored")
        report.check(server.query("SELECT count(*) FROM filter_change") == [(0,)],
                     "who has accepted is not asked again")
        for stage in "mail", "rcpt", "data", "header", "eoh", "body", "eom":
            where, code, _ = server.send(f"{stage}-discard.example")
            report.check((where, code) == ("text", 250), f"discard at {stage}")
        report.check(
            server.query("SELECT DISTINCT quarantine FROM message WHERE id > 8")
            == [(f"discarded by unix:{folder}/milter",)], "discarded mails are rows")
        report.check(server.query("SELECT count(*) FROM inbox") == [(8,)], "inbox")


def what_a_milter_is_shown(options, report, folder):
    path = "--milter=unix:" + folder + "/milter"
    with milter(folder), Server(options, folder, path) as server:
        body = b"x" * 998 + b"\r\n"
        data = b"Subject: a\r\n b\r\nX:y\r\nEmpty:\r\n\r\n" + body * 5000
        report.check(server.send("client.example", data)[1] == 250, "a big mail")
        report.check(server.send("body-skip.example", data)[1] == 250, "skip")
        codes = alone(options, folder, [
            "EHLO client.example", "MAIL FROM:<> SIZE=10 BODY=8BITMIME",
            "RCPT TO:<b@mx.example> NOTIFY=NEVER", "DATA", "no header", ".",
            "MAIL FROM:<second@x>", "RSET", "HELO other.example",
            "MAIL FROM:<third@x>", "RCPT TO:<b@mx.example>",
            "BDAT 3", "a:bBDAT 2 LAST", ""], path)
        report.check(codes[-4:] == ["250"] * 4, codes)
        codes = alone(options, folder, [
            "EHLO client.example", "XCLIENT LOGIN=ann@x.example", "EHLO ann.example",
            "MAIL FROM:<a@x>", "RCPT TO:<b@mx.example>", "DATA", "."],
            path, "--xclient=local")
        report.check(codes[-1] == "250", f"by an account: {codes}")
    with open(folder + "/milter.log", encoding="utf-8") as log:
        told = [line.strip().split("; ") for line in log]
    report.check(told[0][0] == "connect [127.0.0.1]", told[0][0])
    report.check(told[0][1] == "helo client.example", told[0][1])
    report.check(told[0][3:5] == ["mail <a@client.example>", "rcpt <r0@mx.example>"],
                 told[0][3:5])
    report.check(told[0][5:10] == ["data", r"header Subject='a\n b'", "header X='y'",
                                   "header Empty=''", "eoh"], told[0][5:10])
    report.check(told[0][-1] == f"octets {5000 * 1000}", told[0][-1])
    report.check(0 < int(told[1][-1].split()[1]) < 5000 * 1000, told[1][-1])
    report.check(told[2][0] == "connect localhost", told[2][0])
    report.check(told[2][3] == "mail <> SIZE=10 BODY=8BITMIME", told[2][3])
    report.check(told[2][4] == "rcpt <b@mx.example> NOTIFY=NEVER", told[2][4])
    report.check("header" not in " ".join(told[2]) and told[2][-1] == "octets 11",
                 told[2][5:])
    report.check(told[3][2] == "helo other.example" and
                 told[3][4] == "mail <third@x>", told[3])
    report.check(told[3][3] != told[2][2], "each mail has an id")
    report.check("account ann@x.example" in told[4], told[4])


def changes_of_a_milter(options, report, folder):
    with milter(folder), Server(options, folder, "--milter=unix:" + folder + "/milter") \
            as server:
        names = ("headers", "smuggle", "recipients", "nobody", "sender", "other",
                 "quarantine")
        for name in names:
            where, code, text = server.send(name + ".example", nrecipients=2)
            report.check((where, code) == ("text", 250), f"{name}: {where} {text}")
        report.check(server.query("SELECT DISTINCT data FROM message") == [(MAIL,)],
                     "data is what the client sent")
        rows = server.query("SELECT action, place, name, value FROM filter_change"
                            " WHERE message_id = 1 ORDER BY position")
        report.check(rows == [
            ("add-header", None, "X-Added", " a\r\n\tfolded"),
            ("insert-header", 0, "X-First", " first"),
            ("insert-header", 1, "X-Second", " second"),
            ("change-header", 1, "Subject", " changed"),
            ("delete-header", 2, "X-Twice", "")], rows)
        rows = server.query("SELECT value FROM filter_change WHERE message_id = 2")
        report.check(rows == [(" a\r\n\tBcc: other\r\n\t\r\n\tbody",)], rows)
        rows = server.query("SELECT forward_path, mailbox, added FROM recipient"
                            " WHERE message_id = 3 ORDER BY position")
        report.check(rows == [("r0@mx.example", "", 0),
                              ("r1@mx.example", "r1@mx.example", 0),
                              ("added@mx.example", "added@mx.example", 1)], rows)
        rows = server.query("SELECT id, quarantine FROM message"
                            " WHERE quarantine NOT NULL")
        report.check(rows == [(4, "filters took all recipients away"),
                              (7, "it looks bad")], rows)
        rows = server.query("SELECT reverse_path, value FROM filter_change"
                            " JOIN message ON id = message_id WHERE id = 5")
        report.check(rows == [("a@client.example", "new@client.example")], rows)
        raw = subprocess.run([options.smtpdb, "-d", server.database, "raw", "6"],
                             capture_output=True, check=True).stdout
        report.check(raw.endswith(b"\r\n\r\n" + b"a new body\r\n" * 100000),
                     "the body is another")
        report.check(server.query("SELECT count(*) FROM inbox") == [(5,)], "inbox")


def recipients_that_no_row_takes(options, report, folder):
    with milter(folder), Server(options, folder, "--milter=unix:" + folder + "/milter") \
            as server:
        server.send()
        server.query("INSERT INTO domain (name) VALUES ('mx.example')")
        server.query("INSERT INTO mailbox (address) VALUES ('r0@mx.example'),"
                     " ('r1@mx.example')")
        report.check(server.send("recipients.example", nrecipients=2)[1] == 250, "mail")
        rows = server.query("SELECT forward_path, mailbox, added FROM recipient"
                            " WHERE message_id = 2 ORDER BY position")
        report.check(rows == [("r0@mx.example", "", 0),
                              ("r1@mx.example", "r1@mx.example", 0)], rows)
        # One that a filter refuses is no recipient, though a row takes it.
        client = server.connect("rcpt-reject.example")
        client.command("MAIL FROM:<a@client.example>")
        report.check(client.command("RCPT TO:<r0@mx.example>")[0] == 550, "refused")
        report.check(client.command("DATA")[0] == 554, "no recipient is left")
        client.close()


def recipients_of_who_has_an_account(options, report, folder):
    """One that a filter adds is asked about as those of the client are."""
    at = os.path.join(folder, "alone.db")
    lines = ["EHLO x", "XCLIENT LOGIN=ann", "EHLO recipients.example",
             "MAIL FROM:<a@client.example>", "RCPT TO:<r1@mx.example>", "DATA",
             "Subject: x", "", "x", ".", "QUIT"]
    with milter(folder):
        alone(options, folder, lines)
        with sqlite3.connect(at) as db:
            db.execute("INSERT INTO domain (name) VALUES ('mx.example')")
            db.execute("INSERT INTO mailbox (address, authenticated) VALUES"
                       " ('r1@mx.example', 0), ('added@mx.example', 1)")
        codes = alone(options, folder, lines, "--xclient=local",
                      "--milter=unix:" + folder + "/milter")
        with sqlite3.connect(at) as db:
            rows = db.execute("SELECT mailbox FROM recipient WHERE message_id = 2"
                              " ORDER BY position").fetchall()
        report.check(rows == [("r1@mx.example",), ("added@mx.example",)], (codes, rows))


def progress_keeps_a_milter(options, report, folder):
    with milter(folder), Server(options, folder, "--milter-timeout=1",
                                "--milter=unix:" + folder + "/milter") as server:
        report.check(server.send("progress.example")[1] == 250, "progress")


def several_milters(options, report, folder):
    paths = [f"{folder}/{name}" for name in ("one", "two", "three")]
    listed = "--milter=" + ",".join("unix:" + path for path in paths)
    with milter(folder, "one"), milter(folder, "two"), milter(folder, "three"), \
            Server(options, folder, listed) as server:
        report.check(server.send()[1] == 250, "mail")
        rows = server.query("SELECT filter, value FROM filter_change"
                            " ORDER BY position")
        report.check(rows == [(f"unix:{path}", " " + path.rsplit("/", 1)[1])
                              for path in paths], rows)
        report.check(server.send("eom-reject.example")[1] == 550, "one refuses")
    with open(folder + "/two.log", encoding="utf-8") as log:
        report.check(len(log.readlines()) == 1,
                     "what the first one refuses the next is not asked about")
    with milter(folder, "four", "connect:reject"), \
            milter(folder, "five", "connect:accept"):
        codes = alone(options, folder, ["EHLO x", "MAIL FROM:<a@b>"],
                      f"--milter=unix:{folder}/four")
        report.check(codes == ["220", "250", "550"], codes)
        codes = alone(options, folder, ["HELO x", "MAIL FROM:<a@b>", "RCPT TO:<b@c>",
                                        "DATA", "x", "."],
                      f"--milter=unix:{folder}/five")
        report.check(codes == ["220", "250", "250", "250", "354", "250"], codes)


# Filters that fail


def packet(octets):
    return len(octets).to_bytes(4, "big") + octets


def read_packet(stream):
    octets = stream.read(4)
    if len(octets) < 4:
        raise ValueError("the end")
    return stream.read(int.from_bytes(octets, "big"))


OPTIONS = packet(b"O" + (6).to_bytes(4, "big") + (0x1FF).to_bytes(4, "big") +
                 bytes(4))
MUTE = {"D", "A", "Q", "K"}


def fake_milter(at, answer):
    """One that continues, up to a command that it gives this answer to; None: it
    closes; "": it says nothing."""
    def talk(connection):
        stream = connection.makefile("rb")
        while True:
            command = read_packet(stream)[:1].decode()
            if command == at and answer is None:
                return
            if command == at and answer == b"":
                time.sleep(3)
                return
            if command == at:
                connection.sendall(answer)
            elif command == "O":
                connection.sendall(OPTIONS)
            elif command not in MUTE:
                connection.sendall(packet(b"c"))
    return talk


NONSENSE = {
    "nothing": b"", "death": None, "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": bytes(100), "a huge length": b"\xff\xff\xff\xffc",
    "an unknown reply": packet(b"!"), "a cut text": packet(b"y550 x"),
    "a change too early": packet(b"hX\0y\0"),
}


def failing_milters(options, report, folder):
    path = folder + "/fake"
    for what, answer in NONSENSE.items():
        for at in "O", "C", "H", "M", "R", "T", "L", "N", "B", "E":
            if at == "E" and what == "a change too early":
                continue
            if answer == b"" and at not in "OMBE":
                continue
            for default, code in ("tempfail", 451), ("accept", 250):
                with Fake(path, fake_milter(at, answer)):
                    timeout = "1" if answer == b"" and at != "E" else "30"
                    codes = alone(
                        options, folder,
                        ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<b@c>", "DATA",
                         "Subject: x", "", "x", ".", "QUIT"],
                        "--milter=unix:" + path, "--milter-default=" + default,
                        "--milter-timeout=" + timeout)
                report.check(str(code) in codes and
                             (code == 451) == ("451" in codes),
                             f"{what} at {at}, {default}: {codes}")
    for default, last in ("tempfail", "503"), ("accept", "250"):
        codes = alone(options, folder, ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<b@c>"],
                      "--milter=unix:" + folder + "/nobody",
                      "--milter-default=" + default)
        report.check(codes[-1] == last, f"no milter, {default}: {codes}")


def filter_that_is_started_again(options, report, folder):
    """A session that waits for its client notices and leaves; the next one has the
    filter."""
    path = folder + "/fake"
    met = []

    def meet(connection):
        met.append(connection)
        fake_milter("", b"")(connection)

    def hang_up():
        for connection in met:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def check_the_next(what):
        left = until(lambda: len(children_of(server.process.pid)) <= 1)
        report.check(left, f"{what}: a session leaves, the writer stays")
        report.check(server.send()[1] == 250, what)

    with Server(options, folder, "--milter=unix:" + path,
                "--idle-exit=0") as server:
        report.check(server.send()[1] == 451, "no filter yet")
        with Fake(path, meet):
            check_the_next("a filter has come")
            until(lambda: len(met) == 2)  # one more waits for its client
            hang_up()
            check_the_next("its connections were closed")
            until(lambda: len(met) == 4)
        hang_up()
        with Fake(path, meet):
            check_the_next("another filter")


def told_at_the_start(options, report, folder):
    """Who is not there is told of before the first client comes, who is there not."""
    here, gone = folder + "/here", folder + "/gone"
    for default, says in (("tempfail", "clients are told to try again"),
                          ("accept", "mails are taken without it")):
        within = os.path.join(folder, default)
        os.mkdir(within)
        filtering.common.give_away(within)
        with Fake(here, fake_milter("", b"")), \
                Server(options, within, f"--milter=unix:{here},unix:{gone}1",
                       f"--policy=unix:{gone}2", f"--policy-at-end=unix:{gone}3",
                       f"--auth=dovecot:{gone}4", "--auth-insecure",
                       f"--milter-default={default}") as server:
            server.connect().close()
            with open(server.log, encoding="utf-8") as f:
                log = f.read()
        for n in 1, 2, 3:
            line = f"filter unix:{gone}{n}: No such file or directory; until it is " \
                   f"there, {says}\n"
            report.check(log.count(line) == 1, f"{line} in {log}")
        line = f"--auth: unix:{gone}4: No such file or directory; until it is there," \
               " nobody can authenticate\n"
        report.check(log.count(line) == 1, f"{line} in {log}")
        report.check(here not in log, f"not {here} in {log}")
    with Fake(here, lambda connection: None), \
            Server(options, folder, "--auth=dovecot:" + here,
                   "--auth-insecure") as server:
        server.connect().close()
        with open(server.log, encoding="utf-8") as f:
            report.check("until it is there" not in f.read(), "Dovecot is there")


TESTS = (verdicts_of_a_milter, acceptance_and_discarding, what_a_milter_is_shown,
         changes_of_a_milter, recipients_that_no_row_takes,
         recipients_of_who_has_an_account, several_milters, progress_keeps_a_milter,
         failing_milters, filter_that_is_started_again, told_at_the_start)
BY_PYTHON = TESTS[:8]


def main():
    has_milter = subprocess.run(["/usr/bin/python3", "-c", "import Milter"],
                                stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not has_milter:
        print("skipped: actions of milters, since there is no python3-milter")
    filtering.run(TESTS, lambda test: has_milter or test not in BY_PYTHON)


if __name__ == "__main__":
    main()
