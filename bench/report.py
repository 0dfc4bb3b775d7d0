"""Writes what a run has found as a page with tables, and as a plot."""

import os
import platform
import re
import subprocess
from pathlib import Path
from statistics import median

OURS = "smtpd, listener"
FORKED = "smtpd, tcpserver"
NAIVE = "naive store, tcpserver"
NULL = "null store, listener"
SINK = "sink, tcpserver"
LIMIT = "append + fdatasync"

TITLES = {
    "a": "(a) Durable mails of 4 KiB a second, sessions that stay",
    "b": "(b) Mails a second, one connection for each",
    "faults": "(b) Minor page faults of a connection",
    "c": "(c) Milliseconds from the final dot to the 250",
    "d": "(d) Mails of 50 MB, MB/s",
    "e": "(e) Milliseconds after spawn",
    "f": "(f) Memory of a session, kB",
    "g": "(g) Instructions",
    "h": "(h) Mails a second at 64 sessions, each sync 5 ms longer",
    "i": "(i) Mails a second at 64 sessions, into a table with rows",
    "j": "(j) Mails a second, with policy in the tables",
    "k": "(k) Milliseconds to the 250 of 63 sessions, beside mails of 50 MB",
}

SHORT = {NAIVE: "the naive store", NULL: "the dialogue alone"}


class Figures:
    """Medians of the rounds."""

    def __init__(self, results):
        self.results = results

    def of(self, part, name, key, field=None):
        found = self.each(part, name, key, field)
        return median(found) if found else None

    def each(self, part, name, key, field=None):
        found = self.results.get(part, {}).get(name, {}).get(str(key)) or []
        return [f[field] if field else f for f in found]

    def ratio(self, part, name, other, key, field=None, other_key=None):
        """The median of what it was in each round, where all took turns."""
        ours = self.each(part, name, key, field)
        theirs = self.each(part, other, other_key or key, field)
        if not ours or not theirs:
            return None
        if len(ours) != len(theirs):  # one had a round without a figure
            return median(ours) / median(theirs)
        return median(a / b for a, b in zip(ours, theirs))

    def names(self, part):
        return list(self.results.get(part, {}))

    def keys(self, part):
        keys = []
        for figures in self.results.get(part, {}).values():
            keys += [key for key in figures if key not in keys]
        return keys


def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"


def beside(limit, value):
    """Not the same as the limit, where it is only near it."""
    text = number(value)
    return f"{value:.4g}" if text == limit.split()[-1] else text


def targets(f):
    """What is wanted: (what, limit, figure, whether it is met)."""
    rows = []

    def at_least(what, least, figure):
        rows.append((what, f">= {least:g}", figure,
                     figure is not None and figure >= least))

    def at_most(what, most, figure):
        rows.append((what, f"<= {most:g}", figure,
                     figure is not None and figure <= most))

    for other, least in (("Postfix", 6), (NAIVE, 4), (NULL, 0.75)):
        at_least(f"(a) 64 sessions, against {SHORT.get(other, other)}", least,
                 f.ratio("a", OURS, other, 64))
    at_least("(a) 64 sessions under tcpserver, against Postfix", 1.5,
             f.ratio("a", FORKED, "Postfix", 64))
    for n in (16, 64):
        at_least(f"(j) {n} sessions, all of the policy in use, "
                 "against no rows", 0.8,
                 f.ratio("j", OURS, OURS, f"{n}: and all other tables",
                         other_key=f"{n}: no rows"))
    at_most("(b) page faults of a connection with one mail", 40,
            f.of("faults", OURS, "mail"))
    for n in (1, 16, 64):
        at_least(f"(b) {n} at once, against Postfix", 1.1,
                 f.ratio("b", OURS, "Postfix", n))
    for n in (1, 16, 64):
        at_least(f"(b) {n} at once, against {SHORT[NULL]}", 0.85,
                 f.ratio("b", OURS, NULL, n))
    at_most("(c) p99 at 64 sessions, against Postfix", 1,
            f.ratio("c", OURS, "Postfix", 64, "p99"))
    for verb in ("DATA", "BDAT"):
        at_least(f"(d) 50 MB by {verb}, against Postfix", 1.5,
                 f.ratio("d", OURS, "Postfix", verb))
    for who, before in (("session", "anonymous, after a mail, 1 at once"),
                        ("writer", "anonymous, writer")):
        for verb in ("DATA", "BDAT"):
            small = f.of("f", OURS, before)
            big = f.of("f", OURS, f"anonymous, {who}, 50 MB by {verb}")
            at_most(f"(f) kB that 50 MB by {verb} add, {who}", 1000,
                    big - small if big and small else None)
    at_most("(f) idle PSS of a session after a mail, kB", 200,
            f.of("f", OURS, "PSS, after a mail, 20 at once"))
    at_least("(h) slow disk, 64 sessions, against Postfix", 3,
             f.ratio("h", OURS, "Postfix", 64))
    at_most("(k) p99 of 63 sessions beside mails of 50 MB, against Postfix", 1,
            f.ratio("k", OURS, "Postfix", "beside", "p99"))
    rows_of = [int(key) for key in f.keys("i")]
    if rows_of:
        none, most = f.of("i", OURS, 0), f.of("i", OURS, max(rows_of))
        at_most(f"(i) cost with {max(rows_of):,} rows, against none", 1.15,
                none / most if none and most else None)
    return [row for row in rows if row[2] is not None]


# The machine


def first_line(*command):
    try:
        result = subprocess.run(command, capture_output=True, text=True,
                                check=False, timeout=20)
    except OSError:
        return "?"
    lines = (result.stdout or result.stderr).strip().splitlines()
    return lines[0] if lines else "?"


def package(name):
    return first_line("dpkg-query", "-W", "-f", "${Version}\n", name)


def machine():
    cpu = re.search(r"model name\s*: (.*)",
                    Path("/proc/cpuinfo").read_text(encoding="ascii"))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    disk = first_line("findmnt", "-no", "SOURCE,FSTYPE", "-T", "/var/tmp")
    return [
        f"{os.cpu_count()} x {cpu[1] if cpu else platform.processor()}, "
        f"{memory / 2**30:.0f} GiB, Linux {platform.release()}",
        f"disk: {' '.join(disk.split())}",
        f"SQLite {first_line('sqlite3', '--version').split()[0]}, "
        f"Postfix {package('postfix')}; the others of the same Debian",
    ]


# The page


def table(f, part, field=None, keys=None):
    keys = keys or f.keys(part)
    lines = ["| | " + " | ".join(keys) + " |",
             "|---|" + "---:|" * len(keys)]
    for name in f.names(part):
        figures = [number(f.of(part, name, key, field)) for key in keys]
        lines.append(f"| {name} | " + " | ".join(figures) + " |")
    return lines


def latency_table(f, part="c"):
    lines = ["| | " + " | ".join(f"{n}: p50 | p99 | max"
                                 for n in f.keys(part)) + " |",
             "|---|" + "---:|" * 3 * len(f.keys(part))]
    for name in f.names(part):
        figures = [number(f.of(part, name, key, field))
                   for key in f.keys(part) for field in ("p50", "p99", "max")]
        lines.append(f"| {name} | " + " | ".join(figures) + " |")
    return lines


def memory_table(f):
    names = f.names("f")
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for key in f.keys("f"):
        lines.append(f"| {key} | " + " | ".join(
            number(f.of("f", name, key)) for name in names) + " |")
    return lines


def instruction_lines(f):
    none, one, eleven = (f.of("g", "smtpd", n) for n in (0, 1, 11))
    if not none or not one or not eleven:
        return ["Not counted."]
    return [f"A session without a mail takes {none:,.0f} instructions, the "
            f"first mail {one - none:,.0f} more, each mail after it "
            f"{(eleven - one) / 10:,.0f} "
            "(valgrind's callgrind, a process of its own, mails of 4 KiB)."]


def slow_table(f):
    lines = ["| | mails a second | syncs a mail |", "|---|---:|---:|"]
    for name in f.names("h"):
        lines.append(f"| {name} | {number(f.of('h', name, 64))} | "
                     f"{number(f.of('syncs', name, 64))} |")
    return lines


SPECIAL = {"c": latency_table, "f": memory_table, "g": instruction_lines,
           "h": slow_table, "k": lambda f: latency_table(f, "k")}


def summary(f):
    """What a reader wants to know first."""
    lines = []

    def say(text, part, name, key, field=None):
        figure = f.of(part, name, key, field)
        if figure is not None:
            lines.append(f"- {text}: {number(figure)}" + "".join(
                f"; {short} {number(other)}" for short, other in (
                    ("Postfix", f.of(part, "Postfix", key, field)),
                    ("the naive store", f.of(part, NAIVE, key, field)))
                if other is not None) + ".")

    say("Durable mails of 4 KiB a second from 64 sessions that stay", "a",
        OURS, 64)
    say("the same from 64 at once, one mail for each connection", "b", OURS,
        64)
    say("milliseconds from the final dot to the 250, 99 of 100, 64 sessions",
        "c", OURS, 64, "p99")
    say("MB/s of mails of 50 MB", "d", OURS, "DATA")
    say("mails a second from 64 sessions, where each sync takes 5 ms longer",
        "h", OURS, 64)
    return lines


def count(n, what):
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def commit():
    return first_line("git", "-C", Path(__file__).resolve().parent, "log",
                      "-1", "--format=%h, %cs")


WHERE = """\
Every figure is of one run on one machine ({minutes:.0f} minutes, commit
{commit}), the median of {rounds} in which all took turns; a ratio is the
median of what it was in each round.  Where a round with an answer would take
long, there is one (200 sessions, memory).  When it began, {load:.0f} processes
were at work there already.  Syncs are real: a mail that was answered is on the
disk.  What counts are the ratios; those of a busy machine may be wrong by half.
Again: `{command}`."""


def page(results):
    f = Figures(results["results"])
    lines = ["# Speed", "", *summary(f), "", *(WHERE.format(
        minutes=results["seconds"] / 60,
        rounds=count(results["rounds"], "round"), load=results["load"],
        commit=commit(), command=results["command"]).splitlines()),
             "", *(f"- {line}" for line in machine()), "",
             "![mails a second](bench.svg)", "",
             "| target | | measured | |", "|---|---:|---:|---|"]
    for what, limit, figure, met in targets(f):
        lines.append(f"| {what} | {limit} | {beside(limit, figure)} | "
                     f"{'met' if met else '**missed**'} |")
    for part, title in TITLES.items():
        if f.names(part):
            lines += ["", f"## {title}", ""]
            lines += SPECIAL[part](f) if part in SPECIAL else table(f, part)
    lines += ["", "## Who is who", "", *who(f)]
    if results["void"]:
        lines += ["", "## No figure", "",
                  *(f"- {' '.join(why.split())}" for why in results["void"])]
    return "\n".join(lines) + "\n"


WHO = {
    "smtpd": """the program; as a listener, whose writer has the database, or a
  process started by tcpserver for each connection, which has it itself.""",
    "null store": """the dialogue alone; the same with a store that answers at
  once and keeps nothing.""",
    "naive store": """the usual advice, WAL with synchronous=FULL and a busy
  timeout, in a process for each connection; so the program under tcpserver,
  without the lock file where writers queue.  It takes a fifth of the mails.""",
    "sink": """a small C program that speaks the dialogue and keeps nothing.""",
    "append + fdatasync": """as many processes that append 8 KiB to one file and
  sync it, each time; no SMTP.""",
    "Postfix": """smtpd and cleanup; the mail is put on hold.""",
    "Exim": """started by tcpserver; the mail is queued (-odq).""",
    "OpenSMTPD": """the mail is queued, its relaying paused.  It does not sync.
  It lets 5 connections wait to be accepted; where more come at once, they wait
  a second for TCP to try again.""",
    "aiosmtpd": """its Mailbox handler, a Maildir.""",
}
COUNTED = """\
What each of them says to have taken is counted in its queue or table after
each measurement; a figure where any mail is missing is none."""


def who(f):
    """Those who are in the tables."""
    seen = {name.split(",")[0] for part in f.results for name in f.names(part)}
    return [*(line for name, text in WHO.items() if name in seen
              for line in f"- {name}: {text}".splitlines()),
            "", *COUNTED.splitlines()]


# The plot


PLOT = """\
set terminal svg size 960,560 font "sans-serif,12" background "white"
set output "bench.svg"
set multiplot layout 1,2
set logscale xy
set grid
set xlabel "sessions at once"
set xtics (1, 4, 16, 64, 200)
set xrange [0.9:230]
set bmargin 10
set key below font ",10" maxcols 2
"""


# The same line in both halves.
LOOKS = [OURS, FORKED, NULL, NAIVE, "Postfix", "Exim, tcpserver", "OpenSMTPD",
         "aiosmtpd", SINK, LIMIT]


def series(f, part, keys):
    """gnuplot's inline data and the plot command."""
    data, curves = [], []
    for i, name in enumerate(f.names(part)):
        points = [(key, f.of(part, name, key)) for key in keys]
        data += [f"$d{part}{i} << EOD",
                 *(f"{key} {figure}" for key, figure in points if figure),
                 "EOD"]
        look = LOOKS.index(name) + 1 if name in LOOKS else 12
        width = 3 if name.startswith("smtpd") else 1
        curves.append(f'$d{part}{i} title "{name}" with linespoints '
                      f"lt {look} lw {width} pt {look} ps 0.6")
    return data, "plot " + ", \\\n     ".join(curves)


def plot(results, folder):
    f = Figures(results["results"])
    lines = [PLOT]
    for part, label in (("a", "mails a second, sessions of 100"),
                        ("b", "mails a second, one a connection")):
        if f.names(part):
            data, command = series(f, part, f.keys(part))
            lines += data + [f'set title "{label}"', command]
    script = "\n".join(lines) + "\nunset multiplot\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True,
                   cwd=folder)


def write(results, folder):
    folder.mkdir(exist_ok=True)
    (folder / "bench.md").write_text(page(results), encoding="utf-8")
    plot(results, folder)
    print(f"wrote {folder}/bench.md and bench.svg")
