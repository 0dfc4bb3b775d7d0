/*
 * domain, mailbox, alias, rule, quota and rate: add, rm and list for the rows
 * that say what is accepted.  All work in the same way: arguments become keys,
 * and options become the columns behind them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../cli.h"
#include "../mime/json.h"
#include "columns.h"
#include "options.h"
#include "private.h"
#include "rule_values.h"
#include "terminal.h"

/*
 * Keys
 */

/* The texts of the names that an archive_keys points to. */
struct key_names {
	struct names names[RULES_KEYS_MAX];
};

static int
check_scope(const char *text)
{
	static const char *const scopes[] = { "client", "sender", "total",
		"auth" };

	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
		if (strcmp(text, scopes[i]) == 0)
			return EX_OK;
	}
	return smtpdb_fail(EX_USAGE,
	    "a rate of what?  Say client, sender, total or auth, not '%s'",
	    text);
}

/* Refuses a key that no client could name: it would never count. */
static int
check_key(enum archive_rules which, const char *text)
{
	switch (which) {
	case RULES_DOMAIN:
		if (strchr(text, '@'))
			return smtpdb_fail(EX_DATAERR,
			    "'%s' is an address, not a domain", text);
		return rule_check_address(text, true);
	case RULES_MAILBOX:
	case RULES_ALIAS:
		return rule_check_address(text, false);
	case RULES_SENDER:
		return *text == '\0' || strcmp(text, "*") == 0
			   ? EX_OK
			   : rule_check_address(text, true);
	case RULES_RATE:
		return check_scope(text);
	case RULES_CLIENT: /* options_network() has read it */
	case RULES_QUOTA:
	case RULES__COUNT:
		break;
	}
	return EX_OK;
}

static bool
is_address(enum archive_rules which)
{
	return which <= RULES_SENDER;
}

/* Does the domain have its A-label form? */
static bool
is_for_dns(const char *name)
{
	const char *at = strrchr(name, '@');

	for (const char *p = at ? at : name; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			return false;
	}
	return true;
}

/* Finds the names by which rows may have the key; a new row gets the first. */
static int
find_names(const char *text, bool is_new, struct names *names, const char **ret)
{
	names_find(text, names);
	if (names->n == 0)
		return smtpdb_fail(EX_DATAERR, "'%s' is too long", text);
	if (is_new && !is_for_dns(names->name[0]))
		return smtpdb_fail(EX_DATAERR,
		    "'%s': the domain has no form for the DNS (xn--), or "
		    "libidn2, which makes it, is not installed",
		    text);
	ret[0] = names->name[0];
	ret[1] = names->n > 1 ? names->name[1] : NULL;
	ret[2] = text;
	return EX_OK;
}

static int
read_keys(enum archive_rules which, char **given, int ngiven, bool is_new,
    struct key_names *room, struct archive_keys *ret)
{
	int status = EX_OK;

	*ret = (struct archive_keys){ 0 };
	for (int i = 0; i < ngiven && given[i] && status == EX_OK; i++) {
		ret->name[i][0] = given[i];
		if (is_new)
			status = check_key(which, given[i]);
		if (status == EX_OK && is_address(which))
			status = find_names(
			    given[i], is_new, &room->names[i], ret->name[i]);
	}
	return status;
}

/*
 * add
 */

/* A mailbox or an alias of a domain that is not served is never looked at. */
static int
warn_unserved(struct smtpdb *t, const char *address)
{
	const char *domain = strrchr(address, '@');
	struct archive_keys keys = { .name = { { NULL } } };
	struct names names;
	int found;

	names_find(domain ? domain + 1 : address, &names);
	if (names.n == 0)
		return EX_OK;
	keys.name[0][0] = names.name[0];
	keys.name[0][1] = names.n > 1 ? names.name[1] : NULL;
	found = archive_rules_has(t->archive, RULES_DOMAIN, &keys);
	if (found < 0)
		return smtpdb_fail_archive(t);
	if (found == 0)
		smtpdb_fail(0,
		    "warning: %s is no domain that is served, so this counts "
		    "only after: smtpdb domain add %s",
		    names.name[0], names.name[0]);
	return EX_OK;
}

/* Each value was checked before, so the table refuses their combination. */
static int
fail_refused(enum archive_rules which)
{
	return smtpdb_fail(EX_DATAERR, "%s",
	    which == RULES_MAILBOX
		? "a mailbox that has moved needs --moved-to=ADDRESS"
		: "the table does not take this row; smtpd-db(5) says what it "
		  "may hold");
}

static int
add(struct smtpdb *t, enum archive_rules which, const struct archive_keys *keys)
{
	struct rule_values values;
	int status = rule_values_read(t, which, &values);
	int result;

	if (status == EX_OK && values.nsaid == 0 &&
	    (which == RULES_QUOTA || which == RULES_RATE))
		status =
		    smtpdb_fail(EX_USAGE, "how much?  See smtpdb %s --help",
			which == RULES_QUOTA ? "quota" : "rate");
	if (status == EX_OK)
		status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
	result = archive_rules_add(t->archive, which, keys, values.value);
	if (result < 0)
		return smtpdb_fail_archive(t);
	if (result == 0)
		return fail_refused(which);
	if (which == RULES_MAILBOX || which == RULES_ALIAS)
		return warn_unserved(t, keys->name[0][0]);
	return EX_OK;
}

static int
rm(struct smtpdb *t, enum archive_rules which, const struct archive_keys *keys)
{
	int status = smtpdb_open(t, false);
	int n;

	if (status != EX_OK)
		return status;
	n = archive_rules_remove(t->archive, which, keys);
	if (n < 0)
		return smtpdb_fail_archive(t);
	if (n == 0)
		return which == RULES_QUOTA
			   ? smtpdb_fail(EX_NOINPUT, "there is no quota")
			   : smtpdb_fail(EX_NOINPUT, "there is no '%s'",
				 keys->name[0][0]);
	return EX_OK;
}

/*
 * list
 */

enum kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_OCTETS,
	KIND_FLAG,
	KIND_HIDDEN,
};

/* clang-format off */
/* How each column of these tables is shown. */
static const struct shown {
	const char *name, *title;
	enum kind kind;
	const char *no, *yes; /* of flags */
} shown[] = {
	{ "name",            "DOMAIN",     KIND_TEXT,   NULL, NULL },
	{ "address",         "ADDRESS",    KIND_TEXT,   NULL, NULL },
	{ "target",          "TARGET",     KIND_TEXT,   NULL, NULL },
	{ "forward",         "TOLD",       KIND_FLAG,   "no", "yes" },
	{ "state",           "STATE",      KIND_TEXT,   NULL, NULL },
	{ "moved_to",        "MOVED TO",   KIND_TEXT,   NULL, NULL },
	{ "quota_messages",  "MAX MAILS",  KIND_NUMBER, NULL, NULL },
	{ "quota_octets",    "MAX SIZE",   KIND_OCTETS, NULL, NULL },
	{ "quota_permanent", "PERMANENT",  KIND_FLAG,   "no", "yes" },
	{ "messages",        "MAILS",      KIND_NUMBER, NULL, NULL },
	{ "octets",          "SIZE",       KIND_OCTETS, NULL, NULL },
	{ "pattern",         "SENDER",     KIND_TEXT,   NULL, NULL },
	{ "network",         "CLIENT",     KIND_TEXT,   NULL, NULL },
	{ "allow",           "RULE",       KIND_FLAG,   "deny", "allow" },
	{ "authenticated",   "AUTH",       KIND_FLAG,   "no", "yes" },
	{ "code",            "CODE",       KIND_NUMBER, NULL, NULL },
	{ "enhanced",        "STATUS",     KIND_TEXT,   NULL, NULL },
	{ "text",            "TEXT",       KIND_TEXT,   NULL, NULL },
	{ "id",              "",           KIND_HIDDEN, NULL, NULL },
	{ "scope",           "OF EACH",    KIND_TEXT,   NULL, NULL },
	{ "window_sec",      "SECONDS",    KIND_NUMBER, NULL, NULL },
	{ "max_messages",    "MAX MAILS",  KIND_NUMBER, NULL, NULL },
	{ "max_recipients",  "MAX RCPTS",  KIND_NUMBER, NULL, NULL },
	{ "max_octets",      "MAX SIZE",   KIND_OCTETS, NULL, NULL },
};
/* clang-format on */

static const struct shown *
find_shown(const char *column)
{
	size_t i = 0;

	while (strcmp(shown[i].name, column) != 0)
		i++;
	return &shown[i];
}

static void
print_json_cell(struct json *j, const struct shown *how, const char *cell)
{
	if (how->kind == KIND_HIDDEN)
		return;
	if (!cell || how->kind == KIND_TEXT)
		json_text(j, how->name, cell);
	else if (how->kind == KIND_FLAG)
		json_bool(j, how->name, strcmp(cell, "0") != 0);
	else
		json_integer(j, how->name, strtoll(cell, NULL, 10));
}

static void
print_json(const struct archive_table *rows, const char *const *names)
{
	for (size_t i = 0; i < rows->nrows; i++) {
		struct json j = { 0 };

		json_open(&j, NULL, '{');
		for (size_t n = 0; n < rows->ncolumns; n++)
			print_json_cell(&j, find_shown(names[n]),
			    rows->cells[i * rows->ncolumns + n]);
		json_close(&j, '}');
	}
}

/* A rule that allows has no reply. */
static bool
is_void(const char *const *names, char *const *row, size_t n)
{
	return n > 1 && strcmp(names[1], "allow") == 0 && row[1] &&
	       strcmp(row[1], "0") != 0 &&
	       strcmp(names[n], "authenticated") != 0;
}

/* On a terminal sizes are short, elsewhere exact. */
static char *
show_cell(const struct shown *how, const char *cell, bool is_terminal)
{
	char size[TERMINAL_SIZE_MAX];

	if (!cell)
		return strdup("-");
	if (how->kind == KIND_FLAG)
		return strdup(strcmp(cell, "0") != 0 ? how->yes : how->no);
	if (how->kind != KIND_OCTETS || !is_terminal)
		return strdup(cell);
	terminal_size(strtoll(cell, NULL, 10), size);
	return strdup(size);
}

static void
print_columns(const struct archive_table *rows, const char *const *names)
{
	struct column columns[RULES_COLUMNS_MAX];
	char **cells = calloc(rows->nrows * rows->ncolumns + 1, sizeof *cells);
	struct terminal terminal;
	size_t n = 0, ncells = 0;

	terminal_find(&terminal);
	for (size_t i = 0; i < rows->ncolumns; i++) {
		const struct shown *how = find_shown(names[i]);

		if (how->kind == KIND_HIDDEN)
			continue;
		columns[n].title = how->title;
		columns[n++].right =
		    how->kind == KIND_NUMBER || how->kind == KIND_OCTETS;
	}
	for (size_t i = 0; cells && i < rows->nrows * rows->ncolumns; i++) {
		size_t at = i % rows->ncolumns;
		const struct shown *how = find_shown(names[at]);
		const char *cell = rows->cells[i];

		if (how->kind == KIND_HIDDEN)
			continue;
		if (is_void(names, &rows->cells[i - at], at))
			cell = NULL;
		cells[ncells++] = show_cell(how, cell, terminal.is_one);
	}
	if (cells)
		columns_print(columns, n, cells, rows->nrows);
	while (ncells > 0)
		free(cells[--ncells]);
	free(cells);
}

static int
list(struct smtpdb *t, enum archive_rules which)
{
	const char *const *names = archive_rules_columns(which);
	struct archive_table rows;
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	if (archive_rules_list(t->archive, which, &rows) < 0)
		status = smtpdb_fail_archive(t);
	else if (t->options[OPT_JSON])
		print_json(&rows, names);
	else
		print_columns(&rows, names);
	archive_table_reset(&rows);
	return status;
}

/*
 * Commands
 */

static const char *const verbs[] = { "add", "rm", "list", NULL };

/* Suggests the word that was probably meant. */
static int
fail_verb(const char *command, const char *given)
{
	const char *meant = cli_nearest(given, verbs);

	return smtpdb_fail(EX_USAGE, "%s %s?  Say %s %s%s", command, given,
	    command, meant ? meant : "add, rm or list",
	    meant ? ", if you meant that" : "");
}

/* Runs "add KEY..." and so on; the keys are the words behind the first. */
static int
run(struct smtpdb *t, const char *command, enum archive_rules which,
    char **given, int ngiven)
{
	const char *verb = t->args[0];
	int nkeys = archive_rules_nkeys(which);
	bool is_add = strcmp(verb, "add") == 0, is_rm = strcmp(verb, "rm") == 0;
	struct archive_keys keys;
	struct key_names room;
	int status;

	if (strcmp(verb, "list") == 0 && (ngiven == 0 || which == RULES_QUOTA))
		return list(t, which);
	if (!is_add && !is_rm && strcmp(verb, "list") != 0)
		return fail_verb(command, verb);
	if (ngiven > nkeys || ngiven < (is_add ? nkeys : 1) ||
	    strcmp(verb, "list") == 0)
		return smtpdb_fail(EX_USAGE,
		    "%s %s takes %s; see smtpdb %s --help", command, verb,
		    strcmp(verb, "list") == 0 ? "no more words"
		    : nkeys > 1 && is_add     ? "an address and a target"
					      : "one more word",
		    command);
	status = read_keys(which, given, ngiven, is_add, &room, &keys);
	if (status != EX_OK)
		return status;
	return is_add ? add(t, which, &keys) : rm(t, which, &keys);
}

int
domain_run(struct smtpdb *t)
{
	return run(t, "domain", RULES_DOMAIN, t->args + 1, t->nargs - 1);
}

int
mailbox_run(struct smtpdb *t)
{
	return run(t, "mailbox", RULES_MAILBOX, t->args + 1, t->nargs - 1);
}

int
alias_run(struct smtpdb *t)
{
	return run(t, "alias", RULES_ALIAS, t->args + 1, t->nargs - 1);
}

int
quota_run(struct smtpdb *t)
{
	char one[] = "1";
	char *row[RULES_KEYS_MAX] = { one };

	return run(t, "quota", RULES_QUOTA, row, 1);
}

int
rate_run(struct smtpdb *t)
{
	return run(t, "rate", RULES_RATE, t->args + 1, t->nargs - 1);
}

/* "rule add sender PATTERN", "rule add client NETWORK". */
int
rule_run(struct smtpdb *t)
{
	char network[IP_TEXT_SIZE];
	char *keys[RULES_KEYS_MAX] = { t->nargs > 2 ? t->args[2] : NULL };
	bool of_client = t->nargs > 1 && strcmp(t->args[1], "client") == 0;
	int status;

	if (!of_client && !(t->nargs > 1 && strcmp(t->args[1], "sender") == 0))
		return smtpdb_fail(EX_USAGE,
		    "a rule of what?  Say rule %s sender, or client",
		    t->args[0]);
	if (!of_client || !keys[0])
		return run(t, "rule", of_client ? RULES_CLIENT : RULES_SENDER,
		    keys, t->nargs - 2);
	status = options_network(keys[0], network);
	keys[0] = network;
	return status == EX_OK ? run(t, "rule", RULES_CLIENT, keys, 1) : status;
}
