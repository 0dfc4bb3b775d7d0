#!/usr/bin/python3 -B
"""What the confinement of a session costs, for each connection and each mail.

    bench/confine.py [--connections N] [--rounds N] PROGRAM

Instructions of the program's own are counted by callgrind and are the same on
every run.  The kernel's, which checks a filter when it is installed and asks it
at each system call, can be counted on few virtual machines: of those there is
the processor time of all processes of a listener, with and without
--no-confine in turns.  Times are medians, and good for 10 % on a quiet machine.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import MAIL, Listener  # noqa: E402 (where it is was said above)

MAILS = 20
FUNCTION = "confine_session_alone"


def dialogue(mails):
    return MAIL[:1] + MAIL[1:-1] * mails + MAIL[-1:]


def instructions(program, mails, *arguments, collect=()):
    """Of a session of its own; a filter does not let valgrind end in order, so
    what is counted whole is not confined."""
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            ["valgrind", "--tool=callgrind", *collect,
             f"--callgrind-out-file={folder}/callgrind", program,
             f"--database={folder}/mail.db", "--hostname=mx.example", *arguments],
            input=b"".join(dialogue(mails)), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, check=False).stderr.decode()
    return int(re.search(r"Collected : (\d+)", said)[1])


def microseconds(program, mails, connections, *arguments):
    """Processor time of a connection with so many mails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Listener([program, *arguments]) as listener:
        for _ in range(connections):
            listener.connect(dialogue(mails))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime + after.ru_stime
             - before.ru_utime - before.ru_stime)
    return spent / connections * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("program")
    options = parser.parse_args()
    program = os.path.abspath(options.program)

    confining = instructions(program, 1,
                             collect=(f"--toggle-collect={FUNCTION}",))
    one = instructions(program, 1, "--no-confine")
    many = instructions(program, MAILS, "--no-confine")
    print(f"instructions: {confining} to confine a session, "
          f"{(many - one) // (MAILS - 1)} for each mail")

    kinds = {"confined": (), "not confined": ("--no-confine",)}
    times = {(kind, mails): [] for kind in kinds for mails in (1, MAILS)}
    for _ in range(options.rounds):
        for (kind, mails), found in times.items():
            found.append(microseconds(program, mails,
                                      options.connections // mails,
                                      *kinds[kind]))
    for kind in kinds:
        first = statistics.median(times[kind, 1])
        each = (statistics.median(times[kind, MAILS]) - first) / (MAILS - 1)
        print(f"{kind}: {first:.0f} us of processor for a connection with a "
              f"mail, {each:.0f} for each further mail")


if __name__ == "__main__":
    main()
