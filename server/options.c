#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/address.h"
#include "../usage.h"
#include "../version.h"
#include "log.h"

enum kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_FLAG,
	KIND_VERSION,
	KIND_HELP,
};

/* clang-format off */
static const struct option_row {
	char letter; /* the short option; 0: has none */
	const char *name;
	const char *value; /* NULL: takes none */
	enum kind kind;
	size_t field; /* in struct options */
	uint64_t min, max;
	const char *help;
} rows[] = {
#define FIELD(name) offsetof(struct options, name)
	{ 'd', "database", "PATH", KIND_TEXT, FIELD(database), 0, 0,
	  "the mail table ($SMTPD_DATABASE, $STATE_DIRECTORY/mail.db,\n"
	  "/var/lib/smtpd/mail.db); its folder must exist" },
	{ 'n', "hostname", "NAME", KIND_TEXT, FIELD(hostname), 0, 0,
	  "what to call this host (its full name)" },
	/* A row of SQLite holds a billion octets at most. */
	{ 's', "max-size", "OCTETS", KIND_NUMBER, FIELD(max_size), 1, 999000000,
	  "longest mail taken (52428800)" },
	/* 100 at least: RFC 5321 s. 4.5.3.1.8. */
	{ 'r', "max-recipients", "N", KIND_NUMBER, FIELD(max_recipients), 100, 100000,
	  "recipients of one mail (1000; at least 100)" },
	{ 'e', "max-errors", "N", KIND_NUMBER, FIELD(max_errors), 1, 1000000,
	  "5yz replies before the connection is closed (20)" },
	{ 't', "timeout", "SECONDS", KIND_NUMBER, FIELD(timeout_sec), 1, 86400,
	  "wait for the client, each time (300)" },
	{ 'T', "session-timeout", "SECONDS", KIND_NUMBER, FIELD(session_timeout_sec), 1, 604800,
	  "wait for the client, in all (3600)" },
	{ 0, "strict", NULL, KIND_FLAG, FIELD(strict), 0, 0,
	  "take only what RFC 5321 allows" },
	{ 0, "submission", NULL, KIND_FLAG, FIELD(submission), 0, 0,
	  "add missing Date, From, Message-ID to the trace" },
	{ 0, "rfc821", NULL, KIND_FLAG, FIELD(rfc821), 0, 0,
	  "offer SEND, SOML and SAML" },
	{ 0, "vrfy", NULL, KIND_FLAG, FIELD(vrfy), 0, 0,
	  "answer VRFY and EXPN from the tables mailbox and alias" },
	{ 0, "dedupe", "SECONDS", KIND_NUMBER, FIELD(dedupe_sec), 0, 604800,
	  "a mail that comes again within this time stays one row\n"
	  "(0: two)" },
	{ 0, "record", "FILE", KIND_TEXT, FIELD(record), 0, 0,
	  "write the session to FILE, as a transcript" },
	{ 0, "new-mail", "FILE", KIND_TEXT, FIELD(new_mail), 0, 0,
	  "make the empty FILE after each mail, for a path unit" },
	{ 0, "max-connections", "N", KIND_NUMBER, FIELD(max_connections), 1, 100000,
	  "listening: connections at once (200)" },
	{ 0, "max-per-source", "N", KIND_NUMBER, FIELD(max_per_source), 1, 100000,
	  "listening: of one address, IPv6 by /64 (20)" },
	{ 0, "idle-exit", "SECONDS", KIND_NUMBER, FIELD(idle_exit_sec), 0, 604800,
	  "listening: end after so long without a connection\n"
	  "(60; 0: never)" },
	{ 0, "stop-timeout", "SECONDS", KIND_NUMBER, FIELD(stop_timeout_sec), 0, 86400,
	  "listening: let sessions end after SIGTERM (30)" },
	{ 'V', "version", NULL, KIND_VERSION, 0, 0, 0,
	  "print the version" },
	{ 'h', "help", NULL, KIND_HELP, 0, 0, 0,
	  "print this" },
#undef FIELD
};
/* clang-format on */

static const size_t nrows = sizeof rows / sizeof *rows;

enum {
	/* Behind "  -s, --max-recipients=SECONDS  ". */
	HELP_COLUMN = 32,
	NROWS_MAX = 32,
	/* What stands for row 0 by its name; beyond every letter. */
	LONG_NAMES = 256,
};

_Static_assert(sizeof rows / sizeof *rows < NROWS_MAX, "options");

static void
print_help(void)
{
	puts("Usage: smtpd [options]\n"
	     "Speaks SMTP on standard input and output and stores each mail "
	     "in an SQLite\ntable before it says 250.  See smtpd(8).\n");
	for (size_t i = 0; i < nrows; i++)
		usage_print(rows[i].letter, rows[i].name, rows[i].value,
		    rows[i].help, HELP_COLUMN);
}

/* Why `text` is refused for this row is logged. */
static bool
read_number(const struct option_row *row, const char *text, uint64_t *ret)
{
	struct span digits = span_of(text);

	if (span_number(digits, ret) && *ret >= row->min && *ret <= row->max)
		return true;
	log_line(LOG_ERR, "--%s: '%s' is not a number from %llu to %llu",
	    row->name, text, (unsigned long long)row->min,
	    (unsigned long long)row->max);
	return false;
}

/*
 * The full name of the machine.  Only where the kernel knows the short one is
 * /etc/hosts or the DNS asked.
 */
static const char *
full_hostname(void)
{
	static char name[HOST_NAME_MAX + 1];
	static char full[ADDRESS_DOMAIN_MAX + 1];
	struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct addrinfo *found;

	if (gethostname(name, sizeof name - 1) < 0 ||
	    !address_is_domain(span_of(name), ADDRESS_LENIENT))
		return "localhost";
	if (strchr(name, '.') || getaddrinfo(name, NULL, &hints, &found) != 0)
		return name;
	if (found->ai_canonname &&
	    address_is_domain(span_of(found->ai_canonname), ADDRESS_LENIENT) &&
	    strlen(found->ai_canonname) < sizeof full)
		strcpy(full, found->ai_canonname);
	freeaddrinfo(found);
	return full[0] != '\0' ? full : name;
}

/* Carries one option out.  Returns 0 to go on, or -1 as options_read(). */
static int
take(const struct option_row *row, struct options *o, int *ret_status)
{
	char *field = (char *)o + row->field;

	switch (row->kind) {
	case KIND_TEXT:
		*(const char **)(void *)field = optarg;
		return 0;
	case KIND_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case KIND_NUMBER:
		if (read_number(row, optarg, (uint64_t *)(void *)field))
			return 0;
		*ret_status = EX_USAGE;
		return -1;
	case KIND_VERSION:
		puts("smtpd " VERSION);
		break;
	case KIND_HELP:
		print_help();
		break;
	}
	*ret_status = EX_OK;
	return -1;
}

/* Makes getopt_long()'s two descriptions out of the table. */
static void
describe(struct option *names, char *letters)
{
	*letters++ = ':'; /* report a missing value as ':' */
	for (size_t i = 0; i < nrows; i++) {
		const struct option_row *row = &rows[i];

		names[i] = (struct option){
			.name = row->name,
			.has_arg = row->value ? required_argument : no_argument,
			.val = LONG_NAMES + (int)i,
		};
		if (!row->letter)
			continue;
		*letters++ = row->letter;
		if (row->value)
			*letters++ = ':';
	}
	*letters = '\0';
}

static int
usage_error(const char *what, const char *which, int *ret_status)
{
	log_line(LOG_ERR, "'%s': %s; see smtpd --help", which, what);
	*ret_status = EX_USAGE;
	return -1;
}

/* What getopt_long() returned. */
static const struct option_row *
find_row(int letter)
{
	if (letter >= LONG_NAMES)
		return &rows[letter - LONG_NAMES];
	for (size_t i = 0; i < nrows; i++) {
		if (rows[i].letter == letter)
			return &rows[i];
	}
	return NULL;
}

int
options_read(int argc, char **argv, struct options *ret, int *ret_status)
{
	struct option names[NROWS_MAX] = { { 0 } };
	char letters[2 * NROWS_MAX + 1];
	int letter;

	*ret = (struct options){
		.max_size = 52428800,
		.max_recipients = 1000,
		.max_errors = 20,
		.timeout_sec = 300,
		.session_timeout_sec = 3600,
		.max_connections = 200,
		.max_per_source = 20,
		.idle_exit_sec = 60,
		.stop_timeout_sec = 30,
	};
	describe(names, letters);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (letter == ':')
			return usage_error(
			    "needs a value", argv[optind - 1], ret_status);
		if (letter == '?')
			return usage_error(
			    "unknown option, or one that takes no value",
			    argv[optind - 1], ret_status);
		if (take(find_row(letter), ret, ret_status) < 0)
			return -1;
	}
	if (optind < argc)
		return usage_error(
		    "takes no arguments", argv[optind], ret_status);

	if (!ret->database)
		ret->database = usage_database();
	if (!usage_is_database(ret->database))
		return usage_error(
		    "not the path of a database", ret->database, ret_status);
	if (!ret->hostname)
		ret->hostname = full_hostname();
	else if (!address_is_domain(span_of(ret->hostname), ADDRESS_LENIENT))
		return usage_error(
		    "not a host name", ret->hostname, ret_status);
	return 0;
}
