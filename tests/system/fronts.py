#!/usr/bin/python3 -B
"""smtpd behind what stands between it and clients: HAProxy and nginx, which say
by a PROXY header or by XCLIENT whose connection it is, and Postfix, which says by
XFORWARD whose mail it is.

    tests/system/fronts.py [--smtpd PROGRAM]

Each is started for the test.  What is not there is skipped, and said.
"""

import argparse
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from beside import KNOWN, MAIL, SENDER, Postfix, Rows, World, run
import common
import contestants
from listener import Listener, until

CLIENT, REFUSED = "127.0.0.7", "127.0.0.8"
HEADER_SECONDS = 10  # which a header has to come in, whatever the time-out
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def connect(where, source):
    """By TCP from this address, or to a socket of AF_UNIX."""
    if isinstance(where, (str, Path)):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(where))
        return s
    s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    s.bind((source, 0))
    s.connect(where)
    return s


def deliver(where, source=CLIENT):
    """The last reply, and the client's own port."""
    with connect(where, source) as s:
        port = s.getsockname()[1] if s.family != socket.AF_UNIX else 0
        client = common.Client(s)
        reply = client.greet()
        return (client.mail(MAIL) if reply[0] < 400 else reply), port


def expect(w, rows, what, where, source=CLIENT, name=None):
    """A mail has come, from the client and not from who is in front."""
    reply, port = deliver(where, source)
    row = rows.expect(f"{what}: {reply}", reply, ["r0@mx.example"], "ESMTP")
    if row:
        w.report.check(row[5] == (name or source), f"{what}: client {row[5]}")
        if not name:
            w.report.check(row[6] == port, f"{what}: port {row[6]}")
            w.report.check(source in row[4], f"{what}: {row[4]}")


class Program:
    """One in the foreground, with a log, until it answers at a socket."""

    def __init__(self, w, name, command, socket_path):
        with open(w.folder / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.path = socket_path

    def __enter__(self):
        until(self.is_there)
        return self

    def is_there(self):
        if self.process.poll() is not None:
            return True
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.path))
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


HAPROXY = """\
global
  maxconn 100
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen v1
  bind 127.0.0.1:{v1}
  server rows 127.0.0.1:{smtpd} send-proxy check fall 1000 check-send-proxy
listen v2
  bind 127.0.0.1:{v2}
  bind [::1]:{v2}
  bind {folder}/haproxy mode 666
  server rows 127.0.0.1:{smtpd} send-proxy-v2 check inter 200ms fall 1000 check-send-proxy
listen crc
  bind 127.0.0.1:{crc}
  server rows 127.0.0.1:{smtpd} send-proxy-v2 proxy-v2-options crc32c,unique-id
"""

NGINX_STREAM = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
stream {{
  server {{
    listen 127.0.0.1:{v1};
    listen [::1]:{v1};
    listen unix:{folder}/nginx;
    proxy_pass 127.0.0.1:{smtpd};
    proxy_protocol on;
  }}
}}
"""


def free_ports(*names):
    return {name: contestants.free_port() for name in names}


def proxy_haproxy(w, listener, rows):
    if not shutil.which("haproxy"):
        w.skip("HAProxy")
        return
    ports = free_ports("v1", "v2", "crc")
    path = w.folder / "haproxy.cfg"
    path.write_text(HAPROXY.format(smtpd=listener.port, folder=w.folder, **ports))
    with Program(w, "haproxy", ["haproxy", "-db", "-f", path],
                 w.folder / "haproxy"):
        for name, port in ports.items():
            expect(w, rows, f"HAProxy, {name}", ("127.0.0.1", port))
        expect(w, rows, "HAProxy, IPv6", ("::1", ports["v2"]), "::1")
        # It says LOCAL, as of its own checks, and so the peer stands.
        expect(w, rows, "HAProxy, AF_UNIX", w.folder / "haproxy", "", "127.0.0.1")
        limits_are_for_clients(w, listener, ("127.0.0.1", ports["v2"]))


def proxy_nginx(w, listener, rows):
    if not os.path.exists("/usr/lib/nginx/modules/ngx_stream_module.so"):
        w.skip("nginx, stream")
        return
    ports = free_ports("v1")
    path = w.folder / "nginx.conf"
    path.write_text(NGINX_STREAM.format(smtpd=listener.port, folder=w.folder,
                                        **ports))
    with Program(w, "nginx", ["nginx", "-p", w.folder, "-c", path],
                 w.folder / "nginx"):
        expect(w, rows, "nginx", ("127.0.0.1", ports["v1"]))
        expect(w, rows, "nginx, IPv6", ("::1", ports["v1"]), "::1")
        # It says UNKNOWN, and so the peer stands.
        expect(w, rows, "nginx, AF_UNIX", w.folder / "nginx", "", "127.0.0.1")


def limits_are_for_clients(w, listener, where):
    """Three at once though one source may have one; a rule for one client."""
    several = [connect(where, f"127.0.0.{i}") for i in (11, 12, 13)]
    greetings = [common.Client(s).reply()[0] for s in several]
    w.report.check(greetings == [220] * 3, f"three by the proxy: {greetings}")
    for s in several:
        s.close()
    reply, _ = deliver(where, REFUSED)
    w.report.check(reply[0] == 554, f"a client with a rule: {reply}")
    with open(listener.log, encoding="utf-8") as f:
        log = f.read()
    w.report.check(f"client={REFUSED}" in log, "the log names the client")


def speak(listener, octets, source="127.0.0.1", wait=60):
    """All that is said to these octets, and after how long."""
    begun = time.monotonic()
    with connect(("127.0.0.1", listener.port), source) as s:
        s.settimeout(wait)
        heard = b""
        try:
            s.sendall(octets)
            while more := s.recv(4096):
                heard += more
        except OSError:
            pass
    return heard, time.monotonic() - begun


def proxy_by_hand(w, listener, _):
    check = w.report.check
    line = b"PROXY TCP4 192.0.2.9 198.51.100.1 4000 25\r\n"
    heard, _ = speak(listener, line + b"NOOP\r\nNONE\r\nQUIT\r\n")
    check(heard.startswith(b"220 ") and b"\r\n250 " in heard and
          b"\r\n221 " in heard, f"pipelined behind the header: {heard}")
    wants = b"421 4.7.0 mx.example wants a PROXY header from you first\r\n"
    for what, octets in (
            ("no header", b"EHLO client.example\r\n"),
            ("a malformed line", b"PROXY TCP4 192.0.2.9\r\n"),
            ("a line without end", b"PROXY UNKNOWN" + b" " * 200),
            ("octets without end", V2 + b"\x21\x11\xff\xff" + b"\0" * 5000),
            ("a wrong checksum", V2 + b"\x21\x11\0\x13" + b"\xc0\0\2\1" * 3 +
             b"\3\0\4\0\0\0\0")):
        heard, seconds = speak(listener, octets)
        check(heard == wants and seconds < HEADER_SECONDS,
              f"{what}: {seconds:.1f} s, {heard}")
    heard, _ = speak(listener, line + b"QUIT\r\n", CLIENT)
    check(heard.startswith(b"220 ") and b"\r\n500 " in heard,
          f"a header from others: {heard}")
    with open(listener.log, encoding="utf-8") as f:
        check("client=192.0.2.9" in f.read(), "the log names the client")
    with Listener(w.options, w.make("impatient"), "--proxy=127.0.0.1",
                  "--timeout=2") as impatient:
        for _ in range(5):  # the quickest of some, as the machine may be busy
            heard, seconds = speak(impatient, b"PROXY TCP4")
            if seconds < 8:
                break
    check(heard == wants and 2 <= seconds < 8, f"half: {seconds:.1f} s, {heard}")


def proxy_alone(w):
    """A process per connection reads it as well."""
    folder = w.make("alone")
    common.give_away(folder)
    ends = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = connect(listening.getsockname(), "127.0.0.1")
        connection, _ = listening.accept()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [w.options.smtpd, "-d", folder / "mail.db", "-n", "mx.example",
             "--proxy=127.0.0.1"], stdin=connection, stdout=connection, stderr=log)
    connection.close()
    client.sendall(b"PROXY TCP4 192.0.2.9 198.51.100.1 4000 25\r\n")
    speaker = common.Client(client)
    speaker.greet()
    w.report.check(speaker.mail(MAIL)[0] == 250, "a process of its own")
    client.close()
    process.wait(60)
    for s in ends:
        s.close()

    class Alone:
        database = str(folder / "mail.db")
    row = Rows(w, Alone).new()
    w.report.check(len(row) == 1 and row[0][5:7] == ("192.0.2.9", 4000),
                   f"its row: {row}")


def proxy_tls(w):
    """TLS begins where the header ends; smtpd-tls sees none of it."""
    if not (Path(w.options.smtpd).parent / "smtpd-tls").exists():
        w.skip("smtpd-tls")
        return
    folder = w.make("tls")
    pem = folder / "pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        "-subj", "/CN=mx.example", "-keyout", pem, "-out", folder / "certificate")
    pem.write_bytes(pem.read_bytes() + (folder / "certificate").read_bytes())
    common.give_away(folder, pem)
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with Listener(w.options, str(folder), "--proxy=127.0.0.1", "--tls=immediate",
                  f"--tls-cert={pem}") as listener, \
            connect(("127.0.0.1", listener.port), "127.0.0.1") as s:
        s.settimeout(60)
        s.sendall(b"PROXY TCP4 192.0.2.9 198.51.100.1 4000 465\r\n")
        client = common.Client(trusting.wrap_socket(s))
        client.greet()
        reply = client.mail(MAIL)
        client.close()
        row = Rows(w, listener).new()
    w.report.check(reply[0] == 250 and row and row[0][1] == "ESMTPS" and
                   row[0][5:7] == ("192.0.2.9", 4000), f"TLS: {reply}, {row}")


def test_proxy(w):
    with Listener(w.options, w.make("proxy"), "--proxy=127.0.0.1,::1",
                  "--max-per-source=1") as listener:
        rows = Rows(w, listener)
        speak(listener, b"PROXY UNKNOWN\r\nMAIL FROM:<>\r\nQUIT\r\n")
        rows.query("INSERT INTO client_rule (network, allow) VALUES (?, 0)", REFUSED)
        for test in (proxy_by_hand, proxy_haproxy, proxy_nginx):
            test(w, listener, rows)
    proxy_alone(w)
    proxy_tls(w)


#
# XCLIENT
#

NGINX_MAIL = """\
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
pid {folder}/nginx-mail.pid;
error_log stderr;
events {{ }}
mail {{
  server_name front.example;
  auth_http 127.0.0.1:{auth}/;
  xclient on;
  proxy_pass_error_message on;
  smtp_auth plain none;
  server {{
    listen 127.0.0.1:{smtp};
    listen [::1]:{smtp};
    listen unix:{folder}/nginx-mail;
    protocol smtp;
  }}
}}
"""


class Permission(http.server.BaseHTTPRequestHandler):
    """Says where each client's session goes on."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Auth-Status", "OK")
        self.send_header("Auth-Server", "127.0.0.1")
        self.send_header("Auth-Port", str(self.server.smtpd))
        self.end_headers()

    def log_message(self, *_):
        pass


def xclient_nginx(w, listener, rows):
    if not os.path.exists("/usr/lib/nginx/modules/ngx_mail_module.so"):
        w.skip("nginx, mail")
        return
    permission = http.server.HTTPServer(("127.0.0.1", 0), Permission)
    permission.smtpd = listener.port
    threading.Thread(target=permission.serve_forever, daemon=True).start()
    ports = free_ports("smtp")
    path = w.folder / "nginx-mail.conf"
    path.write_text(NGINX_MAIL.format(
        folder=w.folder, auth=permission.server_port, **ports))
    with Program(w, "nginx-mail", ["nginx", "-p", w.folder, "-c", path],
                 w.folder / "nginx-mail"):
        where = ("127.0.0.1", ports["smtp"])
        expect_address(w, rows, "nginx, mail", where, CLIENT)
        expect_address(w, rows, "nginx, mail, IPv6", ("::1", ports["smtp"]), "::1")
        reply, _ = deliver(where, REFUSED)
        w.report.check(reply[0] == 554, f"a client with a rule: {reply}")
        with connect(where, CLIENT) as s:
            client = common.Client(s)
            client.greet()
            client.command("MAIL FROM:<ann@client.example>")
            client.command("RSET")
            reply = client.command("XCLIENT ADDR=192.0.2.1")
            w.report.check(reply[0] >= 500, f"who is behind nginx: {reply}")
    permission.shutdown()


def expect_address(w, rows, what, where, source):
    """The same without the port, which not every front tells."""
    reply, _ = deliver(where, source)
    row = rows.expect(f"{what}: {reply}", reply, ["r0@mx.example"], "ESMTP")
    if row:
        w.report.check(row[5] == source, f"{what}: client {row[5]}")
        w.report.check(row[7] == "client.example", f"{what}: HELO {row[7]}")


def xclient_swaks(w, listener, rows):
    path = w.folder / "swaks.eml"
    path.write_bytes(MAIL)
    outcome = run("swaks", "--server", "127.0.0.1", "--port", listener.port,
                  "--helo", "client.example", "--from", SENDER, "--to", KNOWN[0],
                  "--data", f"@{path}", "--xclient-addr", "192.0.2.9",
                  "--xclient-port", "4711", "--xclient-name", "client.example",
                  "--xclient-helo", "client.example", "--xclient-proto", "ESMTP",
                  "--xclient-login", "ann@client.example")
    row = rows.expect("swaks", outcome, [KNOWN[0]], "ESMTPA")
    w.report.check(row and row[5:7] == ("192.0.2.9", 4711), f"swaks: {row}")
    account = rows.query("SELECT authenticated_as FROM message WHERE id = ?",
                         rows.last_id)
    w.report.check(account == [("ann@client.example",)], f"swaks: {account}")


def xforward_postfix(w, listener, rows):
    """Before its queue, and behind it by LMTP."""
    if not shutil.which("postfix"):
        w.skip("Postfix")
        return
    settings = {
        "before": f"smtpd_proxy_filter = 127.0.0.1:{listener.port}\n"
                  "relay_domains = mx.example\n",
        "behind": "virtual_mailbox_domains = mx.example\n"
                  "smtpd_recipient_restrictions = permit\n"
                  "virtual_transport = lmtp:inet:127.0.0.1:{port}\n"
                  "lmtp_send_xforward_command = yes\n"}
    with Listener(w.options, w.make("lmtp"), "--xclient=127.0.0.1",
                  "--lmtp") as behind:
        for name, text in settings.items():
            server = Postfix(w.make(name), text.format(port=behind.port))
            server.start()
            come = rows if name == "before" else Rows(w, behind)
            try:
                for source in (CLIENT, "127.0.0.9"):
                    reply, _ = deliver(("127.0.0.1", server.port), source)
                    row = come.expect(
                        f"Postfix, {name}: {reply}", reply, ["r0@mx.example"],
                        "ESMTP" if name == "before" else "LMTP")
                    w.report.check(row and row[5] == source and
                                   row[7] == "client.example",
                                   f"Postfix, {name}: {row}")
                if name == "before":
                    reply, _ = deliver(("127.0.0.1", server.port), REFUSED)
                    w.report.check(reply[0] == 554, f"Postfix, rule: {reply}")
            finally:
                server.stop()


def xclient_by_hand(w, listener, rows):
    check = w.report.check
    for source, offered in (("127.0.0.1", True), (CLIENT, False)):
        heard, _ = speak(listener, b"EHLO x\r\nXCLIENT ADDR=192.0.2.9\r\nQUIT\r\n",
                         source)
        check((b"XCLIENT NAME" in heard) == offered, f"offered to {source}: {heard}")
        check((heard.count(b"220 ") == 2) == offered, f"from {source}: {heard}")
    # Both may be said of one connection, by who is listed for each.
    heard, _ = speak(listener, b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n")
    check(b"500 " in heard, f"no proxy: {heard}")


def test_xclient(w):
    with Listener(w.options, w.make("xclient"), "--xclient=127.0.0.1",
                  "--max-per-source=1") as listener:
        rows = Rows(w, listener)
        speak(listener, b"MAIL FROM:<>\r\nQUIT\r\n")
        rows.query("INSERT INTO client_rule (network, allow) VALUES (?, 0)", REFUSED)
        for test in (xclient_by_hand, xclient_swaks, xclient_nginx,
                     xforward_postfix):
            test(w, listener, rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    options = parser.parse_args()
    report = common.Report()
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # the servers have users of their own
        w = World(options, report, Path(name))
        test_proxy(w)
        test_xclient(w)
    report.end()


if __name__ == "__main__":
    main()
