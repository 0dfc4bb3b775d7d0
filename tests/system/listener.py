#!/usr/bin/python3 -B
"""smtpd as a listener, without a superserver: its processes, and what may not
keep them or their clients waiting.

    tests/system/listener.py [--smtpd PROGRAM] [--player PROGRAM]
"""

import argparse
import os
import pty
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "durability"))
import common  # noqa: E402 (where it is was said above)

MAIL = b"Subject: hi\r\n\r\nHello.\r\n"


def until(condition, seconds=120):
    """What the condition becomes, or its last answer."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


class Listener:
    def __init__(self, options, folder, *arguments, **popen):
        self.database = os.path.join(folder, "mail.db")
        self.log = os.path.join(folder, "log")
        common.give_away(folder)
        with socket.create_server(("127.0.0.1", 0)) as listening, \
                open(self.log, "wb") as log:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [options.smtpd, "-d", self.database, "-n", "mx.example", *arguments],
                stdin=listening, stderr=log, **popen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self):
        return common.Client(socket.create_connection(("127.0.0.1", self.port)))

    def deliver(self, data=MAIL):
        """The reply that decided it."""
        client = self.connect()
        try:
            code, text = client.greet()
            return (code, text) if code >= 400 else client.mail(data)
        except (common.Lost, TimeoutError) as e:
            return 0, repr(e)
        finally:
            client.close()

    def children(self):
        return children_of(self.process.pid)

    def holders(self):
        """Its children that have the database open."""
        return [pid for pid in self.children()
                if self.database in open_files(pid)]

    def writer(self):
        """The one child that has the database open; 0: there is not one."""
        holders = self.holders()
        return holders[0] if len(holders) == 1 else 0


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def children_of(pid):
    return [child for child in map(int, filter(str.isdigit, os.listdir("/proc")))
            if parent_of(child) == pid]


def open_files(pid):
    try:
        return {os.readlink(f"/proc/{pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return set()


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}")


def writer_outlives_the_listener(options, report, folder):
    with Listener(options, folder) as listener:
        report.check(listener.deliver()[0] == 250, "mail")
        client = listener.connect()
        client.greet()
        writer = until(listener.writer)
        report.check(writer, "one process alone has the database open")
        listener.process.kill()
        listener.process.wait()
        reply = client.mail(MAIL)
        report.check(reply[0] == 250, f"the session of a killed listener: {reply}")
        client.close()
        report.check(until(lambda: not is_alive(writer)),
                     "the writer ends with the last session")


def writer_that_is_killed(options, report, folder):
    with Listener(options, folder) as listener:
        client = listener.connect()
        client.greet()
        report.check(client.mail(MAIL)[0] == 250, "mail")
        os.kill(until(listener.writer), signal.SIGKILL)
        replies = [client.command("MAIL FROM:<a@client.example>")[0]
                   for _ in range(2)]
        report.check(replies == [451, 421], f"its session: {replies}")
        client.close()
        # The listener may not have heard of the end yet.
        replies = []

        def is_stored():
            replies.append(listener.deliver()[0])
            return replies[-1] == 250
        until(is_stored)
        report.check(set(replies[:-1]) <= {451} and replies[-1] == 250,
                     f"the next ones: {replies}")
        rows = sqlite3.connect(listener.database).execute(
            "SELECT count(*) FROM message").fetchone()[0]
        report.check(rows == 2, f"{rows} rows of 2 mails")


def greeting_needs_no_database(options, report, folder):
    with Listener(options, folder) as listener:
        report.check(listener.deliver()[0] == 250, "mail")
    foreign = sqlite3.connect(listener.database, isolation_level=None)
    foreign.execute("PRAGMA locking_mode = EXCLUSIVE")
    foreign.execute("BEGIN IMMEDIATE")
    foreign.execute("ROLLBACK")
    with Listener(options, folder) as listener:
        for _ in range(3):  # the first worker began before there was one
            client = listener.connect()
            try:
                code, text = client.reply()
            except TimeoutError:
                code, text = 0, "nothing"
            report.check(code == 220, f"a locked database, and the greeting: {text}")
            client.close()
        foreign.close()
        reply = listener.deliver()
        report.check(reply[0] == 250, f"mail when it is free: {reply}")


def new_mail_is_no_fifo(options, report, folder):
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)  # whoever the writer is by then
    with Listener(options, folder, "--new-mail=" + fifo) as listener:
        for _ in range(2):  # the first is answered before anybody is told
            reply = listener.deliver()
            report.check(reply[0] == 250, f"--new-mail is a FIFO: {reply}")


def file_size_limit(options, report, folder):
    """A file that may not grow kills nobody."""
    limit = 1 << 20
    with Listener(options, folder, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit))) as listener:
        replies = [listener.deliver(MAIL + b"x" * 70000 + b"\r\n")[0]
                   for _ in range(40)]
        # The housekeeper may make room meanwhile.
        report.check(replies[0] == 250 and {451, 452} & set(replies),
                     f"replies until the file may not grow: {replies}")
        report.check(set(replies) <= {250, 451, 452}, f"and no others: {replies}")
        stored = sqlite3.connect(listener.database).execute(
            "SELECT count(*) FROM message").fetchone()[0]
        report.check(stored >= replies.count(250),
                     f"{stored} rows of {replies.count(250)} mails")
    with open(listener.log, encoding="utf-8") as f:
        report.check("killed by signal" not in f.read(), "nobody is killed")


def slow_clients_are_silent_clients(options, report, folder):
    """An octet now and then is no progress: neither in a command nor in a mail,
    of which 500 octets a second must come."""
    begun = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
    with Listener(options, folder, "--timeout=1") as listener:
        for first, drop, want in (
                (b"EHLO ", b"x", "421 4.4.2"),
                (begun + b"DATA\r\n", b"x", "421 4.4.2"),
                (begun + b"BDAT 9999\r\n", b"x", "421 4.4.2"),
                (begun + b"BDAT 1\r\nx", b"BDAT 1\r\nx", "421 4.4.2"),
                (begun + b"DATA\r\n", b"x" * 198 + b"\r\n", "250 2.0.0 Stored")):
            # A client that was itself held up proves nothing of a patient one.
            for _ in range(20):
                heard, gap = drip(listener.port, first, drop, 2.5)
                if want[:1] == "4" or gap < 0.4:
                    break
            report.check(want in heard, f"{first[-20:]} and {drop[:20]}, at most "
                         f"{gap:.1f} s apart: {heard[-80:]}")


def drip(port, first, drop, seconds):
    """What a client hears who sends a drop every 0.2 s, then the end of a mail; and
    the longest time that it sent nothing for."""
    began = sent = time.monotonic()
    heard = b""
    gap = 0
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(first)
        sock.settimeout(0.2)
        ended = False
        while not ended and time.monotonic() - began < seconds + 60:
            try:
                octets = sock.recv(65536)
                heard += octets
                ended = not octets
                if octets:
                    continue
            except TimeoutError:
                pass
            except ConnectionError:
                break
            now = time.monotonic()
            gap, sent = max(gap, now - sent), now
            try:
                sock.sendall(b".\r\nQUIT\r\n" if now - began > seconds else drop)
            except ConnectionError:
                pass
    return heard.decode(), gap


def sigterm_ends_a_write(options, report, folder):
    """A session whose client takes no replies is not waited for."""
    with Listener(options, folder, "--max-recipients=100000") as listener:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", listener.port))
        sock.setblocking(False)
        sock.send(b"MAIL FROM:<a@b>\r\n")
        try:
            while True:
                sock.send(b"RCPT TO:<c@d>\r\n" * 1000)
        except BlockingIOError:
            pass
        port = sock.getsockname()[1]
        session = until(lambda: [pid for pid in listener.children()
                                 if owns_connection(pid, port)])
        report.check(until(lambda: is_idle(session[0])), "the session is blocked")
        for pid in session:
            os.kill(pid, signal.SIGTERM)
        # A write to a client may take five minutes.
        report.check(until(lambda: not any(map(is_running, session))),
                     "a blocked session ends after SIGTERM")
        sock.close()


def is_idle(pid):
    """Has it used no CPU for half a second?"""
    def used():
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[11:13]

    before = used()
    time.sleep(0.5)
    return used() == before


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def record_is_played_again(options, report, folder):
    """What --record wrote of a session plays again; and where it cannot be
    written, the log says so and the session goes on."""
    recorded = os.path.join(folder, "recorded")
    for path, is_told in ((recorded, False), ("/dev/full", True)):
        with Listener(options, folder, "--record=" + path,
                      "--hostname=other.example") as listener:
            client = listener.connect()
            client.greet()
            client.command("VRFY b\xfccher\x07 \\ \u202e")
            reply = client.mail(b"Subject: hi\r\n\r\n.\r\n\xfc\x00\r\n")
            report.check(reply[0] == 250, f"with --record={path}: {reply}")
            client.command("QUIT")
            client.close()
            until(lambda: not is_told or path in read(listener.log))
            told = f"--record: {path}: No space left" in read(listener.log)
            report.check(told == is_told, f"--record={path}: {read(listener.log)}")
    played = subprocess.run([options.player, recorded], check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report.check(played.returncode == 0, f"played again: {played.stdout}")
    with open(recorded, encoding="utf-8") as f:
        text = f.read()
    with open(recorded, "w", encoding="utf-8") as f:
        f.write(text.replace("250 2.1.0 Sender OK", "250 2.1.0 So it was"))
    played = subprocess.run([options.player, recorded], check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report.check(played.returncode == 65 and "So it was" in played.stdout,
                 f"what differs is told: {played.stdout}")


def crashing_source_is_delayed(options, report, folder):
    """Who makes sessions die has to wait before the next; nobody else has, and
    not for what an administrator kills."""
    def connect(source):
        sock = socket.create_connection(("127.0.0.1", listener.port), 60, (source, 0))
        client = common.Client(sock)
        return client, client.reply()

    def crash(client, by):
        port = client.sock.getsockname()[1]
        for pid in until(lambda: [pid for pid in listener.children()
                                  if owns_connection(pid, port)]):
            os.kill(pid, by)
        try:
            client.reply()
        except common.Lost:
            pass
        client.close()

    with Listener(options, folder) as listener:
        client, _ = connect("127.0.0.2")
        crash(client, signal.SIGKILL)
        until(lambda: "by signal 9" in read(listener.log))
        for nth, delay, by in ((1, 1, signal.SIGSEGV), (2, 2, signal.SIGSYS)):
            client, reply = connect("127.0.0.2")
            report.check(reply[0] == 220, f"crash {nth}: {reply}")
            crash_begins = time.monotonic()
            crash(client, by)
            until(lambda: f"by signal {int(by)}" in read(listener.log))
            crash_is_over = time.monotonic()
            client, reply = connect("127.0.0.2")
            report.check(reply[0] == 421 or
                         time.monotonic() > crash_begins + delay,
                         f"at once after crash {nth}: {reply}")
            client.close()
            client, reply = connect("127.0.0.3")
            report.check(reply[0] == 220, f"somebody else meanwhile: {reply}")
            client.close()
            asked = []

            def is_taken():
                asked.append(time.monotonic())
                client, reply = connect("127.0.0.2")
                client.close()
                return reply[0] == 220

            found = until(is_taken)
            took = time.monotonic() - crash_begins
            report.check(found and took >= delay, f"again after {took:.3f} s")
            report.check(all(at <= crash_is_over + delay for at in asked[:-1]),
                         f"refused too long: {asked[-2:]}, {crash_is_over}")


def owns_connection(pid, port):
    """Is one of its descriptors the server's end of that client's?"""
    inodes = set()
    with open("/proc/net/tcp", encoding="ascii") as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            if fields[2].endswith(f":{port:04X}"):
                inodes.add(f"socket:[{fields[9]}]")
    return bool(inodes & open_files(pid))


def refusals_are_summed_up(options, report, folder):
    """One session cannot fill the log."""
    with Listener(options, folder, "--max-errors=100000") as listener:
        client = listener.connect()
        client.greet()
        client.send(b"RCPT TO:<a@b>\r\n" * 5000)
        last = ""
        for _ in range(5000):
            last = client.reply()
        report.check(last[0] == 503, f"the last refusal: {last}")
        client.close()
        until(lambda: "more" in read(listener.log))
        log = read(listener.log).splitlines()
    report.check(len([line for line in log if "refused client" in line]) == 10,
                 f"the first refusals: {log[:20]}")
    report.check(any("more client=127.0.0.1" in line and
                     "refused=4990 deferred=0" in line for line in log),
                 f"the sum of the others: {log[-3:]}")


def listens_itself(options, report, folder):
    """--listen: several at once, what is said of them, and an end in order."""
    path = os.path.join(folder, "socket")
    log = os.path.join(folder, "log")
    command = [options.smtpd, "-d", os.path.join(folder, "mail.db"), "-n",
               "mx.example", "--idle-exit=1", "--listen=127.0.0.1:0",
               "--listen=0", "--listen=" + path]
    common.give_away(folder)
    with open(log, "wb") as f:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=f,
                                   start_new_session=True)
    until(lambda: "mail goes to" in read(log))
    ports = [int(line.rsplit(":", 1)[1]) for line in read(log).splitlines()
             if "listens on" in line and "socket" not in line]
    report.check(len(ports) == 2 and f"listens on {path}" in read(log),
                 f"where it listens: {read(log)}")
    time.sleep(2.5)
    report.check(process.poll() is None, "it does not end for want of clients")
    clients = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    clients.append(socket.socket(socket.AF_UNIX))
    clients[-1].connect(path)
    clients = [common.Client(client) for client in clients]
    for client in clients:
        client.greet()
        reply = client.mail(MAIL)
        report.check(reply[0] == 250, f"mail: {reply}")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does for ctrl-C
    until(lambda: "stopping, 3 connections left" in read(log))
    reply = clients[0].mail(MAIL)
    report.check(reply[0] == 250, f"a session goes on after ctrl-C: {reply}")
    os.killpg(process.pid, signal.SIGINT)
    for client in clients:
        reply = client.reply()
        report.check(reply[0] == 421, f"the second ctrl-C ends it: {reply}")
        client.close()
    report.check(process.wait(60) == 0, f"its exit status: {process.returncode}")
    report.check(not os.path.exists(path), "the path of its socket is gone")


def at_terminal(options, folder, *before):
    """A listener in a terminal of its own: process, terminal, log, a client."""
    log = os.path.join(folder, "log")
    common.give_away(folder)
    with open(log, "w", encoding="utf-8"):
        pass
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests
        for fd in (1, 2):  # nohup(1) makes a file where 1 is a terminal
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), fd)
        os.execvp([*before, options.smtpd][0],
                  [*before, options.smtpd, "-d", os.path.join(folder, "mail.db"),
                   "-n", "mx.example", "--idle-exit=0", "--listen=127.0.0.1:0"])
    until(lambda: "mail goes to" in read(log))
    port = int(read(log).split("listens on 127.0.0.1:")[1].split()[0])
    client = common.Client(socket.create_connection(("127.0.0.1", port)))
    client.greet()
    return pid, terminal, log, client


def ends_with_its_terminal(options, report, folder):
    """SIGHUP alone has it go on; the terminal's end is an end in order."""
    pid, terminal, log, client = at_terminal(options, folder)
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    reply = client.mail(MAIL)
    report.check(reply[0] == 250 and "stopping" not in read(log),
                 f"SIGHUP: {reply}, {read(log)}")
    os.close(terminal)
    report.check(until(lambda: "stopping, 1 connection left" in read(log)),
                 f"the terminal is gone: {read(log)}")
    reply = client.mail(MAIL)
    report.check(reply[0] == 250, f"its session goes on: {reply}")
    client.close()
    report.check(until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid),
                 f"it ends: {read(log)}")


def stays_behind_nohup(options, report, folder):
    pid, terminal, log, client = at_terminal(options, folder, "nohup")
    os.close(terminal)
    time.sleep(0.5)
    reply = client.mail(MAIL)
    report.check(reply[0] == 250 and "stopping" not in read(log),
                 f"under nohup: {reply}, {read(log)}")
    client.close()
    os.kill(pid, signal.SIGTERM)
    report.check(until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid),
                 f"it ends: {read(log)}")


def words_for_what_cannot_be_listened_at(options, report, folder):
    plain = os.path.join(folder, "plain")
    stale = os.path.join(folder, "stale")
    held = os.path.join(folder, "held")
    with open(plain, "wb"):
        pass
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(stale)
    common.give_away(folder)

    def listen(address, **popen):
        done = subprocess.run(
            [options.smtpd, "-d", os.path.join(folder, "mail.db"), "-n",
             "mx.example", "--listen=" + address], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False, **popen)
        return done.returncode, done.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken, \
            socket.socket(socket.AF_UNIX) as holder:
        holder.bind(held)
        holder.listen()
        port = taken.getsockname()[1]
        for address, status, words in (
                (f"127.0.0.1:{port}", 69, "something else listens there"),
                (f"{port}", 69, "something else listens there"),
                (held, 69, "something else listens there"),
                ("192.0.2.1:2525", 69, "does not have that address"),
                ("nonesuch.invalid:2525", 68, "no such address"),
                (plain, 73, "is there, and no socket"),
                (folder + "/nonesuch/socket", 73, "no such folder"),
                ("/" + "x" * 200, 64, "too long"),
                ("70000", 64, "port from 0 to 65535"),
                ("smtp", 64, "port from 0 to 65535"),
                ("127.0.0.1", 64, "port from 0 to 65535"),
                ("127.0.0.1:", 64, "port from 0 to 65535"),
                ("", 64, "port from 0 to 65535"),
                ("::1:2525", 64, "stands in brackets")):
            got = listen(address)
            report.check(got[0] == status and words in got[1]
                         and got[1].count("\n") == 1, f"--listen={address}: {got}")
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as f:
        first = int(f.read())
    if os.geteuid() == 0 and first > 1:
        got = listen("127.0.0.1:1", user=common.NOBODY)
        report.check(got[0] == 77 and "not permitted" in got[1], f"port 1: {got}")
    process = subprocess.Popen(
        [options.smtpd, "-d", os.path.join(folder, "mail.db"), "--listen=" + stale],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with socket.socket(socket.AF_UNIX) as sock:
        report.check(until(lambda: connects(sock, stale)),
                     "a socket that nobody answers is made anew")
    process.terminate()
    process.wait(60)


def connects(sock, path):
    try:
        sock.connect(path)
        return True
    except OSError:
        return False


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def none_takes_the_processor(options, report, folder):
    with Listener(options, folder) as listener:
        client = listener.connect()
        client.greet()
        client.mail(MAIL)
        until(lambda: len(listener.children()) > 1)
        found = {pid: os.sched_getscheduler(pid) for pid in
                 [listener.process.pid, *listener.children()]}
        client.close()
        report.check(len(found) > 2 and
                     set(found.values()) == {os.SCHED_BATCH}, f"policies: {found}")


def busy_writer(options, report, folder):
    """Its listener does not wait until it takes another session."""
    with Listener(options, folder, "--max-per-source=1000",
                  "--max-connections=400") as listener:
        report.check(listener.deliver()[0] == 250, "mail")
        writer = listener.writer()
        os.kill(writer, signal.SIGSTOP)
        codes = []
        try:
            for _ in range(310):
                client = listener.connect()
                codes.append(client.reply()[0])
                client.close()
        except TimeoutError:
            report.check(False, f"no greeting behind {len(codes)} others")
        os.kill(writer, signal.SIGCONT)
        report.check(set(codes) <= {220, 421}, f"greetings: {set(codes)}")
        report.check(until(lambda: listener.deliver()[0] == 250),
                     "a mail behind them")


def descriptors(options, report, folder):
    def limit(soft, hard):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def replies(listener, number):
        clients = [listener.connect() for _ in range(number)]
        found = []
        for client in clients:
            code = client.greet()[0]
            found.append(code if code >= 400 else
                         client.command("MAIL FROM:<a@client.example>")[0])
        for client in clients:
            client.close()
        return found

    with Listener(options, folder, "--max-per-source=300", "--max-connections=200",
                  preexec_fn=limit(80, 1024)) as listener:
        found = replies(listener, 140)
        report.check(set(found) == {250}, f"140 of 80 descriptors: {found}")
    with Listener(options, folder, "--max-per-source=300", "--max-connections=200",
                  preexec_fn=limit(80, 100)) as listener:
        # Where places are short, who is silent makes place for others.
        found = replies(listener, 60)
        report.check(set(found) == {250, 421},
                     f"60 of 100 descriptors: {found}")
        report.check("100 descriptors are enough for 18 connections" in
                     read(listener.log), read(listener.log))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--player", default="build/tests/play")
    options = parser.parse_args()
    report = common.Report()
    for test in (none_takes_the_processor, writer_outlives_the_listener, writer_that_is_killed,
                 greeting_needs_no_database, new_mail_is_no_fifo, file_size_limit,
                 refusals_are_summed_up, slow_clients_are_silent_clients,
                 sigterm_ends_a_write, listens_itself, ends_with_its_terminal,
                 stays_behind_nohup,
                 words_for_what_cannot_be_listened_at, record_is_played_again,
                 crashing_source_is_delayed, busy_writer, descriptors):
        with tempfile.TemporaryDirectory() as folder:
            test(options, report, folder)
    report.end()


if __name__ == "__main__":
    main()
