"""Networks of a test's own.  All of them stand in a namespace that takes everything
with it when the test ends."""

import os
import subprocess
import sys

import cluster
import common


def enter():
    """Starts the program anew, in a namespace of its own."""
    if os.environ.get("SMTPD_TEST_NETWORK"):
        ip("link", "set", "lo", "up")
        return
    os.environ["SMTPD_TEST_NETWORK"] = "1"
    os.execv("/usr/bin/unshare", ["unshare", "--net", "--", sys.executable,
                                  *(["-B"] if sys.dont_write_bytecode else []),
                                  *sys.argv])


def is_of(pid, namespace):
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino == namespace
    except OSError:
        return False


def ip(*words, host=None):
    subprocess.run([*(host.inside() if host else []), "ip", *words], check=True)


class Host:
    """A host, as far as its network goes; that lasts as long as a process is in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "--", "setpriv",
                                        "--pdeathsig", "KILL", "sleep", "infinity"])
        own = os.stat("/proc/self/ns/net").st_ino
        cluster.until(lambda: not is_of(self.holder.pid, own), "a namespace")
        self.namespace = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
        ip("link", "set", "lo", "up", host=self)

    def inside(self):
        """What stands in front of a command that is to run there."""
        return ["nsenter", "--net", "-t", str(self.holder.pid)]

    def as_nobody(self):
        return [*self.inside(), "setpriv", f"--reuid={common.NOBODY}",
                f"--regid={common.NOBODY}", "--clear-groups"]

    def plug_in(self, name, *link):
        """A cable from here to its eth0."""
        ip("link", "add", name, *link, "type", "veth", "peer", "name", "eth0",
           "netns", str(self.holder.pid))

    def end(self):
        self.holder.kill()
        self.holder.wait()
