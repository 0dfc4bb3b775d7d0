#!/usr/bin/python3 -B
"""A milter that does what its client asks for, by python3-milter, for filters.py:

    milters.py SOCKET [connect:ACTION]

The argument of EHLO is STAGE-ACTION.example, or what is to be done at the end.
Each mail is told on standard output, as one line of what was seen.
"""

import sys
import threading

import Milter

ACTIONS = {
    "continue": Milter.CONTINUE, "accept": Milter.ACCEPT, "reject": Milter.REJECT,
    "tempfail": Milter.TEMPFAIL, "discard": Milter.DISCARD, "skip": Milter.SKIP,
}
AT_CONNECT = sys.argv[2].split(":")[1] if len(sys.argv) > 2 else ""


class Filter(Milter.Base):
    def __init__(self):
        self.seen = []
        self.octets = 0
        self.stage, self.action = "", ""

    def at(self, stage, *what):
        self.seen.append(" ".join([stage, *what]))
        if stage != self.stage:
            return Milter.CONTINUE
        return self.act(self.action)

    def act(self, action):
        if action == "code":
            self.setreply("554", "5.7.9", "as a filter says, 100%%")
            action = "reject"
        elif action == "later":
            self.setreply("450", "4.7.9", "later")
            action = "tempfail"
        return ACTIONS[action]

    def connect(self, name, family, address):
        self.seen.append(f"connect {name}")
        return self.act(AT_CONNECT) if AT_CONNECT else Milter.CONTINUE

    def hello(self, name):
        self.name = name.split(".")[0]
        self.stage, _, self.action = self.name.partition("-")
        return self.at("helo", name)

    def envfrom(self, sender, *parameters):
        self.seen = [line for line in self.seen if line.startswith(("connect", "helo"))]
        self.octets = 0
        self.seen.append("id " + self.getsymval("i"))
        self.who = self.getsymval("{auth_authen}")
        if self.who:
            self.seen.append("account " + self.who)
        tls = [self.getsymval(name) or "" for name in
               ("{tls_version}", "{cipher}", "{cert_subject}")]
        if any(tls):
            self.seen.append("tls " + " ".join(tls))
        return self.at("mail", sender, *parameters)

    def envrcpt(self, recipient, *parameters):
        return self.at("rcpt", recipient, *parameters)

    def data(self):
        return self.at("data")

    def header(self, name, value):
        return self.at("header", f"{name}={value!r}")

    def eoh(self):
        return self.at("eoh")

    def body(self, chunk):
        self.octets += len(chunk)
        return self.at("body")

    def eom(self):
        self.seen.append(f"octets {self.octets}")
        self.tell()
        change = getattr(self, "do_" + self.name.replace("-", "_"), None)
        if change:
            change()
            return Milter.CONTINUE
        result = self.at("eom")
        if result == Milter.CONTINUE:
            self.addheader("X-Filter", sys.argv[1].rsplit("/", 1)[-1])
        return result

    def tell(self):
        print("; ".join(self.seen), flush=True)

    def do_headers(self):
        self.addheader("X-Added", "a\n\tfolded")
        self.addheader("X-First", "first", 0)
        self.addheader("X-Second", "second", 2)
        self.chgheader("Subject", 1, "changed")
        self.chgheader("X-Twice", 2, "")

    def do_smuggle(self):
        self.addheader("X-Added", "a\nBcc: other\n\nbody")

    def do_recipients(self):
        self.addrcpt("<added@mx.example>")
        self.delrcpt("<R0@mx.example>")

    def do_nobody(self):
        self.delrcpt("<r0@mx.example>")
        self.delrcpt("<r1@mx.example>")

    def do_sender(self):
        self.chgfrom("<new@client.example>")

    def do_other(self):
        self.replacebody(b"a new body\r\n" * 100000)

    def do_quarantine(self):
        self.quarantine("it looks bad")

    def do_progress(self):
        done = threading.Event()
        for _ in range(3):
            done.wait(4)
            self.progress()
        self.addheader("X-Progress", "done")


Milter.factory = Filter
Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT |
                 Milter.DELRCPT | Milter.QUARANTINE | Milter.CHGFROM)
Milter.runmilter("milters", sys.argv[1], 600)
