"""Checks of TLS in the units: the key is a credential, which root alone can read,
and port 465 is a socket of the same service."""

import os
import shutil
import smtplib
import ssl

from lab import (
    check, check_equal, check_exposure, drop_in, query, read, run, set_options,
    status_field, systemctl, wait_for, write)
from listening import SERVICE, SOCKET, main_pid

FOLDER = '/etc/smtpd-keys'
SUBMISSIONS = 'smtpd-submissions.socket'
INSTANCE = 'smtpd@.service'
CREDENTIALS = f"""[Service]
LoadCredential=tls.crt:{FOLDER}/tls.crt
LoadCredential=tls.key:{FOLDER}/tls.key
"""
OPTIONS = '--tls-cert=tls.crt --tls-key=tls.key'


def prepare():
    os.makedirs(FOLDER, 0o700, exist_ok=True)
    for name in ('tls.crt', 'tls.key'):
        shutil.copy(f'/usr/lib/smtpd-lab/{name}', f'{FOLDER}/{name}')
        os.chmod(f'{FOLDER}/{name}', 0o600)


def context():
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def helpers():
    return [int(pid) for pid in os.listdir('/proc') if pid.isdigit() and
            'smtpd-tls' in read(f'/proc/{pid}/comm')]


def deliver(client):
    client.sendmail('ann@client.example', 'bob@mx.example',
                    'Subject: x\n\nx\n')
    client.quit()
    return query('SELECT tls, protocol FROM message ORDER BY id DESC')[0]


def listener():
    drop_in(SERVICE, CREDENTIALS, 'tls')
    set_options(OPTIONS)
    write(f'/run/systemd/system/{SUBMISSIONS}',
          read('/usr/share/doc/smtpd/examples/' + SUBMISSIONS))
    systemctl('daemon-reload')
    systemctl('stop', 'smtpd.socket', SERVICE, SOCKET)
    systemctl('start', SOCKET, SUBMISSIONS)
    client = smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120)
    client.starttls(context=context())
    found = deliver(client)
    check('STARTTLS', found[0] and found[0].startswith('TLSv1.3') and
          found[1] == 'ESMTPS', found)
    client = smtplib.SMTP_SSL('127.0.0.1', 465, 'client.example', timeout=120,
                              context=context())
    found = deliver(client)
    check('port 465', found[1] == 'ESMTPS', found)


def confinement():
    client = smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120)
    client.starttls(context=context())
    found = wait_for(lambda: len(helpers()) == 2 and helpers())
    check('the helper, and what the client has', found, helpers())
    for pid in found or []:
        check_equal('user', status_field(pid, 'Uid').split()[0],
                    run('id', '-u', 'smtpd').strip())
        check_equal('no new privileges', status_field(pid, 'NoNewPrivs'), '1')
    client.quit()
    check_exposure(SERVICE)
    check('the key is root\'s', 'smtpd' not in
          run('stat', '-c', '%U %G', f'{FOLDER}/tls.key'))
    check('the listener lives', main_pid() > 0)


def instance():
    """Where systemd starts one for each connection."""
    drop_in(INSTANCE, CREDENTIALS, 'tls')
    systemctl('stop', SUBMISSIONS, SERVICE, SOCKET)
    systemctl('start', 'smtpd.socket')
    client = smtplib.SMTP('127.0.0.1', 25, 'client.example', timeout=120)
    client.starttls(context=context())
    found = wait_for(helpers)
    check('its helper', found, helpers())
    for pid in found or []:
        check_equal('user', status_field(pid, 'Uid').split()[0],
                    run('id', '-u', 'smtpd').strip())
    found = deliver(client)
    check('STARTTLS', found[0] and found[0].startswith('TLSv1.3') and
          found[1] == 'ESMTPS', found)
    check('nobody stays behind', wait_for(lambda: not helpers()), helpers())


def undo():
    systemctl('stop', SUBMISSIONS, 'smtpd.socket', SERVICE)
    os.unlink(f'/run/systemd/system/{SUBMISSIONS}')
    for unit in (SERVICE, INSTANCE):
        drop_in(unit, '', 'tls')
    set_options()


GROUPS = [prepare, listener, confinement, instance, undo]
