#!/usr/bin/python3 -B
"""smtpd with policy servers, and with the filters that people run: rspamd,
OpenDKIM, ClamAV, postgrey, policyd-spf.

    tests/system/filter_programs.py [--smtpd PROGRAM] [--smtpdb PROGRAM] [NAME...]
"""

import base64
import grp
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import filtering  # noqa: E402 (where it is was said above)
from filtering import (MAIL, Fake, Server, alone, common, policy_server,  # noqa: E402
                       program)


def one_of_two_recipients(options, report, folder):
    """A filter refuses one, which then is in no row."""
    with policy_server(folder, lambda a: "REJECT" if a["recipient"].startswith("r0@")
                       else "DUNNO"), \
            Server(options, folder, "--policy=unix:" + folder + "/policy") as server:
        server.send("x", nrecipients=2)
        server.query("INSERT INTO domain (name) VALUES ('mx.example')")
        for closed in False, True:
            client = server.connect()
            client.command("MAIL FROM:<a@client.example>")
            report.check(client.command("RCPT TO:<r0@mx.example>")[0] == 554, "r0")
            report.check(client.command("RCPT TO:<r1@mx.example>")[0] == 250, "r1")
            client.command("DATA")
            client.send(common.on_the_wire(MAIL))
            report.check(client.reply()[0] == 250, "mail")
            client.close()
        rows = server.query("SELECT forward_path FROM recipient")
        report.check(rows == [("r1@mx.example",)] * 2, rows)


def actions_of_policy_servers(options, report, folder):
    expected = {
        "DUNNO": 250, "OK": 250, "REJECT": 554, "REJECT go away": 554, "DEFER": 450,
        "DEFER_IF_PERMIT later": 450, "451 4.7.1 x": 451, "550 y": 550,
        "PREPEND X-Policy: yes": 250, "HOLD": 250, "FILTER smtp:x": 451,
        "nonsense": 451, "": 451,
    }
    for action, code in expected.items():
        seen = []
        with policy_server(folder, lambda a: seen.append(a) or action):
            codes = alone(options, folder,
                          ["EHLO me", "MAIL FROM:<a@b> SIZE=77", "RCPT TO:<b@c>",
                           "DATA", "x", "."], f"--policy=unix:{folder}/policy")
        report.check(codes[3] == str(code), f"{action}: {codes}")
        report.check(len(seen) == 1 and seen[0]["sender"] == "a@b" and
                     seen[0]["recipient"] == "b@c" and seen[0]["size"] == "77" and
                     seen[0]["protocol_state"] == "RCPT" and
                     seen[0]["helo_name"] == "me", seen)
    seen = []
    with policy_server(folder, lambda a: seen.append(a) or "DUNNO"):
        alone(options, folder, ["EHLO me", "XCLIENT LOGIN=ann@x", "EHLO me",
                                "MAIL FROM:<a@b>", "RCPT TO:<b@c>"],
              f"--policy=unix:{folder}/policy", "--xclient=local")
    report.check(seen and seen[0]["sasl_username"] == "ann@x", seen)
    db = sqlite3.connect(folder + "/alone.db")
    rows = db.execute("SELECT action, place, name, value FROM filter_change").fetchall()
    report.check(rows == [("insert-header", 0, "X-Policy", " yes")], rows)
    report.check(db.execute("SELECT quarantine FROM message WHERE quarantine NOT NULL")
                 .fetchall() == [("held by a policy server",)], "hold")
    db.close()


def order_of_all_that_is_asked(options, report, folder):
    """The rows, policy servers, milters; and at the end others."""
    asked = []

    def asks(name, action):
        def decide(attributes):
            asked.append((name, attributes["recipient"]))
            return action
        return policy_server(folder, decide, name)
    lines = ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<r0@mx.example>", "DATA", "x", "."]
    listed = f"--policy=unix:{folder}/one,unix:{folder}/two"
    with asks("one", "DEFER_IF_PERMIT x"), asks("two", "REJECT"):
        report.check(alone(options, folder, lines, listed)[3] == "554", "refused")
    with asks("one", "OK"), asks("two", "REJECT"):
        report.check(alone(options, folder, lines, listed)[3] == "250", "OK ends it")
    report.check([name for name, _ in asked] == ["one", "two", "one"], asked)
    asked.clear()
    with asks("end", "REJECT 5.7.0 no"):
        codes = alone(options, folder, lines, f"--policy-at-end=unix:{folder}/end")
    report.check(codes[3:] == ["250", "354", "554"] and
                 asked == [("end", "r0@mx.example")], codes)
    asked.clear()
    db = sqlite3.connect(folder + "/alone.db")
    db.execute("INSERT INTO domain (name) VALUES ('other.example')")
    db.commit()
    db.close()
    with asks("one", "OK"), asks("two", "OK"):
        report.check(alone(options, folder, lines, listed)[3] == "550", "no relay")
    report.check(asked == [], "what a row refuses nobody is asked about")


# Programs


def missing(name, what):
    if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        return False
    print(f"skipped: {what}, since there is no {name}")
    return True


GTUBE = b"JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
RSPAMD = """
options {{
    pidfile = "{0}/pid"; filters = ""; enable_test_patterns = true;
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
    control_socket = "{0}/control"; cache_file = "{0}/cache"; url_tld = "{0}/tld";
    tempdir = "{0}";
}}
logging {{ type = "file"; filename = "{0}/log"; level = "notice"; }}
actions {{ reject = 15; add_header = 6; }}
worker "rspamd_proxy" {{
    bind_socket = "{0}/socket mode=0666"; milter = yes; count = 1;
    upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""


def rspamd(options, report, folder):
    if missing("rspamd", "rspamd as a milter"):
        return
    home = folder + "/rspamd"
    os.mkdir(home)
    with open(home + "/tld", "w", encoding="ascii") as f:
        f.write("com\nexample\n")
    with open(home + "/rspamd.conf", "w", encoding="ascii") as f:
        f.write(RSPAMD.format(home))
    head = b"Subject: hi\r\nFrom: <a@client.example>\r\nMessage-ID: <1@x>\r\n\r\n"
    with program(["rspamd", "-f", "-i", "-c", home + "/rspamd.conf",
                  "--var=DBDIR=" + home, "--var=RUNDIR=" + home,
                  "--var=LOCAL_CONFDIR=" + home], home + "/socket", kills=False), \
            Server(options, folder, f"--milter=unix:{home}/socket") as server:
        got = server.send(data=head + b"X" + GTUBE)
        report.check(got == ("text", 554, "5.7.1 Gtube pattern"), got)
        for first in b"Y", b"Z", b"":
            got = server.send(data=head + first + GTUBE)
            report.check(got[:2] == ("text", 250), got)
        rows = server.query("SELECT message_id, action, name, value FROM filter_change")
        report.check(rows == [(1, "change-header", "X-Spam", " Yes"),
                              (2, "change-header", "Subject", " *** SPAM *** hi")], rows)


def opendkim(options, report, folder):
    """Signs, and the mail as it is read back is verified with the public key."""
    if missing("opendkim", "OpenDKIM") or missing("openssl", "OpenDKIM"):
        return
    key = folder + "/key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                   capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "PEM"],
                            check=True, capture_output=True).stdout.decode()
    record = "".join(public.split("\n")[1:-2])
    with open(folder + "/keys", "w", encoding="ascii") as f:
        f.write(f"sel._domainkey.client.example v=DKIM1; k=rsa; p={record}\n")
    common_lines = "Canonicalization relaxed/simple\nSyslog no\nRequireSafeKeys no\n"
    with open(folder + "/sign.conf", "w", encoding="ascii") as f:
        f.write(common_lines + f"Mode s\nDomain client.example\nSelector sel\n"
                f"KeyFile {key}\nInternalHosts 127.0.0.1\n"
                f"Socket local:{folder}/sign\n")
    with open(folder + "/verify.conf", "w", encoding="ascii") as f:
        f.write(common_lines + f"Mode v\nTestPublicKeys {folder}/keys\n"
                f"AlwaysAddARHeader yes\nSocket local:{folder}/verify\n")
    data = (b"From: <a@client.example>\r\nSubject: hi\r\n there\r\n"
            b"Date: Thu, 26 Nov 2026 00:00:00 +0000\r\n\r\nHello.\r\n")

    def daemon(name):
        return program(["/usr/sbin/opendkim", "-f", "-x", f"{folder}/{name}.conf"],
                       f"{folder}/{name}", f"{folder}/{name}.log")
    with daemon("sign"), daemon("verify"):
        os.mkdir(folder + "/1")
        os.mkdir(folder + "/2")
        with Server(options, folder + "/1", f"--milter=unix:{folder}/sign") as server:
            report.check(server.send(data=data)[1] == 250, "signed")
            signed = subprocess.run(
                [options.smtpdb, "-d", server.database, "raw", "1"],
                capture_output=True, check=True).stdout
        report.check(b"\r\nDKIM-Signature: v=1;" in signed, signed[:400])
        with Server(options, folder + "/2", f"--milter=unix:{folder}/verify") as server:
            report.check(server.send(data=signed)[1] == 250, "verified")
            report.check(server.send(data=signed.replace(b"Hello", b"hello"))[1] == 250,
                         "forged")
            report.check(server.send(data=data)[1] == 250, "not signed")
            rows = [value for value, in server.query(
                "SELECT value FROM filter_change"
                " WHERE name = 'Authentication-Results' ORDER BY message_id")]
    want = ["dkim=pass", "dkim=fail", "dkim=none"]
    report.check(len(rows) == 3 and all(w in row for w, row in zip(want, rows)), rows)


# The test file of EICAR, taken apart so that no scanner finds it here.
EICAR = (rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS" +
         rb"-TEST-FILE!$H+H*")
CLAMD = """
DatabaseDirectory {0}/signatures
LocalSocket {0}/clamd
TemporaryDirectory {0}
Foreground yes
"""
CLAMAV_MILTER = """
ClamdSocket unix:{0}/clamd
MilterSocket unix:{0}/milter
TemporaryDirectory {0}
Foreground yes
OnInfected {1}
AddHeader Replace
RejectMsg 5.7.1 %v
"""


def clamav(options, report, folder):
    """With a signature of ours, for the file that all scanners know."""
    if missing("clamd", "ClamAV") or missing("clamav-milter", "ClamAV"):
        return
    os.mkdir(folder + "/signatures")
    with open(folder + "/signatures/ours.ndb", "w", encoding="ascii") as f:
        f.write(f"Ours.Eicar:0:*:{EICAR.hex()}\n")
    for name, text in ("clamd", CLAMD), ("reject", CLAMAV_MILTER), \
            ("put-aside", CLAMAV_MILTER):
        how = "Quarantine" if name == "put-aside" else "Reject"
        with open(f"{folder}/{name}.conf", "w", encoding="ascii") as f:
            f.write(text.format(folder, how))
    virus = (b"Subject: a file\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
             b"Content-Transfer-Encoding: base64\r\n\r\n" +
             base64.b64encode(EICAR) + b"\r\n")

    def statuses(server):
        return [value.strip() for value, in server.query(
            "SELECT value FROM filter_change WHERE name = 'X-Virus-Status'")]

    def milter(name):
        return program(["clamav-milter", f"--config-file={folder}/{name}.conf"],
                       folder + "/milter", f"{folder}/{name}.log")
    with program(["clamd", f"--config-file={folder}/clamd.conf"], folder + "/clamd",
                 folder + "/clamd.log"):
        with milter("reject"), \
                Server(options, folder, f"--milter=unix:{folder}/milter") as server:
            got = server.send(data=virus)
            report.check(got[:2] == ("text", 550) and "Ours.Eicar" in got[2], got)
            report.check(server.send(data=MAIL)[1] == 250, "clean")
            rows = statuses(server)
            report.check(len(rows) == 1 and rows[0].startswith("Clean"), rows)
        os.mkdir(folder + "/2")
        with milter("put-aside"), \
                Server(options, folder + "/2",
                       f"--milter=unix:{folder}/milter") as server:
            report.check(server.send(data=virus)[1] == 250, "put aside")
            rows = statuses(server)
            report.check(len(rows) == 1 and rows[0].startswith("Infected"), rows)
            rows = server.query("SELECT quarantine NOT NULL FROM message")
            report.check(rows == [(1,)], rows)


def postgrey(options, report, folder):
    if missing("postgrey", "postgrey"):
        return
    path = folder + "/postgrey"
    lists = [folder + "/empty"]
    with open(lists[0], "w", encoding="ascii"):
        pass
    os.mkdir(folder + "/db")
    with program(["postgrey", "--unix=" + path, "--dbdir=" + folder + "/db",
                  "--delay=1", "--user=" + pwd.getpwuid(os.geteuid()).pw_name,
                  "--group=" + grp.getgrgid(os.getegid()).gr_name, "--privacy",
                  "--whitelist-clients=" + lists[0],
                  "--whitelist-recipients=" + lists[0]], path), \
            Server(options, folder, "--policy=unix:" + path) as server:
        got = server.send()
        report.check(got[:2] == ("RCPT", 450) and "Greylisted" in got[2], got)
        time.sleep(2)
        got = server.send()
        report.check(got[:2] == ("text", 250), got)
        rows = server.query("SELECT action, name FROM filter_change")
        report.check(rows == [("insert-header", "X-Greylist")], rows)


def policyd_spf(options, report, folder):
    if missing("policyd-spf", "policyd-spf"):
        return

    def talk(connection):
        """As Postfix's spawn(8) does it."""
        subprocess.run(["policyd-spf"], stdin=connection, stdout=connection,
                       stderr=subprocess.DEVNULL, check=False)
    with Fake(folder + "/spf", talk):
        codes = alone(
            options, folder,
            ["EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<b@mx.example>",
             "RCPT TO:<c@mx.example>", "DATA", "x", "."],
            f"--policy=unix:{folder}/spf")
    report.check(codes[-1] == "250", codes)
    db = sqlite3.connect(folder + "/alone.db")
    rows = db.execute("SELECT action, name FROM filter_change").fetchall()
    db.close()
    report.check(rows and set(rows) <= {("insert-header", "Received-SPF"),
                                        ("insert-header", "X-Comment")}, rows)


TESTS = (actions_of_policy_servers, order_of_all_that_is_asked, one_of_two_recipients,
         rspamd, opendkim, clamav, postgrey, policyd_spf)


if __name__ == "__main__":
    filtering.run(TESTS)
