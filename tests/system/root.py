#!/usr/bin/python3 -B
"""Root does not read what strangers send: as root, smtpd becomes another user
or serves no network.

    tests/system/root.py [--smtpd PROGRAM]
"""

import argparse
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)

MAIL = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
OTHER = pwd.getpwnam("daemon")
WHAT_TO_DO = "--user=NAME, or let the folder of the database belong to"


class Run:
    """One session: by a connection of TCP, or by a pipe."""

    def __init__(self, options, folder, *arguments, by="tcp", **popen):
        command = [options.smtpd, "-d", f"{folder}/mail.db", "-n", "mx.example",
                   *arguments]
        if by == "pipe":
            done = subprocess.run(command, input=MAIL, capture_output=True,
                                  timeout=60, check=False, **popen)
            self.status, self.said, log = done.returncode, done.stdout, done.stderr
        else:
            self.status, self.said, log = self.over_tcp(command, popen)
        self.log = log.decode()
        self.database = f"{folder}/mail.db"

    def over_tcp(self, command, popen):
        with socket.create_server(("127.0.0.1", 0)) as listening, \
                socket.create_connection(listening.getsockname()) as client:
            server, _ = listening.accept()
            with server:
                process = subprocess.Popen(command, stdin=server, stdout=server,
                                           stderr=subprocess.PIPE, **popen)
            client.settimeout(60)
            said = b""
            try:
                client.sendall(MAIL)
                while octets := client.recv(65536):
                    said += octets
            except ConnectionError:  # who is refused is not read to the end
                pass
            log = process.communicate(timeout=60)[1]
        return process.returncode, said, log

    def owner(self):
        try:
            return os.stat(self.database).st_uid
        except FileNotFoundError:
            return None


def root_folder(options, report, folder):
    run = Run(options, folder)
    report.check(run.said == b"421 4.3.0 Service not available, try later\r\n",
                 f"a network: {run.said}")
    report.check(run.status == 77 and WHAT_TO_DO in run.log,
                 f"what to do: {run.status}, {run.log}")
    report.check(run.owner() is None, "no database is made")
    run = Run(options, folder, by="pipe")
    report.check(b"250 2.0.0 Stored" in run.said and run.owner() == 0,
                 f"by hand: {run.said}, {run.owner()}")
    report.check("runs as root" in run.log, f"with a warning: {run.log}")
    for name in ("root", "nonesuch"):
        run = Run(options, folder, f"--user={name}")
        report.check(run.said[:4] == b"421 ", f"--user={name}: {run.said}")
        report.check(run.status == {"root": 77, "nonesuch": 67}[name],
                     f"--user={name}: {run.status}, {run.log}")


def says_no_more_than_it_does(options, report, folder):
    """--listen: that it listens is said only where it will serve."""
    listen = "--listen=127.0.0.1:0"
    for more, status, why in (([], 77, WHAT_TO_DO), (["--user=nonesuch"], 67, ""),
                              (["--listen=here"], 64, "needs a port")):
        done = subprocess.run([options.smtpd, "-d", f"{folder}/mail.db", listen,
                               *more], stdin=subprocess.DEVNULL, timeout=60,
                              capture_output=True, check=False, text=True)
        report.check(done.returncode == status and why in done.stderr
                     and "listens on" not in done.stderr,
                     f"{listen} {more}: {done.returncode}, {done.stderr}")


def folder_of_another(options, report, folder):
    os.chown(folder, OTHER.pw_uid, OTHER.pw_gid)
    run = Run(options, folder)
    report.check(b"250 2.0.0 Stored" in run.said and run.owner() == OTHER.pw_uid,
                 f"becomes its owner: {run.said}, {run.owner()}, {run.log}")
    report.check("root" not in run.log, f"without a warning: {run.log}")


def user_by_name(options, report, folder):
    os.chown(folder, OTHER.pw_uid, OTHER.pw_gid)
    for by in ("tcp", "pipe"):
        run = Run(options, folder, "--user=daemon", by=by)
        report.check(b"250 2.0.0 Stored" in run.said
                     and run.owner() == OTHER.pw_uid,
                     f"--user=daemon by {by}: {run.said}, {run.owner()}, {run.log}")
    run = Run(options, folder, "--user=nobody", by="pipe")
    report.check(b"250 2.0.0 Stored" not in run.said,
                 f"who may not write there does not: {run.said}")


def nobody_becomes_root(options, report, folder):
    """Only root can become another; whoever one is, one may name."""
    os.chmod(folder, 0o755)
    program = shutil.copy(options.smtpd, f"{folder}/smtpd")
    place = f"{folder}/place"
    os.mkdir(place)
    os.chown(place, OTHER.pw_uid, OTHER.pw_gid)
    ours = argparse.Namespace(smtpd=program)
    who = {"user": OTHER.pw_uid, "group": OTHER.pw_gid, "extra_groups": []}
    run = Run(ours, place, "--user=daemon", **who)
    report.check(b"250 2.0.0 Stored" in run.said, f"oneself: {run.said} {run.log}")
    run = Run(ours, place, "--user=nobody", **who)
    report.check(run.status == 77 and run.said[:4] == b"421 "
                 and "only root" in run.log, f"another: {run.status}, {run.log}")


def everything_is_given_up(options, report, folder):
    """Groups and saved numbers as well, in all processes of the listener."""
    os.chown(folder, OTHER.pw_uid, OTHER.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [options.smtpd, "-d", f"{folder}/mail.db", "-n", "mx.example"],
            stdin=listening, stderr=subprocess.DEVNULL, extra_groups=[0, 4])
    with socket.create_connection(("127.0.0.1", port)) as client:
        report.check(client.recv(100)[:4] == b"220 ", "greeting")
        pids = [process.pid] + [pid for pid in map(int, filter(
            str.isdigit, os.listdir("/proc"))) if parent(pid) == process.pid]
        wrong = []
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                fields = dict(line.split(":", 1) for line in f)
            if fields["Uid"].split() != [str(OTHER.pw_uid)] * 4 \
                    or fields["Gid"].split() != [str(OTHER.pw_gid)] * 4 \
                    or "0" in fields["Groups"].split() \
                    or int(fields["CapEff"], 16) or int(fields["CapPrm"], 16):
                wrong.append((pid, fields["Uid"], fields["Gid"], fields["Groups"]))
        report.check(len(pids) >= 3 and not wrong, f"{pids}: {wrong}")
    process.terminate()
    process.wait(60)


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    options = parser.parse_args()
    options.smtpd = os.path.realpath(options.smtpd)
    if os.geteuid() != 0:
        print("skipped: tests/system/root.py, which takes root")
        return
    report = common.Report()
    for test in (root_folder, says_no_more_than_it_does, folder_of_another,
                 user_by_name, nobody_becomes_root, everything_is_given_up):
        with tempfile.TemporaryDirectory() as folder:
            test(options, report, folder)
    report.end()


if __name__ == "__main__":
    main()
