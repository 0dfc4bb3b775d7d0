#!/usr/bin/python3
"""How long a mail takes while a command of smtpdb changes the same database:

    bench/beside.py DATABASE COMMAND...

First alone, then one mail after the other until the command ends.
"""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Session:
    def __init__(self, database):
        self.process = subprocess.Popen(
            [f'{HERE}/smtpd', f'--database={database}'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.reply()
        self.ask('EHLO me')

    def reply(self):
        while (line := self.process.stdout.readline())[3:4] == b'-':
            pass
        return line[:3]

    def ask(self, line):
        self.process.stdin.write(line.encode() + b'\r\n')
        self.process.stdin.flush()
        return self.reply()

    def mail(self):
        """Milliseconds."""
        began = time.monotonic()
        for line in ('MAIL FROM:<a@a.example>', 'RCPT TO:<b@b.example>',
                     'DATA'):
            self.ask(line)
        answer = self.ask('Subject: x\r\n\r\nhello\r\n.')
        if answer != b'250':
            sys.exit(f'the mail was answered {answer}')
        return (time.monotonic() - began) * 1e3


def mails(database, go_on):
    """Sends one after the other, in sessions of 500, which have limits."""
    times = []
    while go_on(times):
        if len(times) % 500 == 0:
            session = Session(database)
        times.append(session.mail())
        time.sleep(0.002)
    return times


def tell(what, times):
    times.sort()
    print(f'{what}: {len(times)} mails, median {times[len(times) // 2]:.1f},'
          f' 99% {times[len(times) * 99 // 100]:.1f},'
          f' longest {times[-1]:.1f} ms')


def main():
    database, command = sys.argv[1], sys.argv[2:]
    tell('alone', mails(database, lambda times: len(times) < 300))
    began = time.monotonic()
    tool = subprocess.Popen([f'{HERE}/smtpdb', '-d', database, *command])
    times = mails(database, lambda times: tool.poll() is None)
    tell(f'beside {" ".join(command)} ({time.monotonic() - began:.1f} s)',
         times)


main()
