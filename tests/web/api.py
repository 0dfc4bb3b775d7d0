#!/usr/bin/python3 -B
"""smtpdb-web as programs see it: Mailpit's and MailHog's API, who may ask, what
it may change, how it is started.

    tests/web/api.py
"""

import base64
import contextlib
import crypt
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from servers import Checks, Folder, OUT, Smtpd, Web

checks = Checks('web/api')
check = checks.check

PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA'
    'WjR9awAAAABJRU5ErkJggg==')

PLAIN = '''From: "Example, Ann" <ann@a.example>
To: Bob <bob@b.example>, friends: carl@c.example, (Dora) dora@d.example;
Cc: =?utf-8?q?J=C3=BCrgen?= <j@j.example>
Reply-To: reply@a.example
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-ID: <plain@a.example>
Date: Thu, 26 Nov 2026 10:00:00 +0100
List-Unsubscribe: <https://a.example/u>, <mailto:u@a.example>
X-Twice: one
X-Twice: two

The toner is low.
'''

RICH = f'''From: ann@a.example
To: bob@b.example
Subject: pictures
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<link rel=3Dpreconnect href=3Dhttp://x.invalid/><p>Gr=FC=DFe <img src=3D"cid:p%40x">=
</p>
--r
Content-Type: image/png
Content-ID: <p@x>
Content-Transfer-Encoding: base64

{base64.b64encode(PNG).decode()}
--r--
--m
Content-Type: text/html; name="../../evil.html"
Content-Disposition: attachment

<script>alert(1)</script>
--m--
'''


def lists(web):
    got = web.json('/api/v1/messages')
    check('total', (got['total'], got['unread'], got['count'],
                    got['messages_count'], got['start']), (2, 2, 2, 2, 0))
    check('newest first', [m['ID'] for m in got['messages']], ['2', '1'])
    plain = got['messages'][1]
    check('From', plain['From'],
          {'Name': 'Example, Ann', 'Address': 'ann@a.example'})
    check('To', [(a['Name'], a['Address']) for a in plain['To']],
          [('Bob', 'bob@b.example'), ('', 'carl@c.example'),
           ('Dora', 'dora@d.example')])
    check('Cc', plain['Cc'], [{'Name': 'Jürgen', 'Address': 'j@j.example'}])
    check('Bcc is who no header names', [a['Address'] for a in plain['Bcc']],
          ['hidden@h.example'])
    check('Subject', plain['Subject'], 'Grüße')
    check('MessageID', plain['MessageID'], 'plain@a.example')
    check('Snippet', plain['Snippet'], 'The toner is low. ')
    check('Read', plain['Read'], False)
    check('Attachments', [m['Attachments'] for m in got['messages']], [1, 0])
    page = web.json('/api/v1/messages?start=1&limit=1')
    check('a page', ([m['ID'] for m in page['messages']], page['start']),
          (['1'], 1))
    check('beyond the end', web.json('/api/v1/messages?start=9')['messages'], [])
    info = web.json('/api/v1/info')
    check('info', (info['Messages'], info['Unread']), (2, 2))
    check('livez, readyz', [web.ask(p)[0] for p in ('/livez', '/readyz')],
          [200, 200])


def mails(web):
    got = web.json('/api/v1/message/1')
    check('ReturnPath', got['ReturnPath'], 'ann@a.example')
    check('Date', got['Date'], '2026-11-26T09:00:00.000000Z')
    check('Text', got['Text'], 'The toner is low.\r\n')
    check('HTML', got['HTML'], '')
    check('ListUnsubscribe', got['ListUnsubscribe']['Links'],
          ['https://a.example/u', 'mailto:u@a.example'])
    check('who has read it', web.json('/api/v1/messages')['messages'][1]['Read'])
    rich = web.json('/api/v1/message/latest')
    check('latest', rich['ID'], '2')
    check('HTML as UTF-8', 'Grüße' in rich['HTML'])
    check('Inline', [(p['PartID'], p['ContentID'], p['Size'])
                     for p in rich['Inline']], [('2', 'p@x', len(PNG))])
    check('Attachments', [(p['PartID'], p['FileName'])
                          for p in rich['Attachments']], [('3', 'evil.html')])
    headers = web.json('/api/v1/message/1/headers')
    check('headers', (headers['Subject'], headers['X-Twice']),
          (['Grüße'], ['one', 'two']))
    _, _, raw = web.ask('/api/v1/message/1/raw')
    check('raw', raw.endswith(PLAIN.replace('\n', '\r\n').encode()) and
          raw.startswith(b'Return-Path: <ann@a.example>\r\nReceived: '))
    for path in ('0', '99', 'x', '1x', '-1', '99999999999999999999'):
        check(f'no message {path}', web.ask(f'/api/v1/message/{path}')[0], 404)
    check('view as text', web.ask('/view/1.txt')[2], b'The toner is low.\r\n')


def parts(web):
    _, headers, octets = web.ask('/api/v1/message/2/part/2')
    check('a part', (octets, headers['Content-Type']), (PNG, 'image/png'))
    _, headers, _ = web.ask('/api/v1/message/2/part/3')
    check('HTML that is attached is a file', headers['Content-Disposition'],
          "attachment; filename*=UTF-8''%65%76%69%6C%2E%68%74%6D%6C")
    check('and sandboxed', headers['Content-Security-Policy'].split(';')[0],
          'sandbox')
    check('thumb', web.ask('/api/v1/message/2/part/2/thumb')[2], PNG)
    check('no part', [web.ask(f'/api/v1/message/2/part/{p}')[0]
                      for p in ('0', '4', 'x', '1x', '+1')], [404] * 5)
    for path in ('/mail/2/html', '/view/2.html'):
        _, headers, octets = web.ask(path)
        check(f'{path}: cid: is the picture', (
            b'data:image/png;base64,' + base64.b64encode(PNG)) in octets)
        check(f'{path}: nothing is connected ahead', b'<link' in octets, False)
        policy = headers['Content-Security-Policy']
        check(f'{path}: policy', policy.startswith(
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; "
            "img-src data:; "))
    _, headers, _ = web.ask('/mail/2/html?remote=1')
    check('pictures of others, when asked for',
          'img-src data: http: https:' in headers['Content-Security-Policy'])


def search(web, smtpd, folder):
    def found(words):
        got = web.json(f'/api/v1/search?query={words}')
        return [m['ID'] for m in got['messages']]

    check('words', found('toner'), ['1'])
    check('from:', found('from:ann'), ['2', '1'])
    check('to: has who no header names', found('to:hidden@h.example'), ['1'])
    check('subject:, quoted', found('subject:%22gr%C3%BC%C3%9Fe%22'), ['1'])
    check('nothing', found('nonsense'), [])
    check('nonsense is no error', found('%22%28%29%20AND%20OR'), [])
    check('is:unread', found('is:unread%20from:ann'), [])
    check('as smtpdb', subprocess.run(
        [f'{OUT}/smtpdb', '-d', f'{folder}/mail.db', 'search', 'toner'],
        capture_output=True, text=True).stdout.split('\t')[0], '1')
    check('without words', web.ask('/api/v1/search?query=')[0], 400)
    began = time.monotonic()
    check('wait, in vain', found('coming&wait=1'), [])
    check('so long', time.monotonic() - began > 0.9)
    threading.Timer(0.5, lambda: smtpd.send(
        'From: ann@a.example\nSubject: coming\n\nsoon\n')).start()
    began = time.monotonic()
    check('wait', found('coming&wait=60'), ['3'])
    check('no longer', time.monotonic() - began < 50)


def hog(web):
    got = web.json('/api/v2/messages')
    check('MailHog: total', (got['total'], got['count'], got['start']),
          (3, 3, 0))
    plain = got['items'][2]
    check('MailHog: ID, From', (plain['ID'], plain['From']['Mailbox'],
                                plain['From']['Domain']),
          ('1', 'ann', 'a.example'))
    check('MailHog: To is the envelope', len(plain['To']), 2)
    check('MailHog: headers', plain['Content']['Headers']['Subject'], ['Grüße'])
    check('MailHog: body', plain['Content']['Body'], 'The toner is low.\r\n')
    part = got['items'][1]['MIME']['Parts'][1]
    check('MailHog: a part', base64.b64decode(part['Body']), PNG)
    for kind, query, want in (('to', 'hidden@h.example', 1),
                              ('from', 'ann', 3), ('containing', 'toner', 1)):
        got = web.json(f'/api/v2/search?kind={kind}&query={query}')
        check(f'MailHog: search {kind}', got['total'], want)


def marks(web):
    mark = {'IDs': ['1'], 'Read': False}
    check('mark', web.ask('/api/v1/messages', 'PUT', mark)[2], b'ok')
    check('not read', web.json('/api/v1/messages')['messages'][2]['Read'], False)
    web.ask('/api/v1/messages', 'PUT', {'Read': True})
    check('all read', web.json('/api/v1/messages')['unread'], 0)
    for body in ('[', '{"IDs":["1"', '{"IDs":[1]}', '"x"', '{"a":{"b":[}}',
                 '{"IDs":["1"]', '{' * 1000):
        check(f'{body[:20]} is no body', web.ask(
            '/api/v1/messages', 'PUT', body,
            {'Content-Type': 'application/json'})[0], 400)
    check('too long a body', web.ask(
        '/api/v1/messages', 'PUT', '"' + 'x' * 2000000,
        {'Content-Type': 'application/json'})[0], 413)


def deletion(web):
    got = web.ask('/api/v1/messages', 'DELETE', {'IDs': ['2', '77', 'x']})
    check('delete', (got[0], [m['ID'] for m in web.json(
        '/api/v1/messages')['messages']]), (200, ['3', '1']))
    check('delete one, MailHog', web.ask('/api/v1/messages/3', 'DELETE')[0], 200)
    check('ids that are none delete nothing', (web.ask(
        '/api/v1/messages', 'DELETE', {'IDs': ['x']})[0],
        web.json('/api/v1/messages')['total']), (200, 1))
    check('search and delete', (web.ask(
        '/api/v1/search?query=nonsense', 'DELETE')[0],
        web.json('/api/v1/messages')['total']), (200, 1))
    check('all', (web.ask('/api/v1/messages', 'DELETE')[0],
                  web.json('/api/v1/messages')['total']), (200, 0))


def guard(web):
    """Rows: status, then fields of the request; to a page, and to the API."""
    here = f'localhost:{web.port}'
    navigates = {'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    rows = (
        (200, 200, {'Host': here}),
        (200, 200, {'Host': f'127.0.0.1:{web.port}'}),
        (200, 200, {'Host': f'[::1]:{web.port}'}),
        (200, 200, {'Host': 'LOCALHOST'}),
        (421, 421, {'Host': 'evil.example'}),
        (421, 421, {'Host': f'evil.example:{web.port}'}),
        (421, 421, {'Host': 'localhost.evil.example'}),
        (421, 421, {'Host': '127.0.0.1.evil.example'}),
        (421, 421, {'Host': ''}),
        (421, 421, {'Host': '[::1].evil.example'}),
        (421, 421, {'Host': '[localhost]'}),
        (421, 421, {'Host': '[evil.example'}),
        (421, 421, {'Host': f'localhost:{web.port}.evil.example'}),
        (421, 421, {'Host': 'evil.example:127.0.0.1'}),
        (200, 200, {'Host': here, 'Origin': f'http://{here}'}),
        (403, 403, {'Host': here, 'Origin': 'http://evil.example'}),
        (403, 403, {'Host': here, 'Origin': 'null'}),
        (403, 403, {'Host': here, 'Origin': 'http://localhost:1'}),
        (403, 403, {'Host': here, 'Origin': f'file://{here}'}),
        (200, 200, {'Sec-Fetch-Site': 'same-origin'}),
        (200, 200, {'Sec-Fetch-Site': 'none'}),
        (403, 403, {'Sec-Fetch-Site': 'same-site'}),
        (403, 403, {'Sec-Fetch-Site': 'cross-site'}),
        (403, 403, {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors',
                    'Sec-Fetch-Dest': 'image'}),
        (403, 403, {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate',
                    'Sec-Fetch-Dest': 'iframe'}),
        (200, 403, {'Sec-Fetch-Site': 'cross-site', **navigates}),
    )
    for page, api, fields in rows:
        check(f'page {fields}', web.ask('/', headers=fields)[0], page)
        check(f'API {fields}', web.ask(
            '/api/v1/messages', headers=fields)[0], api)
    for kind in ('text/plain', 'application/x-www-form-urlencoded', '',
                 'application/jsonx'):
        check(f'PUT as {kind}', web.ask('/api/v1/messages', 'PUT', '{}',
                                        {'Content-Type': kind})[0], 415)
    check('DELETE by another site', web.ask(
        '/api/v1/messages', 'DELETE', None,
        {'Origin': 'http://evil.example'})[0], 403)
    check('a preflight is told nothing', web.ask(
        '/api/v1/messages', 'OPTIONS')[1]['Access-Control-Allow-Origin'], None)
    check('methods', [web.ask('/', m)[0] for m in ('POST', 'TRACE', 'PUT')],
          [405, 405, 405])
    check('which are there', [web.ask(p, 'POST')[1]['Allow'] for p in (
        '/', '/api/v1/messages', '/nowhere')],
        ['GET, HEAD', 'GET, PUT, DELETE, HEAD', None])
    check('HEAD', web.ask('/', 'HEAD')[::2], (200, b''))
    check('HEAD of events', raw(
        web, b'HEAD /events HTTP/1.1\r\nHost: localhost\r\n'
        b'Connection: close\r\n\r\n').partition(b'\r\n\r\n')[2], b'')
    check('paths', [web.ask(p)[0] for p in (
        '/file/../web/main.c', '/file/%2e%2e%2fmain.c', '/mail/', '/x',
        '/file/layout.html')], [404] * 5)
    policy = web.ask('/')[1]['Content-Security-Policy']
    check('policy of pages', "default-src 'none'" in policy and
          'unsafe' not in policy and "frame-ancestors 'none'" in policy)


def raw(web, octets):
    with socket.create_connection(('127.0.0.1', web.port), 10) as sock:
        sock.sendall(octets)
        got = b''
        while piece := sock.recv(65536):
            got += piece
    return got


def framing(web):
    """No field that decides is there twice, and a body has one end: whoever
    stands before this program may have read another request."""
    put = b'PUT /api/v1/messages HTTP/1.1\r\nContent-Type: application/json\r\n'
    body = b'Host: localhost\r\nContent-Length: 2\r\n'
    hidden = b'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    for name, fields in (
            ('two lengths', b'Content-Length: 99\r\n' + body),
            ('a length that no chunk has', b'Transfer-Encoding: chunked\r\n' +
             body),
            ('another encoding', b'Host: localhost\r\n'
             b'Transfer-Encoding: xchunked\r\n'),
            ('two hosts', b'Host: evil.example\r\n' + body),
            ('ours first', body + b'Host: evil.example\r\n'),
            ('two types', b'Content-Type: text/plain\r\n' + body),
            ('two origins', b'Origin: http://localhost\r\n'
             b'Origin: http://evil.example\r\n' + body),
            ('two sites', b'Sec-Fetch-Site: none\r\n'
             b'Sec-Fetch-Site: cross-site\r\n' + body)):
        got = raw(web, put + fields + b'\r\n{}' + hidden)
        check(name, (got[:12], got.count(b'HTTP/1.1 ')), (b'HTTP/1.1 400', 1))


def costly(web, smtpd):
    """A mail names a large picture thousands of times, or one that is not
    there: no name is looked for without end."""
    picture = (b'--b\r\nContent-Type: image/png\r\nContent-ID: <p>\r\n'
               b'Content-Transfer-Encoding: base64\r\n\r\n' +
               (b'A' * 76 + b'\r\n') * 300000 + b'--b--\r\n')
    smtpd.send(b'Subject: costly\r\nContent-Type: multipart/related; boundary=b'
               b'\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n' +
               b'cid:p\r\n' * 20000 + picture)
    status, _, page = web.ask('/mail/latest/html', timeout=120)
    check('a picture, as often as there is room', (
        status, page.count(b'data:image/png'), page.count(b'cid:p')),
        (200, 1, 19999))
    smtpd.send(b'Subject: long\r\nX: y\r\n\r\n' + b'text and more\r\n' * 100000)
    page = web.ask('/mail/latest?view=text')[2]
    check('the beginning of a long text', (
        len(page) < 300000, b'>All of it</a>' in page), (True, True))
    smtpd.send(b'Subject: long\r\n' + b'X: y\r\n' * 20000 + b'\r\nx\r\n')
    page = web.ask('/mail/latest?view=headers')[2]
    check('the first of many fields', (
        len(page) < 300000, b'>All of it</a>' in page), (True, True))
    check('no more of them', len(web.json(
        '/api/v1/message/latest/headers')['X']), 499)
    for _ in range(5):
        smtpd.send(b'Subject: long\r\n\r\n' + b'text and more\r\n' * 500000)
    got = web.json('/api/v2/messages?limit=7', timeout=120)
    check('MailHog: whole mails, not without end', (
        got['count'], len(got['items'])), (4, 4))


def events(web, smtpd):
    connection = http.client.HTTPConnection('127.0.0.1', web.port, timeout=60)
    connection.request('GET', '/events')
    answer = connection.getresponse()
    check('events', answer.headers['Content-Type'], 'text/event-stream')
    check('connected', answer.readline(), b':\n')
    answer.readline()
    smtpd.send('Subject: event\n\nx\n')
    got = [answer.readline() for _ in range(2)]
    check('an event', got[1].startswith(b'data: {"last":'))
    connection.close()


def link(web, smtpd):
    """Who is led here by a link of another site has read nothing."""
    smtpd.send(RICH)
    last = web.json('/api/v1/messages?limit=1')['messages'][0]['ID']
    web.ask(f'/mail/{last}', headers={
        'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Dest': 'document'})
    check('a link marks nothing',
          web.json('/api/v1/messages')['messages'][0]['Read'], False)
    status, _, page = web.ask(
        f'/mail/{last}?view=html&remote=1', headers={
            'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate',
            'Sec-Fetch-Dest': 'document'})
    check('nor has it pictures fetched', (status, b'remote=1"></iframe' in page),
          (200, False))
    for fields, want in (({'Sec-Fetch-Site': 'cross-site'}, False),
                         ({'Sec-Fetch-Site': 'same-origin'}, True)):
        policy = web.ask(f'/mail/{last}/html?remote=1', headers={
            'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document',
            **fields})[1]['Content-Security-Policy']
        check(f'nor the HTML alone, {fields}', 'http:' in policy, want)
    web.ask(f'/mail/{last}')
    check('the page marks', web.json('/api/v1/messages')['messages'][0]['Read'])


def basic(user, password):
    return {'Authorization': 'Basic ' + base64.b64encode(
        f'{user}:{password}'.encode()).decode()}


def passwords(folder, smtpd):
    path = f'{folder}/passwords'
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)
    with open(path, 'w', encoding='ascii') as f:
        for user in ('ann', 'bob'):
            print(f'{user}:{crypt.crypt("secret " + user, salt)}', file=f)
    os.chmod(path, 0o644)
    with Web(f'{folder}/mail.db', f'--password-file={path}') as web:
        status, headers, _ = web.ask('/')
        check('a password', (status, headers['WWW-Authenticate'].split()[0]),
              (401, 'Basic'))
        smtpd.send('Subject: for both\n\nx\n')
        for user, password in (('ann', 'secret bob'), ('carl', 'secret ann'),
                               ('ann', ''), ('', '')):
            check(f'{user}, {password}', web.ask(
                '/', headers=basic(user, password))[0] in (401, 429))
            time.sleep(0.3)
        check('ann', web.ask('/', headers=basic('ann', 'secret ann'))[0], 200)
        unread = [web.json('/api/v1/messages', headers=basic(u, 'secret ' + u))
                  ['unread'] for u in ('ann', 'bob')]
        web.ask('/mail/latest', headers=basic('ann', 'secret ann'))
        after = [web.json('/api/v1/messages', headers=basic(u, 'secret ' + u))
                 ['unread'] for u in ('ann', 'bob')]
        check('each has read for himself', [unread[0] - after[0],
                                            unread[1] - after[1]], [1, 0])
    with open(path, 'w', encoding='ascii') as f:
        f.write('ann:plain\n')
    try:
        with Web(f'{folder}/mail.db', f'--password-file={path}'):
            check('plain passwords are refused', False)
    except RuntimeError as error:
        check('plain passwords are refused', 'line 1' in str(error))


def read_only(folder):
    with Web(f'{folder}/mail.db', '--read-only', '--allow-delete') as web:
        before = web.json('/api/v1/messages')
        web.ask('/mail/latest')
        check('read-only: nothing is marked',
              web.json('/api/v1/messages')['unread'], before['unread'])
        check('read-only: DELETE, PUT', [web.ask(
            '/api/v1/messages', m, {'IDs': ['1']})[0]
            for m in ('DELETE', 'PUT')], [403, 403])
    with Web(f'{folder}/mail.db') as web:
        check('DELETE needs --allow-delete', [web.ask(p, 'DELETE')[0] for p in (
            '/api/v1/messages', '/api/v1/search?query=x',
            '/api/v1/messages/1')], [403] * 3)


def many(web, smtpd, database):
    """What is read or not is looked for among all that the words find."""
    date = 'Thu, 26 Nov 2026 10:00:00 GMT'
    smtpd.send(f'Subject: kazoo\nDate: {date}\n\nx\n')
    check('Date with a zone that is a word', web.json(
        '/api/v1/message/latest')['Date'], '2026-11-26T10:00:00.000000Z')
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as db, db:
        columns = ', '.join(
            row[1] for row in db.execute('PRAGMA table_info (message)')
            if row[1] != 'id')
        db.execute(
            'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n'
            f' WHERE i < 1500) INSERT INTO message ({columns}) SELECT {columns}'
            ' FROM message, n WHERE id = (SELECT max(id) FROM message)')
        db.execute(
            'INSERT INTO recipient (message_id, position, forward_path, mailbox)'
            " SELECT id, 1, 'b@b.example', 'b@b.example' FROM message"
            ' WHERE id NOT IN (SELECT message_id FROM recipient)')
    last = int(web.json('/api/v1/message/latest')['ID'])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        got = web.json('/api/v1/search?query=kazoo&limit=1000')
        with contextlib.closing(sqlite3.connect(
                f'{database}-words', timeout=60)) as db:
            if db.execute('SELECT id FROM last').fetchone()[0] == last:
                break
        time.sleep(0.1)
    check('all that a page may have', len(got['messages']), 1000)
    check('all that a list may have', len(web.json(
        '/api/v1/messages?limit=1000')['messages']), 1000)
    web.ask('/api/v1/messages', 'PUT', {'Read': True})
    check('all are read', web.json('/api/v1/messages')['unread'], 0)
    oldest = last - 1500
    web.ask('/api/v1/messages', 'PUT', {'IDs': [str(oldest)], 'Read': False})
    for query, want in (('is:unread kazoo', 1), ('is:read kazoo', 1000),
                        ('is:unread', 1)):
        check(query, web.json('/api/v1/search?query=' + query.replace(
            ' ', '%20'))['messages_count'], want)
    check('is:read, the second page', web.json(
        '/api/v1/search?query=is:read&start=1490&limit=10')['messages'][-1]['ID'],
        str(oldest + 1))
    check('what was read is deleted, all of it', (web.ask(
        '/api/v1/search?query=is:read%20kazoo', 'DELETE')[0],
        web.json('/api/v1/search?query=kazoo')['messages_count']), (200, 1))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('proxy.example', timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def starts(folder):
    path = f'{folder}/web.sock'
    for option, host, status in (('--read-only', 'localhost:8025', 200),
                                 ('--read-only', 'evil.example:8025', 421),
                                 ('--host=proxy.example', 'proxy.example', 200)):
        with Web(f'{folder}/mail.db', option, listen=path):
            connection = UnixConnection(path)
            connection.request('GET', '/livez', headers={'Host': host})
            check(f'a socket in the file system, {option}, {host}',
                  connection.getresponse().status, status)
    check('which is gone', os.path.exists(path), False)
    ours, theirs = socket.socketpair()
    with subprocess.Popen([f'{OUT}/smtpdb-web', '-d', f'{folder}/mail.db'],
                          stdin=theirs, stdout=theirs,
                          stderr=subprocess.DEVNULL) as process:
        theirs.close()
        ours.settimeout(60)
        ours.sendall(b'GET /livez HTTP/1.1\r\nHost: localhost\r\n'
                     b'Connection: close\r\n\r\n')
        got = b''
        while piece := ours.recv(4096):
            got += piece
        check('as inetd starts it', got.startswith(b'HTTP/1.1 200') and
              got.endswith(b'ok'))
        check('it ends with its connection', process.wait(60), 0)
    said = subprocess.run([f'{OUT}/smtpdb', '-d', f'{folder}/mail.db', 'web',
                           '--version'], capture_output=True, text=True)
    check('smtpdb web runs it', said.stdout.startswith('smtpdb-web '))
    with Web(f'{folder}/mail.db', '--host=mail.example') as web:
        check('--host', [web.ask('/livez', headers={'Host': h})[0] for h in (
            'mail.example', 'mail.example:80', 'other.example')],
            [200, 200, 421])
    check('it ends when told', web.status, 0)


def aside(web, smtpd, database):
    """What smtpdb lists with --quarantined only."""
    smtpd.send(PLAIN)
    subprocess.run(['sqlite3', database, 'UPDATE message SET quarantine ='
                    " 'looks <odd>' WHERE id = (SELECT max(id) FROM message)"],
                   check=True)
    check('a tag', web.json('/api/v1/message/latest')['Tags'], ['quarantine'])
    check('a mark', b'title="looks &lt;odd&gt;">put aside' in web.ask('/')[2])
    page = web.ask('/mail/latest')[2]
    check('why', b'looks &lt;odd&gt;' in page)
    check('no account', b'Authenticated' in page, False)
    subprocess.run(['sqlite3', database, "UPDATE message SET tls = 'TLSv1.3 X',"
                    " authenticated_as = '<ann>', claimed_as = 'bob',"
                    " client_subject = 'CN=c', requiretls = 1"
                    ' WHERE id = (SELECT max(id) FROM message)'], check=True)
    page = web.ask('/mail/latest')[2]
    check('what TLS and AUTH said', [one in page for one in (
        b'&lt;ann&gt;', b'<dd>bob</dd>', b'TLSv1.3 X', b'CN=c', b'REQUIRETLS')],
        [True] * 5)


def pages(web):
    for path in ('/', '/?q=toner', '/?q=is:unread', '/?before=2', '/mail/1',
                 '/rules', '/stats', '/doctor', '/help', '/mail/1?view=headers',
                 '/mail/1?view=source', '/mail/1?view=parts', '/mail/1?view=x'):
        status, _, octets = web.ask(path)
        check(path, status == 200 and octets.endswith(b'</html>\n'))
    rules = web.ask('/rules')[2]
    check('the rows of tables', b'b.example' in rules)
    check('the row that decides', b'decided by table domain'
          in web.ask('/mail/1')[2])
    status, headers, metrics = web.ask('/metrics')
    check('metrics', (status, headers['Content-Type'].split(';')[0],
                      metrics[-7:], b'\nsmtpd_messages ' in metrics),
          (200, 'application/openmetrics-text', b'\n# EOF\n', True))
    check('what doctor finds', b'the database is whole' in web.ask('/doctor')[2])
    check('a mail that is not there', web.ask('/mail/99')[0], 404)
    check('all of the page', sum(len(web.ask(p)[2]) for p in (
        '/', '/file/style.css', '/file/page.js', '/file/icon.svg')) < 60000)


def snippets(web, smtpd):
    """They end behind a whole character, wherever the limit is."""
    for n in range(246, 251):
        smtpd.send(b'Content-Type: text/plain; charset=utf-8\r\n\r\n' +
                   b'a' * n + '\N{GRINNING FACE} and so on\r\n'.encode())
        last = web.json('/api/v1/messages?limit=1')['messages'][0]
        check(f'a snippet of {n} letters', last['Snippet'],
              'a' * n + '\N{GRINNING FACE}' * (n == 246))


def teller(database):
    """Nobody waits for a process that has died."""
    with Web(database) as web:
        pid = web.process.pid
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            children = [int(child) for child in file.read().split()]
        for child in children:
            os.kill(child, signal.SIGSTOP)
        began = time.monotonic()
        got = []
        threads = [threading.Thread(
            target=lambda path=path: got.append(web.ask(path)[0]))
            for path in ('/doctor', '/stats', '/metrics')]
        for thread in threads:
            thread.start()
            time.sleep(0.5)
        for child in children:
            os.kill(child, signal.SIGKILL)
        for thread in threads:
            thread.join()
        check('all who asked a process that died',
              (got, time.monotonic() - began < 30), ([200] * 3, True))


def main():
    if not os.path.exists(f'{OUT}/smtpdb-web'):
        print('skipped: web/api, since smtpdb-web was not built '
              '(libmicrohttpd-dev)')
        return 0
    with Folder() as folder:
        database = f'{folder}/mail.db'
        with Smtpd(database) as smtpd:
            with Web(database, '--allow-delete') as web:
                smtpd.send(PLAIN, ('bob@b.example', 'hidden@h.example'))
                smtpd.send(RICH)
                lists(web)
                mails(web)
                parts(web)
                search(web, smtpd, folder)
                hog(web)
                subprocess.run([f'{OUT}/smtpdb', '-d', database, 'domain',
                                'add', 'b.example'], check=True)
                pages(web)
                subprocess.run([f'{OUT}/smtpdb', '-d', database, 'domain',
                                'rm', 'b.example'], check=True)
                marks(web)
                guard(web)
                framing(web)
                deletion(web)
                events(web, smtpd)
                link(web, smtpd)
                aside(web, smtpd, database)
                many(web, smtpd, database)
                costly(web, smtpd)
                snippets(web, smtpd)
                with open(f'{OUT}/smtpdb-web', 'rb') as program:
                    sanitized = b'__asan_init' in program.read()
                check('confined', sanitized or [line for line in open(
                    f'/proc/{web.process.pid}/status', encoding='ascii')
                    if line.startswith('Seccomp:')] == ['Seccomp:\t2\n'])
            check('nothing is said but where it listens',
                  len(web.said().splitlines()), 1)
            teller(database)
            passwords(folder, smtpd)
            read_only(folder)
            starts(folder)
    return checks.end()


if __name__ == '__main__':
    sys.exit(main())
