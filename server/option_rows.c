#include "option_rows.h"

#include <stddef.h>
#include <stdio.h>

#include "options.h"

/* clang-format off */
const struct cli_option option_rows[] = {
#define FIELD(name) offsetof(struct options, name)
	{ 'l', "listen", "[ADDRESS:]PORT",
	  "listen there, or on the socket PATH, without a\n"
	  "superserver; may be given several times",
	  KIND_LIST, FIELD(listen), 0, 0 },
	{ 'n', "hostname", "NAME",
	  "what to call this host (its full name)",
	  KIND_TEXT, FIELD(hostname), 0, 0 },
	{ 0, "user", "NAME",
	  "become this user (root on a network: the owner\n"
	  "of the database's folder)",
	  KIND_TEXT, FIELD(user), 0, 0 },
	{ 0, "idle-exit", "TIME",
	  "listening: end without clients (1m; 0: never)",
	  KIND_DURATION, FIELD(idle_exit_sec), 0, 604800 },
	{ 0, "stop-timeout", "TIME",
	  "listening: let sessions end after SIGTERM (30s)",
	  KIND_DURATION, FIELD(stop_timeout_sec), 0, 86400 },
	{ 'd', "database", "PATH",
	  "the mail table ($SMTPD_DATABASE, else mail.db in\n"
	  "$STATE_DIRECTORY or /var/lib/smtpd), in a folder\n"
	  "that is there; or postgresql://...",
	  KIND_TEXT, FIELD(database), 0, 0 },
	{ 0, "dedupe", "TIME",
	  "a mail that comes again so soon stays one row",
	  KIND_DURATION, FIELD(dedupe_sec), 0, 604800 },
	{ 0, "new-mail", "FILE",
	  "make the empty FILE after each mail",
	  KIND_TEXT, FIELD(new_mail), 0, 0 },
	{ 0, "allow-unsafe", NULL,
	  "even a PostgreSQL that may lose mails in a crash",
	  KIND_FLAG, FIELD(allow_unsafe), 0, 0 },
	{ 0, "strict", NULL,
	  "take only what RFC 5321 allows",
	  KIND_FLAG, FIELD(strict), 0, 0 },
	{ 0, "rfc821", NULL,
	  "offer SEND, SOML and SAML",
	  KIND_FLAG, FIELD(rfc821), 0, 0 },
	{ 0, "lmtp", NULL,
	  "speak LMTP, as the next host of a mail server",
	  KIND_FLAG, FIELD(lmtp), 0, 0 },
	{ 0, "vrfy", NULL,
	  "answer VRFY and EXPN from the rows",
	  KIND_FLAG, FIELD(vrfy), 0, 0 },
	{ 0, "submission", NULL,
	  "add missing Date, From, Message-ID to the trace",
	  KIND_FLAG, FIELD(submission), 0, 0 },
	{ 0, "tls-cert", "FILE",
	  "offer STARTTLS with this certificate (PEM, with\n"
	  "its chain); several times, for several names",
	  KIND_LIST, FIELD(tls_certs), 0, 0 },
	{ 0, "tls-key", "FILE",
	  "its private key (in the file of the certificate)",
	  KIND_LIST, FIELD(tls_keys), 0, 0 },
	{ 0, "tls-ca", "FILE",
	  "ask clients for a certificate by one of these",
	  KIND_TEXT, FIELD(tls_ca), 0, 0 },
	{ 0, "tls-require-client", NULL,
	  "and serve none inside TLS that has none",
	  KIND_FLAG, FIELD(tls_require_client), 0, 0 },
	{ 0, "tls", "WHEN",
	  "immediate: from the first octet (so at port 465);\n"
	  "starttls: not before it is asked for",
	  KIND_TEXT, FIELD(tls), 0, 0 },
	{ 0, "auth", "WHO",
	  "offer AUTH; rows: checked by smtpdb account;\n"
	  "dovecot:SOCKET: by Dovecot; any: by nobody, for\n"
	  "those who test programs",
	  KIND_AUTH, 0, 0, 0 },
	{ 0, "auth-required", NULL,
	  "take mail only from who has authenticated",
	  KIND_FLAG, FIELD(auth_required), 0, 0 },
	{ 0, "auth-insecure", NULL,
	  "offer AUTH on networks without TLS too",
	  KIND_FLAG, FIELD(auth_insecure), 0, 0 },
	{ 0, "milter", "LIST",
	  "show each mail to these: unix:PATH or\n"
	  "inet:HOST:PORT, with commas",
	  KIND_TEXT, FIELD(milters), 0, 0 },
	{ 0, "policy", "LIST",
	  "ask these policy servers about each recipient",
	  KIND_TEXT, FIELD(policies), 0, 0 },
	{ 0, "policy-at-end", "LIST",
	  "ask these policy servers at the end of the data",
	  KIND_TEXT, FIELD(end_policies), 0, 0 },
	{ 0, "milter-default", "WHAT",
	  "without one that fails: tempfail (451), or accept",
	  KIND_TEXT, FIELD(milter_default), 0, 0 },
	{ 0, "milter-timeout", "TIME",
	  "wait for one, each step (30s; 5m at the end)",
	  KIND_DURATION, FIELD(milter_timeout_sec), 1, 3600 },
	{ 0, "proxy", "CIDR,...",
	  "proxies, which begin with a PROXY header;\n"
	  "\"local\" is AF_UNIX",
	  KIND_NETWORKS, FIELD(fronts.proxy), 0, 0 },
	{ 0, "xclient", "CIDR,...",
	  "who may say who its client is, by XCLIENT or\n"
	  "XFORWARD",
	  KIND_NETWORKS, FIELD(fronts.xclient), 0, 0 },
	/* A row of SQLite has at most a billion octets. */
	{ 's', "max-size", "SIZE",
	  "longest mail taken (50M)",
	  KIND_SIZE, FIELD(max_size), 1, 999000000 },
	/* RFC 5321 s. 4.5.3.1.8 wants 100 at least. */
	{ 'r', "max-recipients", "N",
	  "recipients of one mail (1000; at least 100)",
	  KIND_NUMBER, FIELD(max_recipients), 100, 100000 },
	{ 'e', "max-errors", "N",
	  "5yz replies before the connection is closed (20)",
	  KIND_NUMBER, FIELD(max_errors), 1, 1000000 },
	{ 't', "timeout", "TIME",
	  "wait for the client, each time (5m)",
	  KIND_DURATION, FIELD(timeout_sec), 1, 86400 },
	{ 'T', "session-timeout", "TIME",
	  "wait for the client, in all (1h)",
	  KIND_DURATION, FIELD(session_timeout_sec), 1, 604800 },
	{ 0, "max-connections", "N",
	  "listening: connections at once (200)",
	  KIND_NUMBER, FIELD(max_connections), 1, 100000 },
	{ 0, "max-per-source", "N",
	  "listening: of one address, IPv6 by /64 (20)",
	  KIND_NUMBER, FIELD(max_per_source), 1, 100000 },
	{ 0, "max-spool", "SIZE",
	  "listening: room for mails over 256K on their way\n"
	  "(a quarter of the free disk)",
	  KIND_SIZE, FIELD(max_spool), 1, UINT64_C(1) << 50 },
	{ 0, "record", "FILE",
	  "write the session to FILE, as a transcript",
	  KIND_TEXT, FIELD(record), 0, 0 },
	{ 0, "no-confine", NULL,
	  "let a session keep all system calls",
	  KIND_FLAG, FIELD(no_confine), 0, 0 },
	{ 'V', "version", NULL,
	  "print the version",
	  KIND_VERSION, 0, 0, 0 },
	{ 'h', "help", NULL,
	  "print this",
	  KIND_HELP, 0, 0, 0 },
#undef FIELD
};
/* clang-format on */

/* As people look for them; smtpd(8) has the same. */
static const struct cli_heading headings[] = {
	{ "listen", "How it is started" },
	{ "database", "The database" },
	{ "strict", "What is spoken, and what is taken" },
	{ "tls-cert", "TLS and AUTH" },
	{ "milter", "Filters, and proxies in front" },
	{ "max-size", "Limits" },
	{ "record", "Debugging" },
	{ NULL, NULL },
};

enum {
	NROWS = sizeof option_rows / sizeof *option_rows,
	/* Behind "  -l, --listen=[ADDRESS:]PORT ". */
	HELP_COLUMN = 30,
};

_Static_assert(
    (int)NROWS < (int)CLI_OPTIONS_MAX, "a set of options is 64 bits");

void
option_rows_start(struct cli *ret)
{
	*ret = (struct cli){
		.options = option_rows,
		.noptions = NROWS,
		.set = UINT64_MAX,
		.headings = headings,
	};
	cli_start(ret);
}

void
option_rows_print(const struct cli *c)
{
	puts("Usage: smtpd [options]\n"
	     "Speaks SMTP on standard input and output and stores each mail "
	     "in an SQLite\ntable before it says 250.  Who may send what is "
	     "said by rows: smtpdb help.\nMore in smtpd(8).");
	cli_print_help(c, HELP_COLUMN);
	puts("\nSizes are octets, or 10K, 5M, 1G; times are seconds, or 90s, "
	     "30m, 12h, 7d.");
}
