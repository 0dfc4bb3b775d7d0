"""Checks of the Debian packages in the lab (deb.sh), from outside: only what
the packages depend on is in there.  One argument: what is to be checked."""

import glob
import os
import re
import signal
import stat
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lab'))

import lab  # noqa: E402
from lab import (  # noqa: E402
    Client, check, check_equal, check_exposure, deliver, failed_units,
    is_active, message_id, query, run, show, systemctl, until, wait_for)

PID = os.environ['LAB_PID']
ROOT = os.path.abspath('build/deb/debian')
SOCKET = 'smtpd-listen.socket'
SERVICE = 'smtpd-listen.service'
STATE = '/var/lib/smtpd'

lab.DATABASE = f'{ROOT}{STATE}/mail.db'
lab.INSIDE = [
    'nsenter', '--target', PID, '--mount', '--uts', '--ipc', '--net', '--pid',
    '--cgroup', 'env', '-i', 'HOME=/root', 'LANG=C.UTF-8',
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive']


def start_apt(*arguments):
    return subprocess.Popen(
        [*lab.INSIDE, 'apt-get', '-y', *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)


def end_apt(process, what):
    said = process.communicate(timeout=600)[0]
    check_equal(what, process.returncode, 0) or print(said)
    return said


def apt(*arguments):
    """Nobody answers questions."""
    return end_apt(start_apt(*arguments), 'apt ' + ' '.join(arguments))


def deb(name):
    return '/debs/' + os.path.basename(glob.glob(f'{ROOT}/debs/{name}_*')[0])


def exists(path):
    return os.path.lexists(ROOT + path)


def enabled(unit):
    return run('systemctl', 'is-enabled', unit).strip()


def check_sockets(what, listening, per_connection):
    """Of each: is it enabled, and does it listen?"""
    check_equal(what, [(enabled(unit), show(unit, 'ActiveState'))
                       for unit in (SOCKET, 'smtpd.socket')],
                [listening, per_connection])


ON, OFF = ('enabled', 'active'), ('disabled', 'inactive')


def rows():
    return [row[0] for row in query('SELECT id FROM message ORDER BY id')]


def check_mail(what):
    """The id of the row; None: it was not one."""
    text = f'Subject: {what}\r\n\r\nBody.\r\n'.encode()
    reply = deliver(data=text)
    got = message_id(reply)
    row = query('SELECT data FROM message WHERE id = ?', got) if got else []
    check_equal(f'mail is a row: {what}', row or reply, [(text,)])
    return got


def hardening():
    for path in ('/usr/sbin/smtpd', '/usr/bin/smtpdb'):
        if not exists(path):
            continue
        text = subprocess.run(
            ['readelf', '-W', '-h', '-d', '-l', '--dyn-syms', ROOT + path],
            stdout=subprocess.PIPE, text=True).stdout
        for what, pattern in (('position', r'Type: +DYN'), ('now', r'\bNOW\b'),
                              ('relro', 'GNU_RELRO'),
                              ('stack', '__stack_chk_fail'),
                              ('fortify', r'__\w+_chk@')):
            check(f'hardening of {path}: {what}', re.search(pattern, text))


def files():
    """The paths that are the package's alone."""
    listed = run('dpkg', '-L', 'smtpd').split()
    return [path for path in listed
            if exists(path) and not (os.path.isdir(ROOT + path) and
                                     'smtpd' not in path)]


# On a fresh machine

def install():
    check('no mail server is there', not exists('/usr/sbin/smtpd'))
    start = time.monotonic()
    apt('install', deb('smtpd'))
    check_sockets('the listener listens, and will', ON, OFF)
    check_equal('but nothing runs yet', is_active(SERVICE), False)
    swaks = subprocess.run(
        ['swaks', '--server', '127.0.0.1', '--helo', 'client.example',
         '--from', 'ann@client.example', '--to', 'bob@mx.example',
         '--body', 'first'], stdout=subprocess.PIPE, text=True)
    check_equal('swaks', swaks.returncode, 0) or print(swaks.stdout)
    check_equal('its mail is a row', query(
        "SELECT id, reverse_path, forward_path, instr(data, 'first') > 0"
        ' FROM message JOIN recipient ON message_id = id'),
        [(1, 'ann@client.example', 'bob@mx.example', 1)])
    elapsed = time.monotonic() - start
    check('soon', elapsed < 300, elapsed)
    print(f'from apt to the row: {elapsed:.1f} s')
    check_mail('second')
    check_equal('nothing failed', failed_units(), [])


def what_is_there():
    state = os.stat(ROOT + STATE)
    owner = run('id', '-u', 'smtpd').strip(), run('id', '-g', 'smtpd').strip()
    check_equal('the folder of the mail',
                ((str(state.st_uid), str(state.st_gid)),
                 stat.S_IMODE(state.st_mode)), (owner, 0o2770))
    check_exposure(SERVICE)
    check('/etc/default/smtpd is a conffile', '/etc/default/smtpd' in run(
        'dpkg-query', '-W', '-f', '${Conffiles}', 'smtpd'))
    check('journalctl -x has the catalog', 'A mail was stored' in run(
        'journalctl', '--list-catalog', '7dda3e52fbe64b25a60e133e91fe8267'))
    for name in ('libsystemd.so.0', 'libidn2.so.0'):
        check(f'what is loaded later: {name}',
              glob.glob(f'{ROOT}/usr/lib/*/{name}'))
    check('examples have the path of the program',
          '\t/usr/sbin/smtpd\t' in lab.read(
              f'{ROOT}/usr/share/doc/smtpd/examples/inetd.conf'))
    text = run('systemd-analyze', 'verify', '--man=no', SOCKET, 'smtpd.socket',
               SERVICE, 'smtpd@x.service')
    check('systemd-analyze verify', 'smtpd' not in text, text)


# After a reboot

def reboot():
    check_sockets('it listens after a reboot', ON, OFF)
    check_equal('the old mail is there', rows(), [1, 2])
    check_mail('after a reboot')


def upgrade():
    """In the middle of a mail.  The session is let go on, who comes
    meanwhile waits."""
    before = rows()
    with Client() as client:
        client.reply()
        for line in (b'MAIL FROM:<a@lab.example>', b'RCPT TO:<b@lab.example>',
                     b'DATA'):
            client.say(line)
        client.send(b'Subject: half\r\n\r\n')
        process = start_apt('install', '--reinstall', deb('smtpd'))
        check('the listener is to end', wait_for(
            lambda: show(SERVICE, 'ActiveState') == 'deactivating', 60))
        with Client() as waiting:
            check_equal('a mail from before', client.say(b'other half\r\n.')
                        [:3], b'250')
            check_equal('its session ends as it likes', client.quit()[:3],
                        b'221')
            end_apt(process, 'reinstall')
            check_equal('who came meanwhile is served',
                        waiting.reply()[:3], b'220')
            check_equal('and has mail stored', waiting.mail()[:3], b'250')
            waiting.quit()
    check_equal('all mail is there', rows()[:-2], before)
    check_sockets('it listens', ON, OFF)


def other_socket():
    """smtpd.socket, for who prefers it, survives an upgrade as well."""
    systemctl('disable', '--now', SOCKET)
    systemctl('enable', '--now', 'smtpd.socket')
    with Client() as client:
        client.reply()
        apt('install', '--reinstall', deb('smtpd'))
        check_sockets('a process per connection, if so wanted', OFF, ON)
        check_equal('its session has not noticed', client.mail()[:3], b'250')
        client.quit()
    check_mail('by smtpd.socket')
    apt('remove', 'smtpd')
    check_equal('removed, nobody listens', refused(), True)
    apt('install', deb('smtpd'))
    check_sockets('the choice is kept', OFF, ON)
    systemctl('disable', '--now', 'smtpd.socket')
    systemctl('enable', '--now', SOCKET)
    check_mail('by the listener again')


def reader():
    apt('install', '--no-install-recommends', deb('smtpdb'))
    check_equal('smtpdb sees the mails', len(
        run('smtpdb', 'list').splitlines()) >= len(rows()), True)
    hardening()
    web()


ASK = """use IO::Socket::UNIX;
$s = IO::Socket::UNIX->new("/run/smtpdb-web.sock") or die $!;
print $s "GET $ARGV[0] HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
print <$s>;"""


def web():
    """Its socket, and what it is inside of its sandbox."""
    apt('install', '--no-install-recommends', deb('smtpdb-web'))
    unit = 'smtpdb-web.socket'
    check_equal('it waits to be enabled', (enabled(unit), show(
        unit, 'ActiveState')), OFF)
    systemctl('start', unit)
    said = run('perl', '-e', ASK, '/api/v1/messages')
    check('smtpdb-web has the mails', f'"total":{len(rows())},' in said, said)
    said = run('perl', '-e', ASK, '/mail/latest?view=source')
    check('and shows one', 'Received: ' in said, said)
    said = run('perl', '-e', ASK, '/doctor')
    check('and asks doctor', 'the database is whole' in said, said)
    check('it has read it', query(
        "SELECT count(*) FROM delivery WHERE consumer = 'web'") == [(1,)])
    level = run('systemd-analyze', 'security', 'smtpdb-web.service').split()
    check('exposure', float(level[level.index('smtpdb-web.service:') + 1]) <= 0.5,
          level[-4:])
    apt('purge', 'smtpdb-web')


def refused():
    try:
        Client().close()
    except ConnectionRefusedError:
        return True
    return False


def remove():
    lab.write(f'{ROOT}/etc/default/smtpd', 'SMTPD_OPTIONS='
              '--hostname=mine.example --stop-timeout=1\n')
    systemctl('restart', SERVICE)
    before = rows()
    with Client() as client:
        client.reply()
        process = start_apt('remove', 'smtpd')
        check_equal('a session is told to end', client.reply()[:9],
                    b'421 4.3.2')
        client.close()
        end_apt(process, 'apt remove')
    check_equal('removed: the mail is there', rows(), before)
    check('and the options', exists('/etc/default/smtpd'))
    check('but not the program', not exists('/usr/sbin/smtpd'))
    check_equal('nothing runs', smtpd_processes(), [])
    check_equal('nobody listens', refused(), True)
    apt('install', deb('smtpd'))
    check_sockets('installed again, it listens', ON, OFF)
    check_equal('with its options', Client().reply(),
                b'220 mine.example ESMTP smtpd\r\n')
    check('new mail comes behind the old',
          (check_mail('again') or 0) > before[-1])
    check_equal('which is there', rows()[:-1], before)


def smtpd_processes():
    pids = run('sh', '-c', 'cat /proc/[0-9]*/comm').split()
    return [name for name in pids if name == 'smtpd']


def purge():
    mine = files()
    check('files of the package', len(mine) > 10, mine)
    said = apt('purge', 'smtpd')
    check('purge asks nothing', 'debconf' not in said.lower(), said)
    check_equal('purged: its files are gone',
                [path for path in mine if exists(path)], [])
    check_equal('and the mail', exists(STATE), False)
    left = run('find', '/', '-xdev', '-name', 'smtpd*', '-not', '-name',
               'smtpdb*', '-not', '-path', '/debs/*').split()
    check_equal('nothing of that name is left', left, [])
    check_equal('nor a unit', run('systemctl', 'list-unit-files', '--plain',
                                  '--no-legend', 'smtpd*'), '')
    check_equal('nothing failed', failed_units(), [])
    check('smtpdb is still there', exists('/usr/bin/smtpdb'))
    apt('purge', 'smtpdb')
    check_equal('dpkg is content', run('dpkg', '--audit'), '')


# Where Postfix has port 25

def banner(port=25):
    with Client(('127.0.0.1', port)) as client:
        return client.reply()


def postfix():
    apt('install', '--no-install-recommends', 'postfix')
    systemctl('start', 'postfix')
    until(lambda: not refused())
    check('Postfix listens', b'Postfix' in banner(), banner())


def beside_postfix():
    said = apt('install', deb('smtpd'))
    check('who installs is told', 'receives no mail' in said, said)
    print(''.join(f'    | {line}\n' for line in said.splitlines()[-20:]))
    check_sockets('it stays out of the way', OFF, OFF)
    check_equal('nothing failed', failed_units(), [])
    check_equal('dpkg is content', run('dpkg', '--audit'), '')
    check('Postfix is as before', b'Postfix' in banner(), banner())
    apt('install', '--reinstall', deb('smtpd'))
    check_sockets('an upgrade changes nothing', OFF, OFF)


def other_port():
    """What README.Debian advises."""
    lab.write(f'{ROOT}/etc/systemd/system/{SOCKET}.d/override.conf',
              '[Socket]\nListenStream=\nListenStream=127.0.0.1:2525\n')
    systemctl('daemon-reload')
    check('enabled on another port', systemctl('enable', '--now', SOCKET))
    check_equal('mail to that', deliver(('127.0.0.1', 2525))[:3], b'250')
    check('Postfix has its own', b'Postfix' in banner(), banner())
    systemctl('disable', '--now', SOCKET)
    os.unlink(f'{ROOT}/etc/systemd/system/{SOCKET}.d/override.conf')
    systemctl('daemon-reload')


def instead_of_postfix():
    systemctl('disable', '--now', 'postfix')
    check('enabled instead of Postfix', systemctl('enable', '--now', SOCKET))
    check_mail('instead of Postfix')
    apt('remove', 'smtpd')
    systemctl('enable', '--now', 'postfix')
    until(lambda: not refused())
    apt('install', deb('smtpd'))
    check_sockets('installed again beside Postfix', OFF, OFF)
    check_equal('the mail is there', len(rows()), 2)
    apt('purge', 'smtpd', 'postfix')
    check_equal('purged', exists(STATE), False)


# PostgreSQL, as smtpd-postgresql(8) has it

def displays():
    """Of its examples, as a reader sees them."""
    with open('smtpd-postgresql.8', encoding='utf-8') as file:
        text = file.read().split('.Sh EXAMPLES')[1].split('.Sh DIAG')[0]
    found = re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', text, re.DOTALL | re.MULTILINE)
    return [d.replace('\\e', '\\').replace('192.0.2.10', '127.0.0.1')
            .replace('192.0.2.25', '127.0.0.1').replace("'...'", "'one'")
            .replace(':...', ':one') for d in found]


def shell(text):
    done = subprocess.run([*lab.INSIDE, 'sh', '-e'], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=600)
    check_equal(text, done.returncode, 0) or print(done.stdout)
    return done.stdout


def as_postgres(command):
    return shell(f'cd /; runuser -u postgres -- {command}')


def check_row(what, read):
    """A mail, as the manual reads it."""
    reply = deliver(data=f'Subject: {what}\r\n\r\n'.encode())
    check(f'{what}: mail', message_id(reply), reply)
    said = shell(read)
    check(f'{what}: by psql and by smtpdb', said.count(what) == 2, said)


def postgresql():
    """On the same host."""
    make, read = displays()[:2]
    apt('install', '--no-install-recommends', 'postgresql',
        *(deb(name) for name in ('smtpd', 'smtpd-postgresql', 'smtpdb')))
    # In a Debian without systemd-sysv the package does not start it.
    systemctl('start', 'postgresql')
    start = time.monotonic()
    shell(make)
    check_row('by-the-socket', read)
    elapsed = time.monotonic() - start
    print(f'from the first command to the row: {elapsed:.1f} s')
    check_exposure(SERVICE)
    check_equal('no SQLite file', exists(f'{STATE}/mail.db'), False)
    systemctl('disable', '--now', SOCKET)
    systemctl('enable', '--now', 'smtpd.socket')
    check_row('an-instance', read)
    line = b'x' * 998 + b'\r\n'
    check_equal('48 MB through the 64 MiB of an instance',
                deliver(data=b'\r\n' + line * 48000)[:3], b'250')
    systemctl('disable', '--now', 'smtpd.socket')
    systemctl('enable', '--now', SOCKET)


CERTIFICATE = """cd /etc/ssl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \\
    -subj /CN=db1.example -addext subjectAltName=DNS:db1.example \\
    -keyout private/db1.pem -out certs/ca.pem 2>/dev/null
chown postgres private/db1.pem
chgrp postgres private
cd /etc/postgresql/15/main
sed -i '/^ssl_/d' postgresql.conf
echo "ssl_cert_file = '/etc/ssl/certs/ca.pem'" >>postgresql.conf
echo "ssl_key_file = '/etc/ssl/private/db1.pem'" >>postgresql.conf
sed -i '/^host/d' pg_hba.conf
"""


def by_network():
    """A server with a certificate and a password."""
    read, role, access, address, drop_in = displays()[1:6]
    shell(CERTIFICATE)
    # The role and the database are there already.
    as_postgres('psql -c "' + role.split('\n')[0].replace('CREATE', 'ALTER') + '"')
    for path, text in (('postgresql/15/main/pg_hba.conf', access),
                       ('default/smtpd', address)):
        with open(f'{ROOT}/etc/{path}', 'a', encoding='utf-8') as file:
            file.write(text)
    systemctl('restart', 'postgresql')
    shell(drop_in + "sed -i 's/192.0.2.10/127.0.0.1/' "
          '/etc/systemd/system/smtpd-listen.service.d/*\n'
          'systemctl daemon-reload; systemctl restart smtpd-listen.service\n')
    check_row('by-the-network', read)
    said = as_postgres(
        'psql -Atc "SELECT DISTINCT client_addr, ssl FROM pg_stat_activity JOIN'
        ' pg_stat_ssl USING (pid) WHERE usename = \'smtpd\'"')
    check('inside TLS', '127.0.0.1|t' in said, said)


def accounts():
    """In the same database, for the listener and for an instance."""
    apt('install', '--no-install-recommends', deb('smtpd-auth'))
    lab.write(f'{ROOT}/etc/default/smtpd', 'SMTPD_OPTIONS=--auth=rows'
              ' --auth-insecure\nSMTPD_DATABASE=postgresql:///mail\n')
    shell('cd /; printf "secret\\nsecret\\n" | runuser -u smtpd -- smtpdb'
          ' --database=postgresql:///mail account add ann')
    for start, stop in (('smtpd.socket', SOCKET), (SOCKET, 'smtpd.socket')):
        systemctl('stop', stop, SERVICE)
        systemctl('start', start)
        with Client() as client:
            client.reply()
            client.say(b'EHLO client.example')
            check_equal(f'AUTH by {start}', client.say(
                b'AUTH PLAIN AGFubgBzZWNyZXQ=')[:3], b'235')
            check_equal('and a mail', client.mail()[:3], b'250')
    said = as_postgres('psql -Atc "SELECT count(*) FROM message WHERE'
                       " authenticated_as = 'ann'\" mail")
    check_equal('rows of the account', said.strip(), '2')


def without_program():
    """smtpd-postgresql is removed: the client comes again, and is told why in the
    log."""
    since = lab.cursor()
    apt('remove', 'smtpd-postgresql')
    systemctl('restart', SERVICE)
    check_equal('no program', deliver()[:1], b'4')
    check('and the log', lab.logged(since, 'smtpd-postgresql'))
    apt('install', '--no-install-recommends', deb('smtpd-postgresql'))
    systemctl('restart', SERVICE)
    check_equal('and with it again', deliver()[:3], b'250')
    check_equal('nothing failed', failed_units(), [])


GROUPS = {
    'postgresql': [postgresql, by_network, accounts, without_program],
    'install': [install, what_is_there],
    'keep': [reboot, upgrade, other_socket, reader, remove, purge],
    'postfix': [postfix, beside_postfix, other_port, instead_of_postfix],
}


def main():
    signal.alarm(3000)  # a deadline for all
    for group in GROUPS[sys.argv[1]]:
        start = time.monotonic()
        try:
            group()
        except Exception:
            check(f'{group.__name__} ran to its end', False,
                  traceback.format_exc())
        print(f'deb.{group.__name__}: {time.monotonic() - start:.1f} s',
              flush=True)
    lab.finish()


main()
