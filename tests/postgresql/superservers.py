#!/usr/bin/python3 -B
"""PostgreSQL for one connection, and for a listener that a superserver starts:
inetd, tcpserver, recordio, systemd-socket-activate, and a pipe.  Every octet to the
client is one of a reply, also where its connection is standard error and the server
is not there."""

import os
import shutil
import signal
import socket
import subprocess
import time

import cluster

SESSION = (b"EHLO client.example\r\n" + 2 * (
    b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n"
    b"Subject: %s\r\n\r\n..%s\r\n.\r\n") + b"QUIT\r\n")
BIG = b"x" * 70 + b"\r\n"


def hold_port():
    """A socket with a port that nobody else gets, but for who asks for this one."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def inetd(root, port, command, wait):
    conf = os.path.join(root, f"inetd-{port}.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"127.0.0.1:{port} stream tcp {wait} nobody {command[0]} smtpd "
                + " ".join(command[1:]) + "\n")
    return ["inetd", "-i", conf]


SUPERSERVERS = {
    "inetd, nowait": lambda r, p, c: inetd(r, p, c, "nowait.1000"),
    "inetd, wait": lambda r, p, c: inetd(r, p, c + ["--idle-exit=1"], "wait"),
    "tcpserver": lambda r, p, c: ["tcpserver", "-HRl0", "127.0.0.1", str(p), *c],
    "recordio": lambda r, p, c: [
        "tcpserver", "-HRl0", "127.0.0.1", str(p), "recordio", *c],
    "socket-activate --accept": lambda r, p, c: [
        "systemd-socket-activate", "--accept", "-l", f"127.0.0.1:{p}", *c],
    "socket-activate --accept --inetd": lambda r, p, c: [
        "systemd-socket-activate", "--accept", "--inetd", "-l", f"127.0.0.1:{p}", *c],
    "socket-activate": lambda r, p, c: [
        "systemd-socket-activate", "-l", f"127.0.0.1:{p}", *c],
}


def connect(port):
    def try_():
        try:
            return socket.create_connection(("127.0.0.1", port), cluster.PATIENCE)
        except OSError:
            return None
    return cluster.until(try_, f"port {port}")


def talk(sock, text):
    """All at once, as who pipes it; every octet that came."""
    sock.sendall(text)
    heard = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return heard
        heard += more


def codes(heard):
    """Of the replies; a line that is none is itself."""
    return [line[:3].decode() if line[:3].isdigit() and line[3:4] in (b" ", b"-")
            else line for line in heard.splitlines() if line[3:4] != b"-"]


GOOD = ["220", "250"] + 2 * ["250", "250", "354", "250"] + ["221"]


def is_deferred(heard):
    """No mail was taken, and each reply is a known one.  A listener's writer may
    learn of the lost server with the mail itself: then MAIL was still taken."""
    ends = [after for reply, after in zip(heard, heard[1:]) if reply == "354"]
    return ("451" in heard and set(ends) <= {"451"} and heard[-1:] == ["221"]
            and set(heard) <= {"220", "250", "354", "451", "503", "500", "221"})


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        self.log = os.path.join(self.it.root, "log")
        # Others can read it, for which libpq has a word on standard error.
        passwords = os.path.join(self.it.root, "passwords")
        with open(passwords, "w", encoding="utf-8") as f:
            f.write("*:*:*:*:secret\n")
        os.chmod(passwords, 0o644)
        self.command = [self.smtpd, "--database",
                        self.it.uri() + "&passfile=" + passwords,
                        "--hostname=mx.example"]

    def end(self):
        if self.report.failed:
            with open(self.log, encoding="utf-8") as f:
                print(f.read()[-3000:])
        super().end()

    def rows(self, name):
        return self.it.primary.ask(
            "SELECT count(*), min(client_address) FROM main.message WHERE data = "
            f"convert_to(E'Subject: {name}\\r\\n\\r\\n.{name}\\r\\n', 'UTF8')",
            "mail")[0]

    def through(self, name, make):
        with hold_port() as held:
            self.through_port(name, make, held.getsockname()[1])

    def through_port(self, name, make, port):
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                make(self.it.root, port, self.command), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, preexec_fn=cluster.as_nobody,
                start_new_session=True, cwd=self.it.root)
        try:
            heard = talk(connect(port), SESSION % ((name.encode(),) * 4))
            self.check(codes(heard) == GOOD, f"{name}: {codes(heard)}")
            self.check(self.rows(name) == (2, "127.0.0.1"),
                       f"{name}: {self.rows(name)}")
            big = (b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
                   b"DATA\r\n" + BIG * 20000 + b".\r\nQUIT\r\n")
            heard = talk(connect(port), big)
            self.check(codes(heard)[-2:] == ["250", "221"],
                       f"{name}, a big mail: {codes(heard)}")
            self.it.primary.kill()
            heard = talk(connect(port), SESSION % ((name.encode(),) * 4))
            self.check(is_deferred(codes(heard)), f"{name}, no server: {codes(heard)}")
            self.it.primary.start()
            # A listener's writer has a moment between two tries to connect.
            end = time.monotonic() + cluster.PATIENCE
            while codes(heard) != GOOD and time.monotonic() < end:
                time.sleep(0.1)
                heard = talk(connect(port), SESSION % ((name.encode(),) * 4))
            self.check(codes(heard) == GOOD, f"{name}, again: {codes(heard)}")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(cluster.PATIENCE)

    def none_is_left(self):
        """Writers end behind their sessions."""
        cluster.until(lambda: not [e for e in os.listdir("/proc") if self.is_writer(e)],
                      "the end of the writers")

    def is_writer(self, entry):
        try:
            return os.readlink(f"/proc/{entry}/exe") == self.smtpd + "-postgresql"
        except OSError:
            return False


def pipe(b):
    for stderr in subprocess.PIPE, subprocess.STDOUT:
        done = subprocess.run(
            b.command, input=SESSION % ((b"pipe",) * 4), check=False,
            stdout=subprocess.PIPE, stderr=stderr, timeout=cluster.PATIENCE)
        heard = [c for c in codes(done.stdout) if not isinstance(c, bytes)]
        b.check(heard == GOOD, f"a pipe: {done.stdout}")
        b.check(done.returncode == 0, f"a pipe: {done.returncode}")
    b.check(b.rows("pipe") == (4, "local"), f"pipe: {b.rows('pipe')}")
    b.none_is_left()


def superservers(b):
    for name, make in SUPERSERVERS.items():
        program = make(b.it.root, 1, b.command)[0]
        if shutil.which(program):
            b.through(name, make)
        else:
            print(f"skipped: {name} needs {program}")
    b.none_is_left()


if __name__ == "__main__":
    cluster.main(__doc__, Bench, [pipe, superservers])
