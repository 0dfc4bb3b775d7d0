#!/usr/bin/python3 -B
"""Nobody is shut out of smtpdb-web by those who hold connections and send or
read slowly, or not at all.

    tests/web/slow.py
"""

import os
import signal
import socket
import sys

from servers import Checks, Folder, OUT, Smtpd, Web

checks = Checks('web/slow')
check = checks.check

PLACES = 200
TEXT = b'x' * 76 + b'\r\n'
MAIL = b'Subject: long\r\n\r\n' + TEXT * (4 * 1024 * 1024 // len(TEXT))
HOST = b' HTTP/1.1\r\nHost: localhost\r\n'
STRANGER = '127.0.0.2'

# What 200 connections say, and whether they wait for the first of an answer.
WAYS = (
    ('say nothing', b'', False),
    ('end no header', b'GET /livez' + HOST + b'X: ', False),
    ('end no body', b'PUT /api/v1/messages' + HOST +
     b'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n[', False),
    ('are answered, and stay', b'GET /livez' + HOST + b'\r\n', True),
    ('read an octet of 4 MB', b'GET /api/v1/message/1/raw' + HOST + b'\r\n',
     True),
    ('read events', b'GET /events' + HOST + b'\r\n', True),
    ('wait for a mail',
     b'GET /api/v1/search?query=never&wait=300' + HOST + b'\r\n', False),
)


def connect(web, says=b'', answered=False, source='127.0.0.1'):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.bind((source, 0))
    sock.connect(('127.0.0.1', web.port))
    sock.sendall(says)
    if answered:
        sock.recv(1)
    return sock


def holds_on(web, says, answered, source='127.0.0.1'):
    return [connect(web, says, answered, source) for _ in range(PLACES)]


def close(socks):
    for sock in socks:
        sock.close()


def is_answered(web):
    try:
        return web.ask('/livez', timeout=60)[0]
    except OSError as error:
        return error


def memory(web):
    with open(f'/proc/{web.process.pid}/status', encoding='ascii') as status:
        for line in status:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) // 1024
    return 0


def ways(web):
    for name, says, answered in WAYS:
        socks = holds_on(web, says, answered)
        for sock in socks[PLACES // 2:]:
            if says and not answered:
                try:
                    sock.send(b'x')
                except OSError:
                    pass
        check(f'200 that {name}', [is_answered(web) for _ in range(5)],
              [200] * 5)
        close(socks)


def going_on(web):
    """Who gets on keeps his place, though his answer takes longest."""
    slow = holds_on(web, WAYS[1][1], False)[:PLACES - 1]
    sock = connect(web, b'GET /api/v1/message/1/raw' + HOST +
                   b'Connection: close\r\n\r\n')
    got, more = 0, []
    try:
        while piece := sock.recv(65536):
            if got // 262144 != (got + len(piece)) // 262144:
                more.append(connect(web))
            got += len(piece)
    except OSError as error:
        check('a slow one leaves before one that reads', error, None)
    check('all of it came', got > len(MAIL))
    close([sock, *slow, *more])


def at_once(web):
    """What a hundred ask for in one moment is not all kept until they have
    been told to leave."""
    socks = holds_on(web, WAYS[3][1], True)
    web.process.send_signal(signal.SIGSTOP)
    for sock in socks:
        try:
            sock.sendall(WAYS[4][1])
        except OSError:
            pass  # it had to leave for the others
    web.process.send_signal(signal.SIGCONT)
    check('200 that ask at once', is_answered(web), 200)
    close(socks)


def sources(web, smtpd):
    """The source that has the most loses, however young what it has is."""
    stream = connect(web, WAYS[5][1], True)
    lines = stream.makefile('rb')
    first = b'?'
    while first not in (b':\n', b''):
        first = lines.readline()
    for _ in range(3):
        close(holds_on(web, WAYS[0][1], False, STRANGER))
    held = holds_on(web, WAYS[0][1], False, STRANGER)
    again = holds_on(web, WAYS[0][1], False, STRANGER)
    check('one of another source', is_answered(web), 200)
    smtpd.send('Subject: event\n\nx\n')
    got = b''
    while not got.startswith(b'data: '):
        line = lines.readline()
        if not line:
            break
        got = line
    check('its stream goes on', got.startswith(b'data: '))
    close([stream, *held, *again])


def main():
    if not os.path.exists(f'{OUT}/smtpdb-web'):
        print('skipped: web/slow, since smtpdb-web was not built '
              '(libmicrohttpd-dev)')
        return 0
    with Folder() as folder:
        database = f'{folder}/mail.db'
        with Smtpd(database) as smtpd, Web(database) as web:
            smtpd.send(MAIL)
            ways(web)
            going_on(web)
            at_once(web)
            sources(web, smtpd)
            with open(f'{OUT}/smtpdb-web', 'rb') as program:
                sanitized = b'__asan_init' in program.read()
            check('so many answers are not kept', sanitized or
                  memory(web) < 500)
    return checks.end()


if __name__ == '__main__':
    sys.exit(main())
