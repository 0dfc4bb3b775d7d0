#!/usr/bin/python3 -B
"""How often a mail waits for the server where all tables of the policy have rows:
counted by a relay between smtpd and the server, by the times that smtpd says
something after the server has.  Each wait is a round trip of the network."""

import os
import selectors
import socket
import threading

import cluster
import common

RULES = """
INSERT INTO domain VALUES ('mx.example');
INSERT INTO mailbox (address, quota_messages) VALUES ('bob@mx.example', 1000),
  ('r@mx.example', 1000);
INSERT INTO alias (address, target) VALUES ('info@mx.example', 'bob@mx.example');
INSERT INTO quota (max_messages) VALUES (1000000);
INSERT INTO rate_limit (scope, max_messages) VALUES ('client', 1000000),
  ('sender', 1000000), ('total', 1000000);
INSERT INTO client_rule (network, allow) VALUES ('127.0.0.0/8', 1);
INSERT INTO sender_rule (pattern, allow, text) VALUES ('bad.example', 0, 'Not you')
"""


class Relay(threading.Thread):
    """Passes connections on to the server's socket; `turns` counts."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.select = selectors.DefaultSelector()
        self.select.register(self.listening, selectors.EVENT_READ)
        self.other, self.is_client, self.was_client = {}, {}, {}
        self.turns = 0

    def run(self):
        while True:
            for key, _ in self.select.select():
                if key.fileobj is self.listening:
                    self.accept()
                else:
                    self.move(key.fileobj)

    def accept(self):
        client, _ = self.listening.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.server)
        self.other[client], self.other[server] = server, client
        self.is_client[client], self.is_client[server] = True, False
        for s in (client, server):
            self.select.register(s, selectors.EVENT_READ)

    def move(self, one):
        try:
            octets = one.recv(1 << 20)
        except ConnectionError:
            octets = b""
        pair = frozenset((one, self.other[one]))
        if not octets:
            for s in pair:
                self.select.unregister(s)
                s.close()
            return
        self.turns += self.is_client[one] and not self.was_client.get(pair)
        self.was_client[pair] = self.is_client[one]
        try:
            self.other[one].sendall(octets)
        except ConnectionError:
            pass  # which is read of it next


class Bench(cluster.Bench):
    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=0))
        self.relay = Relay(os.path.join(self.it.primary.folder, ".s.PGSQL.5432"))
        self.relay.start()
        self.listener = cluster.Listener(
            self.smtpd, f"postgresql://smtpd@127.0.0.1:{self.relay.port}/mail", self.log)
        self.check(common.is_stored(self.listener.deliver(0)), "the first mail")
        self.it.primary.ask(RULES, "mail")

    def end(self):
        self.listener.end()
        super().end()


def waits_seldom(b):
    report, it, relay = b.report, b.it, b.relay
    client = b.listener.connect()
    client.greet()

    def waits(command, code, most):
        before = relay.turns
        reply = client.command(command)
        waited = relay.turns - before
        report.check(reply[0] == code, f"{command}: {reply}")
        report.check(waited <= most, f"{command} waited {waited} times")

    # That a table has its first row is seen within a moment.
    cluster.until(lambda: client.command("RSET") and
                  client.command("MAIL FROM:<a@bad.example>")[0] == 550,
                  "a sender that is refused")
    # What is yet to be prepared waits for that.
    for address in ("r", "info", "nobody", "r+detail"):
        for sender in ("a@client.example", "a@bad.example"):
            client.command(f"MAIL FROM:<{sender}>")
            client.command(f"RCPT TO:<{address}@mx.example>")
            client.command("RSET")
    client.command("RCPT TO:<a@elsewhere.example>")
    it.primary.ask("DELETE FROM rate_count", "mail")
    # Besides its rounds: the COMMIT of the question before, which may be seen late,
    # and its own, and, where that was long ago, a look at which tables are used.
    waits("MAIL FROM:<a@bad.example>", 550, 5)
    waits("MAIL FROM:<a@client.example>", 250, 5)
    waits("RCPT TO:<r@mx.example>", 250, 5)
    waits("RCPT TO:<r+detail@mx.example>", 250, 5)
    waits("RCPT TO:<info@mx.example>", 250, 7)
    waits("RCPT TO:<nobody@mx.example>", 550, 5)
    waits("RCPT TO:<a@elsewhere.example>", 550, 5)
    client.command("DATA")
    client.send(common.on_the_wire(common.mail(1, 500)))
    report.check(common.is_stored(client.reply()), "it was not stored")
    client.close()


if __name__ == "__main__":
    cluster.main(__doc__, Bench, [waits_seldom])
