#!/usr/bin/python3 -B
"""TLS beside Postfix and stunnel, in one run: handshakes a second, what processors
take for one, and one mail of 50 MB.

    bench/handshakes.py [--smtpd PROGRAM] [--seconds N] [--rounds N]

Clients and servers share the machine; the load at the beginning is printed.
Handshakes are of openssl s_time, which then hangs up, and each has a connection
and a session of its own; the key is ECDSA P-256.  Full ones are of TLS 1.3,
resumed ones of TLS 1.2, since s_time can resume no other.  stunnel stands before
an smtpd without TLS.  Rounds alternate, and medians are told; what processors
take says more than the rate where others use them as well.
"""

import argparse
import os
import re
import smtplib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "../tests/system"), str(HERE / "../tests/durability")]
import beside  # noqa: E402 (where it is was said above)
import contestants  # noqa: E402
from listener import Listener, until  # noqa: E402
from tls_world import Keys  # noqa: E402

CLIENTS = 4
MAIL = (b"x" * 76 + b"\r\n") * (50 * 1024 * 1024 // 78)


FULL, RESUMED = ("-tls1_3", "-new"), ("-tls1_2", "-reuse")


def handshakes(port, seconds, how):
    """A second."""
    clients = [subprocess.Popen(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", *how, "-time",
         str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(CLIENTS)]
    n = 0
    for client in clients:
        text = client.communicate(timeout=seconds + 60)[0].decode()
        found = re.findall(r"(\d+) connections in (\d+) real seconds", text)
        n += int(found[0][0]) / int(found[0][1]) if found else 0
        if how == RESUMED and text.count("r") < text.count("*"):
            raise SystemExit(f"port {port}: sessions are not resumed")
    return n


def tree_of(pid):
    parents = {}
    for other in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            stat = Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[other] = int(stat[1]), sum(map(int, stat[11:15]))
    found = [pid]
    for at in found:
        found += [p for p, (parent, _) in parents.items() if parent == at]
    return sum(parents[p][1] for p in found if p in parents)


def cost(pids, port, seconds, how):
    """Handshakes a second, and ms of processors that all processes take for one."""
    before = sum(map(tree_of, pids))
    rate = handshakes(port, seconds, how)
    time.sleep(1.5)  # for those that end
    ticks = sum(map(tree_of, pids)) - before
    return rate, ticks * 1000 / os.sysconf("SC_CLK_TCK") / (rate * seconds)


def megabytes(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL("127.0.0.1", port, "client.example", context=context) as s:
        s.ehlo()
        s.mail("ann@client.example")
        s.rcpt("bob@mx.example")
        s.docmd("DATA")
        began = time.monotonic()
        s.sock.sendall(MAIL + b".\r\n")
        reply = s.getreply()
        took = time.monotonic() - began
    if reply[0] != 250:
        raise SystemExit(f"port {port}: {reply}")
    return len(MAIL) / took / 1e6


class Postfix(beside.Postfix):
    def __init__(self, folder, keys):
        super().__init__(
            folder, "smtpd_tls_security_level = may\n"
            "mynetworks = 127.0.0.0/8\n"
            f"smtpd_tls_cert_file = {keys.server[0]}\n"
            f"smtpd_tls_key_file = {keys.server[1]}\n"
            "smtpd_client_connection_count_limit = 0\n"
            "smtpd_client_connection_rate_limit = 0\n",
            "tlsmgr unix - - n 1000? 1 tlsmgr\n")
        self.tls_port = contestants.free_port()
        self.services += (f"127.0.0.1:{self.tls_port} inet n - n - - smtpd\n"
                          "  -o smtpd_tls_wrappermode=yes\n")


class Stunnel:
    def __init__(self, folder, keys, to):
        self.port = contestants.free_port()
        settings = Path(folder) / "stunnel.conf"
        settings.write_text(
            f"foreground = yes\npid =\nsyslog = no\ndebug = err\n[smtps]\n"
            f"accept = 127.0.0.1:{self.port}\nconnect = 127.0.0.1:{to}\n"
            f"cert = {keys.server[0]}\nkey = {keys.server[1]}\n")
        self.process = subprocess.Popen(
            ["stunnel4", str(settings)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def __enter__(self):
        until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.port)))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def tell(what, got):
    for name, values in got.items():
        print(f"{name:8} {statistics.median(values):7.2f} {what}"
              f" ({', '.join(f'{v:.2f}' for v in values)})", flush=True)


def compare(where, options):
    for what, how in (("full", FULL), ("resumed", RESUMED)):
        rates, costs = ({name: [] for name in where} for _ in range(2))
        for _ in range(options.rounds):
            for name, (port, pids) in where.items():
                rate, ms = cost(pids, port, options.seconds, how)
                rates[name].append(rate)
                costs[name].append(ms)
        tell(f"{what} handshakes a second", rates)
        tell(f"ms of processors for a {what} one", costs)
    tell("MB a second of a mail of 50 MB", {
        name: [megabytes(port) for _ in range(options.rounds)]
        for name, (port, _) in where.items()})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.smtpd = os.path.abspath(options.smtpd)
    limits = "--max-per-source=400", "--max-connections=400", "--max-size=100M"
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        keys = Keys(tempfile.mkdtemp(dir=folder))
        postfix = Postfix(Path(tempfile.mkdtemp(dir=folder)), keys)
        postfix.folder.parent.chmod(0o755)
        here, plain = (tempfile.mkdtemp(dir=folder) for _ in range(2))
        with Listener(options, here, "--tls=immediate", *limits,
                      f"--tls-cert={keys.server[0]}",
                      f"--tls-key={keys.server[1]}") as listener, \
                Listener(options, plain, *limits) as sink, \
                Stunnel(folder, keys, sink.port) as stunnel:
            postfix.start()
            try:
                compare({
                    "smtpd": (listener.port, [listener.process.pid]),
                    "Postfix": (postfix.tls_port, [int(postfix.process.read_text())]),
                    "stunnel": (stunnel.port, [stunnel.process.pid,
                                               sink.process.pid])}, options)
            finally:
                postfix.stop()


if __name__ == "__main__":
    main()
