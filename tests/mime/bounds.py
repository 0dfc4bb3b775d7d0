#!/usr/bin/python3
"""What a hostile mail may cost smtpdb, whatever is in it (make test).

Each mail of the table is filled to so many octets, and each command that reads
mails has two seconds of processor and 64 MiB and four times the mail's octets
of address space for it; none may crash, and the index gets past it.

    tests/mime/bounds.py [--octets N] [NAME...]

The promise is for 50 MB; make test tries less, make check a few.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile

SMTPD = os.path.abspath(os.environ.get('SMTPD_PROGRAM', './smtpd'))
SMTPDB = os.path.abspath(os.environ.get('SMTPDB_PROGRAM', './smtpdb'))
SECONDS = 2
MEMORY = 64 * 1024 * 1024
PER_OCTET = 4
COMMANDS = (('show', '1'), ('show', '-H', '1'), ('show', '-j', '1'),
            ('show', '--html', '1'), ('extract', '1', '-C', 'parts'),
            ('list',), ('list', '--subject=ü'), ('index',), ('search', 'x'),
            ('export', '--mbox=mbox'),
            ('--database=new.db', 'import', '--recipient=a@b.example',
             '--eml=mail'))

TYPE = b'Content-Type: '
NESTED = b''.join(b'%smultipart/mixed; boundary=b%c\r\n\r\n--b%c\r\n' %
                  (TYPE, letter, letter) for letter in range(65, 97))


def text(charset, piece):
    return TYPE + b'text/plain; charset=' + charset + b'\r\n\r\n', piece, b''


def html(piece, before=b''):
    return TYPE + b'text/html; charset=utf-8\r\n\r\n' + before, piece, b''


# What stands before, what is repeated, what stands behind.
MAILS = {
    # Addresses and fields
    'groups': (b'To: ', b'a:', b'\r\n\r\nx'),
    'closed-groups': (b'To: ', b'a:;,', b'\r\n\r\nx'),
    'addresses': (b'To: ', b'a@b,', b'\r\n\r\nx'),
    'comments': (b'To: ', b'(', b'\r\n\r\nx'),
    'quotes': (b'To: ', b'"\\', b'\r\n\r\nx'),
    'fields': (b'', b'a:\r\n', b'\r\nx'),
    'fields-of-blanks': (b'', b'a: \r\n \r\n', b'\r\nx'),
    'folds': (b'Subject: ', b'\r\n a', b'\r\n\r\nx'),
    'text-between-fields': (b'', b'no\r\nTo: x\r\n', b'\r\nx'),
    'bare-cr': (b'a: b\r\n\rX: y\r\n', b'a:\r\n', b''),
    'only-cr': (b'From: x\r', b'a\r', b''),
    'blank-lines': (b'', b' \r\n', b''),
    # Encoded words and parameters
    'words': (b'Subject: ', b'=?utf-8?Q?a?= ', b'\r\n\r\nx'),
    'words-cut': (b'Subject: ', b'=?utf-8?B?w7', b'\r\n\r\nx'),
    'words-open': (b'Subject: ', b'=?a?q?', b'\r\n\r\nx'),
    'words-of-two-charsets': (
        b'', b'X: =?cp1251?q?=e0?= =?koi8-r?q?=e0?=\r\n', b'\r\nx'),
    'parameters': (TYPE + b'text/plain', b';a=b', b'\r\n\r\nx'),
    'pieces-of-a-name': (TYPE + b'a/b', b';name*1=b', b'\r\n\r\nx'),
    'percents': (TYPE + b"a/b; name*=utf-8''", b'%41', b'\r\n\r\nx'),
    # Parts
    'message': (TYPE + b'message/rfc822\r\n\r\n', b'a:\r\n', b''),
    'messages': (b'', TYPE + b'message/rfc822\r\n\r\n', b''),
    'nested': (NESTED, b'--ba \r\n', b''),
    'nested-deep': (
        b'', TYPE + b'multipart/mixed; boundary=b\r\n\r\n--b\r\n', b''),
    'opened-and-closed': (
        TYPE + b'multipart/mixed; boundary=b\r\n\r\n',
        b'--b\r\n' + TYPE + b'multipart/mixed; boundary=c\r\n\r\n--c--\r\n', b''),
    'parts': (TYPE + b'multipart/mixed; boundary=b\r\n\r\n', b'--b\r\n', b''),
    'parts-named': (TYPE + b'multipart/mixed; boundary=b\r\n\r\n',
                    b'--b\r\n' + TYPE + b'a/b; name=x\r\n\r\ny\r\n', b''),
    'digest': (TYPE + b'multipart/digest; boundary=b\r\n\r\n',
               b'--b\r\n\r\nFrom: x\r\n\r\ny\r\n', b''),
    'alternatives': (TYPE + b'multipart/alternative; boundary=b\r\n\r\n',
                     b'--b\r\n\r\n \r\n', b''),
    # Content
    'one-line': (b'\r\n', b'a', b''),
    'nuls': (b'\r\n', b'\0', b''),
    'carriage-returns': (b'\r\n', b'\r', b''),
    'no-utf-8': (b'\r\n', b'\xfc\x80', b''),
    'cut-utf-8': text(b'utf-8', b'\xe2\x82'),
    'directions': text(b'utf-8', b'\xe2\x80\xae'),
    'no-gb18030': text(b'gb18030', b'\xff\x81\r\n'),
    'shifts': text(b'iso-2022-jp', b'\x1b$B\x1b(B'),
    'shifts-kr': text(b'iso-2022-kr', b'\x0eab\x0f'),
    'shifts-7': text(b'utf-7', b'+Jjo-'),
    'half-pairs': text(b'utf-16', b'\xd8\x00'),
    'quoted-blanks': (b'Content-Transfer-Encoding: quoted-printable\r\n\r\n',
                      b'= ', b''),
    'base64-ends': (b'Content-Transfer-Encoding: base64\r\n\r\n', b'Q=', b''),
    'uuencode': (b'Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n',
                 b'M\n', b''),
    'flowed': text(b'utf-8; format=flowed', b'a \r\n'),
    'flowed-blanks': text(b'utf-8; format=flowed', b'a  '),
    'flowed-depths': text(b'utf-8; format=flowed', b'>>a \r\n>b \r\n'),
    'flowed-quotes': text(b'utf-8; format=flowed; delsp=yes', b'>'),
    # HTML
    'html-divs': html(b'<div>'),
    'html-quotes': html(b'<blockquote>x'),
    'html-lists': html(b'<ul><li>x'),
    'html-lines': html(b'x\n', b'<blockquote>' * 9 + b'<ul>' * 9 + b'<pre>'),
    'html-characters': html(b'&a;'),
    'html-ampersands': html(b'&'),
    'html-less': html(b'<'),
    'html-links': html(b'<a href=x>'),
    'html-attributes': html(b'b ', b'<a '),
    'html-comments': html(b'<!--'),
    'html-scripts': html(b'<script>'),
    'html-metas': (TYPE + b'text/html\r\n\r\n', b'<meta charset=', b''),
}


def fill(mail, octets):
    before, piece, behind = mail
    times = (octets - len(before) - len(behind)) // len(piece)
    return before + piece * times + behind


def store(folder, mail):
    with open(f'{folder}/mail', 'wb') as file:
        file.write(mail)
    conversation = (b'EHLO me\r\nMAIL FROM:<a@a.example>\r\n'
                    b'RCPT TO:<b@b.example>\r\nBDAT %d LAST\r\n' % len(mail) +
                    mail + b'QUIT\r\n')
    done = subprocess.run([SMTPD, '--database=mail.db', '--max-size=200M'],
                          input=conversation, cwd=folder, check=True,
                          capture_output=True)
    assert b'\n250 2.0.0 Stored' in done.stdout, done


def limit(memory):
    def apply():
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    return apply


def run(folder, command, memory):
    """What is wrong, or None."""
    done = subprocess.run(
        [SMTPDB, *command], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
        env=dict(os.environ, SMTPD_DATABASE='mail.db'),
        preexec_fn=limit(memory))
    if done.returncode in (0, 1):
        return None
    # There may be no HTML.
    if command[1] == '--html' and done.returncode == 66:
        return None
    return f'{done.returncode} {done.stderr.decode(errors="replace")[:300]}'


def check(mail, memory):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f'{folder}/parts')
        store(folder, mail)
        for command in COMMANDS:
            problem = run(folder, command, memory)
            if problem:
                wrong.append(f'{" ".join(command)}: {problem}')
    return wrong


def is_sanitized():
    """Their shadow takes the address space."""
    with open(SMTPDB, 'rb') as file:
        return b'__asan_init' in file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--octets', type=float, default=1e6)
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    octets = int(args.octets)
    memory = 0 if is_sanitized() else MEMORY + PER_OCTET * octets
    failed = 0
    for name in args.names or MAILS:
        wrong = check(fill(MAILS[name], octets), memory)
        failed += wrong != []
        for line in wrong:
            print(f'bounds: {name}: {line}', file=sys.stderr)
    print(f'bounds: {len(args.names or MAILS) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
