"""Checks of AUTH in the units: by the table, and by Dovecot with its drop-in."""

import os
import pwd
import shutil
import smtplib
import subprocess

from lab import (
    check, check_equal, check_exposure, cursor, drop_in, is_active, journal,
    query, read, run, set_options, status_field, systemctl, until, wait_for,
    wait_equal, write)
from listening import SERVICE, SOCKET

NAME, PASSWORD = 'ann', 'tr0ub 4dor'
AUTHENTICATED = '93ba84375d754724a4e2f63fb135bd4e'
EXAMPLE = '/usr/share/doc/smtpd/examples/smtpd-dovecot.conf'
DOVECOT = 'dovecot.service'

# What the example says, and the least that Dovecot wants besides.
CONFIGURATION = """
base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /dev/stderr
protocols =
ssl = no
auth_mechanisms = plain
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = /run/dovecot-users
}
"""


def has_programs():
    for program in ('/usr/sbin/smtpd-auth', '/usr/bin/smtpdb'):
        if not os.path.exists(program):
            print(f'skipped: AUTH in the units, without {program}')
            return False
    return True


def helpers():
    return [int(pid) for pid in os.listdir('/proc') if pid.isdigit() and
            'smtpd-auth' in read(f'/proc/{pid}/comm')]


def restart(options, units=(SOCKET,)):
    set_options(options)
    systemctl('stop', 'smtpd.socket', SERVICE, SOCKET)
    systemctl('start', *units)


def log_in(password=PASSWORD):
    """A mail of who has logged in, as the row has it; or the reply's code."""
    with smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120) as client:
        try:
            client.login(NAME, password)
        except smtplib.SMTPAuthenticationError as refused:
            return refused.smtp_code
        client.sendmail('ann@client.example', 'bob@mx.example', 'Subject: x\n')
    return query('SELECT authenticated_as, protocol FROM message'
                 ' ORDER BY id DESC LIMIT 1')[0]


def refused():
    with smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120) as client:
        client.ehlo()
        return client.mail('a@b.example')[0]


def add_account():
    """As root, which gives the database to its owner."""
    done = subprocess.run(['smtpdb', 'account', 'add', NAME], text=True,
                          input=PASSWORD + '\n', capture_output=True, timeout=300)
    check_equal('smtpdb account add', (done.returncode, done.stderr), (0, ''))
    check_equal('the files are still those of smtpd', {
        pwd.getpwuid(os.stat(f'/var/lib/smtpd/{name}').st_uid).pw_name
        for name in os.listdir('/var/lib/smtpd')}, {'smtpd'})


def by_rows(what, units):
    since = cursor()
    restart('--auth=rows --auth-required', units)
    check_equal(f'{what}: with the password', log_in(), (NAME, 'ESMTPA'))
    check_equal(f'{what}: with another', log_in('wrong'), 535)
    check_equal(f'{what}: without one', refused(), 530)
    until(lambda: [e for e in journal(since) if e.get('MESSAGE_ID') == AUTHENTICATED])
    found = [e for e in journal(since) if e.get('MESSAGE_ID') == AUTHENTICATED]
    check_equal(f'{what}: the journal', [(
        e['SMTPD_CLIENT'], e['SMTPD_ACCOUNT'], e['PRIORITY']) for e in found],
        [('127.0.0.1', NAME, '6')])


def rows():
    if not has_programs():
        return
    restart('')
    with smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120) as client:
        client.sendmail('ann@client.example', 'bob@mx.example', 'Subject: x\n')
    add_account()
    by_rows('the listener', (SOCKET,))
    found = wait_for(lambda: helpers())
    for pid in found or []:
        check_equal('user', status_field(pid, 'Uid').split()[0],
                    run('id', '-u', 'smtpd').strip())
    check_exposure(SERVICE)
    by_rows('an instance', ('smtpd.socket',))


def start_dovecot():
    shared = [line[2:] if line.startswith('# ') else line
              for line in read(EXAMPLE).split('# service auth')[1].splitlines()]
    text = CONFIGURATION + 'service auth' + '\n'.join(
        shared[:shared.index('}') + 1]) + '\n'
    write('/run/dovecot-conf', text)
    write('/run/dovecot-users', f'{NAME}:{{PLAIN}}{PASSWORD}::::::\n')
    os.chmod('/run/dovecot-users', 0o644)
    write(f'/run/systemd/system/{DOVECOT}',
          '[Service]\nExecStart=/usr/sbin/dovecot -F -c /run/dovecot-conf\n')
    systemctl('daemon-reload')
    systemctl('start', DOVECOT)
    return wait_for(lambda: os.path.exists('/run/dovecot/auth-smtpd'))


def by_dovecot():
    if not has_programs():
        return
    if not shutil.which('dovecot'):
        print('skipped: Dovecot in the units, which is not installed')
        return
    options = '--auth=dovecot:/run/dovecot/auth-smtpd'
    check('Dovecot runs', start_dovecot(), run('systemctl', 'status', DOVECOT))
    restart(options)
    check_equal('without the drop-in', log_in(), 454)
    for unit in (SERVICE, 'smtpd@.service'):
        drop_in(unit, read(EXAMPLE), 'dovecot')
    for what, socket in (('listener', SOCKET), ('instance', 'smtpd.socket')):
        restart(options, (socket,))
        check_equal(f'{what}, Dovecot', log_in(), (NAME, 'ESMTPA'))
        check_equal(f'{what}, Dovecot: another', log_in('wrong'), 535)
    restart(options)
    check_equal('before Dovecot starts anew', log_in(), (NAME, 'ESMTPA'))
    systemctl('restart', DOVECOT)
    wait_equal('and behind it', log_in, (NAME, 'ESMTPA'))
    check('smtpd was not started for that', is_active(SERVICE))
    check_exposure(SERVICE)


def undo():
    systemctl('stop', 'smtpd.socket', SERVICE, SOCKET, DOVECOT)
    for unit in (SERVICE, 'smtpd@.service'):
        drop_in(unit, '', 'dovecot')
    if has_programs():
        run('smtpdb', 'account', 'rm', NAME)
    set_options()


GROUPS = [rows, by_dovecot, undo]
