#!/usr/bin/python3 -B
"""What a milter costs that does nothing: mails a second of smtpd and of Postfix, in
one run, each without and with the same milter at a socket (make bench-filters).

    bench/filters.py [--sessions N] [--mails N] [--rounds N] [--programs DIR]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contestants
import loads


class Smtpd(contestants.Smtpd):
    milter = None

    def command(self):
        options = [f"--milter=unix:{self.milter}"] if self.milter else []
        return [*super().command(), *options]


class Postfix(contestants.Postfix):
    milter = None

    def prepare(self):
        super().prepare()
        if self.milter:
            with open(self.folder / "etc" / "main.cf", "a", encoding="ascii") as f:
                f.write(f"smtpd_milters = unix:{self.milter}\nmilter_protocol = 6\n")


def everybody(programs, folder, milter):
    for of, make in (
            ("smtpd", lambda at: Smtpd(programs, at, how="listener")),
            ("Postfix", lambda at: Postfix(programs, at))):
        for with_it in (None, milter):
            c = make(folder / f"{of}-{'with' if with_it else 'without'}")
            c.milter = with_it
            yield f"{of}, {'with' if with_it else 'without'} the milter", c


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--mails", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--programs", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="smtpd-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        milter = folder / "milter"
        with subprocess.Popen([arguments.programs / "milter", milter]) as process:
            try:
                while not milter.exists():
                    time.sleep(0.01)
                rates = {}
                all_of_them = list(everybody(arguments.programs.resolve(), folder,
                                             milter))
                for _ in range(arguments.rounds):
                    for what, c in all_of_them:
                        c.begin()
                        loads.warm_up(c, arguments.sessions)
                        result = loads.counted(c, lambda c=c: loads.smtp_source(
                            c, arguments.sessions, arguments.mails, again=True))
                        rates.setdefault(what, []).append(loads.rate(result))
                        c.stop()
            finally:
                process.kill()
    print(f"{arguments.sessions} sessions, mails of {loads.MAIL_OCTETS} octets, load "
          f"{os.getloadavg()[0]:.1f}:")
    for what, found in rates.items():
        print(f"  {what:28} {statistics.median(found):8.0f} mails/s")


if __name__ == "__main__":
    sys.exit(main())
