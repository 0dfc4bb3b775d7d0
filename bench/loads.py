"""The load that is put on a contestant, and a count of what came of it."""

import os
import subprocess
import time
from pathlib import Path

from contestants import Failed

HERE = Path(__file__).resolve().parent
MAIL_OCTETS = 4096
SECONDS_MAX = 300


def fields(text):
    """The "name=value" that a program of this folder printed."""
    return {name: float(value) for name, value in
            (word.split("=") for word in text.split())}


def run(*command):
    result = subprocess.run([str(word) for word in command], check=True,
                            capture_output=True, text=True,
                            timeout=SECONDS_MAX)
    return result.stdout


def smtp_source(c, sessions, mails, again):
    """`mails` in all; each session takes one, or as many as come `again`."""
    start = time.monotonic()
    run("smtp-source", *(["-d"] if again else []), "-s", sessions, "-m",
        mails, "-l", MAIL_OCTETS, "-f", "sender@client.example", "-t",
        "alice@mx.example", f"127.0.0.1:{c.port}")
    return {"mails": mails, "seconds": time.monotonic() - start}


def latency(c, sessions, each, octets, verb="DATA"):
    """From the final dot of a mail to its 250, in milliseconds."""
    return fields(run(c.programs / "latency", c.port, sessions, each, octets,
                      verb))


def page_faults(program):
    """Of a listener, for each connection of some kind."""
    lines = run("/usr/bin/python3", "-B", HERE / "faults.py", program)
    return {kind: float(faults) for kind, faults in
            (line.split() for line in lines.splitlines())}


def append(programs, folder, writers, records):
    """The limit: what a mail adds to the log, appended and synced."""
    path = folder / "append"
    result = fields(run(programs / "append", path, writers, records, 8192))
    path.unlink()
    return result


def warm_up(c, sessions):
    """So that what is made once is there: a database, a pool of processes."""
    smtp_source(c, 1, 1, again=True)
    if c.pooled:
        smtp_source(c, sessions, sessions, again=True)


def counted(c, load):
    """What `load` measured, if `c` has stored every mail of it."""
    before = c.stored()
    os.sync()
    result = load()
    after = c.stored()
    if after is not None and after - before != result["mails"]:
        raise Failed(f"{c.name} stored {after - before} of "
                     f"{result['mails']:.0f} mails")
    return result


def rate(result):
    return result["mails"] / result["seconds"]
