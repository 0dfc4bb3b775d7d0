#!/usr/bin/python3 -B
"""What a page of smtpdb-web costs on a large table, and beside maildev (npm) the
same mails at both: the tables of docs/web.md.

    bench/web.py DATABASE [--make MAILS] [--maildev PROGRAM] [--mails N]

--make makes the database first, so large (Debian: sqlite3); maildev is npm's.
"""

import argparse
import os
import signal
import smtplib
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f'{HERE}/../tests/web')
from servers import Folder, Smtpd, Web  # noqa: E402

TIMES = 20

# Mails of 3 kB, of a thousand senders, with what the pages below look for.
FILL = """
PRAGMA wal_autocheckpoint = 0;
PRAGMA synchronous = OFF;
BEGIN;
DELETE FROM message;
WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {mails}),
mail AS (SELECT i, printf('ann%d@a.example', i % 1000) AS sender FROM n),
text AS (SELECT *, printf('From: %s%sTo: bob@b.example%sSubject: Report %d%s%s',
  sender, char(13, 10), char(13, 10), i, char(13, 10), char(13, 10)) AS header,
  printf('report %d: ', i) || replace(printf('%.490c', 'x'), 'x', 'toner ')
  || char(13, 10) AS body FROM mail)
INSERT INTO message (id, received_at, client_address, client_port, helo, protocol,
  verb, reverse_path, body_type, smtputf8, size, trace, header_size, header_from,
  header_to, header_subject, data)
SELECT i, (unixepoch() - ({mails} - i) * 25) * 1000000, '192.0.2.1', 40000,
  'host.example', 'ESMTP', 'MAIL', sender, '8BITMIME', 0,
  length(header) + length(body), '', length(header), sender, 'bob@b.example',
  printf('Report %d', i), CAST(header || body AS BLOB) FROM text;
INSERT INTO recipient (message_id, position, forward_path, mailbox)
SELECT id, 1, header_to, header_to FROM message;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
"""


def make(database, mails):
    with Smtpd(database) as smtpd:
        send(smtpd.port, 1)
    subprocess.run(['sqlite3', database, FILL.format(mails=mails)], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([f'{HERE}/../smtpdb', '-d', database, 'index'], check=True)


def memory(pid):
    """MiB that the process has at most had."""
    for line in open(f'/proc/{pid}/status', encoding='ascii'):
        if line.startswith('VmHWM'):
            return int(line.split()[1]) / 1024
    return 0


def get(port, path):
    began = time.monotonic()
    with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}') as answer:
        octets = answer.read()
    return (time.monotonic() - began) * 1000, len(octets)


def row(port, path):
    first, size = get(port, path)
    rest = [get(port, path)[0] for _ in range(TIMES)]
    print(f'| `{path}` | {first:.1f} | {statistics.median(rest):.1f} | '
          f'{size / 1000:.0f} |', flush=True)


def large(database):
    with Web(database, '--read-only') as web:
        total = web.json('/api/v1/info')['Messages']
    with Web(database, '--read-only') as web:
        web.ask('/livez')  # it is there when the mails are counted
        print(f'{total} mails\n\n| page | first, ms | then, ms | kB |\n'
              '|---|---|---|---|')
        for path in ('/', f'/?before={total // 2}', f'/mail/{total // 2}',
                     '/api/v1/messages', f'/api/v1/messages?start={total // 2}',
                     '/?q=report', '/?q=777777', '/api/v1/search?query=from:ann77',
                     '/stats'):
            row(web.port, path)
        print(f'\nMemory: {memory(web.process.pid):.0f} MiB.')


def send(port, mails):
    began = time.monotonic()
    with smtplib.SMTP('127.0.0.1', port) as smtp:
        for i in range(mails):
            smtp.sendmail('ann@a.example', ['bob@b.example'],
                          f'From: ann@a.example\r\nTo: bob@b.example\r\n'
                          f'Subject: Report {i}\r\n\r\n{"toner " * 500}\r\n')
    return mails / (time.monotonic() - began)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listening:
        return listening.getsockname()[1]


def tell(name, rate, port, one, search, pid):
    print(f'| {name} | {rate:.0f} | ' + ' | '.join(
        f'{statistics.median(get(port, path)[0] for _ in range(TIMES)):.1f}'
        for path in (one, search)) + f' | {memory(pid):.0f} |', flush=True)


def beside(maildev, mails):
    print(f'\n{mails} mails of 3 kB by one connection\n\n'
          '| | mails/s | list, ms | search, ms | memory, MiB |\n|---|---|---|---|---|')
    with Folder() as folder, Smtpd(f'{folder}/mail.db') as smtpd, \
            Web(f'{folder}/mail.db') as web:
        rate = send(smtpd.port, mails)
        tell('smtpd, smtpdb-web', rate, web.port, '/api/v1/messages',
             '/api/v1/search?query=subject:777', web.process.pid)
    smtp, http = free_port(), free_port()
    with Folder() as folder, subprocess.Popen(
            [maildev, '--smtp', str(smtp), '--web', str(http), '--ip',
             '127.0.0.1', '--mail-directory', folder], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True) as process:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(('127.0.0.1', smtp)) == 0:
                        break
                time.sleep(0.1)
            rate = send(smtp, mails)
            time.sleep(2)
            tell('maildev', rate, http, '/api/email',
                 '/api/email?subject=Report%20777',
                 process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('database')
    parser.add_argument('--make', type=int, metavar='MAILS')
    parser.add_argument('--maildev')
    parser.add_argument('--mails', type=int, default=2000)
    options = parser.parse_args()
    if options.make:
        make(options.database, options.make)
    large(options.database)
    if options.maildev:
        beside(options.maildev, options.mails)


if __name__ == '__main__':
    main()
