"""What goes over the wire: a tee between a client and the server, and the
reader of what it kept.

Of its connection number N the tee keeps the octets of both sides in the files
N.client and N.server and, once both have closed, the port that it called the
server from in N.port.  To the server that is the client's port.

    wire.py OWN HOST PORT FOLDER

listens on a free port of its OWN address, which it names in FOLDER/listening,
and passes connections on to HOST.
"""
import os
import re
import socket
import sys
import threading

PIECE = 256 * 1024


def write_whole(path, text):
    """A reader finds all of the file or none."""
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(text)
    os.rename(path + ".new", path)


def pump(source, target, record):
    """Carries octets one way until the end, and hands the end on."""
    try:
        while data := source.recv(PIECE):
            record.write(data)
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def carry(client, address, base):
    with client, socket.create_connection(address) as server, \
            open(base + ".client", "wb") as sent, \
            open(base + ".server", "wb") as received:
        port = server.getsockname()[1]
        back = threading.Thread(target=pump, args=(server, client, received))
        back.start()
        pump(client, server, sent)
        back.join()
    write_whole(base + ".port", f"{port}\n")


def tee(own, host, port, folder):
    with socket.create_server((own, 0)) as listener:
        write_whole(os.path.join(folder, "listening"),
            f"{listener.getsockname()[1]}\n")
        number = 0
        while True:
            client, _ = listener.accept()
            number += 1
            open(os.path.join(folder, str(number)), "wb").close()
            threading.Thread(target=carry, args=(client, (host, port),
                os.path.join(folder, str(number)))).start()


class Mail:
    """One mail as its client sent it."""

    def __init__(self, helo, verb, line):
        self.helo = helo
        self.protocol = {"HELO": "SMTP", "EHLO": "ESMTP"}[verb]
        self.reverse_path = path_of(line)
        self.smtputf8 = b" SMTPUTF8" in line.upper()
        if self.smtputf8:
            self.protocol = "UTF8SMTP"
        body = re.search(rb" BODY=(\w+)", line, re.I)
        self.body_type = body[1].decode().upper() if body else "7BIT"
        self.recipients = []
        self.data = b""
        self.reply = None


class Octets:
    """One side of a session, read from its front."""

    def __init__(self, octets):
        self.octets = octets
        self.at = 0

    def more(self):
        return self.at < len(self.octets)

    def upto(self, end):
        stop = self.octets.find(end, self.at)
        if stop < 0:
            raise ValueError(f"cut off: {self.octets[self.at:][:80]}")
        text = self.octets[self.at:stop]
        self.at = stop + len(end)
        return text

    def take(self, count):
        self.at += count
        return self.octets[self.at - count:self.at]


def path_of(line):
    return re.search(rb"<([^>]*)>", line)[1].decode()


def read_reply(server):
    """The code of the next reply, which must be one to the letter."""
    while True:
        line = server.upto(b"\r\n")
        if not re.fullmatch(rb"[2-5]\d\d[ -][ -~]*", line):
            raise ValueError(f"not an SMTP reply: {line[:80]}")
        if line[3:4] == b" ":
            return int(line[:3])


def read_text(client):
    """The mail after DATA, without the added dots (RFC 5321 s. 4.5.2)."""
    client.at -= 2  # a line starts, even the first, behind a CRLF
    text = client.upto(b"\r\n.\r\n") + b"\r\n"
    return text.replace(b"\r\n.", b"\r\n")[2:]


def read_session(sent, received):
    """The mails of a session.

    Every octet of both sides must be accounted for: commands and mails on
    one, one reply to each and nothing else on the other.
    """
    client, server = Octets(sent), Octets(received)
    mails, mail, greeting = [], None, None
    read_reply(server)
    while client.more():
        line = client.upto(b"\r\n")
        verb = line[:4].upper().decode()
        code = read_reply(server)
        if verb in ("HELO", "EHLO"):
            greeting = (line[5:].decode(), verb)
        elif verb == "MAIL":
            mail = Mail(*greeting, line)
        elif verb == "RCPT" and code == 250:
            mail.recipients.append(path_of(line))
        elif verb == "DATA" and code == 354:
            mail.data = read_text(client)
            mail.reply = read_reply(server)
            mails.append(mail)
    if server.more():
        rest = server.octets[server.at:]
        raise ValueError(f"a reply to nothing: {rest[:80]}")
    return mails


if __name__ == "__main__":
    tee(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
