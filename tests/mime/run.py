#!/usr/bin/python3
"""What people see of a mail, in show, list, search, extract and JSON (make check).

NAME.eml goes through smtpd as it is, by BDAT; NAME.want says what the commands
make of it, and "#" why:

    from, to, subject: what list has, as JSON strings
    part N: type, octets, and of "body", "listed" what it is
    name, text, html: of that part, the same
    file: what extract ID writes, name and octets
    find, miss: words that search must, and must not, find it by

For every mail, show and list must agree, show must print each text, and list
must find it by its own From and Subject.

    tests/mime/run.py [--print] [NAME...]
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SMTPD = os.path.abspath(os.environ.get('SMTPD_PROGRAM', './smtpd'))
SMTPDB = os.path.abspath(os.environ.get('SMTPDB_PROGRAM', './smtpdb'))
# What show puts in place of these is told by terminal.h.
UNSHOWN = dict.fromkeys([*range(0x20), *range(0x7f, 0xa0), 0xad, 0x200b, 0x202e,
                         0xfeff], '\ufffd')
del UNSHOWN[ord('\n')], UNSHOWN[ord('\t')]


class Tool:
    def __init__(self, folder):
        self.folder = folder
        self.environment = dict(os.environ, LC_ALL='C.UTF-8', TZ='UTC',
                                SMTPD_DATABASE=f'{folder}/mail.db')

    def store(self, mails):
        conversation = b'EHLO me\r\n'
        for mail in mails:
            conversation += (b'MAIL FROM:<ann@a.example>\r\n'
                             b'RCPT TO:<bob@b.example>\r\n'
                             b'BDAT %d LAST\r\n' % len(mail)) + mail
        subprocess.run([SMTPD], input=conversation + b'QUIT\r\n', check=True,
                       capture_output=True, env=self.environment)

    def run(self, *args, status=0):
        done = subprocess.run([SMTPDB, *args], capture_output=True,
                              env=self.environment, cwd=self.folder, check=False)
        if done.returncode != status:
            raise AssertionError(f'{args}: {done.returncode}, {done.stderr}')
        return done.stdout

    def lines(self, *args):
        # JSON's lines end in LF; a mail may have other ends of Unicode.
        return [json.loads(line) for line in
                self.run(*args).decode().rstrip('\n').split('\n')]


def string(value):
    return json.dumps(value, ensure_ascii=False)


def listed(shown):
    """The numbers of the parts that show names."""
    return {line.split(']')[0][1:] for line in shown.split('\n')
            if line.startswith('[') and ']' in line}


def describe(mail, row, shown, files):
    lines = [f'{key}: {string(row[key])}' for key in ('from', 'to', 'subject')
             if row[key] is not None]
    numbers = listed(shown)
    for part in mail['parts']:
        words = [part['type'], str(part['size'])]
        words += ['body'] if 'text' in part else []
        words += ['listed'] if str(part['part']) in numbers else []
        lines.append(f'part {part["part"]}: ' + ' '.join(words))
        for key in ('name', 'text', 'html'):
            if part.get(key) is not None:
                lines.append(f'{key}: {string(part[key])}')
    lines += [f'file: {name} {octets!r}' for name, octets in files]
    return lines


def extract(tool, number):
    folder = f'{tool.folder}/{number}'
    os.mkdir(folder)
    names = tool.run('extract', str(number), '-C', folder).decode()
    result = []
    for name in names.rstrip('\n').split('\n') if names else []:
        with open(f'{folder}/{name}', 'rb') as file:
            result.append((name, file.read()))
    return result


def check_agreement(tool, mail, row, shown):
    """list, its filters, and show say the same."""
    header = {}
    for name, value in mail['header']:
        header.setdefault(name.lower(), value)
    for key in ('from', 'to', 'subject', 'date'):
        assert row[key] == header.get(key), (key, row[key], header.get(key))
    for key in ('from', 'subject'):
        if row[key]:
            # By its first words, of which no line end is one.
            words = row[key].split('\ufffd')[0]
            found = tool.run('list', f'--{key}={words}').decode()
            assert f'{mail["id"]}\t' in '\n' + found, (key, words)
    for part in mail['parts']:
        text = part.get('text', '').replace('\r\n', '\n').translate(UNSHOWN)
        assert text.rstrip('\n') in shown, part


def check_words(tool, number, want, done):
    for line in want:
        key, _, words = line.partition(': ')
        if key not in ('find', 'miss'):
            continue
        status = subprocess.run([SMTPDB, 'search', words], cwd=tool.folder,
                                capture_output=True, env=tool.environment,
                                check=False)
        ids = [row.split('\t')[0] for row in status.stdout.decode().split('\n')]
        assert status.returncode in (0, 1), status.stderr
        assert (str(number) in ids) == (key == 'find'), line
        done.append(line)


def read_want(path):
    if not os.path.exists(path):
        return [], []
    with open(path, encoding='utf-8', newline='\n') as file:
        lines = file.read().rstrip('\n').split('\n')
    return ([line for line in lines if line.startswith('#')],
            [line for line in lines if not line.startswith('#')])


def check(tool, name, number, mail, row):
    """Returns what is there, and what is wanted."""
    _, want = read_want(f'{HERE}/{name}.want')
    shown = tool.run('show', str(number)).decode()
    got = describe(mail, row, shown, extract(tool, number))
    check_agreement(tool, mail, row, shown)
    check_words(tool, number, want, got)
    return got, want


def main(args):
    only_print = '--print' in args
    names = [arg for arg in args if arg != '--print'] or sorted(
        os.path.basename(path)[:-4] for path in glob.glob(f'{HERE}/*.eml'))
    mails = []
    for name in names:
        with open(f'{HERE}/{name}.eml', 'rb') as file:
            mails.append(file.read())
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(folder)
        tool.store(mails)
        tool.run('index')
        rows = tool.lines('list', '--json')
        shown = tool.lines('show', '--json', *map(str, range(1, len(names) + 1)))
        for number, name in enumerate(names, 1):
            try:
                got, want = check(tool, name, number, shown[number - 1],
                                  rows[number - 1])
            except AssertionError as error:
                got, want = [f'{error}'], ['no error']
            if only_print:
                print(f'## {name}', *got, sep='\n')
            elif got != want:
                failed += 1
                print(f'mime: {name}.eml:', file=sys.stderr)
                for line in got:
                    if line not in want:
                        print(f'  got  {line}', file=sys.stderr)
                for line in want:
                    if line not in got:
                        print(f'  want {line}', file=sys.stderr)
    print(f'mime: {len(names) - failed} passed, {failed} failed')
    return failed > 0 or not names


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
