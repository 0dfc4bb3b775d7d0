"""Who is measured: how each is started, how many mails it has stored, and how
it is stopped again.

Each listens on a free port of 127.0.0.1 and keeps its mails in a folder of its
own, on the same disk as the others.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TCPSERVER = ["tcpserver", "-HRl", "mx.example", "-c", "1000", "-b", "1000",
             "127.0.0.1"]
START_SECONDS = 120


class Failed(Exception):
    """A contestant did not do what it was started for."""


def free_port():
    """One below those that the kernel gives clients, who might get it meanwhile."""
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(10000, 32000)))
            return s.getsockname()[1]


def is_answering(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.settimeout(5)
            greeted = s.recv(3) == b"220"
            s.sendall(b"QUIT\r\n")
            while s.recv(4096):
                pass
            return greeted
    except OSError:
        return False


def count_files(folder, suffix="", name=None):
    """Regular files below it, of that name or with that end."""
    found = 0
    for _, _, files in os.walk(folder):
        found += sum(1 for f in files
                     if (f == name if name else f.endswith(suffix)))
    return found


def make_folder(path, owner=None, mode=0o755):
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner:
        os.chown(path, *owner)
    return path


class Contestant:
    """The base: one server process in the foreground, with a log file."""

    name = "?"
    chunking = True  # does it understand BDAT?
    restarts = False  # must be started anew to forget its mails
    pooled = False  # has its processes only after some use
    hesitates = False  # takes seconds where many connect at once
    share = 1  # of the load, for one that would take minutes for all of it

    def __init__(self, programs, folder, env=None):
        self.programs = programs
        self.folder = folder
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.port = 0

    def command(self):
        raise NotImplementedError

    def prepare(self):
        """Makes its folders and settings."""
        make_folder(self.folder)

    def start(self):
        self.prepare()
        self.port = self.port or free_port()
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=self.env)
        self.await_answer()

    def await_answer(self):
        deadline = time.monotonic() + START_SECONDS
        while not is_answering(self.port):
            if time.monotonic() > deadline or not self.is_running():
                raise Failed(f"{self.name} does not answer; see "
                             f"{self.folder.with_suffix('.log')}")
            time.sleep(0.01)

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.process = None

    def stored(self):
        """How many mails it keeps; None: it keeps none."""
        return None

    def wipe(self):
        """Removes its mails."""

    def begin(self):
        """Starts it, or has it forget its mails."""
        if self.process and not self.restarts:
            self.wipe()
            return
        self.stop()
        self.wipe()
        self.start()


class Smtpd(Contestant):
    """The program, as a listener that forks or under tcpserver."""

    restarts = True

    def __init__(self, programs, folder, env=None, *, how, program="smtpd",
                 keeps=True):
        super().__init__(programs, folder, env)
        self.how = how
        self.program = programs / program
        self.keeps = keeps
        variant = {"smtpd": "smtpd", "smtpd-null": "null store",
                   "smtpd-naive": "naive store"}[program]
        self.name = f"{variant}, {how}"
        self.share = 0.2 if program == "smtpd-naive" else 1

    @property
    def database(self):
        return self.folder / "mail.db"

    def prepare(self):
        # Root serves no network; it becomes the owner of such a folder.
        make_folder(self.folder, (65534, 65534) if os.geteuid() == 0 else None)

    def command(self):
        options = ["--database", self.database, "--hostname", "mx.example",
                   "--max-size", "104857600"]
        if self.how == "tcpserver":
            return [*TCPSERVER, str(self.port), self.program, *options]
        return ["systemd-socket-activate", "-l", f"127.0.0.1:{self.port}",
                *(f"--setenv={name}" for name in self.env
                  if name.startswith(("LD_PRELOAD", "BENCH_"))),
                self.program, *options, "--idle-exit=0",
                "--max-connections=1000", "--max-per-source=1000"]

    def stored(self):
        if not self.keeps:
            return None
        if not self.database.exists():
            return 0
        count = subprocess.run(
            ["sqlite3", "-cmd", ".timeout 20000", self.database,
             "SELECT count(*) FROM message"],
            check=True, capture_output=True, text=True)
        return int(count.stdout)

    def wipe(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Sink(Contestant):
    """A program that speaks the dialogue and stores nothing."""

    name = "sink, tcpserver"

    def command(self):
        return [*TCPSERVER, str(self.port), self.programs / "sink"]


class Aiosmtpd(Contestant):
    name = "aiosmtpd"
    chunking = False

    def command(self):
        return ["/usr/bin/python3", "-m", "aiosmtpd", "-n", "-s", "104857600",
                "-l", f"127.0.0.1:{self.port}", "-c",
                "aiosmtpd.handlers.Mailbox", self.folder / "mail"]

    def stored(self):
        return count_files(self.folder / "mail" / "new")

    def wipe(self):
        for mail in (self.folder / "mail" / "new").glob("*"):
            mail.unlink()


POSTFIX_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = check_client_access static:HOLD, permit
smtpd_tls_security_level = none
default_process_limit = 400
message_size_limit = 104857600
mailbox_size_limit = 0
# Held mails are never delivered, which would count as arriving too fast.
in_flow_delay = 0
import_environment = MAIL_CONFIG {environment}
"""

POSTFIX_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60  1 pickup
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n -   - trivial-rewrite
bounce    unix - - n -   0 bounce
defer     unix - - n -   0 bounce
error     unix - - n -   - error
proxymap  unix - - n -   - proxymap
anvil     unix - - n -   1 anvil
"""


class Postfix(Contestant):
    """smtpd and cleanup; mail is put on hold, so nothing else is done."""

    name = "Postfix"
    pooled = True

    # `process` is the file that holds the master's number, which detaches
    # itself.

    def prepare(self):
        self.port = self.port or free_port()
        make_folder(self.folder)
        etc = make_folder(self.folder / "etc")
        make_folder(self.folder / "queue")
        owner = os.stat("/var/lib/postfix")
        make_folder(self.folder / "data", (owner.st_uid, owner.st_gid))
        preload = " ".join(f"{name}={value}" for name, value
                           in self.env.items()
                           if name.startswith(("LD_PRELOAD", "BENCH_")))
        (etc / "main.cf").write_text(POSTFIX_MAIN.format(
            folder=self.folder, environment=preload))
        (etc / "master.cf").write_text(POSTFIX_MASTER.format(port=self.port))

    def start(self):
        self.prepare()
        with open(self.folder.with_suffix(".log"), "ab") as log:
            subprocess.run(["postfix", "-c", self.folder / "etc", "start"],
                           check=True, timeout=60, env=self.env,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.process = self.folder / "queue" / "pid" / "master.pid"
        self.await_answer()

    def is_running(self):
        return self.process.exists()

    def stop(self):
        if not self.process:
            return
        pid = int(self.process.read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 60
        while Path(f"/proc/{pid}").exists():
            if time.monotonic() > deadline:
                raise Failed("Postfix does not end")
            time.sleep(0.01)
        self.process = None

    def stored(self):
        return count_files(self.folder / "queue" / "hold")

    def wipe(self):
        for mail in (self.folder / "queue" / "hold").glob("*"):
            mail.unlink()


class Staged(Contestant):
    """One that finds its settings and folders where stage.sh puts them."""

    users = {}

    def command(self):
        return [HERE / "stage.sh", self.folder, *self.staged_command()]

    def staged_command(self):
        raise NotImplementedError

    def prepare(self):
        self.port = self.port or free_port()
        if (self.folder / "etc").exists():
            return
        make_folder(self.folder)
        shutil.copytree("/etc", self.folder / "etc", symlinks=True,
                        ignore_dangling_symlinks=True)
        for name in ("spool", "lib", "run"):
            make_folder(self.folder / name)
        with open(self.folder / "etc/passwd", "a", encoding="ascii") as f:
            for user, user_id in self.users.items():
                f.write(f"{user}:x:{user_id}:{user_id}::/:/bin/false\n")
        with open(self.folder / "etc/group", "a", encoding="ascii") as f:
            for user, user_id in self.users.items():
                f.write(f"{user}:x:{user_id}:\n")
        self.prepare_stage()

    def prepare_stage(self):
        raise NotImplementedError


EXIM = """\
log_file_path = {folder}/log/%slog
primary_hostname = mx.example
acl_smtp_rcpt = take
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 100M
keep_environment =
queue_only
begin acl
take:
  accept
begin routers
hold:
  driver = accept
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
"""


class Exim(Staged):
    """A process per connection; mail is queued and no delivery is tried."""

    name = "Exim, tcpserver"
    users = {"Debian-exim": 60101}

    def prepare_stage(self):
        make_folder(self.folder / "etc/exim4")
        (self.folder / "etc/exim4/exim4.conf").write_text(
            EXIM.format(folder=self.folder))
        make_folder(self.folder / "spool/exim4", (60101, 60101), 0o750)
        make_folder(self.folder / "log", (60101, 60101))

    def staged_command(self):
        return [*TCPSERVER, str(self.port), self.programs
                / "peers/usr/sbin/exim4", "-bs", "-odq"]

    def stored(self):
        return count_files(self.folder / "spool/exim4/input", "-H")

    def wipe(self):
        shutil.rmtree(self.folder / "spool/exim4/input", ignore_errors=True)
        shutil.rmtree(self.folder / "spool/exim4/msglog", ignore_errors=True)


OPENSMTPD = """\
listen on 127.0.0.1 port {port} hostname mx.example
smtp max-message-size 100M
smtp limit max-mails 100000
action "keep" relay
match from any for any action "keep"
"""


class OpenSMTPD(Staged):
    """Mail is queued, and its relaying is paused."""

    name = "OpenSMTPD"
    chunking = False
    restarts = True  # it knows its queue by heart
    hesitates = True  # it lets 5 connections wait to be accepted
    users = {"opensmtpd": 60102, "opensmtpq": 60103}

    def prepare_stage(self):
        # It would ask a name server for the name of 127.0.0.1.
        resolver = self.folder / "etc/resolv.conf"
        resolver.unlink(missing_ok=True)
        resolver.write_text("lookup file\n")
        (self.folder / "etc/smtpd.conf").write_text(
            OPENSMTPD.format(port=self.port))
        make_folder(self.folder / "spool/smtpd", mode=0o711)
        make_folder(self.folder / "lib/opensmtpd/empty")

    def staged_command(self):
        return [self.programs / "peers/usr/sbin/smtpd", "-d", "-P", "mta"]

    def stored(self):
        return count_files(self.folder / "spool/smtpd/queue", name="message")

    def wipe(self):
        shutil.rmtree(self.folder / "spool/smtpd/queue", ignore_errors=True)
