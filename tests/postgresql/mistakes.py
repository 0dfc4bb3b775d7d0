#!/usr/bin/python3 -B
"""What an operator can do wrong with PostgreSQL: each client gets a reply at once,
the log one line with the cause, and mail is taken once it is mended, by the same
smtpd; by inetd's way as well."""

import os
import socket
import struct
import subprocess
import threading
import time

import cluster
import common


class Bench(cluster.Bench):
    """A server, and one that follows it without being waited for."""

    def __init__(self, options):
        super().__init__(options, cluster.Cluster(standbys=1))
        self.primary, self.standby = self.it.nodes
        for node in self.it.nodes:
            node.configure("")
            node.reload()
        self.hba = os.path.join(self.primary.data, "pg_hba.conf")
        with open(self.hba, encoding="utf-8") as f:
            self.trust = f.read()
        self.passwords = os.path.join(self.it.root, "passwords")

    def sql(self, *statements, database="postgres"):
        for text in statements:
            self.primary.ask(text, database)

    def rule(self, lines=""):
        with open(self.hba, "w", encoding="utf-8") as f:
            f.write(lines + self.trust)
        self.primary.reload()

    def password(self, word, mode=0o600):
        with open(self.passwords, "w", encoding="utf-8") as f:
            f.write(f"*:*:*:*:{word}\n")
        os.chmod(self.passwords, mode)
        common.give_away(self.passwords)

    def uri(self, name, more="", node=None):
        """A role and a database of this name."""
        folder = (node or self.primary).folder
        return f"postgresql://{name}@/{name}?host={folder}{more}"

    def by_hand(self, uri):
        """One connection, as inetd starts it: the reply that decided it, and what
        was logged."""
        ours, theirs = socket.socketpair()
        with ours, theirs, subprocess.Popen(
                [self.smtpd, "-d", uri, "-n", "mx.example"], stdin=theirs,
                stdout=theirs, stderr=subprocess.PIPE, text=True,
                preexec_fn=cluster.as_nobody) as process:
            theirs.close()
            client = common.Client(ours, cluster.PATIENCE)
            reply = client.greet()
            if reply[0] < 400:
                reply = client.mail(common.mail(1, 100), 1)
            client.close()
            said = process.stderr.read()
        return reply, said

    def wrong(self, what, uri, code, cause, mend=None):
        open(self.log, "w", encoding="utf-8").close()
        listener = cluster.Listener(self.smtpd, uri, self.log)
        try:
            start = time.monotonic()
            reply = listener.deliver(1)
            took = time.monotonic() - start
            causes = [line for line in listener.said().splitlines()
                      if "deferred" in line]
            self.report.check(reply[0] == code, f"{what}: {reply}")
            # A server has 30.
            self.report.check(took < 25, f"{what}: {took:.1f} s")
            self.report.check(len(causes) == 1 and cause in causes[0],
                              f"{what}: {causes}")
            reply, said = self.by_hand(uri)
            self.report.check(reply[0] == code, f"{what}, by hand: {reply}")
            self.report.check(said.count("deferred") == 1 and cause in said,
                              f"{what}, by hand: {said}")
            if mend:
                mend()
                self.recovers(what, uri, listener)
            self.report.check("killed" not in listener.said(),
                              f"{what}: {listener.said()}")
        finally:
            listener.end()

    def recovers(self, what, uri, listener):
        end = time.monotonic() + cluster.PATIENCE
        reply = listener.deliver(2)
        while not common.is_stored(reply) and time.monotonic() < end:
            time.sleep(0.2)
            reply = listener.deliver(2)
        self.report.check(common.is_stored(reply), f"{what}, mended: {reply}")
        reply, said = self.by_hand(uri)
        self.report.check(common.is_stored(reply),
                          f"{what}, mended, by hand: {reply} {said}")


def names(b):
    """Of roles and databases, and the rights that they have."""
    b.sql("CREATE DATABASE one")
    b.wrong("no role", b.uri("one"), 451, 'role \\"one\\" does not exist',
            lambda: b.sql("CREATE ROLE one LOGIN", "ALTER DATABASE one OWNER TO one"))
    b.sql("CREATE ROLE two LOGIN")
    b.wrong("no database", b.uri("two"), 451, 'database \\"two\\" does not exist',
            lambda: b.sql("CREATE DATABASE two OWNER two"))
    b.sql("CREATE ROLE three LOGIN", "CREATE DATABASE three")
    b.wrong("another's database", b.uri("three"), 451,
            "which the owner of the database may: permission denied for database",
            lambda: b.sql("ALTER DATABASE three OWNER TO three"))
    b.sql("CREATE ROLE four LOGIN", "CREATE DATABASE four",
          "GRANT ALL ON DATABASE four TO four")
    b.wrong("all rights, but not the owner's", b.uri("four"), 451,
            "which the owner of the database may: permission denied for schema public",
            lambda: b.sql("ALTER DATABASE four OWNER TO four"))
    b.sql("CREATE ROLE five LOGIN")
    b.wrong("another's tables", b.uri("five").replace("/five?", "/four?"), 451,
            "permission denied for schema main", lambda: b.sql("GRANT four TO five"))
    b.sql("ALTER ROLE four SET search_path TO nowhere")
    b.wrong("another schema", b.uri("four"), 451,
            'relation \\"domain\\" does not exist',
            lambda: b.sql("ALTER ROLE four RESET search_path",
                          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE usename = 'four'"))


def access(b):
    """pg_hba.conf, passwords."""
    b.sql("CREATE ROLE six LOGIN PASSWORD 'secret'", "CREATE DATABASE six OWNER six")
    b.rule("local six six reject\n")
    b.wrong("rejected", b.uri("six"), 451, "pg_hba.conf rejects connection", b.rule)
    b.rule("local six six scram-sha-256\n")
    uri = b.uri("six", f"&passfile={b.passwords}")
    b.wrong("no password", uri, 451, "no password supplied",
            lambda: b.password("secret"))
    b.password("secret", 0o640)
    b.wrong("a password for all to read", uri, 451, "no password supplied",
            lambda: b.password("secret"))
    b.password("wrong")
    b.wrong("a wrong password", uri, 451, "password authentication failed",
            lambda: b.password("secret"))
    b.rule()


def encodings(b):
    for encoding in "LATIN1", "SQL_ASCII":
        name = encoding.lower()
        make = (f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0"
                " LOCALE 'C' ENCODING ")
        b.sql(f"CREATE ROLE {name} LOGIN", make + f"'{encoding}'")
        b.wrong(encoding, b.uri(name), 421,
                f"has server_encoding = {encoding}; it must be UTF8",
                lambda: b.sql(f"DROP DATABASE {name} WITH (FORCE)",  # noqa: B023
                              make + "'UTF8'"))  # noqa: B023


def addresses(b):
    """That lead nowhere, or mean nothing; and tell no password."""
    gone = "/no-such-folder"
    b.wrong("no server", f"postgresql://smtpd@/mail?host={gone}", 451,
            "No such file or directory")
    b.wrong("nobody listens", "postgresql://smtpd@127.0.0.1:1/mail", 451,
            "Connection refused")
    # Where no name server answers, it takes long to find out.
    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
    b.wrong("no name", "postgresql://smtpd@none.invalid/mail", 451,
            "could not translate host name")
    b.wrong("a typo", "postgresql://smtpd@/mail?hots=x", 451, 'parameter: \\"hots\\"')
    b.wrong("no service", "postgresql:///mail?service=none", 451,
            'service \\"none\\" not found')
    b.wrong("a bracket", "postgresql://smtpd:secret@[::1/mail", 451,
            'looking for matching \\"]\\"')
    with open(b.log, encoding="utf-8") as f:
        b.report.check("secret" not in f.read(), "the log has a password")
    b.wrong("two servers, and each has its reason",
            f"postgresql://smtpd@/mail?host={gone},{b.standby.folder}", 451,
            f'failed: No such file or directory; connection to server on socket'
            f' \\"{b.standby.folder}')


def old_server(b):
    """One that says it is of version 12."""

    def serve(listening):
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            with connection:
                connection.recv(4096)
                status = b"server_version\0" b"12.22\0"
                connection.sendall(
                    b"R" + struct.pack("!ii", 8, 0) +
                    b"S" + struct.pack("!i", 4 + len(status)) + status +
                    b"Z" + struct.pack("!i", 5) + b"I")
                # libpq asks whether it can be written to.
                connection.recv(4096)
                columns = b"".join(
                    name + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
                    for name in (b"a", b"b"))
                row = struct.pack("!h", 2) + 2 * (struct.pack("!i", 3) + b"off")
                columns = struct.pack("!h", 2) + columns
                connection.sendall(
                    b"T" + struct.pack("!i", 4 + len(columns)) + columns +
                    b"D" + struct.pack("!i", 4 + len(row)) + row +
                    b"C" + struct.pack("!i", 9) + b"SHOW\0" +
                    b"Z" + struct.pack("!i", 5) + b"I")
                while connection.recv(4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        b.wrong("an old server", f"postgresql://smtpd@127.0.0.1:{port}/mail"
                "?sslmode=disable&gssencmode=disable", 421,
                "is of PostgreSQL 12.22; it must be 13 or later")
        listening.shutdown(socket.SHUT_RDWR)


def only_a_standby(b):
    """It is promoted in the end."""
    b.sql("CREATE ROLE seven LOGIN", "CREATE DATABASE seven OWNER seven")
    b.standby.catch_up(b.primary)
    b.wrong("only a standby", b.uri("seven", node=b.standby), 451,
            "session is read-only", lambda: b.standby.ask("SELECT pg_promote()"))


CHECKS = [names, access, encodings, addresses, old_server, only_a_standby]


if __name__ == "__main__":
    cluster.main(__doc__, Bench, CHECKS)
