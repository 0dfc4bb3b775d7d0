"""Checks of the example smtpd-new-mail.path: a command runs when mail arrives,
and no mail is missed, also what arrives while it runs or ends."""

import os
import random
import shutil
import time

from lab import (
    check, check_equal, deliver, drop_in, failed_units, in_threads, is_active,
    message_id, query, read, run, set_options, show, systemctl, until,
    wait_equal, wait_for, write)

EXAMPLES = '/usr/share/doc/smtpd/examples'
# What /usr/local/bin/take-new-mail writes, an id a line.
TAKEN = '/var/lib/smtpd/taken'
# What smtpd makes.
FLAG = '/var/lib/smtpd/new-mail'
SERVICE = 'smtpd-new-mail.service'


def taken():
    return [int(line) for line in read(TAKEN).split()]


def starts():
    return len(run('journalctl', '-q', '-o', 'cat', '-u', SERVICE, '--grep',
                   '^Finished').splitlines())


def install():
    for name in os.listdir(EXAMPLES):
        if name.startswith('smtpd-new-mail'):
            shutil.copy(os.path.join(EXAMPLES, name), '/etc/systemd/system')
    systemctl('daemon-reload')


def arrive(who, rounds):
    """Two mails in each round, of which the second comes at any moment of
    what the first has started, and nothing comes after it."""
    late = []
    for _ in range(rounds):
        first = deliver()
        time.sleep(random.uniform(0, 0.2))
        ids = {message_id(first), message_id(deliver())}
        if not wait_for(lambda: ids <= set(taken())):
            late.append(ids - set(taken()))
    check_equal(f'{who}: mails that were not taken soon', late, [])
    senders = [lambda: [deliver() for _ in range(15)]] * 3
    replies = [r for rs in in_threads(senders) for r in rs]
    ids = {message_id(r) for r in replies}
    check(f'{who}: 45 mails at once', len(ids - {None}) == 45, replies)
    check(f'{who}: all of them are taken',
          wait_for(lambda: ids <= set(taken())), ids - set(taken()))


def failure(who):
    """A command that fails is run again."""
    drop_in(SERVICE, '[Service]\nRestartSec=1s\n')
    write('/run/take-no-mail', '')
    reply = deliver()
    wait_equal(f'{who}: the command fails', lambda: show(SERVICE, 'Result'),
               'exit-code')
    os.unlink('/run/take-no-mail')
    check(f'{who}: when it works again, the mail is taken',
          wait_for(lambda: message_id(reply) in taken()), taken())
    drop_in(SERVICE, '')


def check_new_mail(socket, who):
    set_options(f'--new-mail={FLAG}')
    systemctl('stop', 'smtpd-listen.service')
    systemctl('start', socket)
    reply = deliver()
    systemctl('start', 'smtpd-new-mail.path')
    check(f'{who}: what was there before is taken',
          wait_for(lambda: message_id(reply) in taken()), taken())
    before, runs = len(taken()), starts()
    arrive(who, 15)
    check_equal(f'{who}: each is taken once', len(taken()), before + 75)
    check(f'{who}: when no mail comes, nothing runs', quiet(), starts())
    # Not for what a reader does, as opposed to a mail.
    query('SELECT max(id) FROM message')
    check(f'{who}: nor when somebody reads', quiet(), starts())
    print(f'{who}: {starts() - runs} runs for 75 mails')
    failure(who)
    check_equal(f'{who}: nothing failed', failed_units(), [])
    check(f'{who}: the path unit waits', is_active('smtpd-new-mail.path'),
          show('smtpd-new-mail.path', 'Result'))
    systemctl('stop', 'smtpd-new-mail.path')


def quiet():
    """Not started for half a second."""
    until(lambda: not os.path.exists(FLAG) and
          show(SERVICE, 'ActiveState') == 'inactive')
    before = show(SERVICE, 'InvocationID')
    time.sleep(0.5)
    return show(SERVICE, 'InvocationID') == before


def with_listener():
    install()
    check_new_mail('smtpd-listen.socket', 'listener')


def with_instances():
    check_new_mail('smtpd.socket', 'instances')


GROUPS = [with_listener, with_instances]
