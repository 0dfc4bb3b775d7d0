"""Programs that authenticate: those of people, and mail servers that hand mail on.
Each sends a mail, and the row has to say whose it is."""

import base64
import glob
import os
import pathlib
import shutil
import smtplib
import subprocess

import beside

NAME, PASSWORD = "ann", "tr0ub 4dor\u00e9"
MAIL = "Subject: hi\n\nOne.\n"


def by_smtplib(w, mechanisms, column="authenticated_as"):
    for name in mechanisms:
        with smtplib.SMTP("127.0.0.1", w.port, "client.example") as s:
            s.ehlo()
            s.user, s.password = NAME, PASSWORD.encode("ascii", "replace").decode()
            if name != "PLAIN":
                s.password = "ascii"
            try:
                s.auth(name, getattr(s, "auth_" + name.lower().replace("-", "_")))
            except smtplib.SMTPAuthenticationError as e:
                w.report.check(False, f"smtplib, {name}: {e}")
                continue
            s.sendmail("ann@a.example", ["bob@mx.example"], MAIL)
        w.expect(f"smtplib, {name}", "", column)


def by_swaks(w):
    for name in ("PLAIN", "LOGIN"):
        outcome = w.run("swaks", "--server", f"127.0.0.1:{w.port}", "--auth", name,
                        "--auth-user", NAME, "--auth-password", PASSWORD,
                        "--from", "ann@a.example", "--to", "bob@mx.example")
        w.expect(f"swaks, {name}", outcome)


def by_curl(w):
    path = os.path.join(w.folder, "mail.eml")
    with open(path, "w", encoding="ascii") as f:
        f.write(MAIL)
    for name in ("PLAIN", "LOGIN"):
        outcome = w.run("curl", "-sS", f"smtp://127.0.0.1:{w.port}",
                        "--user", f"{NAME}:{PASSWORD}",
                        "--login-options", f"AUTH={name}",
                        "--mail-from", "ann@a.example",
                        "--mail-rcpt", "bob@mx.example", "--upload-file", path)
        w.expect(f"curl, {name}", outcome)


def by_msmtp(w):
    """By GNU SASL, so SCRAM as well."""
    for name in ("scram-sha-256", "plain", "login"):
        outcome = w.run("msmtp", "--file=/dev/null", "--host=127.0.0.1",
                        f"--port={w.port}", f"--auth={name}", f"--user={NAME}",
                        f"--passwordeval=printf %s '{PASSWORD}'",
                        "--from=ann@a.example", "bob@mx.example",
                        input=MAIL.encode())
        w.expect(f"msmtp, {name}", outcome)


def nodemailer(w):
    if not shutil.which("npm"):
        print("skipped: AUTH by nodemailer, since there is no npm")
        return
    status, text = w.run("npm", "install", "--no-audit", "--no-fund",
                         "--ignore-scripts", "--prefix", w.folder,
                         "nodemailer@6.9.16")
    if status != 0:
        print(f"skipped: AUTH by nodemailer, since npm installs nothing: {text}")
        return
    path = os.path.join(w.folder, "nodemailer.js")
    with open(path, "w", encoding="ascii") as f:
        f.write("""const [port, user, pass] = process.argv.slice(2);
            require('nodemailer').createTransport({
                host: '127.0.0.1', port, ignoreTLS: true, auth: { user, pass },
            }).sendMail({ from: 'ann@a.example', to: 'bob@mx.example',
                text: 'x' }, failed => {
                if (failed) { console.error(failed.message); process.exit(1); }
            });""")
    outcome = w.run("node", path, str(w.port), NAME, PASSWORD)
    w.expect("nodemailer", outcome)


def as_thunderbird(w):
    """In the order in which it speaks: an address for a name, what it has to say
    without waiting for a challenge, SIZE, and RSET between two mails."""
    with smtplib.SMTP("127.0.0.1", w.port, "[127.0.0.1]") as s:
        s.ehlo()
        said = base64.b64encode(f"\0{NAME}\0{PASSWORD}".encode()).decode()
        s.docmd("AUTH PLAIN " + said)
        for _ in range(2):
            s.sendmail("ann@a.example", ["bob@mx.example"], MAIL,
                       mail_options=["BODY=8BITMIME"])
            w.expect("like Thunderbird", "")
            s.rset()


def postfix(w):
    """As a relay's client; by Cyrus SASL."""
    if not shutil.which("postfix") or not glob.glob("/usr/lib/*/sasl2/libplain.so"):
        print("skipped: AUTH by Postfix, since it or libsasl2-modules is not there")
        return
    for name in ("plain", "login"):
        folder = pathlib.Path(w.folder) / f"postfix-{name}"
        folder.mkdir()
        folder.chmod(0o755)
        os.chmod(w.folder, 0o755)
        relay = f"[127.0.0.1]:{w.port}"
        (folder / "passwords").write_text(f"{relay} {NAME}:{PASSWORD}\n",
                                          encoding="utf-8")
        server = beside.Postfix(
            folder, f"default_transport = smtp:{relay}\n"
            "smtp_sasl_auth_enable = yes\n"
            "smtp_sasl_security_options = noanonymous\n"
            f"smtp_sasl_mechanism_filter = {name}\n"
            f"smtp_sasl_password_maps = texthash:{folder}/passwords\n"
            "mynetworks = 127.0.0.0/8\n"
            "smtpd_recipient_restrictions = permit\n",
            "smtp unix - - n - - smtp\n")
        server.start()
        try:
            beside.send_smtp(server.port, ["bob@mx.example"])
            w.await_mail()
            w.expect(f"Postfix, {name}", f"{server.queued()} queued")
        finally:
            server.stop()


EXIM = """\
  hosts_require_auth = *
begin authenticators
client:
  driver = plaintext
  public_name = {mechanism}
  client_send = {says}
"""


def exim(w):
    """It delivers only where it could authenticate."""
    class Place:
        folder = pathlib.Path(w.folder)

    os.chmod(w.folder, 0o755)
    if not beside.unpack_peers(Place, "AUTH by Exim"):
        return
    for mechanism, says in (("PLAIN", f"^{NAME}^{PASSWORD}"),
                            ("LOGIN", f": {NAME} : {PASSWORD}")):
        server = beside.EximRelay(
            Place.folder, f"exim-{mechanism}", w.port,
            EXIM.format(mechanism=mechanism, says=says))
        server.prepare()
        outcome = server.send(MAIL.encode(), ["bob@mx.example"])
        w.expect(f"Exim, {mechanism}", outcome)


ALL = (by_swaks, by_curl, by_msmtp, nodemailer, as_thunderbird, postfix, exim)
