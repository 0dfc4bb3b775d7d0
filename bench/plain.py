#!/usr/bin/python3 -B
"""What TLS costs those who do not use it, in instructions of a session's process.

    bench/plain.py [--before PROGRAM] PROGRAM

Callgrind counts a session of its own with mails of 4 KiB, without options, with
a certificate configured, and by another smtpd (--before: one of before there was
TLS).  The kernel's instructions are not counted, nor smtpd-tls, which nobody
starts for a client that does not ask for it.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "../tests/system"),
                str(HERE / "../tests/durability")]
from confine import MAILS, instructions  # noqa: E402 (where it is was said above)
from tls_world import Keys  # noqa: E402


def count(what, program, *arguments):
    one = instructions(program, 1, "--no-confine", *arguments)
    many = instructions(program, MAILS, "--no-confine", *arguments)
    each = (many - one) / (MAILS - 1)
    print(f"{what:22} {each:8.0f} for each mail, {one - each:8.0f} for a connection",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--before")
    parser.add_argument("program")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys(folder)
        if options.before:
            count("another smtpd", os.path.abspath(options.before))
        program = os.path.abspath(options.program)
        count("without a certificate", program)
        count("with one", program, f"--tls-cert={keys.server[0]}",
              f"--tls-key={keys.server[1]}")


if __name__ == "__main__":
    main()
