"""Checks of what is there before anything was started."""

import os
import stat

from lab import check_equal, failed_units, run

UNITS = ('smtpd.socket', 'smtpd@.service', 'smtpd-listen.socket',
         'smtpd-listen.service')
EXAMPLES = '/usr/share/doc/smtpd/examples'


def boot():
    check_equal('systemd is up', run('systemctl', 'is-system-running').strip(),
                'running')
    check_equal('nothing failed', failed_units(), [])


def accounts():
    """What sysusers.d and tmpfiles.d made when the machine was booted."""
    with open('/etc/passwd') as file:
        fields = [line.strip().split(':') for line in file
                  if line.startswith('smtpd:')][0]
    check_equal('the user smtpd', fields[5:],
                ['/var/lib/smtpd', '/usr/sbin/nologin'])
    state = os.stat('/var/lib/smtpd')
    check_equal('its folder',
                (str(state.st_uid), str(state.st_gid),
                 stat.S_IMODE(state.st_mode)),
                (fields[2], fields[3], 0o2770))


def units():
    """systemd has nothing to say about them, nor about the examples."""
    paths = [f'/usr/lib/systemd/system/{name}' for name in UNITS]
    paths += [f'{EXAMPLES}/smtpd-new-mail.{kind}'
              for kind in ('path', 'service')]
    for path in paths:
        text = run('systemd-analyze', 'verify', '--man=no', path)
        lines = [line for line in text.splitlines() if 'smtpd' in line]
        check_equal(f'systemd-analyze verify {path}', lines, [])


GROUPS = [boot, accounts, units]
