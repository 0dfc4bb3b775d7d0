#!/usr/bin/python3 -B
"""Runs what Node runs, against smtpd and smtpdb-web: clients of others, and
Chromium.  The packages are those of package-lock.json.

    tests/web/run.py clients|browser...
"""

import os
import shutil
import subprocess
import sys

from servers import Folder, OUT, SOURCE, Smtpd, Web

HERE = os.path.join(SOURCE, 'tests', 'web')
PICTURES = os.path.join(SOURCE, 'build', 'web')


def missing(what):
    if not os.path.exists(f'{OUT}/smtpdb-web'):
        return 'smtpdb-web was not built (libmicrohttpd-dev)'
    for program in ('node', 'npm', *(['chromium'] * (what == 'browser'))):
        if not shutil.which(program):
            return f'there is no {program}'
    return None


def main():
    os.makedirs(PICTURES, exist_ok=True)
    status = 0
    for what in sys.argv[1:]:
        why = missing(what)
        if why:
            print(f'skipped: web/{what}, since {why}')
            continue
        if not os.path.exists(f'{HERE}/node_modules/.package-lock.json'):
            subprocess.run(['npm', 'ci', '--silent'], cwd=HERE, check=True,
                           timeout=900)
        with Folder() as folder:
            database = f'{folder}/mail.db'
            with Smtpd(database) as smtpd, \
                    Web(database, '--allow-delete') as web:
                status |= subprocess.run(
                    ['node', f'{what}.mjs', f'http://localhost:{web.port}',
                     str(smtpd.port), PICTURES], cwd=HERE,
                    timeout=900, check=False).returncode
    return status


if __name__ == '__main__':
    sys.exit(main())
