/*
 * domain, mailbox, alias and rule: add, rm and list of the rows that say what
 * is accepted.  One way for all: options and arguments become columns.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../archive.h"
#include "../mail/address.h"
#include "json.h"
#include "options.h"
#include "smtpdb.h"
#include "terminal.h"

/* clang-format off */
/*
 * Which option fills which column.  SQLite compares a text with a number
 * without a word, so what is to be a number is read here.
 */
static const struct fill {
	const char *column;
	enum smtpdb_option option;
	bool is_flag; /* is 1 */
	int (*read)(const char *what, const char *text, int64_t *ret);
} fills[] = {
	{ "state",           OPT_STATE,           false, NULL },
	{ "moved_to",        OPT_MOVED_TO,        false, NULL },
	{ "quota_messages",  OPT_QUOTA_MESSAGES,  false, options_number },
	{ "quota_octets",    OPT_QUOTA_OCTETS,    false, options_size },
	{ "quota_permanent", OPT_QUOTA_PERMANENT, true,  NULL },
	{ "forward",         OPT_FORWARD,         true,  NULL },
	{ "allow",           OPT_ALLOW,           true,  NULL },
	{ "code",            OPT_CODE,            false, options_number },
	{ "enhanced",        OPT_ENHANCED,        false, NULL },
	{ "text",            OPT_TEXT,            false, NULL },
};
/* clang-format on */

enum {
	NUMBER_SIZE = 24,
};

static const struct fill *
find_fill(const char *column)
{
	for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
		if (strcmp(fills[i].column, column) == 0)
			return &fills[i];
	}
	return NULL;
}

/* What the options say of a column; `number` is room for it.  NULL: nothing. */
static int
column_value(
    const struct smtpdb *t, const char *column, char *number, const char **ret)
{
	const struct fill *fill = find_fill(column);
	const char *given = fill ? t->options[fill->option] : NULL;
	int64_t n;
	int status;

	*ret = given && fill->is_flag ? "1" : given;
	if (!given || !fill->read)
		return EX_OK;
	status = fill->read(column, given, &n);
	if (status == EX_OK) {
		snprintf(number, NUMBER_SIZE, "%lld", (long long)n);
		*ret = number;
	}
	return status;
}

/* SQLite quotes the condition as it is in schema.sql: as one line. */
static int
fail_refused(const char *why)
{
	char text[512] = "";
	size_t len = 0;

	while (*why && len + 2 < sizeof text) {
		if (strncmp(why, "--", 2) == 0)
			why += strcspn(why, "\n");
		else if (!isspace((unsigned char)*why))
			text[len++] = *why++;
		else if (len > 0 && text[len - 1] != ' ' &&
			 text[len - 1] != '(' && *why++)
			text[len++] = ' ';
		else
			why++;
	}
	text[len] = '\0';
	return smtpdb_fail(EX_DATAERR, "refused: %s", text);
}

/* No client could name it: such a row would never count. */
static int
check_key(enum archive_rules which, const char *key)
{
	const char *at;

	if (!key || which == RULES_CLIENT) /* a network is read elsewhere */
		return EX_OK;
	if (which == RULES_SENDER && (*key == '\0' || strcmp(key, "*") == 0))
		return EX_OK;
	at = strrchr(key, '@');
	if (at == key ||
	    !address_is_domain(span_of(at ? at + 1 : key), ADDRESS_LENIENT))
		return smtpdb_fail(EX_DATAERR,
		    "'%s' is no %s that a client can name", key,
		    at ? "address" : "domain");
	return EX_OK;
}

static int
add(struct smtpdb *t, enum archive_rules which, const char *const *keys)
{
	const char *const *columns = archive_rules_columns(which);
	const char *values[RULES_COLUMNS_MAX] = { NULL };
	char numbers[RULES_COLUMNS_MAX][NUMBER_SIZE];
	int nkeys = archive_rules_nkeys(which);
	int status = EX_OK, result;

	for (int i = 0; columns[i] && status == EX_OK; i++) {
		if (i < nkeys && i < RULES_KEYS_MAX) {
			values[i] = keys[i];
			status = check_key(which, keys[i]);
		} else {
			status =
			    column_value(t, columns[i], numbers[i], &values[i]);
		}
	}
	if (status == EX_OK)
		status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
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

/* "rule add sender PATTERN", "rule add client NETWORK". */
int
rule_run(struct smtpdb *t)
{
	char network[IP_TEXT_SIZE];
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
	status = options_network(args[1], network);
	args[1] = network;
	return status == EX_OK ? run(t, RULES_CLIENT) : status;
}
