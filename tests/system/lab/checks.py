"""Runs in the lab (test.sh): every group of checks, or those named."""

import signal
import sys
import time
import traceback

import accepting
import arrival
import authenticate
import entries
import filters
import inetd
import installed
import lab
import listening
import postgresql
import readers
import sandbox
import secure


def add_addresses():
    """IPv6 addresses to be other clients from; 127.0.0.0/8 is there."""
    for address in ('2001:db8:1::1', '2001:db8:1:0:ffff::2', '2001:db8:1::3',
                    '2001:db8:1:1::5'):
        lab.add_ipv6_address(address)


def main():
    wanted = sys.argv[1:]
    modules = (installed, listening, accepting, entries, readers, arrival,
               inetd, sandbox, secure, filters, authenticate, postgresql)
    signal.alarm(1800)  # a deadline for all
    add_addresses()
    for group in [group for module in modules for group in module.GROUPS]:
        name = f'{group.__module__}.{group.__name__}'
        if wanted and group.__name__ != 'prepare' and name not in wanted:
            continue
        start = time.monotonic()
        try:
            group()
        except Exception:
            lab.check(f'{name} ran to its end', False,
                      traceback.format_exc())
        print(f'{name}: {time.monotonic() - start:.1f} s',
              flush=True)
    lab.finish()


main()
