"""Memory of processes, as the kernel tells it, in kB; and instructions, as
valgrind counts them."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

from contestants import Failed

TRIES = 20
SEEN = 5


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass
    return found


def has_connection(pid):
    """Some children are no sessions, though they may have other sockets."""
    try:
        tcp = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        fds = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(f"socket:[{line.split()[9]}]" in fds for line in tcp)


def sessions_of(c):
    return [pid for pid in children(c.process.pid) if has_connection(pid)]


def writer_of(c):
    """The child that has the database open for the sessions, or None."""
    for pid in children(c.process.pid):
        try:
            open_files = [os.readlink(fd) for fd
                          in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        if c.how == "listener" and str(c.database) in open_files:
            return pid
    return None


def await_none(c):
    """Until the sessions before are over."""
    deadline = time.monotonic() + 10
    while sessions_of(c):
        if time.monotonic() > deadline:
            raise Failed(f"{c.name}: sessions do not end")
        time.sleep(0.01)


def rollup(pid):
    """Fields of smaps_rollup, or None: the process has gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return {name: int(kb) for name, kb in
            re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}


def talk(connection, *lines):
    for line in lines:
        connection.sendall(line.encode() + b"\r\n")
        reply = connection.recv(4096)
        if reply[:1] not in b"23":
            raise Failed(f"{line}: {reply}")


def greeted(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.recv(4096)
    talk(connection, "EHLO client.example")
    return connection


def idle(c, sessions):
    """Of a session that waits: greeted, and when it has taken a mail."""
    await_none(c)
    connections = [greeted(c.port) for _ in range(sessions)]
    first = [rollup(pid) for pid in sessions_of(c)]
    for connection in connections:
        talk(connection, "MAIL FROM:<>", "RCPT TO:<alice@mx.example>", "DATA",
             "Subject: one\r\n\r\nmail\r\n.")
    then = [rollup(pid) for pid in sessions_of(c)]
    for connection in connections:
        talk(connection, "QUIT")
        connection.close()
    if len(first) != sessions or len(then) != sessions:
        raise Failed(f"{c.name}: {len(first)} sessions are {sessions}")
    return {"PSS, greeted": sum(m["Pss"] for m in first) / sessions,
            "PSS, after a mail": sum(m["Pss"] for m in then) / sessions,
            "anonymous, after a mail":
                sum(m["Anonymous"] for m in then) / sessions}


def writer(c):
    """Its anonymous memory now, if there is one."""
    usage = rollup(writer_of(c) or 0)
    return usage["Anonymous"] if usage else None


def peak(c, octets, verb):
    """Most anonymous memory of the session that takes one such mail, and of
    the writer, if there is one."""
    most = {}
    at_writer, most_of_writer = writer_of(c), 0
    for _ in range(TRIES):
        await_none(c)
        with subprocess.Popen([c.programs / "latency", str(c.port), "1", "1",
                               str(octets), verb],
                              stdout=subprocess.DEVNULL) as client:
            while client.poll() is None:
                for pid in sessions_of(c):
                    usage = rollup(pid)
                    if usage:
                        most[pid] = max(most.get(pid, 0), usage["Anonymous"])
                usage = rollup(at_writer or 0)
                if usage:
                    most_of_writer = max(most_of_writer, usage["Anonymous"])
                time.sleep(0.0005)
        if client.returncode != 0:
            raise Failed(f"{c.name}: a mail of {octets} octets was not taken")
        if len(most) >= SEEN:
            break
    if not most:
        raise Failed(f"{c.name}: no session was seen")
    found = {"session": max(most.values())}
    if at_writer:
        found["writer"] = most_of_writer
    return found


def dialogue(mails, octets):
    line = b"x" * 62 + b"\r\n"
    mail = (b"MAIL FROM:<sender@client.example>\r\n"
            b"RCPT TO:<alice@mx.example>\r\nDATA\r\n"
            + line * (octets // len(line)) + b".\r\n")
    return b"EHLO client.example\r\n" + mail * mails + b"QUIT\r\n"


def instructions(program, folder, mails, octets):
    """Of one session over a socket, from start to exit."""
    ours, its = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ours.sendall(dialogue(mails, octets))
    ours.shutdown(socket.SHUT_WR)
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         program, "--database", folder / "mail.db", "--hostname",
         "mx.example", "--no-confine"],
        stdin=its, stdout=its, capture_output=False, stderr=subprocess.PIPE,
        text=True, check=True, timeout=120)
    its.close()
    replies = b"".join(iter(lambda: ours.recv(65536), b""))
    ours.close()
    if replies.count(b"\r\n250 2.0.0 Stored") != mails:
        raise Failed(f"valgrind: {replies!r}")
    return int(re.search(r"Collected : (\d+)", result.stderr)[1])
