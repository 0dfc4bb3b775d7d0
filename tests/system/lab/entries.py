"""Checks of what smtpd says to the journal, in both ways of being started."""

import fcntl
import os
import shutil

from lab import (
    DATABASE, Client, check, check_equal, cursor, deliver, journal, message_id,
    query, read, run, set_options, systemctl, until)

STORED = '7dda3e52fbe64b25a60e133e91fe8267'
UNANSWERED = 'f0dd28335c7b41d9829657e04de74b47'
REFUSED = '1802bf8cc93340ed98f2b8893b0d0db4'
DEFERRED = 'ad6a52f5b68041eba3b16cfa66baff6b'
ENDED = '449fddf98f5b4d49ac06050ae5777afc'

OURS = ('MESSAGE', 'SMTPD_')


def by_kind(entries, kind):
    return [entry for entry in entries if entry.get('MESSAGE_ID') == kind]


def with_listener():
    set_options()
    systemctl('stop', 'smtpd-listen.service')
    systemctl('start', 'smtpd-listen.socket')
    check_entries('smtpd-listen.service')


def with_instances():
    set_options()
    systemctl('start', 'smtpd.socket')
    check_entries('smtpd@')


def check_entries(unit):
    since = cursor()
    with Client(source='127.0.0.7') as client:
        client.reply()
        port = str(client.socket.getsockname()[1])
        client.say(b'EHLO client.lab.example')
        reply = client.mail(sender=b'"a b\\\\=c"@lab.example')
        check_equal('mail', reply[:3], b'250')
        # While it lives: the journal asks the kernel what unit it is of.
        stored = by_kind(journal(since), STORED)
        check(f'{unit}: the unit is known',
              stored and stored[0]['_SYSTEMD_UNIT'].startswith(unit), stored)
        client.quit()
    until(lambda: by_kind(journal(since), ENDED))
    entries = journal(since)
    stored, ended = by_kind(entries, STORED), by_kind(entries, ENDED)
    check_equal(f'{unit}: entries of a session with a mail',
                (len(stored), len(ended)), (1, 1))
    check_fields(f'{unit}: stored', stored[0], {
        'SMTPD_CLIENT': '127.0.0.7', 'SMTPD_PORT': port,
        'SMTPD_MESSAGE': str(message_id(reply)),
        'SMTPD_FROM': '"a b\\x5c\\x5c=c"@lab.example',
        'SMTPD_TO': 'b@lab.example', 'SMTPD_RECIPIENTS': '1',
        'SMTPD_SIZE': '23', 'SMTPD_PROTOCOL': 'ESMTP',
        'SMTPD_HELO': 'client.lab.example', 'PRIORITY': '6',
        'SYSLOG_IDENTIFIER': 'smtpd'})
    check_fields(f'{unit}: ended', ended[0], {
        'SMTPD_CLIENT': '127.0.0.7', 'SMTPD_PORT': port,
        'SMTPD_COMMANDS': '5', 'SMTPD_ERRORS': '0', 'SMTPD_MAILS': '1',
        'PRIORITY': '7'})
    hostile(unit)


def check_fields(what, entry, want):
    check_equal(what, {name: entry.get(name) for name in want}, want)


def hostile(unit):
    since = cursor()
    lines = [
        b'RCPT TO:<\x1b[2Jred\x07@lab.example>',
        b'NOPE\rPRIORITY=0\nSMTPD_FORGED=1',
        b'VRFY \xff\xfe\x80 \x00 zero',
        'EHLO bücher \x7f'.encode(),
        b'MAIL FROM:<a@lab.example> ' + b'X' * 900,
        b'"quoted=\\ \x1f',
    ]
    with Client(source='127.0.0.8') as client:
        client.reply()
        client.say(b'EHLO x')
        client.say(b'MAIL FROM:<a@lab.example>')
        replies = [client.say(line) for line in lines]
        client.quit()
    refused = [r for r in replies if r[:1] == b'5']
    until(lambda: by_kind(journal(since), ENDED))
    entries = [e for e in journal(since)
               if e.get('SMTPD_CLIENT') == '127.0.0.8']
    commands = by_kind(entries, REFUSED)
    check(f'{unit}: hostile commands are refused', len(refused) >= 5, replies)
    check_equal(f'{unit}: an entry for each, with the reply given',
                sorted(e['SMTPD_REPLY'].encode() for e in commands),
                sorted(r.rstrip() for r in refused))
    values = [(name, value) for e in entries for name, value in e.items()
              if name.startswith(OURS)]
    check(f'{unit}: no control character is in any field',
          values and all(isinstance(value, str) and value.isprintable()
                         for _, value in values),
          [v for v in values if not (isinstance(v[1], str) and
                                     v[1].isprintable())])
    check(f'{unit}: what they were is still told',
          any('\\x1b[2Jred\\x07' in e['SMTPD_COMMAND'] for e in commands),
          [e['SMTPD_COMMAND'] for e in commands])
    check(f'{unit}: no field is forged',
          not any('SMTPD_FORGED' in e or e['PRIORITY'] == '0'
                  for e in entries))


def trouble():
    """Of ours: the cause is in the journal, and the explanation."""
    set_options('--database=/var/lib/smtpd/broken.db')
    with open('/var/lib/smtpd/broken.db', 'wb') as file:
        file.write(b'no database' * 1000)
    shutil.chown(file.name, 'smtpd', 'smtpd')
    since = cursor()
    with Client(source='127.0.0.9') as client:
        client.reply()
        reply = client.mail()
    check_equal('a broken database', reply[:9], b'421 4.3.0')
    until(lambda: by_kind(journal(since), ENDED))
    entries = by_kind(journal(since), DEFERRED)
    check_equal('an entry', len(entries), 1)
    check_fields('with client and reply', entries[0], {
        'SMTPD_CLIENT': '127.0.0.9', 'SMTPD_REPLY': reply.decode().rstrip(),
        'PRIORITY': '3', 'SMTPD_COMMAND': 'MAIL FROM:<a@lab.example>'})
    check('and the cause',
          'file is not a database' in entries[0]['SMTPD_CAUSE'], entries[0])
    os.unlink('/var/lib/smtpd/broken.db')
    set_options()


def somebody_waits_for(file):
    inode = f':{os.fstat(file.fileno()).st_ino} '
    return any('-> FLOCK' in line and inode in line
               for line in read('/proc/locks').splitlines())


def unanswered():
    """The client goes away while its mail waits to be committed."""
    deliver()
    since = cursor()
    before = query('SELECT max(id) FROM message')[0][0]
    with open(DATABASE + '-lock', 'rb') as lock, \
            Client(source='127.0.0.10') as client:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client.reply()
        for line in (b'MAIL FROM:<a@lab.example>', b'RCPT TO:<b@lab.example>',
                     b'DATA'):
            client.say(line)
        client.send(b'Subject: x\r\n\r\n.\r\n')
        until(lambda: somebody_waits_for(lock))
        client.reset()
    until(lambda: by_kind(journal(since), UNANSWERED))
    entry = by_kind(journal(since), UNANSWERED)[0]
    check_fields('the mail of a client that is gone is told of', entry, {
        'SMTPD_CLIENT': '127.0.0.10', 'SMTPD_MESSAGE': str(before + 1),
        'PRIORITY': '4'})


def catalog():
    run('journalctl', '--update-catalog')
    listed = run('journalctl', '--list-catalog')
    check_equal('all kinds of entry are in the catalog',
                [kind for kind in (STORED, UNANSWERED, REFUSED, DEFERRED,
                                   ENDED) if kind not in listed], [])
    for kind, text in (
            (STORED, 'A mail was stored'), (UNANSWERED, '127.0.0.10'),
            (REFUSED, '127.0.0.8 said: '),
            (DEFERRED, 'file is not a database'),
            (ENDED, '127.0.0.7 gave 5 commands')):
        explained = run('journalctl', '-x', '-q', f'MESSAGE_ID={kind}')
        lines = [line for line in explained.splitlines()
                 if line.startswith('░░')]
        check(f'journalctl -x explains {kind}',
              any(text in line for line in lines), lines[:8])
        check(f'with all values filled in, {kind}',
              lines and not any('@SMTPD' in line for line in lines), lines[:8])


GROUPS = [with_listener, with_instances, trouble, unanswered, catalog]
