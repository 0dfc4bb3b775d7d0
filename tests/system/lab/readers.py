"""Checks of who may read the table while it is written: members of the group
smtpd that are neither root nor smtpd, and nobody else."""

import os
import stat
import subprocess
import sys

from lab import (
    DATABASE, Client, check, check_equal, deliver, message_id, query,
    set_options, systemctl, until, wait_equal, wait_for)

# Prints each id as it comes, until its input ends.
POLL = f"""
import select, sqlite3, sys
db = sqlite3.connect('file:{DATABASE}?mode=ro', uri=True, timeout=30)
last = 0
while not select.select([0], [], [], 0.01)[0]:
    for last, in db.execute('SELECT id FROM message WHERE id > ? ORDER BY id',
                            (last,)):
        print(last, flush=True)
"""

COUNT = f"""
import sqlite3
db = sqlite3.connect('file:{DATABASE}?mode=ro', uri=True, timeout=30)
print(db.execute('SELECT count(*) FROM message').fetchone()[0])
"""

# As smtpd-db(5) has it.
TAKE = f"""
import fcntl, sqlite3
lock = open('{DATABASE}-lock')
db = sqlite3.connect('{DATABASE}', timeout=30, isolation_level=None)
fcntl.flock(lock, fcntl.LOCK_EX)
print(db.execute('DELETE FROM message WHERE id = (SELECT min(id) FROM message)'
                 ' RETURNING id').fetchall()[0][0])
"""


def as_user(user, code, groups=(), umask=0o022):
    """Starts Python code; its output can be read."""
    return subprocess.Popen(
        (sys.executable, '-c', code), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        user=user, group=user, extra_groups=groups, umask=umask, cwd='/')


def output_of(user, code, groups=()):
    process = as_user(user, code, groups)
    return process.communicate(timeout=300)[0].strip()


def as_reader(code):
    return output_of('reader', code, ['smtpd'])


def no_log_left():
    return not any(os.path.exists(DATABASE + end) for end in ('-wal', '-shm'))


def clear(stop):
    """No process, no log.  A reader alone leaves one, as it may not write to
    the table; then the next session takes it away."""
    deliver()
    stop()
    until(no_log_left)


def check_readers(start, stop, who):
    clear(stop)
    start()
    deliver()
    check_equal(f'{who}: the table is for the group alone',
                stat.S_IMODE(os.stat(DATABASE).st_mode), 0o660)
    count = str(query('SELECT count(*) FROM message')[0][0])
    check_equal(f'{who}: a reader in the group, after a session',
                as_reader(COUNT), count)
    with Client() as client:
        client.reply()
        reply = client.mail()
        check_equal('mail', reply[:3], b'250')
        check_equal(f'{who}: a reader, during a session', as_reader(COUNT),
                    str(int(count) + 1))
        check(f'{who}: a stranger cannot read',
              'unable to open database file' in output_of('stranger', COUNT),
              output_of('stranger', COUNT))
        client.quit()
    stop()
    until(no_log_left)
    check_equal(f'{who}: a reader, when nothing runs', as_reader(COUNT),
                str(int(count) + 1))
    start()
    poll(start, stop, who)
    take(who)


def poll(start, stop, who):
    """The reader is the first to open the table, so the log is its own."""
    clear(stop)
    poller = as_user('reader', POLL, ['smtpd'])
    first = int(poller.stdout.readline())
    check(f'{who}: the poller has made the log', wait_for(lambda: owner('-shm')
          == 'reader'), owner('-shm'))
    wait_equal(f'{who}: for the group as well', lambda: [
        stat.S_IMODE(os.stat(DATABASE + end).st_mode)
        for end in ('-wal', '-shm')], [0o660, 0o660])
    start()
    replies = [deliver() for _ in range(5)]
    check_equal(f'{who}: mail into a log that is the reader\'s',
                [r[:3] for r in replies], [b'250'] * 5)
    seen = [first]
    while seen[-1] < message_id(replies[-1]):
        line = poller.stdout.readline()
        if not line:
            break
        seen.append(int(line))
    check_equal(f'{who}: the poller sees each mail', seen[-5:],
                [message_id(r) for r in replies])
    stop()
    check_equal(f'{who}: and can go on when all sessions have ended',
                poller.poll(), None)
    poller.communicate(timeout=120)
    check_equal(f'{who}: it ends well', poller.returncode, 0)
    start()
    clear(stop)
    start()


def owner(end):
    if not os.path.exists(DATABASE + end):
        return ''
    names = dict(line.split(':')[2::-2] for line in open('/etc/passwd'))
    return names.get(str(os.stat(DATABASE + end).st_uid), '?')


def take(who):
    """Members of the group may delete, too."""
    lowest = query('SELECT min(id) FROM message')[0][0]
    with Client() as client:
        client.reply()
        client.mail()
        check_equal(f'{who}: a member of the group takes a mail',
                    as_reader(TAKE), str(lowest))
        check_equal(f'{who}: which does not disturb the session',
                    client.mail()[:3], b'250')
        client.quit()
    check_equal(f'{who}: it is taken', query(
        'SELECT count(*) FROM message WHERE id = ?', lowest), [(0,)])


def with_listener():
    set_options()
    systemctl('start', 'smtpd-listen.socket')

    def stop():
        systemctl('stop', 'smtpd-listen.service')

    check_readers(lambda: systemctl('start', 'smtpd-listen.socket'), stop,
                  'listener')


def with_instances():
    set_options()
    systemctl('start', 'smtpd.socket')
    check_readers(lambda: None, lambda: None, 'instances')


GROUPS = [with_listener, with_instances]
