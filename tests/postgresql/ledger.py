#!/usr/bin/python3 -B
"""The kill ledger on PostgreSQL: clients of two listeners write down every 250,
while sessions, writers and servers are killed and the primary fails over; somebody
reads on by id meanwhile.  Every number acknowledged must be a row, with exact
octets, and none may have come behind the one who reads on."""

import collections
import contextlib
import os
import random
import signal
import threading
import time

import psycopg2

import cluster
import common

CLIENTS = 4  # of each listener
PAUSE = 0.02  # seconds between two of a client's mails, at most
ROUND = 50   # kills
EXCUSES = 2  # rounds that may fail by a fault of the cluster, and are repeated


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0
        self.size = {}
        self.ids = {}
        self.lost = collections.Counter()
        self.refusals = collections.Counter()

    def take_number(self, choose):
        size = 400 * 1024 if choose.random() < 0.01 else choose.randrange(4000)
        with self.lock:
            self.next += 1
            self.size[self.next] = size
            return self.next


class Sender(threading.Thread):
    def __init__(self, ledger, listener, seed, stop):
        super().__init__(daemon=True)
        self.ledger, self.listener, self.stop = ledger, listener, stop
        self.choose = random.Random(seed)
        self.number = None

    def run(self):
        while not self.stop.is_set():
            try:
                client = self.listener.connect()
            except OSError:
                time.sleep(0.01)
                continue
            try:
                self.session(client)
            except (common.Lost, TimeoutError):
                pass
            finally:
                client.close()

    def session(self, client):
        client.greet()
        for _ in range(self.choose.randrange(1, 7)):
            if self.number is None:
                self.number = self.ledger.take_number(self.choose)
            if not self.send(client, self.number):
                time.sleep(0.05)
                return
            self.number = None
            time.sleep(self.choose.random() * PAUSE)
        client.command("QUIT")

    def send(self, client, number):
        ledger = self.ledger
        client.sent_text = False
        try:
            reply = client.mail(common.mail(number, ledger.size[number]),
                                1 + number % 3)
        except (common.Lost, TimeoutError):
            ledger.lost[number] += client.sent_text
            raise
        if common.is_stored(reply):
            ledger.ids[number] = common.id_of(reply)
            return True
        # Of a 451 it may stand there all the same.
        ledger.lost[number] += client.sent_text
        ledger.refusals[reply] += 1
        return False


class Reader(threading.Thread):
    """Reads on by id, as a consumer does."""

    def __init__(self, uri, stop):
        super().__init__(daemon=True)
        self.uri, self.stop = uri, stop
        self.seen = []

    def run(self):
        while not self.stop.is_set():
            try:
                self.read()
            except psycopg2.Error:
                time.sleep(0.05)

    def read(self):
        db = psycopg2.connect(self.uri + "&target_session_attrs=read-write",
                              connect_timeout=5)
        db.autocommit = True
        try:
            while not self.stop.is_set():
                with db.cursor() as c:
                    c.execute("SELECT id FROM message WHERE id > %s ORDER BY id",
                              (self.seen[-1] if self.seen else 0,))
                    self.seen += [row[0] for row in c]
                time.sleep(0.01)
        finally:
            db.close()


class Killer:
    """One kill after the other; `counts` has how many of each."""

    def __init__(self, it, listeners, choose):
        self.it, self.listeners, self.choose = it, listeners, choose
        self.counts = collections.Counter()

    def signal_one(self, pids, what):
        if pids:
            try:
                os.kill(self.choose.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                return
            self.counts[what] += 1

    def session(self):
        self.signal_one(self.choose.choice(self.listeners).children("smtpd"),
                        "session")

    def writer(self):
        self.signal_one(self.choose.choice(self.listeners).writer(), "writer")

    def backend(self):
        """The server starts anew."""
        self.signal_one(self.it.primary.processes()[:-1], "process of the primary")
        self.it.primary.come_back()

    def late_writer(self):
        """It learns that the server was gone when that is there again."""
        pids = self.choose.choice(self.listeners).writer()
        for pid in pids:
            cluster.signal_to(pid, signal.SIGSTOP)
        self.it.primary.kill()
        self.it.primary.start()
        for pid in pids:
            cluster.signal_to(pid, signal.SIGCONT)
        self.counts["primary anew, with a late writer"] += 1

    def waiting(self):
        """The server processes whose COMMIT waits for a standby."""
        try:
            return self.it.primary.in_commit()
        except psycopg2.Error:
            return []

    @contextlib.contextmanager
    def commit_waits(self):
        """Both standbys stand still, and a COMMIT waits for them: its server process
        is handed out, or None."""
        standbys = self.it.standbys()
        for node in standbys:
            node.send(signal.SIGSTOP)
        try:
            end = time.monotonic() + 5
            pids = self.waiting()
            while not pids and time.monotonic() < end:
                pids = self.waiting()
            yield pids[0][0] if pids else None
        finally:
            for node in standbys:
                node.send(signal.SIGCONT)

    def session_in_commit(self):
        with self.commit_waits() as pid:
            if pid:
                self.signal_one(self.choose.choice(self.listeners).children("smtpd"),
                                "session, in COMMIT")

    def writer_in_commit(self):
        with self.commit_waits() as pid:
            if pid:
                self.signal_one(self.choose.choice(self.listeners).writer(),
                                "writer, in COMMIT")

    def backend_in_commit(self):
        with self.commit_waits() as pid:
            if pid:
                self.signal_one([pid], "process of the primary, in COMMIT")
        self.it.primary.come_back()

    def primary_in_commit(self):
        """What waits is on its disk alone, or on its way."""
        with self.commit_waits() as pid:
            if pid:
                self.counts["primary in COMMIT, failover"] += 1
                self.it.primary.kill()
        if pid:
            self.it.fail_over()

    def standby(self):
        node = self.choose.choice(self.it.standbys())
        node.kill()
        self.counts["standby"] += 1
        time.sleep(self.choose.random() * 0.5)
        node.start()

    def primary(self):
        self.counts["primary, failover"] += 1
        self.it.fail_over()

    def cut_off(self):
        self.counts["primary cut off, failover"] += 1
        self.it.fail_over(cut_off=True)

    def kinds(self):
        return [self.session, self.writer, self.writer, self.backend, self.late_writer,
                self.standby, self.primary, self.cut_off, self.session_in_commit,
                self.writer_in_commit, self.backend_in_commit, self.primary_in_commit]

    def go_on(self, kills):
        kinds = self.kinds()
        # Each once, then as it comes.
        first = collections.deque(kinds)
        while sum(self.counts.values()) < kills:
            time.sleep(0.1 + self.choose.random() * 0.4)
            kind = first.popleft() if first else self.choose.choice(kinds)
            # For who looks for the cause of a loss.
            with open(os.path.join(self.it.root, "kills"), "a", encoding="utf-8") as f:
                print(time.strftime("%H:%M:%S", time.gmtime()), kind.__name__, file=f)
            kind()


def table(node):
    """All mails, a few at a time."""
    db = node.connect("mail")
    db.autocommit = False
    try:
        with db.cursor("all") as c:
            c.itersize = 200
            c.execute("SELECT id, data, (SELECT count(*) FROM recipient WHERE"
                      " message_id = m.id) FROM main.message AS m ORDER BY id")
            yield from c
    finally:
        db.close()


def check(report, ledger, rows, seen):
    found = collections.defaultdict(list)
    ids = set()
    for id_, data, nrecipients in rows:
        ids.add(id_)
        number = common.number_of(bytes(data))
        whole = number is not None and bytes(data) == common.mail(*number)
        report.check(whole, f"message {id_} is not as it was sent")
        if whole:
            found[number[0]].append(id_)
            report.check(nrecipients == 1 + number[0] % 3,
                         f"message {id_} has {nrecipients} recipients")
    for number, id_ in ledger.ids.items():
        rows = found.get(number, [])
        report.check(id_ in rows, f"mail {number} was acknowledged as {id_}: {rows}")
        report.check(len(rows) <= 1 + ledger.lost[number],
                     f"mail {number} stands {len(rows)} times, for "
                     f"{ledger.lost[number]} lost replies")
    # A server that restarted shows what no standby has.  If that is gone, the next
    # one may give out its ids again (smtpd-db(5)).
    gone = set(seen) - ids
    missed = sorted(id_ for id_ in ids - set(seen) if id_ > max(gone, default=0))
    report.check(not missed, f"who reads on by id has not seen {missed[:9]}")
    report.check(seen == sorted(set(seen)), "ids came out of their order")
    return {"mails acknowledged": len(ledger.ids), "rows": len(ids),
            "mails in them": len(found),
            "mails deferred": sum(ledger.refusals.values()),
            "replies lost": sum(ledger.lost.values()), "read on": len(seen),
            "of them gone": len(gone), "not read since": len(ids - set(seen))}


class Traffic:
    """Clients of two listeners, and who reads on."""

    def __init__(self, it, uris, smtpd, seed):
        self.it = it
        self.ledger = Ledger()
        self.stop, self.stop_reader = threading.Event(), threading.Event()
        self.listeners = [it.listen(smtpd, uri, timeout=10) for uri in uris]
        self.reader = Reader(it.uri(), self.stop_reader)
        self.senders = [Sender(self.ledger, self.listeners[i % 2], seed + i, self.stop)
                        for i in range(2 * CLIENTS)]

    def start(self, report):
        # The tables are made by the first mail.
        end = time.monotonic() + cluster.PATIENCE
        reply = self.listeners[0].deliver(0)
        while not common.is_stored(reply) and time.monotonic() < end:
            self.ledger.lost[0] += 1
            reply = self.listeners[0].deliver(0)
        report.check(common.is_stored(reply), f"the first mail: {reply}")
        self.ledger.size[0] = 500
        self.ledger.ids[0] = common.id_of(reply)
        self.reader.start()
        for sender in self.senders:
            sender.start()

    def end(self, report):
        time.sleep(2)
        self.stop.set()
        for sender in self.senders:
            sender.join(2 * cluster.PATIENCE)
            report.check(not sender.is_alive(), "a client got no reply for minutes")
        last = self.it.primary.ask("SELECT max(id) FROM main.message", "mail")[0][0]
        cluster.until(lambda: self.reader.seen and self.reader.seen[-1] >= last,
                      "who reads on has come to the end")
        self.stop_reader.set()
        self.reader.join(cluster.PATIENCE)
        for reply in self.ledger.refusals:
            report.check(reply[0] in (421, 451), f"refused: {reply}")
        return check(report, self.ledger, table(self.it.primary), self.reader.seen)

    def close(self):
        for listener in self.listeners:
            listener.end()


def run(it, uris, killer_of, report, options, seed):
    """A round: what was counted, and the replies that were no 250."""
    traffic = Traffic(it, uris, options.smtpd, seed)
    killer = killer_of(it, traffic.listeners, random.Random(seed))
    try:
        traffic.start(report)
        killer.go_on(min(options.kills, ROUND))
        sums = traffic.end(report)
    finally:
        traffic.close()
        if report.failed:
            print(traffic.listeners[0].said()[-3000:])
    return killer.counts, collections.Counter(sums), traffic.ledger.refusals


def round_of(make, killer_of, options, seed):
    """On a cluster of its own, which stays if something failed: run()'s sums, the
    report, and the cluster's excuse."""
    it, report, excuse = make(), common.Report(), None
    sums, done = (), False
    try:
        sums = run(it, it.uris(), killer_of, report, options, seed)
        excuse = it.excuse() if report.failed else None
        done = True
    except cluster.NotInTime as e:
        excuse = it.excuse_for(e)
    finally:
        it.end(keep=report.failed or not done)
    return sums, report, excuse


def rounds(make, killer_of, options):
    """So many that disks of a usual size hold one."""
    print(f"seed {options.seed}", flush=True)
    report = common.Report()
    totals = [collections.Counter() for _ in range(3)]
    seed, left, excuses = options.seed, options.kills, EXCUSES
    while left > 0 and not report.failed:
        options.kills = left
        sums, part, excuse = round_of(make, killer_of, options, seed)
        seed += 1
        if excuse and excuses > 0:
            print(f"NOT COUNTED, and done once more: {excuse}", flush=True)
            excuses -= 1
            continue
        report.passed += part.passed
        report.failed += part.failed
        for total, new in zip(totals, sums):
            total.update(new)
        left -= ROUND
        if left > 0:
            print(f"  {sum(totals[0].values())} kills,"
                  f" {totals[1]['mails acknowledged']} mails", flush=True)
    counts, sums, refusals = totals
    for what, n in sorted(counts.items()):
        print(f"  {n:5} {what}")
    print(", ".join(f"{n} {what}" for what, n in sums.items()))
    for reply, n in refusals.most_common(5):
        print(f"  {n:5} {reply[0]} {reply[1]}")
    report.end()


def arguments(about):
    parser = cluster.arguments(about)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser


def main():
    options = arguments(__doc__).parse_args()
    if not cluster.available():
        print("skipped: tests/postgresql needs postgresql-15")
        return
    rounds(cluster.Cluster, Killer, options)


if __name__ == "__main__":
    main()
