#include "options.h"
#include "../filters.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "../cli.h"
#include "../clock.h"

enum {
	HELP_COLUMN = 28,
};

/* clang-format off */
static const struct cli_option rows[OPT__COUNT] = {
	[OPT_DATABASE] = { 'd', "database", "PATH",
	  "the mail table ($SMTPD_DATABASE,\n"
	  "$STATE_DIRECTORY/mail.db, /var/lib/smtpd/mail.db)" },
	[OPT_JSON] = { 'j', "json", NULL, "one JSON object a line" },
	[OPT_FROM] = { 'f', "from", "TEXT", "sender, or From, holds TEXT" },
	[OPT_TO] = { 't', "to", "TEXT", "a recipient, or To, holds TEXT" },
	/*
	 * These two are explain's, and name addresses, not texts to search
	 * for.
	 */
	[OPT_SENT_FROM] = { 'f', "from", "ADDRESS", "the sender, as in MAIL FROM" },
	[OPT_SENT_TO] = { 't', "to", "ADDRESS", "a recipient, as in RCPT TO" },
	[OPT_SUBJECT] = { 's', "subject", "TEXT", "Subject holds TEXT" },
	[OPT_MAILBOX] = { 0, "mailbox", "ADDRESS", "went to this mailbox" },
	[OPT_SINCE] = { 0, "since", "TIME", "received then or later: 2026-11-21, or 7d (ago)" },
	[OPT_UNTIL] = { 0, "until", "TIME", "received earlier" },
	[OPT_LARGER] = { 0, "larger", "SIZE", "of more octets than SIZE: 10K, 5M" },
	[OPT_QUARANTINED] = { 0, "quarantined", NULL, "put aside by a filter; else those that were not" },
	[OPT_MILTER] = { 0, "milter", "LIST", "as in smtpd(8)" },
	[OPT_POLICY] = { 0, "policy", "LIST", "as in smtpd(8)" },
	[OPT_NUMBER] = { 'n', "number", "N", "only the newest N" },
	[OPT_ONE] = { 0, "one", NULL, "end with the first one" },
	[OPT_TIMEOUT] = { 0, "timeout", "TIME", "wait no longer: 10s, 5m" },
	[OPT_HEADERS] = { 'H', "headers", NULL, "all header fields" },
	[OPT_HTML] = { 0, "html", NULL, "its HTML, as UTF-8" },
	[OPT_DATA] = { 0, "data", NULL, "without the lines that the server adds" },
	[OPT_OUTPUT] = { 'o', "output", "FILE", "write to FILE, which must not exist" },
	[OPT_DIRECTORY] = { 'C', "directory", "DIR", "put files into DIR" },
	[OPT_MBOX] = { 0, "mbox", "FILE", "one file of many mails (mboxrd), or -" },
	[OPT_MAILDIR] = { 0, "maildir", "DIR", "a maildir" },
	[OPT_EML] = { 0, "eml", "DIR", "a folder of ID.eml; for import also a file" },
	[OPT_BARE] = { 0, "bare", NULL, "without X-Smtpd-Envelope" },
	[OPT_SENDER] = { 0, "sender", "ADDRESS", "reverse-path of mails that have no envelope" },
	[OPT_RECIPIENT] = { 0, "recipient", "ADDRESS", "their recipient; X-Smtpd-Envelope is ignored" },
	[OPT_OLDER] = { 0, "older", "AGE", "received longer ago than AGE: 30d, 12h" },
	[OPT_KEEP] = { 0, "keep", "N", "all but the newest N" },
	[OPT_MAX_BYTES] = { 0, "max-bytes", "SIZE", "all but the newest that have SIZE together" },
	[OPT_HAD_BY] = { 0, "had-by", "NAME", "only what the consumer NAME has had" },
	[OPT_DRY_RUN] = { 0, "dry-run", NULL, "only say what would be deleted" },
	[OPT_VACUUM] = { 0, "vacuum", NULL, "make the file smaller; no mail is taken meanwhile" },
	[OPT_NEW] = { 0, "new", NULL, "every mail that the consumer has not had" },
	[OPT_CONSUMER] = { 0, "consumer", "NAME", "who it is that takes the mails (default)" },
	[OPT_LEASE] = { 0, "lease", "TIME", "nobody else tries a mail for so long (1h)" },
	[OPT_LMTP] = { 0, "lmtp", "SOCKET", "by LMTP to a socket, or to HOST:PORT" },
	[OPT_SENDMAIL] = { 0, "sendmail", NULL, "by sendmail -i -f SENDER -- RECIPIENT...; COMMAND is\n"
	  "another sendmail" },
	[OPT_REBUILD] = { 0, "rebuild", NULL, "forget the index and make it anew" },
	[OPT_STATE] = { 0, "state", "STATE", "open, disabled, busy, not-allowed or moved" },
	[OPT_MOVED_TO] = { 0, "moved-to", "ADDRESS", "what a client is told of a mailbox that has moved" },
	[OPT_QUOTA_MESSAGES] = { 0, "quota-messages", "N", "mails that it may have" },
	[OPT_QUOTA_OCTETS] = { 0, "quota-octets", "SIZE", "octets that it may have" },
	[OPT_QUOTA_PERMANENT] = { 0, "quota-permanent", NULL, "552 beyond that, not 452" },
	[OPT_FORWARD] = { 0, "forward", NULL, "tell the client, with 251" },
	[OPT_AUTHENTICATED] = { 0, "authenticated", NULL, "only from who has authenticated" },
	[OPT_CERTIFICATE] = { 0, "certificate", "SUBJECT", "the subject of the certificate that proves who it is" },
	[OPT_ACCOUNT] = { 0, "account", "NAME", "as who has authenticated as NAME" },
	[OPT_CLIENT] = { 0, "client", "ADDRESS", "its IP address (local)" },
	[OPT_ALLOW] = { 0, "allow", NULL, "allow it; or refuse it, as a new rule does" },
	[OPT_CODE] = { 0, "code", "CODE", "reply code: 400 to 459, 500 to 559" },
	[OPT_ENHANCED] = { 0, "enhanced", "CODE", "enhanced status code, such as 5.7.1" },
	[OPT_TEXT] = { 0, "text", "TEXT", "what is said to the client" },
	[OPT_WINDOW] = { 0, "window", "TIME", "how long is counted: 90s, 30m, 12h, 7d (1h)" },
	[OPT_MAX_MESSAGES] = { 0, "max-messages", "N", "mails" },
	[OPT_MAX_RECIPIENTS] = { 0, "max-recipients", "N", "recipients" },
	[OPT_MAX_OCTETS] = { 0, "max-octets", "SIZE", "octets of all mails together: 10K, 5M" },
	[OPT_NEW_SCHEMA] = { 0, "new-schema", "FILE", "make FILE, a copy with a schema that is whole" },
	[OPT_OPENMETRICS] = { 0, "openmetrics", NULL, "as OpenMetrics text" },
	[OPT_PLOT] = { 0, "plot", "FILE", "mails per hour as a PNG, by gnuplot" },
	[OPT_HELP] = { 'h', "help", NULL, "print this" },
	[OPT_VERSION] = { 'V', "version", NULL, "print the version" },
};
/* clang-format on */

static const char *const contraries[OPT__COUNT] = {
	[OPT_QUOTA_PERMANENT] = "no-quota-permanent",
	[OPT_FORWARD] = "no-forward",
	[OPT_AUTHENTICATED] = "no-authenticated",
	[OPT_ALLOW] = "deny",
};

int
options_parse(
    int argc, char **argv, uint64_t set, bool in_order, const char **ret_values)
{
	struct cli cli = {
		.options = rows,
		.noptions = OPT__COUNT,
		.contraries = contraries,
		.set = set,
		.in_order = in_order,
	};
	const char *value;
	int i;

	cli_start(&cli);
	while ((i = cli_next(&cli, argc, argv, &value)) != CLI_END) {
		if (i == CLI_BAD)
			return smtpdb_fail(-1, "%s; see --help", cli.error);
		if (!value)
			value = "";
		if (contraries[i] && ret_values[i] &&
		    strcmp(ret_values[i], value) != 0)
			return smtpdb_fail(-1, "--%s or --%s: say one",
			    rows[i].name, contraries[i]);
		ret_values[i] = value;
	}
	return optind;
}

void
options_print(uint64_t set)
{
	const struct cli cli = {
		.options = rows,
		.noptions = OPT__COUNT,
		.contraries = contraries,
		.set = set,
	};

	cli_print_help(&cli, HELP_COLUMN);
}

void
options_print_names(uint64_t set, const char *prefix)
{
	for (int i = 0; i < OPT__COUNT; i++) {
		char name[64];

		if (!(set >> i & 1))
			continue;
		snprintf(name, sizeof name, "--%s%s", rows[i].name,
		    rows[i].value ? "=" : "");
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			puts(name);
		snprintf(name, sizeof name, "--%s",
		    contraries[i] ? contraries[i] : "");
		if (contraries[i] && strncmp(name, prefix, strlen(prefix)) == 0)
			puts(name);
	}
}

enum smtpdb_option
options_find(uint64_t set, const char *word, bool *ret_wants_next)
{
	size_t len = strcspn(word, "=");

	for (int i = 0; i < OPT__COUNT; i++) {
		const struct cli_option *o = &rows[i];
		bool is_it =
		    strncmp(word, "--", 2) == 0
			? len == strlen(o->name) + 2 &&
			      strncmp(word + 2, o->name, len - 2) == 0
			: o->letter && word[1] == o->letter && word[2] == '\0';

		if (!(set >> i & 1) || !is_it)
			continue;
		*ret_wants_next = o->value && word[len] == '\0';
		return (enum smtpdb_option)i;
	}
	*ret_wants_next = false;
	return OPT__COUNT;
}

/*
 * Values
 */

/* Reads a value with one of the readers of cli.h. */
static int
read_value(const char *what, const char *text, int64_t *ret,
    bool (*read)(const char *, uint64_t *), const char *kind)
{
	uint64_t n;

	if (!read(text, &n))
		return smtpdb_fail(
		    EX_USAGE, "%s: '%s' is no %s", what, text, kind);
	*ret = (int64_t)n;
	return EX_OK;
}

int
options_number(const char *what, const char *text, int64_t *ret)
{
	return read_value(what, text, ret, cli_read_number, "number");
}

int
options_size(const char *what, const char *text, int64_t *ret)
{
	return read_value(
	    what, text, ret, cli_read_size, "size, such as 10K or 5M");
}

int
options_duration(const char *what, const char *text, int64_t *ret)
{
	return read_value(what, text, ret, cli_read_duration,
	    "time: a number with s, m, h, d, w or y, such as 12h or 2y");
}

/* Reads an id, 1 or more, or "last", from the first `len` octets. */
static bool
read_id(const char *text, size_t len, int64_t *ret)
{
	char word[24];
	uint64_t n;

	if (len >= sizeof word)
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	if (strcmp(word, "last") == 0) {
		*ret = OPTIONS_LAST;
		return true;
	}
	if (!cli_read_number(word, &n) || n == 0)
		return false;
	*ret = (int64_t)n;
	return true;
}

int
options_ids(const char *text, struct ids *ret)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	struct ids ids;

	if (!read_id(text, len, &ids.first) ||
	    (dash && !read_id(dash + 1, strlen(dash + 1), &ids.last)))
		return smtpdb_fail(EX_USAGE,
		    "'%s' is no number of a mail, such as 5, 5-9 or last",
		    text);
	if (!dash)
		ids.last = ids.first;
	if (ids.last != OPTIONS_LAST && ids.first > ids.last)
		return smtpdb_fail(
		    EX_USAGE, "'%s' ends before it begins", text);
	*ret = ids;
	return EX_OK;
}

static bool
read_date(const char *text, int64_t *ret)
{
	static const char *const formats[] = {
		"%Y-%m-%d",
		"%Y-%m-%dT%H:%M",
		"%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%d %H:%M",
		"%Y-%m-%d %H:%M:%S",
	};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);
		struct tm utc = tm;

		if (!end || (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		*ret = timegm(&utc);
		/* timegm() makes a day of March of 30 February. */
		if (utc.tm_mday != tm.tm_mday)
			return false;
		if (*end == '\0')
			*ret = mktime(&tm);
		*ret *= INT64_C(1000000);
		/* 0 is no time to a filter, and no mail is that old. */
		*ret += *ret == 0;
		return true;
	}
	return false;
}

/*
 * Reads a time as microseconds: "2026-11-21", "2026-11-21T20:41" or
 * "2026-11-21T20:41:05", local, or in UTC with a "Z"; or how long ago.
 */
static int
read_time(const char *what, const char *text, int64_t *ret)
{
	uint64_t ago;

	if (read_date(text, ret))
		return EX_OK;
	/* No bare number: 2026 seconds ago is not what was meant. */
	if (text[strspn(text, "0123456789")] != '\0' &&
	    cli_read_duration(text, &ago) &&
	    (int64_t)ago < clock_us() / 1000000) {
		*ret = clock_us() - (int64_t)ago * 1000000;
		return EX_OK;
	}
	return smtpdb_fail(EX_USAGE,
	    "%s: '%s' is no time, such as 2026-11-21, 2026-11-21T20:41 or "
	    "7d (ago)",
	    what, text);
}

int
options_network(const char *given, char ret[IP_TEXT_SIZE])
{
	unsigned bits;
	struct ip ip;

	if (strcmp(given, "local") == 0)
		strcpy(ret, given);
	else if (!ip_read_network(given, &ip, &bits))
		return smtpdb_fail(EX_USAGE,
		    "'%s' is no IP address and no network, such as "
		    "192.0.2.0/24 or 2001:db8::/32",
		    given);
	else if (bits == ip_nbits(&ip))
		ip_write(&ip, ret);
	else
		ip_write_network(&ip, bits, ret);
	return EX_OK;
}

int
options_filter(struct smtpdb *t, struct archive_filter *ret)
{
	int status = EX_OK;

	ret->from = t->options[OPT_FROM];
	ret->to = t->options[OPT_TO];
	ret->subject = t->options[OPT_SUBJECT];
	if (t->options[OPT_MAILBOX]) {
		names_find(t->options[OPT_MAILBOX], &t->mailbox);
		for (unsigned i = 0; i < t->mailbox.n; i++)
			ret->mailbox[i] = t->mailbox.name[i];
		if (t->mailbox.n == 0)
			return smtpdb_fail(EX_USAGE,
			    "--mailbox: '%s' is too long for an address",
			    t->options[OPT_MAILBOX]);
	}
	if (t->options[OPT_SINCE])
		status =
		    read_time("--since", t->options[OPT_SINCE], &ret->since);
	if (status == EX_OK && t->options[OPT_UNTIL])
		status =
		    read_time("--until", t->options[OPT_UNTIL], &ret->until);
	ret->quarantined = t->options[OPT_QUARANTINED] != NULL;
	ret->in_inbox = !ret->quarantined;
	if (status == EX_OK && t->options[OPT_LARGER])
		status = options_size(
		    "--larger", t->options[OPT_LARGER], &ret->larger);
	return status;
}

int
options_check_filters(struct smtpdb *t)
{
	static const enum smtpdb_option which[] = { OPT_MILTER, OPT_POLICY };

	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		const char *list = t->options[which[i]];
		const char *fault = list ? filters_check(list) : NULL;

		if (fault)
			return smtpdb_fail(EX_USAGE, "'%s': %s", list, fault);
	}
	return EX_OK;
}
