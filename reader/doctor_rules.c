/*
 * doctor: rows that say what is accepted, but do not count, or lead nowhere.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../clock.h"
#include "doctor.h"
#include "names.h"

char *
doctor_quote(const char *text)
{
	char *quoted = malloc(4 * strlen(text) + 3);
	char *at = quoted;

	if (!quoted)
		abort();
	*at++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			at = stpcpy(at, "'\\'");
		*at++ = *text;
	}
	strcpy(at, "'");
	return quoted;
}

/* "smtpdb --database=PATH WHAT A B"; `b` may be NULL. */
static void
mend(const struct patient *p, struct finding *f, const char *what,
    const char *a, const char *b)
{
	char *first = doctor_quote(a), *second = b ? doctor_quote(b) : NULL;

	MEND(f, "smtpdb --database=%s %s %s%s%s", p->path, what, first,
	    second ? " " : "", second ? second : "");
	free(first);
	free(second);
}

static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at ? at + 1 : address;
}

/* Is the address's domain one that is served?  1, 0 or -1. */
static int
is_served(const struct patient *p, const char *address)
{
	struct archive_keys keys = { .name = { { NULL } } };
	struct names names;

	names_find(domain_of(address), &names);
	if (names.n == 0)
		return 0;
	keys.name[0][0] = names.name[0];
	keys.name[0][1] = names.n > 1 ? names.name[1] : NULL;
	return archive_rules_has(p->archive, RULES_DOMAIN, &keys);
}

/* Is this a name that smtpd looks up for a domain that a client names? */
static bool
can_count(const char *name)
{
	struct names names;

	names_find(name, &names);
	for (unsigned i = 0; i < names.n; i++) {
		if (strcasecmp(names.name[i], name) == 0)
			return true;
	}
	return false;
}

struct orphans {
	size_t n;
	char first[ANSWER_ADDRESS_SIZE];
	char table[16];
};

static void
note(struct orphans *o, const char *table, const char *name)
{
	if (o->n++ > 0)
		return;
	snprintf(o->first, sizeof o->first, "%s", name);
	snprintf(o->table, sizeof o->table, "%s", table);
}

/* Rows whose first column is in no domain that is served. */
static void
find_unserved(const struct patient *p, enum archive_rules which,
    const char *table, struct orphans *o)
{
	struct archive_table rows;

	if (archive_rules_list(p->archive, which, &rows) == 0) {
		for (size_t i = 0; i < rows.nrows; i++) {
			const char *name = rows.cells[i * rows.ncolumns];

			if (name && is_served(p, name) == 0)
				note(o, table, name);
		}
	}
	archive_table_reset(&rows);
}

static void
find_misspelt(const struct patient *p, struct orphans *o)
{
	struct archive_table rows;

	if (archive_rules_list(p->archive, RULES_DOMAIN, &rows) == 0) {
		for (size_t i = 0; i < rows.nrows; i++) {
			if (rows.cells[i] && !can_count(rows.cells[i]))
				note(o, "domain", rows.cells[i]);
		}
	}
	archive_table_reset(&rows);
}

void
doctor_check_domains(const struct patient *p, struct finding *f)
{
	struct orphans misspelt = { .n = 0 }, unserved = { .n = 0 };

	SAY(f, "every mailbox and alias is of a domain that is served");
	find_misspelt(p, &misspelt);
	find_unserved(p, RULES_MAILBOX, "mailbox", &unserved);
	find_unserved(p, RULES_ALIAS, "alias", &unserved);
	if (misspelt.n > 0) {
		f->state = STATE_BAD;
		SAY(f, "the domain %s is written so that it never counts",
		    misspelt.first);
		mend(p, f, "domain rm", misspelt.first, NULL);
	} else if (unserved.n > 0) {
		f->state = STATE_NOTE;
		SAY(f,
		    "rows of mailbox and alias that do not count, since their "
		    "domain is not served: %zu; the first is the %s %s",
		    unserved.n, unserved.table, unserved.first);
		mend(p, f, "domain add", domain_of(unserved.first), NULL);
	}
}

/*
 * Aliases
 */

enum way {
	WAY_GOOD,
	WAY_LOST, /* it leads to no mailbox that there is */
	WAY_LOOP, /* to itself, or too far */
};

/* What becomes of a mail to this address. */
static enum way
follow(const struct patient *p, const char *address)
{
	static char hostname[HOST_NAME_MAX + 1] = "localhost";
	const struct policy_asker asker = {
		.hostname = hostname,
		.client_address = "local",
		.now = clock_us() / 1000000,
	};
	const struct question q = {
		.kind = QUESTION_RCPT,
		.address = span_of(address),
		.sender = span_of(""),
	};
	struct answer answer;

	gethostname(hostname, sizeof hostname - 1);
	if (archive_ask(p->archive, &asker, &q, &answer) != VERDICT_OK)
		return WAY_GOOD;
	if (answer.reply == REPLY_ALIAS_TROUBLE)
		return WAY_LOOP;
	return answer.reply == REPLY_NO_MAILBOX ? WAY_LOST : WAY_GOOD;
}

void
doctor_check_aliases(const struct patient *p, struct finding *f)
{
	struct archive_table rows;
	size_t nloops = 0, nlost = 0;

	SAY(f, "every alias leads somewhere");
	if (archive_rules_list(p->archive, RULES_ALIAS, &rows) < 0)
		rows.nrows = 0;
	for (size_t i = 0; i < rows.nrows; i++) {
		char **row = rows.cells + i * rows.ncolumns;
		enum way way = WAY_GOOD;

		if (!row[0] || !row[1] || is_served(p, row[0]) <= 0)
			continue;
		if (follow(p, row[0]) == WAY_LOOP)
			way = WAY_LOOP;
		else if (strcasecmp(row[0], row[1]) != 0 &&
			 is_served(p, row[1]) > 0)
			way = follow(p, row[1]);
		nloops += way == WAY_LOOP;
		nlost += way == WAY_LOST;
		if (way == WAY_GOOD || nloops + nlost > 1)
			continue;
		f->state = STATE_BAD;
		SAY(f, "the alias %s, to %s, %s", row[0], row[1],
		    way == WAY_LOOP ? "leads to itself or too far"
				    : "leads to no mailbox that there is");
		mend(p, f, "alias rm", row[0], row[1]);
	}
	if (nloops + nlost > 1)
		snprintf(f->text + strlen(f->text),
		    sizeof f->text - strlen(f->text), "; and %zu more",
		    nloops + nlost - 1);
	archive_table_reset(&rows);
}
