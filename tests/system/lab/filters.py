"""Checks of the drop-ins of smtpd(8) that give the units a way to a filter: a
milter at a socket in /run, and one at a port of the machine."""

import importlib.util
import os

from lab import (
    check, check_equal, deliver, drop_in, query, read, set_options, systemctl,
    until, wait_equal, write)
from listening import SERVICE, SOCKET, main_pid

MILTER = 'rspamd.service'  # as the drop-in calls it
MANUAL = '/usr/share/man/man8/smtpd.8'
AT_SOCKET = 'unix:/run/rspamd/milter'
AT_PORT = 'inet:11332@127.0.0.1'


def has_milter():
    if importlib.util.find_spec('Milter'):
        return True
    print('skipped: filters in the units, without python3-milter')
    return False


def of_manual(unit, number):
    """The drop-in that stands below `systemctl edit UNIT` in the manual."""
    text = read(MANUAL).split('.Ss With filters\n')[1].split('\n.Ss ')[0]
    blocks = text.split(f'.Ql systemctl edit {unit}\n')[1:]
    return blocks[number].split('.Bd -literal -offset indent\n')[1].split(
        '.Ed\n')[0]


def start_milter(socket):
    write(f'/run/systemd/system/{MILTER}',
          '[Service]\nRuntimeDirectory=rspamd\nUMask=0\nKillSignal=SIGKILL\n'
          'SuccessExitStatus=SIGKILL\n'
          'ExecStart=/usr/bin/python3 -B /usr/lib/smtpd-lab/milters.py '
          f'{socket}\n')
    systemctl('daemon-reload')
    systemctl('restart', MILTER)


def restart_smtpd(options):
    set_options(options)
    systemctl('stop', 'smtpd.socket', SERVICE, SOCKET)
    systemctl('start', SOCKET)


def seen_by_filter():
    """Delivers a mail.  What the filter added to it, or the reply."""
    reply = deliver()
    if reply[:3] != b'250':
        return reply[:9]
    return query('SELECT value FROM filter_change ORDER BY message_id DESC'
                 ' LIMIT 1')[0][0].strip()


def at_socket():
    if not has_milter():
        return
    start_milter(AT_SOCKET)
    until(lambda: os.path.exists('/run/rspamd/milter'))
    restart_smtpd('--milter=unix:/run/rspamd/milter')
    check_equal('without the drop-in', seen_by_filter(), b'451 4.7.1')
    drop_in(MILTER, of_manual(MILTER, 0))
    drop_in(SERVICE, of_manual(SERVICE, 0), 'filter')
    restart_smtpd('--milter=unix:/run/rspamd/milter')
    check_equal('at a socket in /run', seen_by_filter(), 'milter')
    pid = main_pid()
    systemctl('restart', MILTER)
    wait_equal('the filter was started anew', seen_by_filter, 'milter')
    check_equal('and smtpd was not', main_pid(), pid)
    systemctl('stop', MILTER)
    check_equal('no filter', seen_by_filter(), b'451 4.7.1')
    systemctl('stop', SERVICE)
    # systemd takes it for started before it listens.
    wait_equal('smtpd starts it', seen_by_filter, 'milter')


def at_port():
    if not has_milter():
        return
    start_milter(AT_PORT)
    restart_smtpd('--milter=inet:127.0.0.1:11332')
    check_equal('without the drop-in', seen_by_filter(), b'451 4.7.1')
    drop_in(SERVICE, of_manual(SERVICE, 1), 'filter')
    restart_smtpd('--milter=inet:127.0.0.1:11332')
    wait_equal('at a port of this machine', seen_by_filter,
               AT_PORT)
    check('the listener lives', main_pid() > 0)


def undo():
    if not has_milter():
        return
    systemctl('stop', MILTER, SERVICE)
    for unit, name in ((SERVICE, 'filter'), (MILTER, 'lab')):
        drop_in(unit, '', name)
    os.unlink(f'/run/systemd/system/{MILTER}')
    set_options()


GROUPS = [at_socket, at_port, undo]
