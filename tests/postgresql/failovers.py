#!/usr/bin/python3 -B
"""The kill ledger over Patroni's own failovers (see ledger.py), one of the listeners
by libpq's list of hosts and the other by HAProxy; and by --holes which of Patroni's
modes lose acknowledged mails, and when.

Sessions, writers, servers, hosts, Patroni and etcd are killed, stopped or cut off."""

import signal
import time

import cluster
import common
import ledger
import namespace
import patroni

# Patroni may make a server anew meanwhile.
PATIENCE = 2 * cluster.PATIENCE


class Killer(ledger.Killer):
    def kinds(self):
        return [self.session, self.writer, self.backend, self.standby,
                self.host, self.cut_off, self.stopped, self.lost, self.hung,
                self.alone, self.etcd, self.switchover, self.pair]

    def waits(self, what, old=None):
        """For another primary than `old`."""
        self.counts[what] += 1
        cluster.until(lambda: self.it.writable(but=old), f"{what}: another primary",
                      PATIENCE)

    def whole(self):
        cluster.until(self.it.is_whole, "all is well again", PATIENCE)

    def backend(self):
        super().backend()
        self.whole()

    def standby(self):
        node = self.choose.choice(self.it.standbys())
        node.kill()
        self.counts["standby's host"] += 1
        time.sleep(self.choose.random() * patroni.TTL)
        node.start()
        self.whole()

    def host(self):
        old = self.it.primary
        old.kill()
        self.waits("primary's host", old)
        old.start()
        self.whole()

    def lost(self):
        old = self.it.primary
        old.lose()
        self.waits("primary's host, with its disk", old)
        old.start()
        self.whole()

    def cut_off(self):
        old = self.it.primary
        old.cut(True)
        self.waits("primary cut off from all but clients", old)
        time.sleep(self.choose.random() * 5)
        old.cut(False)
        self.whole()

    def reset(self, node):
        """What a watchdog does to a host whose Patroni stood still; there is none
        here.  Patroni 3.0.2 that wakes in the wrong moment takes the lock back from
        who was promoted, and the mails that one has acknowledged are lost."""
        time.sleep(self.choose.random() * 5)
        node.kill()
        node.start()

    def stopped(self):
        old = self.it.primary
        old.send(signal.SIGSTOP)
        self.waits("primary's host stopped", old)
        self.reset(old)
        self.whole()

    def hung(self):
        """Its lock expires, and its server goes on."""
        old = self.it.primary
        old.process.send_signal(signal.SIGSTOP)
        self.waits("primary's Patroni stopped", old)
        self.reset(old)
        self.whole()

    def alone(self):
        old = self.it.primary
        old.process.kill()
        old.process.wait()
        self.waits("primary's Patroni killed", old)
        old.start()
        self.whole()

    def etcd(self):
        self.counts["etcd"] += 1
        self.it.restart_etcd(self.choose.random() * 1.5 * patroni.TTL)
        self.whole()

    def switchover(self):
        old = self.it.primary
        if old.post("switchover", {"leader": old.name}) == 200:
            self.waits("switchover", old)
        self.whole()

    def pair(self):
        """The primary's host with that of the standby whose word counted: nobody is
        left who may take over."""
        nodes = [self.it.primary, self.it.synchronous()]
        for node in nodes:
            if node:
                node.kill()
        self.counts["primary's and its standby's host"] += 1
        time.sleep(1.5 * patroni.TTL)
        for node in self.choose.sample(nodes, 2):
            if node:
                node.start()
        self.whole()


class Hole:
    """A mode, a trouble, and what became of the mails meanwhile."""

    def __init__(self, mode, smtpd):
        self.it = patroni.Cluster(mode)
        self.acknowledged, self.deferred = {}, 0
        self.listener = cluster.Listener(
            self.it.program(smtpd), self.it.uri() + "&connect_timeout=2",
            self.it.root + "/smtpd.log", env={"SMTPD_POSTGRESQL_TIMEOUT": "3"})
        self.number = 0
        self.send()
        self.old = self.it.primary

    def send(self):
        self.number += 1
        reply = self.listener.deliver(self.number)
        if common.is_stored(reply):
            self.acknowledged[self.number] = common.id_of(reply)
        else:
            self.deferred += 1

    def send_until(self, true, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not true():
            self.send()
            time.sleep(0.02)

    def send_for(self, seconds):
        self.send_until(lambda: False, seconds)

    def cut_off(self):
        """The primary is cut off from all but clients; a standby takes over."""
        self.old.cut(True)
        self.send_until(lambda: self.it.writable(but=self.old), 60)
        self.old.cut(False)

    def one_is_behind(self):
        """One standby was cut off, and is all that is left when the two others lose
        their power."""
        behind = [n for n in self.it.standbys() if n is not self.it.synchronous()][-1]
        behind.cut(True)
        self.send_for(3)
        others = [n for n in self.it.nodes if n is not behind]
        for node in others:
            node.kill()
        behind.cut(False)
        # Patroni keeps etcd's silence for itself for a while.
        self.wait_for_failover(behind)
        for node in others:
            node.start()

    def wait_for_failover(self, node):
        end = time.monotonic() + 3 * patroni.TTL
        while time.monotonic() < end and self.it.writable() is not node:
            time.sleep(0.2)

    def none_is_left(self):
        """Both standbys are away when the primary loses its disk."""
        away = self.it.standbys()
        for node in away:
            node.kill()
        self.send_for(1.5 * patroni.TTL)
        self.old.lose()
        for node in away:
            node.start()
        self.wait_for_failover(None)
        self.old.start()

    def lost(self):
        """Acknowledged mails that the primary does not have, or, if there is none,
        no server; and whether there is one."""
        try:
            cluster.until(self.it.is_whole, "whole", 4 * patroni.TTL)
        except SystemExit:
            pass
        primary = self.it.writable()
        found = set()
        for node in [primary] if primary else self.it.nodes:
            if node.answers():
                rows = node.ask("SELECT data FROM main.message", "mail")
                found |= {common.number_of(bytes(data))[0] for data, in rows}
        return len(set(self.acknowledged) - found), bool(primary)

    def end(self):
        self.listener.end()
        self.it.end()


TROUBLES = [Hole.cut_off, Hole.one_is_behind, Hole.none_is_left]


def holes(report, smtpd, only):
    """Prints what is in docs/scale.md."""
    print(f"{'mode':13} {'trouble':15} {'said 250':>8} {'deferred':>8} {'lost':>6}")
    for mode in patroni.MODES:
        for trouble in TROUBLES:
            name = trouble.__name__
            if only and only not in (mode, name, f"{mode}/{name}"):
                continue
            hole = Hole(mode, smtpd)
            try:
                trouble(hole)
                lost, is_up = hole.lost()
            finally:
                hole.end()
            print(f"{mode:13} {name:15} {len(hole.acknowledged):8} {hole.deferred:8} "
                  f"{lost:6}{'' if is_up else '  no primary'}", flush=True)
            report.check(mode != "strict" or lost == 0, f"{mode}, {name}: {lost}")


def main():
    parser = ledger.arguments(__doc__)
    parser.add_argument("--mode", choices=patroni.MODES, default="strict")
    parser.add_argument("--holes", nargs="?", const="", metavar="ONLY",
                        help="MODE, TROUBLE or MODE/TROUBLE")
    options = parser.parse_args()
    why = patroni.missing()
    if why:
        print(f"skipped: tests/postgresql/failovers.py {why}")
        return
    namespace.enter()
    if options.holes is not None:
        report = common.Report()
        holes(report, options.smtpd, options.holes)
        report.end()
    else:
        ledger.rounds(lambda: patroni.Cluster(options.mode), Killer, options)


if __name__ == "__main__":
    main()
