"""What the checks in the lab are made of: a client, systemd, the journal, the
table, and a count of what passed."""

import contextlib
import fcntl
import glob
import json
import os
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

DATABASE = '/var/lib/smtpd/mail.db'
OPTIONS = '/etc/default/smtpd'

# What takes a command into the lab, for checks that run outside of it.
INSIDE = []

# Beside the installed ListenStream=25.
MORE_SOCKETS = """[Socket]
ListenStream=127.0.0.1:2525
ListenStream=[::1]:2526
ListenStream=/run/smtpd.sock
FileDescriptorName=smtp
"""

passed = failed = 0


def check(what, condition, detail=''):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f'FAIL {what}: {detail}', flush=True)
    return bool(condition)


def check_equal(what, got, want):
    return check(what, got == want, f'want {want!r}, got {got!r}')


def finish():
    print(f'{passed} passed, {failed} failed', flush=True)
    sys.exit(1 if failed else 0)


def wait_for(condition, seconds=60):
    """The first true value of condition(); the last one after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(0.01)


def until(condition, seconds=120):
    """For what must come true before the next check makes sense."""
    if not wait_for(condition, seconds):
        raise TimeoutError('waited in vain')


def wait_equal(what, get, want, seconds=60):
    wait_for(lambda: get() == want, seconds)
    return check_equal(what, get(), want)


# The client

class Client:
    """One connection; every wait has a deadline."""

    def __init__(self, to=('127.0.0.1', 25), source=None, timeout=120):
        if isinstance(to, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(
                socket.AF_INET6 if ':' in to[0] else socket.AF_INET)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(to)
        self.input = self.socket.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def reply(self):
        """The lines of one reply; b'' at the end or after a reset."""
        lines = b''
        while True:
            try:
                line = self.input.readline()
            except ConnectionError:
                line = b''
            lines += line
            if line[3:4] != b'-':
                return lines

    def send(self, octets):
        self.socket.sendall(octets)

    def say(self, line):
        self.send(line + b'\r\n')
        return self.reply()

    def mail(self, data=b'Subject: lab\r\n\r\nText.\r\n',
             sender=b'a@lab.example'):
        """After the greeting: the final reply to a mail."""
        reply = b''
        for line in (b'MAIL FROM:<%s>' % sender, b'RCPT TO:<b@lab.example>',
                     b'DATA', data + b'.'):
            reply = self.say(line)
            if reply[:1] not in (b'2', b'3'):
                break
        return reply

    def quit(self):
        """The rest: the reply to QUIT and then the end."""
        reply = self.say(b'QUIT')
        while self.reply():
            pass
        self.close()
        return reply

    def reset(self):
        """Ends the connection with a RST."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()


def deliver(to=('127.0.0.1', 25), source=None, **mail):
    """A whole session with one mail: the reply to the mail, or, if it did not
    get that far, what was said last."""
    with Client(to, source) as client:
        greeting = client.reply()
        if greeting[:3] != b'220':
            return greeting
        client.say(b'EHLO client.lab.example')
        reply = client.mail(**mail)
        client.quit()
    return reply


def message_id(reply):
    """The row a 250 speaks of; None for any other reply."""
    words = reply.split()
    if words[:1] == [b'250'] and words[-1].isdigit():
        return int(words[-1])
    return None


def rude_clients(to=('127.0.0.1', 25)):
    """None of them may matter to anybody else."""
    for i in range(3):
        Client(to).close()
        Client(to).reset()
        with Client(to) as c:
            c.reply()
            c.send(bytes(random.Random(i).randrange(256)
                         for _ in range(20000)))
            c.reset()
        with Client(to) as c:
            c.reply()
            for line in (b'MAIL FROM:<x@rude.example>',
                         b'RCPT TO:<y@rude.example>', b'DATA'):
                c.say(line)
            c.send(b'half a mail\r\n.\r')
            c.reset()
        with Client(to) as c:
            c.reply()
            c.send(b'NOOP\r\n' * 5000)
            c.close()


def in_threads(functions, seconds=300):
    """Runs them at once; their results in order."""
    results = [None] * len(functions)

    def run(i):
        try:
            results[i] = functions[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True)
               for i in range(len(functions))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return results


# The table

def query(sql, *values):
    db = sqlite3.connect(f'file:{DATABASE}?mode=ro', uri=True, timeout=30)
    with contextlib.closing(db):
        return db.execute(sql, values).fetchall()


def row_of(reply):
    """Client address, sender, data of the row that a 250 speaks of."""
    rows = query('SELECT client_address, reverse_path, data FROM message'
                 ' WHERE id = ?', message_id(reply))
    return rows[0] if rows else None


# systemd

def run(*command, **settings):
    """What a command printed, errors too."""
    return subprocess.run(
        [*INSIDE, *command], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, **settings).stdout


def systemctl(*arguments):
    done = subprocess.run(
        [*INSIDE, 'systemctl', *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.returncode == 0


def show(unit, name):
    return run('systemctl', 'show', '--value', '-p', name, unit).strip()


def is_active(unit):
    return show(unit, 'ActiveState') == 'active'


def wait_inactive(unit, seconds=120):
    return wait_for(lambda: show(unit, 'ActiveState') == 'inactive', seconds)


def failed_units():
    return run('systemctl', '--failed', '--no-legend', '--plain').splitlines()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)


def drop_in(unit, text, name='lab'):
    """Settings over those of the installed unit; '' takes them back."""
    path = f'/run/systemd/system/{unit}.d/{name}.conf'
    if text:
        write(path, text)
    elif os.path.exists(path):
        os.unlink(path)
    systemctl('daemon-reload')


def set_options(options=''):
    write(OPTIONS, f'SMTPD_OPTIONS=--hostname=mx.lab.example {options}\n')


# The journal

def cursor():
    text = run('journalctl', '--show-cursor', '-n', '0')
    return text.rsplit('-- cursor: ', 1)[1].strip()


def journal(since, identifier='smtpd'):
    """The entries since a cursor.  What processes have sent is in it."""
    run('journalctl', '--sync')
    # Not filtered by journalctl, which then leaves out the first one.
    text = run('journalctl', '-o', 'json', '--all', '--after-cursor', since)
    entries = [json.loads(line) for line in text.splitlines()
               if line.startswith('{')]
    return [entry for entry in entries
            if entry.get('SYSLOG_IDENTIFIER') == identifier]


def logged(since, text, identifier='smtpd'):
    """Is there an entry with this text?"""
    return any(text in str(entry.get('MESSAGE'))
               for entry in journal(since, identifier))


# Processes

def read(path):
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def parent_and_state(pid):
    fields = read(f'/proc/{pid}/stat').rpartition(')')[2].split()
    return (int(fields[1]), fields[0]) if fields else (0, '')


def children(pid):
    """Process ids by state, zombies included."""
    found = {}
    for path in glob.glob('/proc/[0-9]*'):
        child = int(os.path.basename(path))
        parent, state = parent_and_state(child)
        if parent == pid != 0:
            found[child] = state
    return found


def open_files(pid):
    """What it has open but for descriptors 0 to 2."""
    found = []
    for path in glob.glob(f'/proc/{pid}/fd/[0-9]*'):
        if int(os.path.basename(path)) <= 2:
            continue
        with contextlib.suppress(OSError):
            found.append(os.readlink(path))
    return found


def holds_database(pid):
    return any(path.startswith(DATABASE) and not path.endswith('-lock')
               for path in open_files(pid))


def status_field(pid, name):
    for line in read(f'/proc/{pid}/status').splitlines():
        key, _, value = line.partition(':')
        if key == name:
            return value.strip()
    return ''


def kill(pid, signo=signal.SIGKILL):
    assert pid > 1
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signo)


# The sandbox

def has_controller(name):
    """Can systemd limit that?"""
    return (os.path.exists(f'/sys/fs/cgroup/{name}') or
            name in read('/sys/fs/cgroup/cgroup.controllers').split())



def check_exposure(unit):
    line = run('systemd-analyze', 'security', unit).strip().splitlines()[-1]
    print(line)
    check('exposure of the live service is 0.2 at most',
          float(line.split(': ')[1].split()[0]) <= 0.2, line)


def check_confined(pid, who):
    check_equal(f'{who}: user', status_field(pid, 'Uid').split()[0],
                run('id', '-u', 'smtpd').strip())
    check_equal(f'{who}: capabilities',
                [status_field(pid, f'Cap{which}').strip('0')
                 for which in ('Inh', 'Prm', 'Eff', 'Bnd', 'Amb')], [''] * 5)
    check_equal(f'{who}: no new privileges, system calls filtered',
                (status_field(pid, 'NoNewPrivs'),
                 status_field(pid, 'Seccomp')), ('1', '2'))
    for name in ('net', 'mnt', 'user', 'ipc', 'uts'):
        check(f'{who}: has its own {name} namespace',
              os.readlink(f'/proc/{pid}/ns/{name}') !=
              os.readlink(f'/proc/1/ns/{name}'))


# The network

def add_ipv6_address(address):
    """To lo, as netdevice(7) and linux/ipv6.h have it."""
    SIOCSIFADDR = 0x8916
    request = struct.pack('=16sIi', socket.inet_pton(socket.AF_INET6, address),
                          128, socket.if_nametoindex('lo'))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFADDR, request)
