#!/usr/bin/python3
"""Runs what smtpd-db(5) and smtpdb(1) tell readers to type, as it stands there:
the blocks of the manual pages are taken out of their sources.  Only the path of
the database is another.

    tests/system/recipes.py        (make test; in the folder of the sources)
"""

import glob
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.getcwd()
FAILED = []


def check(what, want, got):
    if want != got:
        FAILED.append(what)
        print(f'tests/system/recipes.py: failed: {what}: want {want!r},'
              f' got {got!r}', file=sys.stderr)


def blocks(page, section):
    """The displays of a section, as a reader sees them."""
    with open(os.path.join(HERE, page), encoding='utf-8') as file:
        text = file.read()
    found = re.search(rf'^\.S[sh] {re.escape(section)}\n(.*?)^\.S[sh] ', text,
                      re.DOTALL | re.MULTILINE)
    displays = re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', found[1],
                          re.DOTALL | re.MULTILINE)
    assert displays, section
    return [d.replace('\\e', '\\').replace('\\&', '') for d in displays]


def smtpd(n, start=0, size=20):
    """Sends mails, whose text tells their number."""
    session = b'EHLO me\r\n'
    for i in range(start, start + n):
        session += (b'MAIL FROM:<s%d@a.example>\r\nRCPT TO:<b@b.example>\r\n'
                    b'RCPT TO:<c@b.example>\r\nDATA\r\nSubject: %d\r\n\r\n%s\r\n'
                    b'.\r\n' % (i, i, b'x' * size))
    process = subprocess.Popen(
        [f'{HERE}/smtpd', '--database=mail.db'], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process, session + b'QUIT\r\n'


def send(n, start=0):
    process, session = smtpd(n, start)
    stored = process.communicate(session)[0].count(b'250 2.0.0 Stored')
    assert stored == n, stored


def query(sql, path='mail.db'):
    db = sqlite3.connect(path, timeout=30)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def ids():
    return [row[0] for row in query('SELECT id FROM message ORDER BY id')]


def shell(text, **how):
    return subprocess.run(['sh', '-c', text], capture_output=True, text=True,
                          timeout=600, **how)


def until(what, condition):
    end = time.monotonic() + 120
    while not condition():
        if time.monotonic() > end:
            check(what, 'soon', 'never')
            return
        time.sleep(0.02)


def python(code):
    """The recipe as a process, whose prints are in a file."""
    path = os.path.join(os.getcwd(), 'mail.db')
    file = tempfile.NamedTemporaryFile('w+', dir='.', delete=False)
    process = subprocess.Popen(
        [sys.executable, '-u', '-c',
         code.replace('/var/lib/smtpd/mail.db', path)], stdout=file,
        start_new_session=True)
    process.lines = lambda: [
        line for line in open(file.name).read().split('\n')[:-1]]
    return process


def remove_database():
    """What waits for the database is to meet none."""
    for path in glob.glob('mail.db*'):
        os.unlink(path)


def kill(process):
    """With what it runs; it is the leader of its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


#
# smtpd-db(5)
#

def polling():
    recipe, by_shell = blocks('smtpd-db.5', 'Polling')
    remove_database()
    poller = python(recipe)
    time.sleep(0.5)
    check('polling makes no database', [], glob.glob('mail.db*'))
    send(1)
    senders = [smtpd(50, i * 100) for i in range(4)]
    for process, session in senders:
        process.stdin.write(session)
        process.stdin.close()
    for process, _ in senders:
        process.stdout.read()
        process.wait()
    until('polling', lambda: len(poller.lines()) >= 201)
    check('polling sees each mail once, in order', ids(),
          [int(line.split()[0]) for line in poller.lines()])
    kill(poller)
    check('polling from the shell', ids(),
          [int(n) for n in shell(by_shell).stdout.split()])
    check('and each mail once', '', shell(by_shell).stdout)


WORK = """
while True:
    mails, recipients = take()
    for id, sender, trace, data in mails:
        assert len(recipients) == 2 and data.startswith(b'Subject'), id
        print(id)
    if not mails:
        time.sleep(0.02)
"""


def taking():
    """Four workers, of which some are killed, while mail comes in."""
    by_sql, by_shell, by_python = blocks('smtpd-db.5', 'Taking')
    recipe = by_python + WORK
    remove_database()
    workers = [python(recipe) for _ in range(4)]
    gone = []
    for turn in range(10):
        send(20, turn * 20)
        victim = random.randrange(4)
        until('a worker works', lambda: workers[victim].lines() or not ids())
        kill(workers[victim])
        gone.append(workers[victim])
        workers[victim] = python(recipe)
    until('all is taken', lambda: not ids())
    for worker in workers:
        kill(worker)
    taken = [int(n) for w in workers + gone for n in w.lines()]
    check('each mail is taken once', len(set(taken)), len(taken))
    lost = set(range(1, 201)) - set(taken)
    check('a killed worker has one mail at most', True, len(lost) <= len(gone))
    check('nothing is left of them', [(0,)],
          query('SELECT count(*) FROM recipient'))

    send(40)
    before = ids()
    shells = [subprocess.Popen(['sh', '-c', by_shell], stdout=subprocess.PIPE,
                               text=True) for _ in before]
    said = [s.communicate()[0] for s in shells]
    check('taking from the shell', sorted(f'{i}.eml' for i in before),
          sorted(f for f in os.listdir('.') if f.endswith('.eml')))
    check('each once', before, sorted(int(s.split('|')[0]) for s in said))
    check('and none is left', [], ids())

    send(1)
    result = subprocess.run(['flock', 'mail.db-lock', 'sqlite3', '-cmd',
                             '.timeout 30000', 'mail.db'],
                            input=by_sql, capture_output=True, text=True)
    check('taking in SQL', (True, []),
          ('s0@a.example' in result.stdout, ids()))


LEASER = r"""
import subprocess, time
while True:
    id = subprocess.run(['sqlite3', 'leases.db'], text=True, check=True,
        input='.timeout 30000\n' + LEASE, capture_output=True).stdout.strip()
    if not id:
        time.sleep(0.02)
        continue
    print('lease', id)
    time.sleep(0.05)
    subprocess.run(DELETE.replace('id = 1', f'id = {id}'), shell=True,
        check=True)
    print('done', id)
"""


def sharing():
    """Workers with leases; one is killed while it works on a mail."""
    recipe = blocks('smtpd-db.5', 'Sharing work')[0].replace(
        '/var/lib/smtpd/mail.db', os.path.abspath('mail.db'))
    send(60)
    wanted = ids()

    delete, = blocks('smtpd-db.5', 'Writing')
    workers = [python(f'LEASE = {recipe!r}\nDELETE = {delete!r}\n' + LEASER)
               for _ in range(4)]
    until('a worker has a lease', lambda: 'lease' in ' '.join(
        workers[0].lines()[-1:]))
    kill(workers[0])
    mine = workers[0].lines()[-1]
    until('the others have done theirs', lambda: [f'lease {i}' for i in ids()]
          in ([], [mine]))
    left = ids()
    if left:  # its lease is over before 300 seconds are, for this test
        check('the mail of the killed worker waits', f'lease {left[0]}',
              workers[0].lines()[-1])
        db = sqlite3.connect('leases.db', timeout=30)
        db.execute('UPDATE lease SET until = 0')
        db.commit()
        db.close()
        until('and is done by another', lambda: not ids())
    for worker in workers[1:]:
        until('done', lambda: not worker.lines()
              or worker.lines()[-1].startswith('done'))
        kill(worker)
    done = [int(line.split()[1]) for w in workers for line in w.lines()
            if line.startswith('done')]
    check('each mail is done once', len(set(done)), len(done))
    # The killed one can have deleted a mail without a word.
    check('every mail is done', True, len(set(wanted) - set(done)) <= 1)


def deleting():
    recipe, = blocks('smtpd-db.5', 'Deleting')
    send(250)
    db = sqlite3.connect('mail.db', timeout=30)
    db.execute('UPDATE message SET received_at = 0 WHERE id <='
               ' (SELECT min(id) + 219 FROM message)')
    db.commit()
    db.close()
    portions = []
    while not portions or portions[-1]:
        out = subprocess.run(
            ['flock', 'mail.db-lock', 'sqlite3', '-cmd', '.timeout 30000',
             'mail.db'], text=True, input=recipe + 'SELECT changes();', capture_output=True).stdout
        portions.append(int(out))
    check('portions', [100, 100, 20, 0], portions)
    check('what is young stays', 30, len(ids()))
    recipe, = blocks('smtpd-db.5', 'Writing')
    first = ids()[0]
    shell(recipe.replace('id = 1', f'id = {first}'))
    check('writing', False, first in ids())


def backup():
    copy, restore = blocks('smtpd-db.5', 'Backup')
    send(5)
    process, session = smtpd(200, 10)
    process.stdin.write(session)
    process.stdin.flush()
    check('backup', '', shell(copy).stderr)
    process.communicate()
    check('the copy is whole', [('ok',)],
          query('PRAGMA integrity_check', 'copy.db'))
    highest = ids()[-1]
    for end in ('', '-wal', '-shm'):
        if os.path.exists('mail.db' + end):
            os.rename('mail.db' + end, 'old.db' + end)
    os.rename('copy.db', 'mail.db')
    shell(f"sqlite3 mail.db \"{restore.replace('123456', str(highest))}\"")
    send(1, 500)
    check('ids go on after a restore', highest + 1, ids()[-1])


def accepting():
    for recipe in blocks('smtpd-db.5', 'What is accepted'):
        send(0)
        result = subprocess.run(['sqlite3', 'mail.db'], input=recipe, text=True,
                                capture_output=True)
        check(f'rows: {recipe[:40]}', '', result.stderr)
    answers = subprocess.run(
        [f'{HERE}/smtpd', '--database=mail.db'], capture_output=True, text=True,
        input='EHLO x\nMAIL FROM:<a@example.com>\nRCPT TO:<ann@example.org>\n'
              'RCPT TO:<all@example.org>\nRCPT TO:<tom@example.org>\n'
              'RCPT TO:<no@example.org>\nRSET\nMAIL FROM:<a@else.example>\n')
    codes = [line[:3] for line in answers.stdout.splitlines()
             if line[3:4] == ' ']
    check('and what is answered', '250 250 250 551 550 250 550',
          ' '.join(codes[2:9]))


#
# smtpdb(1)
#

def has(*programs):
    lacking = [p for p in programs if not shutil.which(p)]
    if lacking:
        print(f'skipped: recipes of {programs[0]},'
              f' since there is no {lacking[0]}')
    return not lacking


def tty(command):
    """With a terminal, and mutt's own settings only."""
    return shell('TERM=xterm timeout 600 script -qec "$COMMAND" /dev/null'
                 ' </dev/null', env={**os.environ, 'COMMAND': command})


def other_programs():
    by_mutt = blocks('smtpdb.1', 'mutt(1)')
    box, lite, browse, copy = blocks(
        'smtpdb.1', 'sqlite3(1), litecli(1), sqlitebrowser(1)')
    send(3)
    if has('mutt', 'script'):
        # Without a name of its host mutt asks the DNS for it, which may be slow;
        # without the folder of its mails it asks whether to make it.
        config = 'set hostname=localhost folder=. copy=yes quit=yes move=no confirmappend=no' \
            ' confirmcreate=no mbox_type=Maildir wait_key=no record=""'
        with open('muttrc', 'w') as file:
            file.write(config + '\npush "<tag-pattern>~A<enter><tag-prefix>'
                       '<copy-message>seen<enter><exit>"\n')
        for recipe in by_mutt:
            check('a recipe of mutt', True, 'mutt ' in recipe)
            tty(recipe.replace('mutt ', 'mutt -n -F muttrc '))
            check('mutt shows', 3, sum(len(f) for _, _, f in os.walk('seen')))
            shutil.rmtree('seen', ignore_errors=True)
        send(1, 3)
        shell(by_mutt[1].split('mutt ')[0])
        check('the new one is there as well', 4,
              sum(len(f) for _, _, f in os.walk('Mail')))
    out = shell(box)
    check('sqlite3 shows', (True, ''), ('s0@a.example' in out.stdout,
                                        out.stderr))
    if has('litecli'):
        check('litecli shows', True, 's0@a.example' in shell(lite).stdout)
        shell(lite.replace('SELECT *', 'DELETE'))
        check('and changes nothing', 4, len(ids()))
    check('a copy', '', shell(copy).stderr)
    check('is whole', [(4,)], query('SELECT count(*) FROM message', 'copy.db'))
    if has('sqlitebrowser'):
        process = subprocess.Popen(
            ['sh', '-c', 'exec ' + browse], stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, 'QT_QPA_PLATFORM': 'offscreen', 'HOME': '.'})

        def is_open():
            return 'mail.db-shm' in shell(
                f'ls -l /proc/{process.pid}/fd').stdout
        until('the browser has it open', is_open)
        send(20, 10)
        check('mail comes in beside a browser', 24, len(ids()))
        kill(process)


def main():
    os.environ['PATH'] = HERE + ':' + os.environ['PATH']
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    tests = (polling, taking, sharing, deleting, backup, accepting,
             other_programs)
    for test in tests:
        folder = tempfile.mkdtemp(prefix='recipes-')
        os.chdir(folder)
        os.environ['SMTPD_DATABASE'] = os.path.join(folder, 'mail.db')
        try:
            send(0)
            domain = shell('smtpdb domain add x.example &&'
                           ' smtpdb domain rm x.example')
            check('a database', '', domain.stderr)
            test()
        finally:
            os.chdir(HERE)
            shutil.rmtree(folder)
    print(f'tests/system/recipes.py: {len(tests)} recipes,'
          f' {len(FAILED)} checks failed')
    sys.exit(bool(FAILED))


main()
