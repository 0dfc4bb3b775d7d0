"""Checks of the units with PostgreSQL as the store: a server on this machine, by
its socket, and one on the network, with a password that is a credential."""

import os
import shutil
import time

from lab import (
    OPTIONS, Client, check, check_equal, cursor, deliver, drop_in, failed_units,
    journal, logged, message_id, read, run, systemctl, until, wait_equal,
    wait_for, write)
from accepting import TEMPLATE, instances
from listening import SERVICE, SOCKET, main_pid

BIN = '/usr/lib/postgresql/15/bin'
DATA = '/var/lib/postgresql'
SERVER = 'postgresql.service'
EXAMPLE = '/usr/share/doc/smtpd/examples/smtpd-postgresql.conf'
PASSWORDS = '/etc/smtpd/pgpass'
LOCAL = 'postgresql:///mail'
REMOTE = 'postgresql://smtpd@db1.example/mail?hostaddr=127.0.0.1'

UNIT = f"""[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
RuntimeDirectoryMode=2775
RuntimeDirectoryPreserve=yes
ExecStart={BIN}/postgres -D {DATA}
KillSignal=SIGINT
"""
CONF = """listen_addresses = '127.0.0.1'
unix_socket_directories = '/run/postgresql'
fsync = on
"""
HBA = """local all all peer
host all all 127.0.0.1/32 scram-sha-256
"""


def is_there():
    """What the checks need, or the reason why they are skipped."""
    missing = [path for path in (f'{BIN}/initdb', '/usr/sbin/smtpd-postgresql')
               if not os.path.exists(path)]
    if missing:
        print('skipped: PostgreSQL in the units, since there is no '
              + ' '.join(missing))
    return not missing


def as_postgres(*command):
    return run('setpriv', '--reuid=postgres', '--regid=postgres',
               '--clear-groups', *command)


def sql(text, database='mail'):
    return as_postgres(f'{BIN}/psql', '-h', '/run/postgresql', '-XAtq', '-c',
                       text, database).strip()


def row_of(reply):
    fields = sql("SELECT client_address, reverse_path, encode(data, 'hex')"
                 f' FROM message WHERE id = {message_id(reply)}').split('|')
    return (*fields[:2], bytes.fromhex(fields[2])) if fields[2:] else fields


def use(database):
    """For all units, as the manual has it."""
    write(OPTIONS, f'SMTPD_OPTIONS=--hostname=mx.lab.example\n'
          f'SMTPD_DATABASE={database}\n')


def prepare():
    os.mkdir(DATA)
    shutil.chown(DATA, 'postgres', 'postgres')
    said = as_postgres(f'{BIN}/initdb', '-D', DATA, '--no-sync', '-E', 'UTF8',
                       '--locale=C.UTF-8')
    for name, text in (('postgresql.conf', CONF), ('pg_hba.conf', HBA)):
        write(f'{DATA}/{name}', text)
    write(f'/run/systemd/system/{SERVER}', UNIT)
    systemctl('daemon-reload')
    check('a server', systemctl('start', SERVER), said)
    # As the manual has it.
    sql("CREATE ROLE smtpd LOGIN PASSWORD 'one'", 'postgres')
    sql("CREATE DATABASE mail OWNER smtpd ENCODING 'UTF8' TEMPLATE template0",
        'postgres')


def stop_all():
    systemctl('stop', 'smtpd.socket', SOCKET, SERVICE)
    until(lambda: not instances())
    systemctl('reset-failed')


def by(socket, to=('127.0.0.1', 25)):
    """The unit that serves, with its next client."""
    stop_all()
    systemctl('start', socket)


def check_mail(what):
    data = f'Subject: x\r\n\r\n{what}\r\n'.encode()
    reply = deliver(data=data, sender=b'ann@lab.example')
    check_equal(f'a row: {what}', row_of(reply) if message_id(reply) else reply,
                ('127.0.0.1', 'ann@lab.example', data))


def writers():
    return [int(pid) for pid in os.listdir('/proc') if pid.isdigit() and
            'smtpd-postgresq' in read(f'/proc/{pid}/comm')]


def exposure(unit):
    line = run('systemd-analyze', 'security', unit).strip().splitlines()[-1]
    print(line)
    return float(line.split(': ')[1].split()[0])


BOTH = ((SOCKET, 'the listener'), ('smtpd.socket', 'an instance'))


def check_service(socket, who, most):
    """Mail comes in, by a writer in the sandbox; its exposure at most."""
    by(socket)
    check_mail(who)
    with Client() as client:
        client.reply()
        client.say(b'MAIL FROM:<a@lab.example>')
        unit = instances()[0] if socket == 'smtpd.socket' else SERVICE
        wait_equal(f'{who}: a writer', lambda: len(writers()), 1)
        line = run('systemd-analyze', 'security', unit).strip().splitlines()[-1]
        print(line)
        check(f'{who}: exposure is {most} at most',
              float(line.split(': ')[1].split()[0]) <= most, line)
        client.quit()


def check_trouble(who, cause, start, end):
    """A reply at once, one line with the cause; then it goes on by itself, and
    the listener is the same."""
    before = main_pid()
    start()
    since, begun = cursor(), time.monotonic()
    check_equal(f'{who}: the reply', deliver()[:9], b'451 4.3.0')
    check(f'{who}: at once', time.monotonic() - begun < 25,
          time.monotonic() - begun)
    causes = [e['SMTPD_CAUSE'] for e in journal(since) if 'SMTPD_CAUSE' in e]
    check(f'{who}: one line with the cause',
          len(causes) == 1 and cause in causes[0], causes)
    end()
    check(f'{who}: and then', wait_for(lambda: deliver()[:3] == b'250'))
    check_equal(f'{who}: the listener is the same', main_pid(), before)


def check_no_server(who, cause):
    check_trouble(f'{who}, no server', cause,
                  lambda: systemctl('stop', SERVER),
                  lambda: systemctl('start', SERVER))


def local():
    """By the socket: the units as the package has them."""
    use(LOCAL)
    for socket, who in BOTH:
        who += ', by the socket'
        check_service(socket, who, 0.2)
        check_no_server(who, 'No such file or directory')


def set_password(word):
    """Who is connected is not asked again."""
    sql(f"ALTER ROLE smtpd PASSWORD '{word}'")
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'smtpd'")


def remote():
    """By the network: the drop-in of the examples."""
    os.makedirs(os.path.dirname(PASSWORDS), 0o700)
    write(PASSWORDS, '*:*:*:smtpd:one\n')
    text = read(EXAMPLE).replace('192.0.2.10', '127.0.0.1')
    for unit in (SERVICE, TEMPLATE):
        drop_in(unit, text, 'postgresql-server')
    use(REMOTE)
    for socket, who in BOTH:
        who += ', by the network'
        check_service(socket, who, 1.0)
        check_no_server(who, 'Connection refused')
        check_trouble(f'{who}, another password',
                      'password authentication failed',
                      lambda: set_password('two'), lambda: set_password('one'))


def other_addresses():
    """Only the server's can be reached."""
    for unit in (SERVICE, TEMPLATE):
        drop_in(unit, read(EXAMPLE), 'postgresql-server')
    by(SOCKET)
    since = cursor()
    check_equal('an address that is not allowed', deliver()[:9], b'451 4.3.0')
    check('and the cause', logged(since, 'timeout expired'))


def undo():
    stop_all()
    systemctl('stop', SERVER)
    for unit in (SERVICE, TEMPLATE):
        drop_in(unit, '', 'postgresql-server')
    check_equal('nothing failed', failed_units(), [])


GROUPS = [prepare, local, remote, other_addresses, undo] if is_there() else []
