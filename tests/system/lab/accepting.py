"""Checks of smtpd.socket and smtpd@.service (Accept=yes)."""

import os
import time

from lab import (
    DATABASE, MORE_SOCKETS, Client, check, check_confined, check_equal,
    check_exposure, cursor, deliver, drop_in, failed_units, in_threads,
    journal, logged, message_id, row_of, rude_clients, run, set_options, show,
    systemctl, until, wait_equal, wait_for)

SOCKET = 'smtpd.socket'
TEMPLATE = 'smtpd@.service'


def instances():
    text = run('systemctl', 'list-units', '--plain', '--no-legend', '--all',
               'smtpd@*')
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def prepare():
    """From one socket to the other."""
    drop_in(SOCKET, MORE_SOCKETS)
    set_options()
    systemctl('start', 'smtpd-listen.socket')
    deliver()
    for start, end in ((SOCKET, 'smtpd-listen.socket'),
                       ('smtpd-listen.socket', SOCKET)) * 2 + (
                      (SOCKET, 'smtpd-listen.socket'),):
        check(f'{start} takes over', systemctl('start', start))
        wait_equal(f'{end} has ended', lambda: show(end, 'ActiveState'),
                   'inactive')
    wait_equal('and the listener',
               lambda: show('smtpd-listen.service', 'ActiveState'), 'inactive')
    wait_equal('nothing runs before the first client', instances, [])


def addresses():
    for to, source, want in (
            (('127.0.0.1', 25), '127.1.2.3', '127.1.2.3'),
            (('::1', 25), None, '::1'),
            (('2001:db8:1::1', 25), '2001:db8:1:1::5', '2001:db8:1:1::5'),
            (('127.0.0.1', 2525), None, '127.0.0.1'),
            (('::1', 2526), None, '::1'),
            ('/run/smtpd.sock', None, 'local')):
        data = f'Subject: to {to} from {source}\r\n\r\nx\r\n'.encode()
        reply = deliver(to, source, data=data)
        check_equal(f'a row for mail to {to} from {source}',
                    row_of(reply) if message_id(reply) else reply,
                    (want, 'a@lab.example', data))


def one_session():
    with Client() as client:
        check_equal('banner', client.reply(),
                    b'220 mx.lab.example ESMTP smtpd\r\n')
        wait_equal('an instance for the session', lambda: len(instances()), 1)
        units = instances()
        name = f'127.0.0.1:25-127.0.0.1:{client.socket.getsockname()[1]}'
        check('named by the client', name in units[0], units[0])
        pid = int(show(units[0], 'MainPID'))
        check_confined(pid, 'the instance')
        check_exposure(units[0])
        check_equal('memory of one', show(units[0], 'MemoryMax'),
                    str(64 * 1024 * 1024))
        since = cursor()
        reply = client.mail()
        check_equal('mail', reply[:3], b'250')
        # While it lives: the journal asks the kernel what unit it is of.
        units = {e.get('_SYSTEMD_UNIT') for e in journal(since)}
        check('the journal knows the instance', name in str(units), units)
        client.quit()
    wait_equal('it ends with its connection', instances, [])
    check('the last to close takes the log away',
          not os.path.exists(DATABASE + '-wal'))


def options():
    set_options('--hostname=other.lab.example --max-size=1000')
    with Client() as client:
        client.reply()
        check_equal('options of the environment file',
                    client.say(b'EHLO x').split(b'\r\n')[0],
                    b'250-other.lab.example')
        check_equal('and its limits', client.say(
            b'MAIL FROM:<a@lab.example> SIZE=1001')[:3], b'552')
        client.quit()
    set_options('--max-size=nonsense')
    since = cursor()
    with Client() as client:
        check_equal('a bad option: the client is told',
                    client.reply()[:9], b'421 4.3.0')
    check('and the journal', wait_for(
        lambda: logged(since, "'nonsense' is not a size")))
    wait_equal('no failed instance is left', instances, [])
    set_options()
    check_equal('mended', deliver()[:3], b'250')


def per_source():
    clients = [Client(source='127.0.0.2') for _ in range(16)]
    check_equal('16 sessions from one address',
                [c.reply()[:3] for c in clients], [b'220'] * 16)
    with Client(source='127.0.0.2') as one_more:
        check_equal('one more is closed', one_more.reply(), b'')
    with Client(source='127.0.0.3') as other:
        check_equal('another address is served', other.reply()[:3], b'220')
        other.quit()
    for client in clients:
        client.close()
    wait_equal('all end', instances, [])


def total():
    drop_in(SOCKET, MORE_SOCKETS + 'MaxConnections=3\n')
    systemctl('restart', SOCKET)
    clients = [Client(source=f'127.0.0.{i}') for i in range(2, 5)]
    check_equal('MaxConnections=3: three sessions',
                [c.reply()[:3] for c in clients], [b'220'] * 3)
    with Client(source='127.0.0.9') as one_more:
        check_equal('one more is closed', one_more.reply(), b'')
    clients[0].quit()
    until(lambda: len(instances()) < 3)
    check_equal('who ends makes room', deliver()[:3], b'250')
    for client in clients:
        client.close()
    drop_in(SOCKET, MORE_SOCKETS)
    systemctl('restart', SOCKET)


def time_limit():
    drop_in(TEMPLATE, '[Service]\nRuntimeMaxSec=5s\n')
    with Client() as client:
        client.reply()
        check_equal('RuntimeMaxSec: told to come back', client.reply()[:9],
                    b'421 4.3.2')
    wait_equal('no failed instance is left', instances, [])
    drop_in(TEMPLATE, '')


def stop():
    with Client() as client:
        client.reply()
        systemctl('stop', SOCKET)
        check_equal('a session outlives its socket', client.mail()[:3], b'250')
        systemctl('stop', '--no-block', *instances())
        check_equal('but not its instance', client.reply()[:9], b'421 4.3.2')
        check_equal('and that is the end', client.reply(), b'')
    wait_equal('no failed instance is left', instances, [])
    systemctl('start', SOCKET)


def rudeness():
    rude_clients()
    wait_equal('instances of rude clients end', instances, [])
    check_equal('nothing failed', failed_units(), [])
    check_equal('mail as ever', deliver()[:3], b'250')


def crowd():
    """More than systemd lets through, in less than two seconds."""
    took, clients = 2, []
    for _ in range(10):  # a busy machine may need a second try
        for client in clients:
            client.close()
        wait_equal('none is left', instances, [], 300)
        start = time.monotonic()
        clients = [Client(source=f'127.0.2.{i % 100 + 1}', timeout=300)
                   for i in range(300)]
        took = time.monotonic() - start
        if took < 2:
            break
    replies = in_threads([lambda c=c: c.reply()[:3] for c in clients])
    check('300 connections in two seconds', took < 2, took)
    check('are served, or closed when there are too many',
          set(replies) <= {b'220', b''}, set(map(str, replies)))
    check('most of them', replies.count(b'220') >= 200, replies.count(b'220'))
    for client in clients:
        client.close()
    check_equal('the socket is alive', show(SOCKET, 'ActiveState'), 'active')
    wait_equal('the instances end', instances, [], 300)
    check_equal('nothing failed', failed_units(), [])
    check_equal('mail as ever', deliver()[:3], b'250')


def big_mail():
    """50 MiB through 64 MiB of memory, on a disk."""
    systemctl('stop', SOCKET)
    os.chmod('/disk', 0o2770)
    run('chown', 'smtpd:smtpd', '/disk')
    run('mount', '--bind', '/disk', '/var/lib/smtpd')
    systemctl('start', SOCKET)
    line = b'x' * 998 + b'\r\n'
    data = b'Subject: big\r\n\r\n' + line * (50 * 1000 * 1000 // len(line))
    reply = deliver(data=data)
    row = row_of(reply) if message_id(reply) else None
    check('a mail of 50 MB is taken', row and row[2] == data, reply)
    until(lambda: not instances())
    systemctl('stop', SOCKET)
    run('umount', '/var/lib/smtpd')
    systemctl('start', SOCKET)


GROUPS = [prepare, addresses, one_session, options, per_source, total,
          time_limit, stop, rudeness, crowd, big_mail]
