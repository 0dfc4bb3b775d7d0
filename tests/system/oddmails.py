#!/usr/bin/python3
"""Stores mails that are hard to read, and prints how many:

    tests/system/oddmails.py SMTPD DATABASE
"""

import base64
import subprocess
import sys

CONTROLS = bytes(c for c in range(1, 32) if c not in b'\r\n') + \
    b'\x7f' + '\u0085\u009b31m\u202e\u2066\u200b\ufeff'.encode()
NAMES = (b'From', b'To', b'Subject', b'Date', b'Message-ID', b'Cc',
         b'Reply-To', b'X-Thing', b'X-' + b'n' * 200)
PART = b'--x\r\nContent-Disposition: attachment; filename="%s"\r\n\r\ny\r\n'
MIXED = b'Content-Type: multipart/mixed; boundary=x\r\n\r\n'


def text(charset, octets, encoding=b'8bit'):
    return (b'Content-Type: text/plain; charset=%s\r\n'
            b'Content-Transfer-Encoding: %s\r\n\r\n%s\r\n'
            % (charset, encoding, octets))


def nested(kind, depth):
    return b''.join(b'Content-Type: %s; boundary=b%d\r\n\r\n--b%d\r\n'
                    % (kind, i, i) for i in range(depth)) + b'\r\nbottom\r\n'


MAILS = [
    # Those that the test knows by number come first.
    (b'Subject: before\0after\r\n\r\nbefore\0after\r\nsecond line\r\n', {}),
    (b'Subject: many\r\n\r\nx\r\n',
     {'rcpts': [f'user{i:04}-{"l" * 40}@{"d" * 60}.{"e" * 60}.example'
                for i in range(1000)]}),
    (MIXED + b'--x\r\n\r\ntext\r\n' + b''.join(PART % name for name in (
        b'../../evil', b'..\\..\\evil', b'..', b'.', b'-rf', b'/etc/passwd',
        b'a\x1b[31mb\xe2\x80\xaegpj.exe', b'l' * 300 + b'.txt', b'',
        b'a/../../b', b'~/.profile', b'nul\0l', b'new\tline')) + b'--x--\r\n',
     {}),
    # Far more parts, and far more fields, than anybody writes.
    (MIXED + b'--x\r\n\r\nx\r\n' * 200000, {}),
    (b''.join(b'X-F: %d\r\n' % i for i in range(200000)) + b'\r\nx\r\n', {}),
    # The others only must not do harm.
    (b'', {}),
    (b'\r\n', {}),
    (b'Subject: a header and nothing else\r\n', {}),
    (b'Subject: not even a line end', {}),
    (b''.join(n + b': a' + CONTROLS + b'b\r\n' for n in NAMES) + b'\r\n'
     + CONTROLS, {}),
    (bytes(range(256)) * 10, {}),
    (text(b'shift_jis', base64.b64encode('日本語'.encode('shift_jis')),
          b'base64'), {}),
    (text(b'utf-16', base64.b64encode('ü\0x'.encode('utf-16')), b'base64'), {}),
    (text(b'utf-7', b'Hi +Jjo-'), {}),
    (text(b'x-unknown', b'\xff\xfe'), {}),
    (text(b'utf-8', b'\xff\xfe\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80'), {}),
    (text(b'"../../x//TRANSLIT"', b'\xfc'), {}),
    (text(b'', b'\xfc', b'x-nonsense'), {}),
    (text(b'us-ascii', b'a=ZZb=\r\nc=3', b'quoted-printable'), {}),
    (text(b'us-ascii', b'!!!!====', b'base64'), {}),
    (text(b'us-ascii', b'begin 644 ../x\r\n#0V%T\r\n`\r\nend', b'x-uuencode'),
     {}),
    (b'Subject: =?koi8-r?B?8NLJ18XU?= =?nonesuch?Q?abc?= =?utf-8?b?!!?=\r\n'
     b'From: =?utf-8?q?=1B=5B31m=00=0A?= <a@b>\r\n\r\nx\r\n', {}),
    (b'Subject: =?utf-8?q?' + b'a' * 990 + b'?=\r\n\r\nx\r\n', {}),
    (b': no name\r\nno colon\r\nA : blank\r\n\r\nx\r\n', {}),
    (b' folded from the start\r\nSubject: x\r\n\r\nx\r\n', {}),
    (b'Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nno boundary\r\n', {}),
    (b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n', {}),
    (b'Content-Type: multipart/mixed; boundary=x\r\n\r\nno part', {}),
    (b'Content-Type: multipart/alternative; boundary=x\r\n\r\n--x--\r\n', {}),
    (b'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n', {}),
    (b'Content-Type: message/partial; id=1; number=1\r\n\r\nx\r\n', {}),
    (b'Content-Type: message/external-body; access-type=local-file;'
     b' name="/etc/passwd"\r\n\r\n\r\n', {}),
    (b'Content-Type: ;;;===\r\n\r\nx\r\n', {}),
    (b'Content-Type: text/html\r\n\r\n<p>a<b>\xff&#0;&#x110000;&#27;<!--', {}),
    (nested(b'multipart/mixed', 5000), {}),
    (nested(b'multipart/alternative', 200), {}),
    (b'Content-Type: message/rfc822\r\n\r\n' * 5000, {}),
    (b'Content-Type: text/plain; name*0*=utf-8\'\'a'
     + b''.join(b';\r\n name*%d*=%%1B' % i for i in range(1, 500))
     + b'\r\n\r\nx\r\n', {}),
    ('Subject: ünï\r\n\r\nx\r\n'.encode(),
     {'rcpts': ['büb@bücher.example'], 'sender': 'änn@ä.example',
      'utf8': True}),
    (MIXED + b'--x\r\nContent-Transfer-Encoding: base64\r\n'
     b'Content-Type: application/zip\r\n\r\n'
     + base64.encodebytes(bytes(10 * 1024 * 1024)).replace(b'\n', b'\r\n')
     + b'--x--\r\n', {}),
]


def transcript(data, rcpts=('bob@b.example',), sender='ann@a.example',
               utf8=False):
    lines = [f'MAIL FROM:<{sender}> BODY=BINARYMIME'
             + (' SMTPUTF8' if utf8 else '')]
    lines += [f'RCPT TO:<{rcpt}>' for rcpt in rcpts]
    lines += [f'BDAT {len(data)} LAST', '']
    return '\r\n'.join(lines).encode() + data


def main():
    session = b'EHLO me\r\n' + b''.join(
        transcript(data, **how) for data, how in MAILS) + b'QUIT\r\n'
    result = subprocess.run(
        (sys.argv[1], f'--database={sys.argv[2]}'), input=session,
        capture_output=True, check=True)
    stored = result.stdout.count(b'250 2.0.0 Stored')
    if stored != len(MAILS):
        sys.exit(f'{len(MAILS)} mails, {stored} stored: {result.stderr}')
    print(stored)


main()
