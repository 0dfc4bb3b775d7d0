#!/usr/bin/python3 -B
"""Troubles of the machine as they really come: a sync that fails, a locked or
damaged database, the log of a crash, a full or read-only disk, too little of
what a process may have, two sessions in each other's way.

Each test is a function; its name and the name of each check say what holds.
"""

import argparse
import ctypes
import errno
import fcntl
import os
import resource
import select
import shutil
import signal
import socket
import sqlite3
import tempfile
import time

import common
from place import Place, stopped

NOBODY = 65534

FULL = "452 4.3.1"
FAILED = "451 4.3.0"
BROKEN = "421 4.3.0"

# Of a session that finds the WAL begun; the first sync is its COMMIT's.
SYNC_FAILS = f"sync mail.db-wal 1 1 fail {errno.EIO}"
STOP_BEFORE_SYNC = f"sync mail.db-wal 1 1 before {signal.SIGSTOP.value}"
# Of one that finds the mark: what it writes first is the WAL over itself.
CANNOT_REWRITE = f"write mail.db-wal 1 0 fail {errno.EIO}"


# A sync that failed


def sync_fails_in_commit(place):
    keep = place.keep_log()
    rows = len(common.rows(place.database))
    place.refuses(FAILED, "the sync failed", [SYNC_FAILS])
    place.check(place.mark() == b"!", f"after it the mark is {place.mark()}")
    place.refuses(FAILED, "the WAL cannot be rewritten", [CANNOT_REWRITE])
    place.refuses(FAILED, "the WAL cannot be synced once more",
                  [f"sync mail.db-wal 1 0 fail {errno.EIO}"])
    keep.execute("BEGIN IMMEDIATE")
    place.refuses(FAILED, "a writer keeps the WAL from being healed")
    keep.execute("COMMIT")
    place.check(place.mark() == b"!", f"the mark is {place.mark()}, nobody healed")
    place.check(len(common.rows(place.database)) == rows,
                "what was refused became a row")
    place.takes("after the fault")
    place.check(place.mark() == b"-", f"healed, the mark is {place.mark()}")
    place.check(len(common.rows(place.database)) == rows + 1,
                "what was refused became a row later")
    keep.close()
    place.nothing_is_lost()


def session_goes_on_after_a_failed_sync(place):
    keep = place.keep_log()
    server = place.start([SYNC_FAILS])
    place.check(place.send(server).startswith(FAILED), "the sync failed")
    reply = place.send(server)
    place.check(reply.startswith("250 "), f"the next mail: {reply}")
    server.end()
    place.check(place.mark() == b"-", f"healed, the mark is {place.mark()}")
    keep.close()
    place.nothing_is_lost()


def mark_cannot_be_set(place):
    """Nothing is committed of which nobody could tell that it failed."""
    keep = place.keep_log()
    rows = len(common.rows(place.database))
    place.refuses(FAILED, "no mark",
                  [f"write mail.db-lock 1 0 fail {errno.EIO}"])
    place.check(place.mark() == b"-", f"the mark is {place.mark()}")
    place.check(len(common.rows(place.database)) == rows,
                "what was refused became a row")
    place.takes("after the fault")
    keep.close()
    place.nothing_is_lost()


def mark_cannot_be_cleared(place):
    """Then the next one heals, though nothing is wrong."""
    keep = place.keep_log()
    place.takes("its mark stays", [f"write mail.db-lock 2 0 fail {errno.EIO}"])
    place.check(place.mark() == b"!", f"the mark is {place.mark()}")
    place.takes("the next one")
    place.check(place.mark() == b"-", f"healed, the mark is {place.mark()}")
    keep.close()
    place.nothing_is_lost()


def killed_with_the_error(place):
    """SIGKILL comes between the sync that failed and whatever follows, and all
    others end too: SQLite recovers the row that nobody was told of."""
    keep = place.keep_log()
    rows = len(common.rows(place.database))
    server = place.start(
        [SYNC_FAILS, f"leave mail.db-lock 1 1 before {signal.SIGKILL:d}"])
    reply = place.send(server)
    place.check(server.end() == -signal.SIGKILL, f"it was to be killed: {reply}")
    place.check(place.mark() == b"!", f"the mark is {place.mark()}")
    place.crash(keep)
    place.check(len(common.rows(place.database)) == rows + 1,
                "the row was not recovered, so this shows nothing")
    place.check(place.mark() == b"!", f"after the crash it is {place.mark()}")
    place.takes("after the crash")
    place.check(place.mark() == b"-", f"healed, the mark is {place.mark()}")
    place.nothing_is_lost()


def row_is_on_the_disk_before_it_is_seen(place):
    keep = place.keep_log()
    rows = len(common.rows(place.database))
    ours = place.start([STOP_BEFORE_SYNC])
    data = place.next_mail()
    for line in ("MAIL FROM:<a@client.example>", "RCPT TO:<r0@mx.example>", "DATA"):
        ours.client.command(line)
    ours.client.send(common.on_the_wire(data))
    place.check(stopped(ours.process.pid), "it did not stop before its sync")
    place.check(len(common.rows(place.database)) == rows, "its row is seen")
    place.check(place.mark() == b"!", f"in its COMMIT the mark is {place.mark()}")
    place.refuses(FAILED, "another one meanwhile")
    os.kill(ours.process.pid, signal.SIGCONT)
    code, text = ours.client.reply()
    place.check(code == 250, f"it went on: {code} {text}")
    place.acknowledged.append(data)
    ours.end()
    place.check(place.mark() == b"-", f"behind it the mark is {place.mark()}")
    place.takes("after it")
    keep.close()
    place.nothing_is_lost()


def sync_fails_in_checkpoint(place):
    """What a checkpoint syncs first is the WAL."""
    for last in (2, 0):
        keep = place.keep_log()
        place.fill_log()
        # The first sync is that of the commit.
        server = place.start([f"sync mail.db-wal 2 {last} fail {errno.EIO}"])
        reply = place.send(server)
        place.check(reply.startswith("250 "), f"what was synced before: {reply}")
        server.client.command("NOOP")  # comes after the checkpoint
        server.end()
        place.check(place.faults() > 0, "no sync failed")
        place.check(place.mark() == b"!",
                    f"the mark is {place.mark()}: {server.log()}")
        keep.close()
        place.takes("after the fault")
    place.nothing_is_lost()


def sync_of_the_database_fails(place):
    """In a checkpoint that copied everything."""
    keep = place.keep_log()
    place.fill_log()
    server = place.start([f"sync mail.db 1 1 fail {errno.EIO}"])
    reply = place.send(server)
    place.check(reply.startswith("250 "), f"before the checkpoint: {reply}")
    server.client.command("NOOP")
    place.check(place.faults() > 0, "no sync failed")
    place.check(place.mark() == b"!", f"the mark is {place.mark()}")
    reply = place.send(server)
    place.check(reply.startswith("250 "), f"the next mail: {reply}")
    server.end()
    place.check(place.mark() == b"-", f"healed, the mark is {place.mark()}")
    keep.close()
    place.nothing_is_lost()


def sync_fails_in_last_close(place):
    place.takes("at first")
    # The first sync is that of the WAL's header, the second the commit's.
    place.takes("before the close", [f"sync mail.db-wal 3 0 fail {errno.EIO}"])
    place.check(place.faults() > 0 and os.path.getsize(place.log) > 0,
                "no sync failed in the close")
    place.check(place.mark() == b"!",
                f"a WAL is left that was not synced; the mark is {place.mark()}")
    place.takes("after the fault")
    place.nothing_is_lost()


# Others hold the database


def locked_by_a_writer(place):
    place.takes("at first")
    db = sqlite3.connect(place.database, timeout=0, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    place.refuses(FAILED, "a foreign writer")
    server = place.start()
    place.check(place.send(server).startswith(FAILED), "in a session that goes on")
    db.execute("COMMIT")
    reply = place.send(server)
    place.check(reply.startswith("250 "), f"the same session, unlocked: {reply}")
    server.end()
    db.close()
    place.nothing_is_lost()


def locked_for_the_whole_deadline(place):
    """As above with the real deadline of 30 seconds."""
    place.takes("at first")
    db = sqlite3.connect(place.database, timeout=0, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    server = common.Server(place.smtpd, place.database)
    server.client.greet()
    reply = place.send(server)
    took = time.monotonic() - began
    place.check(reply.startswith(FAILED) and 29 < took < 40, f"{reply} after {took:.1f} s")
    db.execute("ROLLBACK")
    place.check(place.send(server).startswith("250 "), "unlocked")
    server.end()
    db.close()
    with open(place.lock, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        server = common.Server(place.smtpd, place.database)
        server.client.greet()
        reply = place.send(server)
        took = time.monotonic() - began
    place.check(reply.startswith(FAILED) and 29 < took < 40,
                f"the write lock: {reply} after {took:.1f} s")
    server.end()
    place.nothing_is_lost()


def locked_by_one_who_wants_all(place):
    place.takes("at first")
    db = sqlite3.connect(place.database, timeout=0, isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN IMMEDIATE")
    db.execute("COMMIT")
    place.refuses(FAILED, "an exclusive connection")
    db.close()
    place.takes("after it")
    place.nothing_is_lost()


def write_lock_held(place):
    place.takes("at first")
    with open(place.lock, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.refuses(FAILED, "the write lock")
    place.takes("after it")
    place.nothing_is_lost()


def write_lock_held_with_alarm_blocked(place):
    """A parent may have blocked the signal that ends the wait."""
    place.takes("at first")
    with open(place.lock, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        server = place.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
        server.client.sock.settimeout(60)
        try:
            reply = place.send(server)
        except TimeoutError:
            reply = "none in time"
        place.check(reply.startswith(FAILED), f"the wait's end: {reply}")
    server.end()
    place.nothing_is_lost()


def reader_is_no_obstacle(place):
    place.takes("at first")
    db = sqlite3.connect(place.database, timeout=0, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM message").fetchone()
    place.takes("while a reader holds a snapshot")
    db.close()
    place.nothing_is_lost()


# Damage


def damaged_file(place):
    place.takes("at first", size=20000)
    with open(place.database, "rb") as f:
        good = f.read()
    damages = {
        "no database": b"This is not the file you are looking for.\n" * 300,
        "its header is noise": common.NOISE[:100] + good[100:],
        "all pages but the first are noise":
            good[:4096] + common.NOISE[:len(good) - 4096],
        "the schema is noise": good[:100] + common.NOISE[:3996] + good[4096:],
        "it ends in the middle": good[:4096],
    }
    for what, octets in damages.items():
        with open(place.database, "wb") as f:
            f.write(octets)
        place.refuses(BROKEN, what)
        for end in ("-wal", "-shm"):
            if os.path.exists(place.database + end):
                os.unlink(place.database + end)
        with open(place.database, "wb") as f:
            f.write(good)
        place.takes(f"after it was put back ({what})")
        with open(place.database, "rb") as f:
            good = f.read()
    place.nothing_is_lost()


def database_of_another(place):
    db = sqlite3.connect(place.database)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    place.refuses(BROKEN, "of another application")
    os.unlink(place.database)
    place.takes("after it was taken away")
    db = sqlite3.connect(place.database)
    db.execute("PRAGMA user_version = 1000")
    db.close()
    place.refuses(BROKEN, "of a newer version")
    place.nothing_is_lost()


def torn_log(place):
    """A crash leaves the log cut off anywhere: a prefix of the mails remains,
    and the next one is taken."""
    keep = place.keep_log()
    for _ in range(6):
        place.takes("into the log", size=3000)
    ends = ("", "-wal", "-lock")
    whole = {}
    for end in ends:
        with open(place.database + end, "rb") as f:
            whole[end] = f.read()
    keep.close()
    all_ = place.acknowledged
    log = whole["-wal"]
    cuts = sorted({0, 1, 31, 32, 33, len(log) - 1, len(log),
                   *range(0, len(log), 4120 * 3 + 1000)})
    before = 0
    for cut in cuts:
        for tail in (b"", b"\0" * 5000, common.NOISE[:5000]):
            for file in os.listdir(place.folder):
                os.unlink(os.path.join(place.folder, file))
            for end in ends:
                with open(place.database + end, "wb") as f:
                    f.write(whole[end] if end != "-wal" else log[:cut] + tail)
            place.acknowledged = []
            place.takes(f"log cut at {cut}")
            place.nothing_is_lost()
            kept = [data for _, _, data, _ in common.rows(place.database)][:-1]
            place.check(kept == all_[:len(kept)] and len(kept) >= max(before, 1),
                        f"log cut at {cut}: {len(kept)} of {len(all_)} mails")
            before = len(kept)
    place.check(before == len(all_), f"of the whole log {before} of {len(all_)}")


# What is missing


def read_only_folder(place):
    user = {}
    if os.geteuid() == 0:
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    os.chmod(place.folder, 0o555)
    place.refuses(FAILED, "nothing there yet", **user)
    os.chmod(place.folder, 0o755)
    os.chown(place.folder, *[NOBODY if user else -1] * 2)
    place.takes("at first", **user)
    os.chmod(place.folder, 0o555)
    place.refuses(FAILED, "the log cannot be made", **user)
    os.chmod(place.folder, 0o755)
    os.chmod(place.database, 0o444)
    place.refuses(FAILED, "the file cannot be written", **user)
    os.chmod(place.database, 0o000)
    place.refuses(FAILED, "the file cannot be read", **user)
    os.chmod(place.database, 0o644)
    os.chmod(place.lock, 0o000)
    place.refuses(FAILED, "the lock file cannot be opened", **user)
    os.chmod(place.lock, 0o644)
    place.takes("after it", **user)
    place.nothing_is_lost()


def no_folder(place):
    os.rmdir(place.folder)
    place.refuses(BROKEN, "no folder")
    os.mkdir(place.folder)
    place.takes("after it was made")
    place.nothing_is_lost()


def limited(place, kind, sizes, allowed):
    """
    A session under each limit; then one without.  Nothing is preloaded: the
    dynamic linker of glibc crashes where there is no memory for that.
    """
    place.takes("at first")
    seen = set()
    for size in sizes:
        for mail_size in (500, 300 * 1024):
            try:
                server = common.Server(
                    place.smtpd, place.database,
                    preexec_fn=lambda: resource.setrlimit(kind, (size, size)))
                code, text = server.client.greet()
                reply = f"{code} {text}"
                if code < 400:
                    reply = place.send(server, mail_size)
            except common.Lost:
                reply = "no reply"
            status = server.end()
            seen.add(reply[:9])
            # 127: the program did not even start.
            started = status != 127 and "error while loading" not in str(server.log())
            place.check(
                not started or
                reply.startswith("250 ") or reply[:9] in allowed,
                f"limit {size}: {reply} {server.log()}")
            place.check(status in (0, 127, *range(64, 79)),
                        f"limit {size}: exit status {status} {server.log()}")
    place.check("250 2.0.0" in seen and len(seen) > 1, f"limits without effect: {seen}")
    place.takes("after it")
    place.nothing_is_lost()


def too_few_descriptors(place):
    limited(place, resource.RLIMIT_NOFILE, range(3, 16), {FAILED, BROKEN})


def too_little_memory(place):
    limited(place, resource.RLIMIT_AS, range(3 << 20, 16 << 20, 256 << 10),
            {FULL, BROKEN})


def files_must_be_small(place):
    limited(place, resource.RLIMIT_FSIZE,
            [0, 1, 4096, 40000, 100000, 1 << 20, 8 << 20], {FAILED, FULL})


def deferred_mail_pipelined(place):
    """A client that waits for no reply learns from that to MAIL what to do."""
    rules = [f"open mail.db 1 1 fail {errno.EMFILE}"]
    server = place.start(rules)
    commands = ["MAIL FROM:<a@client.example>", "RCPT TO:<r0@mx.example>", "DATA"]
    server.client.send("".join(c + "\r\n" for c in commands).encode())
    replies = [server.client.reply()[0] for _ in commands]
    place.check(replies == [451, 503, 503], f"replies: {replies}")
    server.end()
    place.takes("after it")
    place.nothing_is_lost()


def checkpoint_fails_once(place):
    """What a checkpoint needs and did not get, the next one tries to get."""
    place.takes("at first")
    # The session opens it twice at its start; what SQLite cannot open to
    # write, it tries to open to read.
    server = place.start([f"open mail.db 3 4 fail {errno.EMFILE}"])
    for nth in range(3):
        reply = place.send(server, 8300 * 1024)
        place.check(reply.startswith("250 ") or nth == 0, f"a long log: {reply}")
        server.client.command("NOOP")
        place.check(place.mark() == b"-", f"the mark is {place.mark()}")
    server.end()
    place.check(place.faults() == 2, "nothing was opened so often")
    warnings = [line for line in server.log()
                if "stored" not in line and "runs as root" not in line]
    place.check(len(warnings) == 1, f"checkpoints: {warnings}")
    place.nothing_is_lost()


def file_opened_twice(place):
    """Whoever closes a file gives up all the locks that its process has on it
    (POSIX).  If that happens in a checkpoint, another session takes itself for
    the last one and removes the log, and what comes after would be lost."""
    place.takes("at first")
    for nth in range(8, 20):
        server = place.start([f"stat mail.db {nth} {nth} fail {errno.EIO}"])
        place.send(server, 8300 * 1024)
        try:
            server.client.command("NOOP")
        except common.Lost:
            pass
        place.takes("another session")
        place.send(server)
        server.process.kill()
        server.end()
        place.nothing_is_lost()
        db = sqlite3.connect(place.database)
        db.execute("DELETE FROM message")
        db.commit()
        db.close()
        place.acknowledged = []
    place.check(place.faults() > 5, "files were hardly ever looked at")


# Two sessions in each other's way


def stopped_at_each_call(place, fresh):
    """One session is stopped before each call that it makes, while another
    sends a mail; both get their 250."""
    nth = 0
    done = False
    while not done:
        nth += place.stride
        if fresh:
            for file in os.listdir(place.folder):
                os.unlink(os.path.join(place.folder, file))
            place.acknowledged = []
        one = place.start([f"any * {nth} {nth} before {signal.SIGSTOP.value}"],
                          wait_ms=20000)
        data = place.next_mail()
        one.client.send(b"MAIL FROM:<a@client.example>\r\n"
                        b"RCPT TO:<r0@mx.example>\r\nDATA\r\n")
        one.client.send(common.on_the_wire(data) + b"QUIT\r\n")
        done = not stopped(one.process.pid)
        two = place.start(wait_ms=20000, log=".other-log")
        other = place.next_mail()
        two.client.send(b"MAIL FROM:<a@client.example>\r\n"
                        b"RCPT TO:<r0@mx.example>\r\nDATA\r\n")
        two.client.send(common.on_the_wire(other))
        wait_for_reply(two, 0.05)
        os.kill(one.process.pid, signal.SIGCONT)
        for server, what, text in (one, "the one stopped", data), (two, "the other", other):
            try:
                replies = [server.client.reply() for _ in range(4)]
                stored = common.is_stored(replies[-1])
            except common.Lost:
                replies, stored = "no reply", False
            place.check(stored, f"{what} at call {nth}: {replies} {server.log()}")
            if stored:
                place.acknowledged.append(text)
        one.end()
        two.end()
        if fresh or done:
            place.nothing_is_lost()
    place.check(nth > place.stride * 3, f"only {nth} calls")


def wait_for_reply(server, seconds):
    """Until the final reply is there to be read, or the time is over: then the
    session waits for the one that was stopped."""
    sock = server.client.sock
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (select.select([sock], [], [], seconds)[0] and
                b"Stored" in sock.recv(4096, socket.MSG_PEEK)):
            return
        time.sleep(0.0005)


def stopped_while_it_makes_the_database(place):
    stopped_at_each_call(place, True)


def stopped_while_it_writes(place):
    place.takes("at first")
    stopped_at_each_call(place, False)


# Disks, in a mount namespace of our own


class Mounts:
    """Mounts that nobody else sees, and that end with this process."""

    CLONE_NEWNS = 0x20000
    CLONE_NEWUSER = 0x10000000
    MS_RDONLY = 1
    MS_REMOUNT = 32
    MS_BIND = 4096
    MS_PRIVATE_ALL = 0x44000

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        uid, gid = os.geteuid(), os.getegid()
        flags = self.CLONE_NEWNS | (self.CLONE_NEWUSER if uid else 0)
        self._call("unshare", flags)
        if uid:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                               ("gid_map", f"0 {gid} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
                    f.write(text)
        self._mount(b"none", b"/", None, self.MS_PRIVATE_ALL)

    def _call(self, name, *args):
        if getattr(self.libc, name)(*args) != 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")

    def _mount(self, source, target, kind, flags, data=None):
        self._call("mount", source, target, kind, ctypes.c_ulong(flags), data)

    def small(self, folder, size):
        self._mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=%d" % size)

    def read_only(self, folder):
        self._mount(folder.encode(), folder.encode(), None, self.MS_BIND)
        self._mount(b"none", folder.encode(), None,
                    self.MS_BIND | self.MS_REMOUNT | self.MS_RDONLY)

    def undo(self, folder):
        self._call("umount2", folder.encode(), 2)


def leave_free(folder, pages):
    """Fills the disk but for so many pages of 4 KiB."""
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as f:
        size = 0
        try:
            while True:
                size += f.write(bytes(4096))
        except OSError as e:
            if e.errno != errno.ENOSPC:
                raise
        f.truncate(max(0, size - 4096 * pages))


def full_disk(place, mounts):
    mounts.small(place.folder, 2 << 20)
    replies = set()
    for size in (500, 300 * 1024):
        place.takes("at first", size=size)
        for pages in range(0, 300 if size > 4096 else 24, 20 if size > 4096 else 1):
            leave_free(place.folder, pages)
            server = place.start()
            for _ in range(3):
                reply = place.send(server, size)
                replies.add(reply[:9])
                place.check(reply.startswith(("250 ", FULL)),
                            f"{pages} pages free: {reply} {server.log()}")
            os.unlink(os.path.join(place.folder, "ballast"))
            reply = place.send(server)
            place.check(reply.startswith("250 "), f"room again, same session: {reply}")
            place.check(server.end() == 0, "exit status")
            place.nothing_is_lost()
            if size > 4096:
                keep = sqlite3.connect(place.database)
                keep.execute("DELETE FROM message")
                keep.commit()
                keep.execute("VACUUM")
                keep.close()
                place.acknowledged = []
    place.check(len(replies) == 2, f"replies: {replies}")
    mounts.undo(place.folder)


def full_disk_from_the_start(place, mounts):
    mounts.small(place.folder, 1 << 20)
    replies = set()
    for pages in range(0, 160, 2):
        for file in os.listdir(place.folder):
            os.unlink(os.path.join(place.folder, file))
        place.acknowledged = []
        leave_free(place.folder, pages)
        reply = place.session()
        replies.add(reply[:9])
        place.check(reply.startswith(("250 ", FULL)),
                    f"{pages} pages free: {reply} {place.last_log}")
        os.unlink(os.path.join(place.folder, "ballast"))
        place.takes(f"room again, after {pages}")
        place.nothing_is_lost()
    place.check(len(replies) == 2, f"replies: {replies}")
    mounts.undo(place.folder)


def read_only_disk(place, mounts):
    place.takes("at first")
    mounts.read_only(place.folder)
    place.refuses(FAILED, "mounted read-only")
    mounts.undo(place.folder)
    place.takes("after it")
    place.nothing_is_lost()


TESTS = [
    sync_fails_in_commit, session_goes_on_after_a_failed_sync,
    mark_cannot_be_set, mark_cannot_be_cleared, killed_with_the_error,
    row_is_on_the_disk_before_it_is_seen, sync_fails_in_checkpoint,
    sync_of_the_database_fails, sync_fails_in_last_close,
    checkpoint_fails_once, file_opened_twice,
    locked_by_a_writer, locked_by_one_who_wants_all, write_lock_held,
    write_lock_held_with_alarm_blocked, reader_is_no_obstacle,
    damaged_file, database_of_another, torn_log,
    read_only_folder, no_folder, too_few_descriptors, too_little_memory,
    files_must_be_small, deferred_mail_pipelined,
    stopped_while_it_makes_the_database, stopped_while_it_writes,
]
LONG_TESTS = [locked_for_the_whole_deadline]
DISK_TESTS = [full_disk, full_disk_from_the_start, read_only_disk]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--smtpd", default="./smtpd")
    parser.add_argument("--faults", default="build/faults.so")
    parser.add_argument("--long", action="store_true",
                        help="real deadlines, every call")
    parser.add_argument("tests", nargs="*", help="names; none: all")
    options = parser.parse_args()
    report = common.Report()

    def run(tests, *more):
        for test in tests:
            if options.tests and test.__name__ not in options.tests:
                continue
            place = Place(options, report, root, test.__name__)
            place.stride = 1 if options.long else 9
            began = time.monotonic()
            try:
                test(place, *more)
            except Exception as e:  # pylint: disable=broad-except
                place.check(False, repr(e))
            print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)

    with tempfile.TemporaryDirectory(prefix="smtpd-troubles-") as root:
        os.chmod(root, 0o755)
        for name in ("smtpd", "faults"):  # where another user may run them
            setattr(options, name,
                    shutil.copy(getattr(options, name), os.path.join(root, name)))
        run(TESTS + (LONG_TESTS if options.long else []))
        try:
            mounts = Mounts()
        except OSError as e:
            print(f"skipped: {len(DISK_TESTS)} tests of small disks, "
                  f"since nothing can be mounted here ({e})")
        else:
            run(DISK_TESTS, mounts)
    report.end()


if __name__ == "__main__":
    main()
