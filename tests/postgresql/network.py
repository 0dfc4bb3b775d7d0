#!/usr/bin/python3 -B
"""smtpd and its PostgreSQL server on two hosts, between which all packets are lost
for a while, both ways or one: what is acknowledged stays, the client is told 451 in
time, the log has what is waited for, others do not wait, and when packets come
through again so do mails.

Nobody is told that they are lost: they go to an address of the link that nobody has."""

import os
import random
import signal
import threading
import time

import bench
import cluster
import common
import ledger
import namespace
from namespace import ip

SERVER, CLIENT = "10.98.0.1", "10.98.0.2"
MAC = {SERVER: "02:00:00:00:00:01", CLIENT: "02:00:00:00:00:02",
       None: "02:00:00:00:00:03"}
WAYS = {"both ways": (SERVER, CLIENT), "to the server": (SERVER,),
        "from the server": (CLIENT,)}
TIMEOUT = 2  # of an answer, and of a connection
PATIENT = 10  # where a COMMIT has to be cut off in time
# What a slow machine may need besides; with it, still less than TCP's 20 seconds.
SLACK = 10
CUTS = 8
PROGRAMS = ("/usr/bin/nsenter", "/usr/bin/unshare", "/usr/sbin/ip")


class Cluster(cluster.Cluster):
    """The primary is on this host, the first listener on another."""

    def __init__(self):
        super().__init__(standbys=1, connections=25)
        self.far = namespace.Host()
        self.far.plug_in("wire", "address", MAC[SERVER])
        ip("link", "set", "eth0", "address", MAC[CLIENT], host=self.far)
        ip("addr", "add", SERVER + "/24", "dev", "wire")
        ip("addr", "add", CLIENT + "/24", "dev", "eth0", host=self.far)
        ip("link", "set", "wire", "up")
        ip("link", "set", "eth0", "up", host=self.far)
        self.mend()
        self.primary.kill()
        for name, line in ("postgresql.conf", f"listen_addresses = '{SERVER}'"), \
                          ("pg_hba.conf", f"host all all {CLIENT}/32 trust"):
            with open(os.path.join(self.primary.data, name), "a",
                      encoding="utf-8") as f:
                f.write(line + "\n")
        self.primary.start()

    def lead(self, address, to):
        """Packets for the address go to that of the link."""
        ip("neigh", "replace", address, "lladdr", MAC[to], "nud", "permanent", "dev",
           *(("eth0",) if address == SERVER else ("wire",)),
           host=self.far if address == SERVER else None)

    def cut(self, way):
        for address in WAYS[way]:
            self.lead(address, None)

    def mend(self):
        for address in SERVER, CLIENT:
            self.lead(address, address)

    def uris(self):
        far = f"postgresql://smtpd@{SERVER}/mail?connect_timeout={TIMEOUT}"
        return [far, self.uri()]

    def listen(self, smtpd, uri, *options, timeout):
        if SERVER in uri:
            return self.listen_afar(smtpd, TIMEOUT, *options)
        return super().listen(smtpd, uri, *options, timeout=timeout)

    def listen_afar(self, smtpd, timeout, *options):
        return cluster.Listener(
            self.program(smtpd), self.uris()[0], os.path.join(self.root, "smtpd.log"),
            *options, env={"SMTPD_POSTGRESQL_TIMEOUT": str(timeout)}, host=self.far)

    def end(self, keep=False):
        self.far.end()
        super().end(keep)


class Mail(threading.Thread):
    """A mail on its way, with its reply, and the seconds that it took."""

    def __init__(self, b, listener=None, timeout=TIMEOUT):
        super().__init__(daemon=True)
        self.b, self.listener, self.timeout = b, listener or b.listener, timeout
        self.reply, self.took = None, None
        self.number = b.number + 1
        self.start()

    def run(self):
        start = time.monotonic()
        self.reply = self.b.send(self.listener)
        self.took = time.monotonic() - start

    def deferred(self, what, cause):
        self.join(cluster.PATIENCE)
        b = self.b
        b.check(self.reply and self.reply[0] == 451, f"{what}: {self.reply}")
        # It may find out at MAIL, or again behind DATA.
        most = 2 * self.timeout + SLACK
        b.check(self.took and self.took < most, f"{what}: 451 after {self.took} s")
        line = [x for x in b.listener.said().splitlines() if "cause=" in x][-1]
        b.check(any(c in line for c in cause), f"{what}: log: {line}")


def goes_on(b, what, was_cut, listener=None):
    """Within what a lost packet takes to be sent again."""
    start = time.monotonic()
    b.recovers(what, listener)
    took = time.monotonic() - start
    b.check(took < 2 * was_cut + SLACK, f"{what}: mails again after {took} s")


def seen(b, what):
    """What another host stores is, as soon as the server has given this one up,
    which is before TCP does."""
    end = time.monotonic() + TIMEOUT + SLACK
    b.recovers(f"{what}: another host", b.other, TIMEOUT + SLACK)
    while not b.times(b.number, "message") and time.monotonic() < end:
        time.sleep(0.1)
    b.check(b.times(b.number, "message") == 1,
            f"{what}: another host's mail is not seen")


def idle(b):
    """It finds a connection that was good when it was used last."""
    for way in WAYS:
        b.recovers("before")
        b.it.cut(way)
        start = time.monotonic()
        mail = Mail(b)
        mail.deferred(f"idle, {way}", ["no answer", "timeout expired"])
        again = Mail(b)
        again.deferred(f"idle, {way}, once more", ["no answer", "timeout expired"])
        seen(b, f"idle, {way}")
        b.it.mend()
        goes_on(b, f"idle, {way}", time.monotonic() - start)
        for m in mail, again:
            b.check(b.times(m.number) == 0, f"idle, {way}: a row of a 451")


def in_commit(b):
    """It has been sent, and its answer does not come."""
    for way in WAYS:
        standby = b.it.standbys()[0]
        listener = b.it.listen_afar(b.smtpd, PATIENT)
        standby.send(signal.SIGSTOP)
        mail = Mail(b, listener, PATIENT)
        b.in_commit()
        b.it.cut(way)
        start = time.monotonic()
        standby.send(signal.SIGCONT)
        if way == "to the server":
            # The answer comes.
            mail.join(cluster.PATIENCE)
            b.check(common.is_stored(mail.reply), f"COMMIT, {way}: {mail.reply}")
        else:
            mail.deferred(f"COMMIT, {way}", ["cannot be reached"])
        later = Mail(b, listener, PATIENT)
        later.deferred(f"COMMIT, {way}, behind it", ["cannot be reached", "no answer"])
        seen(b, f"COMMIT, {way}")
        b.it.mend()
        goes_on(b, f"COMMIT, {way}", time.monotonic() - start, listener)
        b.check(b.times(mail.number) == 1,
                f"COMMIT, {way}: {b.times(mail.number)} rows of one that had ended")
        b.check(b.times(later.number) == 0, f"COMMIT, {way}: a row of a 451")
        listener.end()


def between(b):
    """Its transaction is open, and nothing comes to end it: what others store must
    be seen all the same, though nobody is there to tell the server."""
    b.recovers("before")
    lock = b.it.primary.connect("mail")
    with lock.cursor() as c:
        # That of main.begin_batch().
        c.execute("SELECT pg_advisory_lock(x'736d7464'::int, 2)")
    mail = Mail(b)
    cluster.until(lambda: b.ask("SELECT 1 FROM pg_stat_activity"
                                " WHERE wait_event = 'advisory'"), "who waits")
    b.it.cut("both ways")
    start = time.monotonic()
    lock.close()
    mail.deferred("transaction", ["no answer", "timeout expired"])
    seen(b, "transaction")
    b.it.mend()
    goes_on(b, "transaction", time.monotonic() - start)
    b.check(b.times(mail.number) == 0, "transaction: a row of a 451")


class Killer(ledger.Killer):
    def cut(self):
        way = self.choose.choice(list(WAYS))
        self.counts[way] += 1
        self.it.cut(way)
        time.sleep(self.choose.random() * 1.5 * TIMEOUT)
        self.it.mend()

    def kinds(self):
        return [self.cut]


def at_random(b):
    """The kill ledger's clients and reader, and its check."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    b.ask("TRUNCATE main.message CASCADE")
    traffic = ledger.Traffic(b.it, b.it.uris(), b.smtpd, seed)
    killer = Killer(b.it, traffic.listeners, random.Random(seed))
    try:
        traffic.start(b.report)
        killer.go_on(CUTS)
        sums = traffic.end(b.report)
    finally:
        traffic.close()
    print(", ".join(f"{n} {what}" for what, n in [*killer.counts.items(), *sums.items()]))


def main():
    lacks = [p for p in PROGRAMS if not os.path.exists(p)]
    if os.geteuid() != 0:
        print("skipped: tests/postgresql/network.py, since it needs root")
    elif lacks:
        print(f"skipped: tests/postgresql/network.py, since {lacks[0]} is not there")
    else:
        namespace.enter()
        bench.main(__doc__, [idle, in_commit, between, at_random], Cluster)


if __name__ == "__main__":
    main()
