"""Checks of the sandbox: a program that tries things runs in place of smtpd,
with the settings of the installed units, and once without them."""

import os

from lab import (
    check_equal, cursor, has_controller, journal, read, systemctl, write)

PROBE = '/usr/lib/smtpd-lab/probe'

# What the sandbox forbids, and how; EAGAIN: the tasks of one instance.
FORBIDDEN = {
    'write-etc': 'EROFS', 'write-var': 'EROFS', 'write-run': 'ENOENT',
    'write-shm': 'EACCES', 'read-home': 'EACCES', 'read-root': 'EACCES',
    'read-tmp': 'ENOENT', 'read-process-1': 'ENOENT',
    'read-settings': 'ENOENT', 'socket-ipv4': 'EAFNOSUPPORT',
    'socket-ipv6': 'EAFNOSUPPORT', 'socket-netlink': 'EAFNOSUPPORT',
    'execute': 'EACCES', 'writable-code': 'EPERM', 'host-name': 'EPERM',
    'personality': 'EPERM', 'trace': 'EPERM',
    'set-uid': 'EPERM', 'become-root': 'EPERM', 'mount': 'EPERM',
    'namespace': 'EPERM',
}
ALLOWED = {
    'write-state': 'ok', 'write-tmp': 'ok', 'socket-unix': 'ok',
    'fork-3': 'ok', 'timer': 'ok',
}


def attempts(name, unit):
    """Runs the probe as a service."""
    write(f'/run/systemd/system/{name}.service', unit)
    systemctl('daemon-reload')
    since = cursor()
    systemctl('start', f'{name}.service')
    entries = journal(since, 'probe')
    return dict(entry['MESSAGE'].split(': ') for entry in entries)


def probing(name):
    """An installed unit, but with the probe."""
    lines = []
    for line in read(f'/usr/lib/systemd/system/{name}').splitlines():
        key = line.partition('=')[0]
        if key in ('Type', 'Requires', 'After', 'Restart', 'WatchdogSec',
                   'NotifyAccess', 'StandardInput', 'RuntimeMaxSec',
                   'SyslogIdentifier'):
            continue
        lines.append(line)
        if line == '[Service]':
            lines += ['Type=oneshot', 'StandardOutput=journal',
                      'SyslogIdentifier=probe',
                      f'BindReadOnlyPaths={PROBE}:/usr/sbin/smtpd']
    return '\n'.join(lines)


def sandbox():
    os.mkdir('/run/open')
    os.chmod('/run/open', 0o1777)
    for path in ('/home/secret', '/root/secret', '/tmp/secret'):
        write(path, 'secret')
    free = attempts('probe-free', f'[Service]\nExecStart={PROBE}\n'
                    'Type=oneshot\nStandardOutput=journal\n'
                    'SyslogIdentifier=probe\n')
    check_equal('without a sandbox all is possible',
                {name: free.get(name) for name in FORBIDDEN},
                {name: 'ok' for name in FORBIDDEN})
    limited = 'EAGAIN' if has_controller('pids') else 'ok'
    for unit, tasks in (('smtpd-listen.service', 'ok'),
                        ('smtpd@.service', limited)):
        got = attempts('probe-' + unit.split('.')[0].strip('@'), probing(unit))
        for name, want in {**FORBIDDEN, **ALLOWED, 'fork-8': tasks}.items():
            check_equal(f'{unit}: {name}', got.get(name), want)


GROUPS = [sandbox]
