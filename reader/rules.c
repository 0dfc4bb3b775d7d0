/*
 * domain, mailbox, alias and rule: add, rm and list of the rows that say what
 * is accepted.  One way for all: options and arguments become columns.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "archive_rules.h"
#include "json.h"
#include "options.h"
#include "smtpdb.h"
#include "terminal.h"

/* clang-format off */
/* Which option fills which column.  A flag is 1. */
static const struct {
	const char *column;
	enum smtpdb_option option;
} fills[] = {
	{ "state",           OPT_STATE },
	{ "moved_to",        OPT_MOVED_TO },
	{ "quota_messages",  OPT_QUOTA_MESSAGES },
	{ "quota_octets",    OPT_QUOTA_OCTETS },
	{ "quota_permanent", OPT_QUOTA_PERMANENT },
	{ "forward",         OPT_FORWARD },
	{ "allow",           OPT_ALLOW },
	{ "code",            OPT_CODE },
	{ "enhanced",        OPT_ENHANCED },
	{ "text",            OPT_TEXT },
};
/* clang-format on */

static const char *
column_value(const struct smtpdb *t, const char *column)
{
	for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
		const char *value = t->options[fills[i].option];

		if (value && strcmp(fills[i].column, column) == 0)
			return *value ? value : "1";
	}
	return NULL;
}

/* "--quota-octets=10M" is a number by the time it is bound. */
static int
read_size(struct smtpdb *t, char *ret, size_t size)
{
	int64_t octets;
	int status;

	if (!t->options[OPT_QUOTA_OCTETS])
		return EX_OK;
	status = options_size(
	    "--quota-octets", t->options[OPT_QUOTA_OCTETS], &octets);
	if (status != EX_OK)
		return status;
	snprintf(ret, size, "%lld", (long long)octets);
	t->options[OPT_QUOTA_OCTETS] = ret;
	return EX_OK;
}

/* SQLite quotes the whole condition; its first line will do. */
static int
fail_refused(const char *why)
{
	return smtpdb_fail(
	    EX_DATAERR, "refused: %.*s", (int)strcspn(why, "\n"), why);
}

static int
add(struct smtpdb *t, enum archive_rules which, const char *const *keys)
{
	const char *const *columns = archive_rules_columns(which);
	const char *values[RULES_COLUMNS_MAX] = { NULL };
	char octets[32];
	int nkeys = archive_rules_nkeys(which);
	int status = read_size(t, octets, sizeof octets);
	int result;

	if (status == EX_OK)
		status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
	for (int i = 0; columns[i]; i++)
		values[i] = i < nkeys && i < RULES_KEYS_MAX
				? keys[i]
				: column_value(t, columns[i]);
	result = archive_rules_add(t->archive, which, values);
	if (result < 0)
		return smtpdb_fail_archive(t);
	if (result == 0)
		return fail_refused(archive_error(t->archive));
	return EX_OK;
}

static int
rm(struct smtpdb *t, enum archive_rules which, const char *const *keys)
{
	int status = smtpdb_open(t, false);
	int n;

	if (status != EX_OK)
		return status;
	n = archive_rules_remove(t->archive, which, keys);
	if (n < 0)
		return smtpdb_fail_archive(t);
	if (n == 0)
		return smtpdb_fail(EX_NOINPUT, "there is no '%s'", keys[0]);
	return EX_OK;
}

/* What the columns beyond the key hold of numbers are numbers. */
static void
print_json_cell(
    struct json *j, const char *column, const char *cell, bool is_key)
{
	uint64_t n;

	if (!is_key && strcmp(column, "text") != 0 && cell &&
	    span_number(span_of(cell), &n))
		json_integer(j, column, (int64_t)n);
	else
		json_text(j, column, cell);
}

static void
print_rows(const struct smtpdb *t, enum archive_rules which,
    const struct archive_table *rows)
{
	const char *const *columns = archive_rules_columns(which);

	for (size_t i = 0; i < rows->nrows; i++) {
		char **cells = rows->cells + i * rows->ncolumns;
		struct json j = { 0 };

		if (t->options[OPT_JSON])
			json_open(&j, NULL, '{');
		for (size_t n = 0; n < rows->ncolumns; n++) {
			const char *cell = cells[n] ? cells[n] : "-";

			if (t->options[OPT_JSON]) {
				print_json_cell(&j, columns[n], cells[n],
				    (int)n < archive_rules_nkeys(which));
				continue;
			}
			fputs(n > 0 ? "\t" : "", stdout);
			terminal_print(span_of(cell), TERMINAL_LINE);
		}
		if (t->options[OPT_JSON])
			json_close(&j, '}');
		else
			putchar('\n');
	}
}

static int
list(struct smtpdb *t, enum archive_rules which)
{
	struct archive_table rows;
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	if (archive_rules_list(t->archive, which, &rows) < 0)
		status = smtpdb_fail_archive(t);
	else
		print_rows(t, which, &rows);
	archive_table_reset(&rows);
	return status;
}

/* "add KEY..." and so on, where the first word is read. */
static int
run(struct smtpdb *t, enum archive_rules which)
{
	int nkeys = archive_rules_nkeys(which);
	int given = t->nargs - 1;
	const char *keys[RULES_KEYS_MAX] = { NULL };

	for (int i = 0; i < RULES_KEYS_MAX && i < given; i++)
		keys[i] = t->args[i + 1];
	if (strcmp(t->args[0], "list") == 0 && given == 0)
		return list(t, which);
	if (strcmp(t->args[0], "add") == 0 && given == nkeys)
		return add(t, which, keys);
	if (strcmp(t->args[0], "rm") == 0 && given >= 1 && given <= nkeys)
		return rm(t, which, keys);
	return smtpdb_fail(EX_USAGE,
	    "say add or rm with what it is about, or list; see smtpdb(1)");
}

int
domain_run(struct smtpdb *t)
{
	return run(t, RULES_DOMAIN);
}

int
mailbox_run(struct smtpdb *t)
{
	return run(t, RULES_MAILBOX);
}

int
alias_run(struct smtpdb *t)
{
	return run(t, RULES_ALIAS);
}

/*
 * As smtpd writes addresses, without bits behind the prefix: what is compared
 * is text.
 */
static int
write_network(const char *given, char *ret, size_t size)
{
	unsigned char octets[16];
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(given, '/');
	size_t len = slash ? (size_t)(slash - given) : strlen(given);
	int family = strchr(given, ':') ? AF_INET6 : AF_INET;
	int most = family == AF_INET6 ? 128 : 32;
	int64_t bits = most;

	if (strcmp(given, "local") == 0) {
		snprintf(ret, size, "%s", given);
		return EX_OK;
	}
	snprintf(address, sizeof address, "%.*s", (int)len, given);
	if (len >= sizeof address || inet_pton(family, address, octets) != 1)
		return smtpdb_fail(
		    EX_USAGE, "'%s' is no network of IP addresses", given);
	if (slash && options_number("bits", slash + 1, &bits) != EX_OK)
		return EX_USAGE;
	if (bits > most)
		return smtpdb_fail(EX_USAGE, "'%s' has too many bits", given);
	for (int i = (int)bits; i < most; i++)
		octets[i / 8] &= (unsigned char)~(0x80 >> i % 8);
	inet_ntop(family, octets, address, sizeof address);
	if (bits == most)
		snprintf(ret, size, "%s", address);
	else
		snprintf(ret, size, "%s/%d", address, (int)bits);
	return EX_OK;
}

/* "rule add sender PATTERN", "rule add client NETWORK". */
int
rule_run(struct smtpdb *t)
{
	char network[INET6_ADDRSTRLEN + 8];
	char *args[3] = { t->args[0], t->nargs > 2 ? t->args[2] : NULL, NULL };
	bool of_client = t->nargs > 1 && strcmp(t->args[1], "client") == 0;
	int status;

	if (!of_client && !(t->nargs > 1 && strcmp(t->args[1], "sender") == 0))
		return smtpdb_fail(EX_USAGE,
		    "a rule of what?  Say rule %s sender, or client",
		    t->args[0]);
	t->args = args;
	t->nargs--;
	if (!of_client || !args[1])
		return run(t, of_client ? RULES_CLIENT : RULES_SENDER);
	status = write_network(args[1], network, sizeof network);
	args[1] = network;
	return status == EX_OK ? run(t, RULES_CLIENT) : status;
}
