"""smtpd and smtpdb-web on ports that are free, over a database of their own."""

import http.client
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
OUT = os.environ.get('OUT', SOURCE)
JSON = {'Content-Type': 'application/json'}


class Folder:
    """Where the database is, of a user who may serve a network."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        if os.geteuid() == 0:
            os.chown(self.path, 65534, 65534)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


class Program:
    """One that listens; stopped at the end of the block."""

    def __init__(self, name, database, *options, listen='127.0.0.1:0'):
        self.command = [f'{OUT}/{name}', '-d', database, *options]
        self.listen = listen
        self.port = None

    def __enter__(self):
        self.log = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(
            [*self.command, f'--listen={self.listen}'],
            stdin=subprocess.DEVNULL, stderr=self.log)
        for _ in range(6000):
            found = re.search(r'listens on (?:\S+:(\d+)|/)', self.said())
            if found or self.process.poll() is not None:
                break
            time.sleep(0.02)
        if not found:
            raise RuntimeError(f'{self.command}: {self.said()}')
        self.port = int(found.group(1) or 0)
        return self

    def said(self):
        with open(self.log.name, encoding='utf-8', errors='replace') as log:
            return log.read()

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.status = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Smtpd(Program):
    def __init__(self, database, *options):
        super().__init__('smtpd', database, '-n', 'mx.example', *options)

    def send(self, text, to=('bob@b.example',), sender='ann@a.example'):
        if isinstance(text, str):
            text = text.replace('\n', '\r\n').encode()
        with smtplib.SMTP('127.0.0.1', self.port) as smtp:
            smtp.sendmail(sender, list(to), text)


class Web(Program):
    def __init__(self, database, *options, **more):
        super().__init__('smtpdb-web', database, *options, **more)

    def ask(self, path, method='GET', body=None, headers=None, timeout=120):
        """Status, headers, octets."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers = {**JSON, **headers}
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.port, timeout=timeout)
        connection.putrequest(method, path, skip_host='Host' in headers)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            octets = body.encode() if isinstance(body, str) else body
            connection.putheader('Content-Length', str(len(octets)))
            connection.endheaders(octets)
        else:
            connection.endheaders()
        answer = connection.getresponse()
        octets = answer.read()
        connection.close()
        return answer.status, answer.headers, octets

    def json(self, path, **more):
        status, _, octets = self.ask(path, **more)
        if status != 200:
            raise RuntimeError(f'{path}: {status} {octets!r}')
        return json.loads(octets)


class Checks:
    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0

    def check(self, what, got, want=True):
        if got == want:
            self.passed += 1
            return
        self.failed += 1
        print(f'FAIL {self.name}: {what}: {got!r}, not {want!r}',
              file=sys.stderr)

    def end(self):
        print(f'{self.name}: {self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0
