"""Checks of the installed inetd.conf with Debian's inetd, where it cannot be
seen from outside: what goes to syslog."""

import os

from lab import (
    Client, check, check_equal, cursor, deliver, journal, message_id, read,
    row_of, systemctl, until, write)

EXAMPLE = '/usr/share/doc/smtpd/examples/inetd.conf'


def start(wait):
    """With the lines for `nowait`, or that for `wait`."""
    lines = [line.lstrip('# ') for line in read(EXAMPLE).splitlines()
             if '\tstream\t' in line and ('\twait\t' in line) == wait]
    write('/etc/inetd.conf', '\n'.join(lines).replace('/usr/local', '/usr')
          + '\n')
    write('/run/systemd/system/lab-inetd.service',
          '[Service]\nExecStart=/usr/sbin/inetd -i\n')
    systemctl('stop', 'smtpd.socket', 'smtpd-listen.socket')
    systemctl('daemon-reload')
    systemctl('start', 'lab-inetd.service')
    until(connects)
    return len(lines)


def connects():
    try:
        Client().close()
    except ConnectionRefusedError:
        return False
    return True


def stop():
    systemctl('stop', 'lab-inetd.service')


def check_syslog(to, want):
    since = cursor()
    with Client(to) as client:
        heard = client.reply()
        heard += client.say(b'EHLO client.lab.example')
        heard += client.say(b'NOPE \x1b[2J')
        heard += client.say(b'MAIL FROM:<a b>')
        reply = client.mail(sender=b'"x y=1"@lab.example')
        heard += client.say(b'QUIT') + client.reply()
    check_equal(f'{want}: a mail', row_of(reply)[0] if message_id(reply)
                else reply, want)
    check(f'{want}: nothing but replies is heard',
          all(line[:3].isdigit() and line[3:4] in b' -'
              for line in heard.splitlines()), heard)
    until(lambda: [e for e in journal(since)
                   if e['MESSAGE'].startswith('ended ')])
    entries = journal(since)
    check_equal(f'{want}: all by syslog, for mail',
                {(e['_TRANSPORT'], e['SYSLOG_FACILITY']) for e in entries},
                {('syslog', '2')})
    lines = [e['MESSAGE'] for e in entries]
    stored = [line for line in lines if line.startswith('stored ')]
    check_equal(f'{want}: a line a mail', len(stored), 1)
    for text in (f' client={want} ', f' message={message_id(reply)} ',
                 'from="\\"x y=1\\"@lab.example"', ' to=b@lab.example ',
                 ' size=23 ', ' helo=client.lab.example'):
        check(f'{want}: the line has {text}', text in stored[0], stored)
    refused = [line for line in lines if line.startswith('refused ')]
    check_equal(f'{want}: a line for each refusal', len(refused), 2)
    check(f'{want}: and no control character', all(map(str.isprintable, lines))
          and any('\\x1b[2J' in line for line in refused), refused)


def nowait():
    if not os.path.exists('/usr/sbin/inetd'):
        print('skipped: inetd, which is not installed')
        return
    check_equal('lines for nowait', start(False), 2)
    check_syslog(('127.0.0.1', 25), '127.0.0.1')
    check_syslog(('::1', 25), '::1')
    stop()


def wait():
    if not os.path.exists('/usr/sbin/inetd'):
        return
    check_equal('lines for wait', start(True), 1)
    check_syslog(('127.0.0.1', 25), '127.0.0.1')
    check_equal('and many', {str(deliver())[:5] for _ in range(30)}, {"b'250"})
    stop()


GROUPS = [nowait, wait]
