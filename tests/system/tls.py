#!/usr/bin/python3 -B
"""TLS: what is offered, what is stored of it, and what clients may do to it.

    tests/system/tls.py [--smtpd PROGRAM] [--smtpdb PROGRAM] [--only TEST]
"""

import os
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from listener import until  # noqa: E402 (where it is was said above)
from tls_world import (  # noqa: E402
    MAIL, RECIPIENT, SENDER, Plain, mail_by, play, tls_processes)

HANDSHAKES = 200



#
# What is offered
#


def offered(w, listener):
    with Plain(listener.port) as c:
        c.reply()
        c.socket.sendall(b"EHLO client.example\r\n")
        words = []
        while (line := c.line())[3:4] == b"-":
            words.append(line[4:].strip())
        w.report.check(b"STARTTLS" in words and b"REQUIRETLS" not in words,
                       f"offered in the plain: {words}")
        w.report.check(c.say("STARTTLS")[:3] == b"220", "STARTTLS")
        c.secure(w.keys.trust())
        c.socket.sendall(b"EHLO client.example\r\n")
        words = []
        while (line := c.line())[3:4] == b"-":
            words.append(line[4:].strip())
        w.report.check(b"STARTTLS" not in words and b"REQUIRETLS" in words,
                       f"offered inside: {words}")
        w.report.check(c.say("STARTTLS")[:3] == b"503", "a second STARTTLS")
        replies = mail_by(c)
        w.report.check(replies[-1][:3] == b"250", f"a mail: {replies}")
    w.expect("by hand", listener, data=MAIL)


def forgets(w, listener):
    """HELO and a mail begun before count for nothing (RFC 3207 s. 4.2)."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        w.report.check(c.say(f"RCPT TO:<{RECIPIENT}>")[:3] == b"503", "RCPT")
        replies = mail_by(c)
        w.report.check(replies[-1][:3] == b"250", f"without EHLO: {replies}")
    w.expect("without EHLO", listener, protocol="SMTP")


def versions(w, listener):
    for version, want in (("TLSv1_3", True), ("TLSv1_2", True), ("TLSv1_1", False)):
        version = getattr(ssl.TLSVersion, version)
        context = w.keys.trust()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        try:
            with Plain(listener.port) as c:
                c.begin()
                c.secure(context).say("QUIT")
            got = True
        except (ssl.SSLError, OSError):
            got = False
        w.report.check(got == want, f"{version}: {got}")


def suites(w, listener):
    """Each suite that is offered has its name of IANA."""
    for cipher, want in (
            ("ECDHE-ECDSA-AES256-GCM-SHA384",
             "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            ("ECDHE-ECDSA-CHACHA20-POLY1305",
             "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")):
        context = w.keys.trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        with smtplib.SMTP("127.0.0.1", listener.port, "client.example") as s:
            s._host = "mx.example"
            s.starttls(context=context)
            s.sendmail(SENDER, RECIPIENT, MAIL)
        rows = w.expect(cipher, listener)
        w.report.check(rows and rows[0][1] == f"TLSv1.2 {want}", f"{rows}")


def names(w, _):
    """A certificate for each name, and the first for others (SNI)."""
    with w.listen(f"--tls-cert={w.keys.other[0]}",
                  f"--tls-key={w.keys.other[1]}") as listener:
        for name, want in (("other.example", "other.example"),
                           ("mx.example", "mx.example"),
                           ("none.example", "mx.example")):
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust(name=None), name)
                got = dict(x[0] for x in c.socket.getpeercert()["subject"])
            w.report.check(got["commonName"] == want, f"SNI {name}: {got}")


#
# Client certificates
#


def subjects(w, _):
    with w.listen(f"--tls-ca={w.keys.ca[0]}") as listener:
        # One name that has a slash is not the two of ann.
        for client, want in ((True, "/O=Clients/CN=ann"), (False, None),
                             (w.keys.twisted, r"/O=Clients\/CN=ann")):
            with Plain(listener.port) as c:
                c.begin()
                c.secure(w.keys.trust(client)).say("EHLO client.example")
                mail_by(c)
            rows = w.rows(listener)
            got = rows[0][2] if rows else "no mail"
            w.report.check(got == want, f"client_subject: {got}")
            w.expect(f"client certificate {want}", listener, subject=got)
    with w.listen(f"--tls-ca={w.keys.ca[0]}", "--tls-require-client") as listener:
        for client, want in ((True, True), (False, False)):
            try:
                with Plain(listener.port) as c:
                    c.begin()
                    got = c.secure(w.keys.trust(client)).say("NOOP")[:3] == b"250"
            except (ssl.SSLError, OSError):
                got = False
            w.report.check(got == want, f"required: {client} {got}")


#
# From the first octet
#


def immediate(w, _):
    with w.listen("--tls=immediate") as listener:
        with smtplib.SMTP_SSL("127.0.0.1", listener.port, "client.example",
                              context=w.keys.trust(name=None)) as s:
            s.ehlo()
            w.report.check(not s.has_extn("starttls"), "immediate: STARTTLS")
            s.sendmail(SENDER, RECIPIENT, MAIL, ["REQUIRETLS"])
        rows = w.expect("immediate", listener, data=MAIL)
        w.report.check(rows and rows[0][6] == 1, "REQUIRETLS is kept")
        with Plain(listener.port) as c:
            c.socket.sendall(b"EHLO client.example\r\n" * 3)
            heard = c.socket.recv(100)
            w.report.check(not heard.startswith(b"220"),
                           f"immediate, in the plain: {heard}")


#
# Clients that mean no good, or have no luck
#


def injected(w, listener):
    """What comes behind STARTTLS in the plain is no command (CVE-2011-0411)."""
    for what, apart in (("in one packet", 0), ("a moment later", 0.2)):
        with Plain(listener.port) as c:
            c.reply()
            c.say("EHLO client.example")
            evil = (b"MAIL FROM:<mallory@client.example>\r\n"
                    b"RCPT TO:<bob@mx.example>\r\n")
            c.socket.sendall(b"STARTTLS\r\n" + (b"" if apart else evil))
            time.sleep(apart)
            if apart:
                c.socket.sendall(evil)
            w.report.check(c.reply()[:3] == b"220", f"injected {what}: 220")
            try:
                c.secure(w.keys.trust())
                said = c.say("DATA")
                w.report.check(said[:3] == b"503", f"injected {what}: {said}")
            except (ssl.SSLError, OSError):
                w.report.check(apart > 0, f"injected {what}: no handshake")
    w.report.check(w.rows(listener) == [], "injected: nothing is stored")


def garbage(w, listener):
    """Anything but a handshake ends the connection, and is logged."""
    before = Path(listener.log).read_text().count("no TLS client=127.0.0.1")
    tried = [b"\r\n", b"EHLO x\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70000,
             b"\x80\x2e\x01\0\2", os.urandom(3000)]
    for octets in tried:
        with Plain(listener.port) as c:
            c.begin()
            try:
                c.socket.sendall(octets)
                c.socket.shutdown(socket.SHUT_WR)
                while c.socket.recv(65536):
                    pass
            except OSError:
                pass
    w.report.check(until(lambda: Path(listener.log).read_text().count(
        "no TLS client=127.0.0.1") >= before + len(tried)), "garbage: logged")
    w.report.check("killed" not in Path(listener.log).read_text(), "garbage: a death")


def vanishing(w, listener):
    """Who goes at any moment leaves no process."""
    for moment in range(4):
        with Plain(listener.port) as c:
            c.begin()
            if moment == 1:
                c.socket.sendall(b"\x16\x03\x01")
            if moment > 1:
                c.secure(w.keys.trust())
            if moment == 3:
                c.say("EHLO client.example")
                c.say(f"MAIL FROM:<{SENDER}>")
                c.socket.sendall(b"RCPT TO:<x")
            if moment % 2:  # a reset
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\1\0\0\0\0\0\0\0")
    w.report.check(until(lambda: tls_processes(listener) <= 1),
                   f"vanishing: {tls_processes(listener)} processes")
    w.report.check(w.rows(listener) == [], "vanishing: nothing is stored")


def half_closed(w, listener):
    """A client that has said all still gets its replies."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        c.socket.sendall(
            f"EHLO x\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\n"
            "BDAT 3 LAST\r\nx\r\nQUIT\r\n".encode())
        socket.socket.shutdown(c.socket, socket.SHUT_WR)
        heard = b""
        try:
            while more := c.socket.recv(65536):
                heard += more
        except ssl.SSLError as e:
            heard += repr(e).encode()
        w.report.check(b"250 2.0.0 Stored" in heard and b"221" in heard,
                       f"half-closed: {heard}")
    w.expect("half-closed", listener, data=b"x\r\n")


def truncated(w, listener):
    """A mail whose connection ends without the alert of TLS is no mail."""
    with Plain(listener.port) as c:
        c.begin()
        c.secure(w.keys.trust())
        c.say("EHLO x")
        for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "DATA"):
            c.say(line)
        c.socket.sendall(b"half of it\r\n.")
        c.socket.shutdown(socket.SHUT_RDWR)
    time.sleep(0.1)
    w.report.check(w.rows(listener) == [], "truncated: nothing is stored")


def renegotiating(w, listener):
    """Nobody can have the server do handshakes for ever."""
    with subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-tls1_2", "-connect",
             f"127.0.0.1:{listener.port}"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        time.sleep(0.5)
        client.stdin.write(b"R\n")
        client.stdin.flush()
        time.sleep(0.5)
        try:
            text = client.communicate(b"QUIT\n", timeout=60)[0].decode()
        except BrokenPipeError:
            text = client.stdout.read().decode()
    w.report.check("RENEGOTIATING" in text and ("no renegotiation" in text or
                                                "221" not in text), text[-300:])


def big(w, listener):
    """All octets of a mail of 20 MB, in both directions of haste."""
    data = b"".join(b"%07d" % n + b"x" * 60 + b"\r\n" for n in range(290000))
    with smtplib.SMTP("127.0.0.1", listener.port, "client.example") as s:
        s._host = "mx.example"
        s.starttls(context=w.keys.trust())
        s.sendmail(SENDER, RECIPIENT, data)
    w.expect("big", listener, data=data)


def many(w, _):
    """At once: each has its handshake, and nobody is lost."""
    failed = []

    def one(listener, number):
        try:
            with Plain(listener.port, 300) as c:
                c.begin()
                c.secure(w.keys.trust()).say("EHLO client.example")
                replies = mail_by(c)
                if replies[-1][:3] != b"250":
                    failed.append((number, replies))
                c.say("QUIT")
        except OSError as e:
            failed.append((number, e))

    with w.listen("--max-connections=400", "--max-per-source=400") as listener:
        threads = [threading.Thread(target=one, args=(listener, n))
                   for n in range(HANDSHAKES)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        w.report.check(not failed, f"{HANDSHAKES} at once: {failed[:3]}")
        w.expect(f"{HANDSHAKES} at once", listener, number=HANDSHAKES)
        w.report.check(until(lambda: tls_processes(listener) <= 1),
                       "they leave no process")


def slow(w, listener):
    """A handshake octet by octet is one, and holds up nobody."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = w.keys.trust().wrap_bio(incoming, outgoing, server_hostname="mx.example")
    with Plain(listener.port) as c:
        c.begin()
        while True:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            for octet in outgoing.read():
                c.socket.sendall(bytes([octet]))
                time.sleep(0.0005)
            if done:
                break
            incoming.write(c.socket.recv(65536))
        tls.write(b"QUIT\r\n")
        c.socket.sendall(outgoing.read())
        heard = b""
        while b"221" not in heard:
            incoming.write(c.socket.recv(65536))
            try:
                heard += tls.read()
            except ssl.SSLWantReadError:
                pass
    w.report.check(b"221" in heard, f"slow: {heard}")


if __name__ == "__main__":
    play((offered, forgets, versions, suites, injected, garbage, vanishing,
          half_closed, truncated, renegotiating, big, slow),
         (names, subjects, immediate, many))
