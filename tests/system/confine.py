#!/usr/bin/python3 -B
"""What a session that was taken over can do (misbehave.c): nothing of it, in a
session of its own, in one of the listener, and in one of its own whose database
is PostgreSQL, which its writer alone can reach; and all of it unconfined, or the
attempt would prove nothing.  The manual has the same list of system calls as
the program.

    tests/system/confine.py [--program PROGRAM] [--table]
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.join(os.path.dirname(__file__), '..', '..')
REFUSED = ('EPERM', 'EACCES', 'killed')
SIGSYS = 31
failures = []


def check(what, ok, got=''):
    if not ok:
        failures.append(what)
        print(f'FAIL {what}: {got}', file=sys.stderr)


class Session:
    """One line of a client, and what became of it."""

    def __init__(self, connection):
        connection.settimeout(60)
        self.file = connection.makefile('rwb')
        self.file.readline()

    def try_(self, name, path):
        self.file.write(f'TRY {name} {path}\r\n'.encode())
        self.file.flush()
        try:
            return self.file.readline().decode().strip()
        except ConnectionError:
            return ''


class Alone:
    """A process for each attempt, as inetd starts it."""

    def __init__(self, program, database, *options):
        self.command = [program, '-d', database, '-n', 'mx', *options]

    def try_(self, name, path):
        ours, theirs = socket.socketpair()
        with ours, theirs, subprocess.Popen(
                self.command, stdin=theirs, stdout=theirs,
                stderr=subprocess.DEVNULL) as process:
            theirs.close()
            said = Session(ours).try_(name, path)
            ours.close()
            status = process.wait(60)
        return 'killed' if status == -SIGSYS else said or f'status {status}'


class Listener:
    """One for all attempts."""

    def __init__(self, program, folder, *options):
        self.log = f'{folder}/log'
        self.tries = 0
        with open(self.log, 'ab') as log, \
                socket.create_server(('127.0.0.1', 0)) as listening:
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [program, '-d', f'{folder}/none.db', '-n', 'mx', *options],
                stdin=listening, stderr=log)

    def killed(self):
        with open(self.log, 'rb') as log:
            return log.read().count(f'killed by signal {SIGSYS}'.encode())

    def try_(self, name, path):
        before = self.killed()
        # Who has a session killed has to wait.
        self.tries += 1
        source = f'127.3.{self.tries // 250}.{self.tries % 250 + 1}'
        with socket.create_connection(('127.0.0.1', self.port),
                                      source_address=(source, 0)) as connection:
            said = Session(connection).try_(name, path)
        end = time.monotonic() + 60
        while not said and self.killed() == before and time.monotonic() < end:
            time.sleep(0.002)
        return said or ('killed' if self.killed() > before else 'silent')

    def quit(self):
        """A session as it should be: its replies; nobody is killed."""
        before = self.killed()
        with socket.create_connection(('127.0.0.1', self.port)) as connection:
            connection.settimeout(60)
            connection.sendall(b'EHLO x\r\nNOOP\r\nNOPE\r\nQUIT\r\n')
            heard = b''.join(iter(lambda: connection.recv(4096), b''))
        return heard, self.killed() - before

    def end(self):
        self.process.terminate()
        self.process.wait(60)


def landlock():
    """Its version in this kernel, as landlock_create_ruleset(2) has it."""
    import ctypes
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


# Landlock forbids these to a session of its own; the filter cannot tell.
BY_PATH = ('open-read', 'open-write', 'open-beyond', 'create', 'unlink')
# The machine that runs the test may lack them, or forbid them to its users.
MAY_BE_MISSING = ('bpf', 'userfaultfd', 'perf-event', 'io-uring', 'keyctl',
                  'add-key', 'request-key', 'x32', 'newer-than-all',
                  'init-module', 'reboot', 'ioctl-setown', 'ptrace', 'chroot',
                  'process-vm-readv', 'process-vm-writev', 'mount', 'open-tree',
                  'open-by-handle', 'unshare', 'setns', 'capset', 'setgroups',
                  'shmget', 'setsid', 'setpgid', 'kcmp', 'pidfd-getfd')


def attempts(options, folder):
    outside = tempfile.mkdtemp(prefix='smtpd-outside-')
    path = f'{outside}/file'
    free = Alone(options.program, f'{folder}/mail.db', '--no-confine')
    alone = Alone(options.program, f'{folder}/mail.db')
    listener = Listener(options.program, folder)
    # No server is there, and no session ever knows.
    elsewhere = Alone(options.program, 'postgresql://127.0.0.1:1/mail')
    names = free.try_('list', '').split()
    check('there are attempts', len(names) > 50, names)
    if options.table:
        print(f'{"attempt":20}{"not confined":16}{"alone":12}{"listener":12}'
              'PostgreSQL')
    for name in names:
        row = []
        for session in (free, alone, listener, elsewhere):
            for old in os.listdir(outside):
                old = f'{outside}/{old}'
                os.rmdir(old) if os.path.isdir(old) else os.unlink(old)
            open(path, 'w').close()
            row.append(session.try_(name, path))
            if session is not free:
                check(f'{name}: nothing was changed',
                      os.listdir(outside) == ['file'], os.listdir(outside))
        if options.table:
            print(f'{name:20}{row[0]:16}{row[1]:12}{row[2]:12}{row[3]}')
        check(f'{name}: possible unless confined',
              row[0] not in REFUSED or name in MAY_BE_MISSING, row[0])
        if landlock() > 0 or name not in BY_PATH:
            check(f'{name}: alone', row[1] in REFUSED or name ==
                  'newer-than-all' and row[1] == 'ENOSYS', row[1])
        for said, who in ((row[2], 'of the listener'), (row[3], 'PostgreSQL')):
            check(f'{name}: {who}', said in REFUSED or name ==
                  'newer-than-all' and said == 'ENOSYS', said)
    check('the database can be opened, alone',
          alone.try_('create', f'{folder}/mail.db') == 'ok')
    check('and not in a session of the listener',
          listener.try_('open-read', f'{folder}/mail.db.new') == 'EPERM')
    heard, killed = listener.quit()
    check('a session of the listener is as ever', killed == 0 and
          heard.splitlines()[-1][:3] == b'221', (heard, killed))
    listener.end()
    subprocess.run(['rm', '-r', outside], check=True)


def accounts(program):
    """smtpd-auth, where it is beside smtpd, counts what a session begins."""
    auth = f'{SOURCE}/smtpd-auth'
    if not os.path.exists(auth):
        print('skipped: AUTH without end, since there is no smtpd-auth')
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in program, auth:
            shutil.copy(name, folder)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        listener = Listener(f'{folder}/misbehave', folder, '--auth=rows')
        begun = listener.try_('auth', '')
        check('AUTH is begun, and not without end', begun == '100', begun)
        with open(listener.log, encoding='ascii') as log:
            said = log.read()
        check('and that is logged', 'has begun 100 times' in said, said)
        check('another session is served', listener.try_('auth', '') == '100')
        listener.end()


def manual():
    """A call stands in the manual's list of each that may make it."""
    rows = re.findall(r'^(CALL\w*|REFUSE)\((\w+), ([\w |]+),',
                      open(f'{SOURCE}/server/confine_calls.h').read(), re.M)
    want = {'PIPE': set(), 'FOLDER': set(), 'REFUSE': set(), 'TLS': set()}
    for macro, name, who in rows:
        if who == 'WEB':  # of smtpdb-web(1)
            continue
        if macro == 'REFUSE':
            want['REFUSE'].add(name)
        elif who.startswith('FOLDER'):
            want['FOLDER'].add(name)
        else:
            want['PIPE'].add(name)
        if macro != 'REFUSE' and ('TLS' in who or who == 'ALL'):
            want['TLS'].add(name)
    text = ''.join(open(f'{SOURCE}/{page}').read()
                   for page in ('smtpd.8', 'smtpd-tls.8'))
    for kind, names in want.items():
        block = re.search(rf'^\.\\" {kind}\n(.*?)^\.\\" end', text, re.M | re.S)
        told = set(re.findall(r'^\.Li (\w+)', block.group(1), re.M)) \
            if block else set()
        check(f'the manual lists the calls of {kind}', told == names,
              told ^ names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', default=f'{SOURCE}/build/tests/misbehave')
    parser.add_argument('--table', action='store_true')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:  # which does not serve a network
            os.chown(folder, 65534, 65534)
        attempts(options, folder)
    accounts(options.program)
    manual()
    print(f'confine: {len(failures)} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
