/*
 * Where a recipient goes.  A list holds the addresses to resolve; it begins
 * with the one asked for.  An alias appends its targets, each once, so a loop
 * ends. The rows for an address are tried from the most exact to the least: the
 * address, the address without "+detail", "*@domain"; at each step alias before
 * mailbox.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/idn.h"
#include "private.h"

enum {
	DEPTH_MAX = 10, /* of aliases of aliases */
};

struct item {
	char address[ANSWER_ADDRESS_SIZE];
	unsigned depth;
};

struct walk {
	struct decision *d;
	struct item items[ANSWER_MAILBOXES_MAX];
	unsigned nitems;
	bool is_postmaster; /* of ours: no row refuses him */
	bool forward;       /* tell the client where it goes */
	bool too_much;
	/* The first refusal, or the first 4yz. */
	enum reply refusal; /* REPLY_NONE: none */
	bool is_temporary;
	char moved_to[ANSWER_ADDRESS_SIZE];
	const char *table;
	char key[ANSWER_ADDRESS_SIZE];
};

/*
 * The outcome
 */

static void
copy_address(char ret[ANSWER_ADDRESS_SIZE], const char *address)
{
	snprintf(ret, ANSWER_ADDRESS_SIZE, "%s", address);
}

static void
refuse(struct walk *w, enum reply why, const char *table, const char *key)
{
	bool temporary = replies[why].code < 500;

	if (w->refusal != REPLY_NONE && (w->is_temporary || !temporary))
		return;
	w->refusal = why;
	w->is_temporary = temporary;
	w->table = table;
	copy_address(w->key, key);
}

static void
add_mailbox(struct walk *w, const char *address)
{
	if (!answer_add_mailbox(w->d->answer, address))
		w->too_much = true;
}

static void
add_item(struct walk *w, const char *address, unsigned depth)
{
	struct item *item = &w->items[w->nitems];

	for (unsigned i = 0; i < w->nitems; i++) {
		if (strcasecmp(w->items[i].address, address) == 0)
			return;
	}
	if (w->nitems == ANSWER_MAILBOXES_MAX || depth > DEPTH_MAX ||
	    strlen(address) >= sizeof item->address) {
		w->too_much = true;
		return;
	}
	strcpy(item->address, address);
	item->depth = depth;
	w->nitems++;
}

/*
 * Rows
 */

/* Takes the mailbox of this row, unless its state or quota refuses. */
static void
judge_mailbox(struct walk *w, struct statement *row, unsigned depth)
{
	static const struct {
		const char *state;
		enum reply why;
	} refused[] = {
		{ "disabled", REPLY_DISABLED },
		{ "busy", REPLY_MAILBOX_BUSY },
		{ "not-allowed", REPLY_NAME_NOT_ALLOWED },
		{ "moved", REPLY_MOVED },
	};
	const char *address = lookup_text(row, 0);
	const char *state = lookup_text(row, 1);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (strcmp(state, refused[i].state) != 0)
			continue;
		if (w->refusal == REPLY_NONE)
			copy_address(w->moved_to, lookup_text(row, 2));
		refuse(w, refused[i].why, "mailbox", address);
		return;
	}
	if (statement_integer(row, 8) &&
	    !policy_is_authenticated(w->d->asker)) {
		refuse(w, REPLY_AUTH_REQUIRED, "mailbox", address);
		return;
	}
	if (policy_exceeds(row, 4, 1) ||
	    policy_exceeds(row, 6, w->d->q->size)) {
		refuse(w,
		    statement_integer(row, 3) ? REPLY_MAILBOX_FULL
					      : REPLY_MAILBOX_OVER_QUOTA,
		    "mailbox", address);
		return;
	}
	if (depth == 0)
		answer_note_row(w->d->answer, "mailbox", address);
	add_mailbox(w, address);
}

/* Is there such a mailbox? */
static bool
try_mailbox(struct walk *w, const char *key, unsigned depth)
{
	struct statement *row = lookup_find(&w->d->lookup, SQL_MAILBOX, key);

	if (!row)
		return false;
	judge_mailbox(w, row, depth);
	lookup_end(&w->d->lookup, row);
	return true;
}

/* Takes one target.  True: the alias names itself, that is its own mailbox. */
static bool
take_target(struct walk *w, struct statement *row, const struct item *item)
{
	const char *address = lookup_text(row, 0);
	const char *target = lookup_text(row, 1);

	if (item->depth == 0) {
		answer_note_row(w->d->answer, "alias", address);
		w->forward |= statement_integer(row, 2) != 0;
	}
	if (strcasecmp(target, address) == 0)
		return true;
	add_item(w, target, item->depth + 1);
	return false;
}

/* Is there such an alias? */
static bool
try_alias(struct walk *w, const char *key, const struct item *item)
{
	struct lookup *l = &w->d->lookup;
	struct statement *row = lookup_find(l, SQL_ALIAS, key);
	bool itself = false;

	if (!row)
		return false;
	do {
		itself |= take_target(w, row, item);
	} while (lookup_step(row));
	lookup_end(l, row);
	if (itself && !try_mailbox(w, key, item->depth + 1))
		add_mailbox(w, item->address);
	return true;
}

/* Is one of the names a domain of ours? */
static bool
is_ours(struct walk *w, const struct idn_forms *forms)
{
	for (unsigned i = 0; i < forms->n; i++) {
		struct statement *row =
		    lookup_find(&w->d->lookup, SQL_DOMAIN, forms->form[i]);

		lookup_end(&w->d->lookup, row);
		if (row)
			return true;
	}
	return false;
}

/* Does one of them take listed mailboxes only? */
static bool
is_closed(struct walk *w, const struct idn_forms *forms)
{
	bool closed = false;

	for (unsigned i = 0; i < forms->n && !closed; i++) {
		struct statement *row = lookup_find(
		    &w->d->lookup, SQL_DOMAIN_CLOSED, forms->form[i]);

		closed = row && statement_integer(row, 0);
		lookup_end(&w->d->lookup, row);
	}
	return closed;
}

/* Tries the rows for one local part, or "*".  Does one decide? */
static bool
try_rows(struct walk *w, const struct item *item, const char *local,
    size_t local_len, const struct idn_forms *forms)
{
	char key[IDN_FORMS_MAX][ANSWER_ADDRESS_SIZE];
	unsigned n = 0;

	for (unsigned i = 0; i < forms->n; i++)
		n += policy_join(local, local_len, forms->form[i], key[n]);
	for (unsigned i = 0; i < n; i++) {
		if (try_alias(w, key[i], item))
			return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (try_mailbox(w, key[i], item->depth))
			return true;
	}
	return false;
}

/* Resolves an address in a domain of ours. */
static void
resolve_here(struct walk *w, const struct item *item,
    const struct policy_address *a, const struct idn_forms *forms)
{
	const char *plus = memchr(a->local, '+', a->local_len);
	size_t without_detail = plus ? (size_t)(plus - a->local) : 0;

	if (try_rows(w, item, a->local, a->local_len, forms) ||
	    (without_detail > 0 &&
		try_rows(w, item, a->local, without_detail, forms)) ||
	    try_rows(w, item, "*", 1, forms))
		return;
	if (is_closed(w, forms))
		refuse(w, REPLY_NO_MAILBOX, "domain", forms->form[0]);
	else
		add_mailbox(w, item->address);
}

bool
policy_is_selective(struct lookup *l)
{
	struct statement *used = lookup_begin(l, SQL_DOMAIN_USED);
	bool selective = lookup_step(used) && statement_integer(used, 0);

	lookup_end(l, used);
	return selective;
}

/*
 * Resolves an address in a domain of others.  An alias may lead there, and so
 * may anyone while there is no domain.  Anyone else is refused, and told where
 * the user went if a row has that.
 */
static void
resolve_elsewhere(struct walk *w, const struct item *item,
    const struct policy_address *a, const struct idn_forms *forms)
{
	char key[ANSWER_ADDRESS_SIZE];

	if (item->depth > 0 || !policy_is_selective(&w->d->lookup)) {
		add_mailbox(w, item->address);
		return;
	}
	for (unsigned i = 0; i < forms->n; i++) {
		if (policy_join(a->local, a->local_len, forms->form[i], key))
			try_mailbox(w, key, 0);
	}
	if (w->refusal != REPLY_MOVED) {
		w->refusal = REPLY_NONE;
		refuse(w, REPLY_NO_RELAY, "domain", "");
	}
	answer_drop_mailboxes(w->d->answer);
}

static void
resolve_item(struct walk *w, const struct item *item)
{
	struct policy_address a;
	struct idn_forms forms;
	bool ours;

	if (!policy_read_address(
		span_of(item->address), w->d->asker->hostname, &a)) {
		refuse(w, REPLY_NO_MAILBOX, "domain", "");
		return;
	}
	idn_forms(a.domain, &forms);
	ours = is_ours(w, &forms);
	/* A postmaster without a domain is always ours. */
	if (item->depth == 0 && (ours || !a.has_domain))
		w->is_postmaster = span_is(
		    (struct span){ a.local, a.local_len }, "postmaster");
	if (ours)
		resolve_here(w, item, &a, &forms);
	else
		resolve_elsewhere(w, item, &a, &forms);
}

/* Answers for all addresses together. */
static void
conclude(struct walk *w)
{
	struct answer *a = w->d->answer;

	if (w->too_much || (a->nmailboxes == 0 && w->refusal == REPLY_NONE)) {
		w->refusal = REPLY_ALIAS_TROUBLE;
		w->is_temporary = true;
		w->table = "alias";
		copy_address(w->key, w->items[0].address);
	}
	if (a->nmailboxes == 0 || w->is_temporary) {
		/* Postmaster's mail stays here (RFC 5321 s. 4.5.1). */
		if (w->is_postmaster) {
			add_mailbox(w, w->items[0].address);
			return;
		}
		answer_drop_mailboxes(a);
		answer_note_row(a, w->table, w->key);
		answer_say(a, w->refusal, w->moved_to);
	} else if (w->forward && a->nmailboxes == 1) {
		answer_say(a, REPLY_WILL_FORWARD, answer_next_mailbox(a, NULL));
	}
}

static void
begin_walk(struct walk *w, struct decision *d)
{
	w->d = d;
	w->nitems = 0;
	w->is_postmaster = w->forward = w->too_much = w->is_temporary = false;
	w->refusal = REPLY_NONE;
	w->moved_to[0] = w->key[0] = '\0';
	w->table = "";
}

void
policy_decide_recipient(struct decision *d, struct span address)
{
	/*
	 * On the stack, its 32 KiB would be zeroed for each question (HARDENING
	 * in the Makefile).
	 */
	static struct walk w;

	if (address.len == 0 || address.len >= ANSWER_ADDRESS_SIZE) {
		answer_say(d->answer, REPLY_NO_MAILBOX, "");
		return;
	}
	begin_walk(&w, d);
	memcpy(w.items[0].address, address.p, address.len);
	w.items[0].address[address.len] = '\0';
	w.items[0].depth = 0;
	w.nitems = 1;
	for (unsigned i = 0; i < w.nitems; i++)
		resolve_item(&w, &w.items[i]);
	conclude(&w);
}
