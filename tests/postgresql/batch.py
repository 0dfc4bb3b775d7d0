#!/usr/bin/python3 -B
"""One mail of a batch that the server refuses is deferred alone: the others of its
batch are stored, once each, and what is counted is counted for them only."""

import threading

import cluster
import common

CLIENTS = 24
ROUNDS = 6


def refused(i, turn):
    """One to three of a round; the second has 200,000 octets."""
    return i in (3, 11, 20)[:1 + turn % 3]


def send_all(listener, turn):
    """All at the same time: when the first is written, the others are a batch."""
    ready = threading.Barrier(CLIENTS, timeout=cluster.PATIENCE)
    replies = [None] * CLIENTS

    def send(i):
        client = listener.connect()
        client.greet()
        helo = "refused" if refused(i, turn) else "client.example"
        client.command(f"EHLO {helo}")
        client.command("MAIL FROM:<a@client.example>")
        client.command("RCPT TO:<r@mx.example>")
        client.command("DATA")
        size = 200000 if i % 7 == 4 else 500
        text = common.on_the_wire(common.mail(turn * CLIENTS + i, size))
        client.send(text[:-3])
        ready.wait()
        client.send(text[-3:])
        replies[i] = client.reply()
        client.close()

    threads = [threading.Thread(target=send, args=(i,), daemon=True)
               for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * cluster.PATIENCE)
    return replies


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        self.listener = cluster.Listener(self.smtpd, self.it.uri(), self.log)
        self.check(common.is_stored(self.listener.deliver(0)), "the first mail")
        self.it.primary.ask("ALTER TABLE main.message ADD CONSTRAINT refused_helo"
                            " CHECK (helo <> 'refused')", "mail")

    def end(self):
        self.listener.end()
        super().end()


def singles_out(b):
    report, it, listener = b.report, b.it, b.listener
    for what in ("", "INSERT INTO rate_limit (scope, max_messages) VALUES"
                     " ('client', 99999), ('total', 99999);"
                     "INSERT INTO quota (max_messages) VALUES (99999)"):
        if what:
            it.primary.ask(what, "mail")
            # That a table has its first row is seen within a moment.
            cluster.until(lambda: listener.deliver(0) and it.primary.ask(
                "SELECT 1 FROM rate_count LIMIT 1", "mail"), "a mail that is counted")
        for turn in range(ROUNDS):
            it.primary.ask("DELETE FROM message", "mail")
            it.primary.ask("DELETE FROM rate_count", "mail")
            replies = send_all(listener, turn)
            wrong = [(i, r) for i, r in enumerate(replies)
                     if (451 if refused(i, turn) else 250) != (r or [0])[0]]
            report.check(not wrong, f"round {turn}: {wrong}")
            want = sorted(turn * CLIENTS + i for i in range(CLIENTS)
                          if not refused(i, turn))
            got = it.primary.ask("SELECT data FROM main.message", "mail")
            numbers = sorted(common.number_of(bytes(data))[0] for data, in got)
            report.check(numbers == want, f"round {turn} stored {numbers}")
            if what:
                counts = it.primary.ask("SELECT messages FROM rate_count", "mail")
                report.check(counts == [(len(want),)] * 2, f"round {turn} counted {counts}")
    quota = it.primary.ask("SELECT messages FROM quota", "mail")
    report.check(quota == [(len(want),)], f"the quota has {quota}")
    report.check("refused_helo" in listener.said(), "the log has no cause")


if __name__ == "__main__":
    cluster.main(__doc__, Bench, [singles_out])
