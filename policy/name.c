/*
 * What VRFY and EXPN are told.  An address is resolved as for RCPT; a local
 * part alone gets the domain of the row that has it.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

/* Counts the rows with this local part, up to two, and copies the last. */
static unsigned
find_names(struct decision *d, enum policy_sql which, struct span local,
    char ret[ANSWER_ADDRESS_SIZE])
{
	struct statement *names = lookup_begin(&d->lookup, which);
	char from[ANSWER_ADDRESS_SIZE], to[ANSWER_ADDRESS_SIZE];
	unsigned n = 0;

	/* "[" follows "@" where columns compare upper case as lower case. */
	snprintf(from, sizeof from, "%.*s@", (int)local.len, local.p);
	snprintf(to, sizeof to, "%.*s[", (int)local.len, local.p);
	lookup_bind(names, "?1", span_of(from));
	lookup_bind(names, "?2", span_of(to));
	while (lookup_step(names)) {
		snprintf(ret, ANSWER_ADDRESS_SIZE, "%s", lookup_text(names, 0));
		n++;
	}
	lookup_end(&d->lookup, names);
	return n;
}

static struct span
without_brackets(struct span text)
{
	text = span_trim(text);
	if (text.len >= 2 && text.p[0] == '<' && text.p[text.len - 1] == '>')
		text = (struct span){ text.p + 1, text.len - 2 };
	return text;
}

/* Says `none` if no row has the name. */
static void
resolve_name(struct decision *d, enum policy_sql which, enum reply none)
{
	struct span name = without_brackets(d->q->address);
	char address[ANSWER_ADDRESS_SIZE];
	unsigned n;

	if (memchr(name.p, '@', name.len) || span_is(name, "postmaster")) {
		policy_decide_recipient(d, name);
		return;
	}
	n = find_names(d, which, name, address);
	if (n == 1)
		policy_decide_recipient(d, span_of(address));
	else
		answer_say(d->answer, n == 0 ? none : REPLY_AMBIGUOUS, "");
}

/* Did a row with the name decide?  '*@domain' has none. */
static bool
is_verified(const struct answer *a)
{
	return a->table[0] != '\0' && strncmp(a->key, "*@", 2) != 0;
}

void
policy_decide_vrfy(struct decision *d)
{
	struct answer *a = d->answer;

	if (!policy_is_selective(&d->lookup))
		return;
	resolve_name(d, SQL_NAMES, REPLY_NO_MAILBOX);
	if (answer_reply(a).code == 0 && is_verified(a))
		answer_say(a, REPLY_IS, a->key);
}

void
policy_decide_expn(struct decision *d)
{
	struct answer *a = d->answer;

	if (policy_is_selective(&d->lookup))
		resolve_name(d, SQL_LISTS, REPLY_NO_LIST);
	if (answer_refuses(a))
		return;
	if (is_verified(a) && strcmp(a->table, "alias") == 0)
		answer_say(a, REPLY_NONE, "");
	else
		answer_say(a, REPLY_NO_LIST, "");
}
