/*
 * Where a recipient goes.  The addresses to look at stand in a list that begins
 * with the one asked for; an alias adds its targets to the end, each once, so
 * that loops end by themselves.  For each address the rows are tried from the
 * most exact to the least: itself, itself without "+detail", "*@domain"; at each
 * step alias before mailbox.
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
	char address[POLICY_ADDRESS_SIZE];
	unsigned depth;
};

struct walk {
	struct store *st;
	const struct policy_query *q;
	struct policy_answer *ret;
	struct item items[POLICY_MAILBOXES_MAX];
	unsigned nitems;
	bool is_postmaster; /* of ours, whom nothing may refuse */
	bool forward;       /* the client is to be told */
	bool too_much;
	/* The first refusal, or the first that is not for good. */
	enum reply refusal; /* REPLY_NONE: none */
	bool is_temporary;
	char moved_to[POLICY_ADDRESS_SIZE];
	const char *table;
	char key[POLICY_ADDRESS_SIZE];
};

/*
 * Addresses
 */

static bool
unquote(struct span text, char *ret, size_t size, size_t *ret_len)
{
	bool quoted = text.len >= 2 && text.p[0] == '"';
	size_t n = 0;

	if (quoted)
		text = (struct span){ text.p + 1, text.len - 2 };
	for (size_t i = 0; i < text.len; i++) {
		if (quoted && text.p[i] == '\\' && i + 1 < text.len)
			i++;
		if (n == size)
			return false;
		ret[n++] = text.p[i];
	}
	*ret_len = n;
	return true;
}

bool
policy_read_address(
    struct span text, const char *hostname, struct policy_address *ret)
{
	const char *at = memrchr(text.p, '@', text.len);
	struct span local = text;

	ret->has_domain = at != NULL;
	ret->domain = span_of(hostname);
	if (at) {
		local.len = (size_t)(at - text.p);
		ret->domain = (struct span){ at + 1, text.len - local.len - 1 };
	}
	return unquote(local, ret->local, sizeof ret->local, &ret->local_len);
}

bool
policy_join(const char *local, size_t local_len, const char *domain,
    char ret[POLICY_ADDRESS_SIZE])
{
	int len = snprintf(
	    ret, POLICY_ADDRESS_SIZE, "%.*s@%s", (int)local_len, local, domain);

	return len > 0 && len < POLICY_ADDRESS_SIZE;
}

/*
 * What comes of it
 */

static void
refuse(struct walk *w, enum reply what, const char *table, const char *key)
{
	bool temporary = what == REPLY_MAILBOX_BUSY ||
			 what == REPLY_MAILBOX_OVER_QUOTA ||
			 what == REPLY_ALIAS_TROUBLE;

	if (w->refusal != REPLY_NONE && (w->is_temporary || !temporary))
		return;
	w->refusal = what;
	w->is_temporary = temporary;
	w->table = table;
	snprintf(w->key, sizeof w->key, "%s", key);
}

static void
add_mailbox(struct walk *w, const char *address)
{
	struct policy_answer *ret = w->ret;

	for (unsigned i = 0; i < ret->nmailboxes; i++) {
		if (strcasecmp(ret->mailbox[i], address) == 0)
			return;
	}
	if (ret->nmailboxes == POLICY_MAILBOXES_MAX)
		w->too_much = true;
	else
		snprintf(ret->mailbox[ret->nmailboxes++], POLICY_ADDRESS_SIZE,
		    "%s", address);
}

static void
add_item(struct walk *w, const char *address, unsigned depth)
{
	struct item *item = &w->items[w->nitems];

	for (unsigned i = 0; i < w->nitems; i++) {
		if (strcasecmp(w->items[i].address, address) == 0)
			return;
	}
	if (w->nitems == POLICY_MAILBOXES_MAX || depth > DEPTH_MAX ||
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

/* The state of the mailbox in the row found. */
static void
judge_mailbox(struct walk *w, sqlite3_stmt *row, unsigned depth)
{
	static const struct {
		const char *state;
		enum reply what;
	} refused[] = {
		{ "disabled", REPLY_DISABLED },
		{ "busy", REPLY_MAILBOX_BUSY },
		{ "not-allowed", REPLY_NAME_NOT_ALLOWED },
		{ "moved", REPLY_MOVED },
	};
	const char *address = (const char *)sqlite3_column_text(row, 0);
	const char *state = (const char *)sqlite3_column_text(row, 1);
	const char *moved_to = (const char *)sqlite3_column_text(row, 2);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (strcmp(state, refused[i].state) != 0)
			continue;
		if (w->refusal == REPLY_NONE)
			snprintf(w->moved_to, sizeof w->moved_to, "%s",
			    moved_to ? moved_to : "");
		refuse(w, refused[i].what, "mailbox", address);
		return;
	}
	if (policy_exceeds(row, 4, 1) || policy_exceeds(row, 6, w->q->size)) {
		refuse(w,
		    sqlite3_column_int(row, 3) ? REPLY_MAILBOX_FULL
					       : REPLY_MAILBOX_OVER_QUOTA,
		    "mailbox", address);
		return;
	}
	if (depth == 0)
		policy_note(w->ret, "mailbox", address);
	add_mailbox(w, address);
}

/* Is there such a mailbox?  `*ret_rc` as in try_alias(). */
static bool
try_mailbox(struct walk *w, const char *key, unsigned depth, int *ret_rc)
{
	sqlite3_stmt *q = statement_prepared(w->st, SQL_MAILBOX);
	bool found;

	if (!q) {
		*ret_rc = sqlite3_extended_errcode(w->st->db);
		return false;
	}
	found = policy_find(q, key) == SQLITE_ROW;
	if (found)
		judge_mailbox(w, q, depth);
	*ret_rc = sqlite3_reset(q);
	return found;
}

/* One target; true: the alias names itself, and so its own mailbox. */
static bool
take_target(struct walk *w, sqlite3_stmt *row, const struct item *item)
{
	const char *address = (const char *)sqlite3_column_text(row, 0);
	const char *target = (const char *)sqlite3_column_text(row, 1);

	if (item->depth == 0) {
		policy_note(w->ret, "alias", address);
		w->forward |= sqlite3_column_int(row, 2) != 0;
	}
	if (strcasecmp(target, address) == 0)
		return true;
	add_item(w, target, item->depth + 1);
	return false;
}

/* Is there such an alias?  `*ret_rc` is SQLITE_OK or the error. */
static bool
try_alias(struct walk *w, const char *key, const struct item *item, int *ret_rc)
{
	sqlite3_stmt *q = statement_prepared(w->st, SQL_ALIAS);
	bool found = false, itself = false;

	if (!q) {
		*ret_rc = sqlite3_extended_errcode(w->st->db);
		return false;
	}
	for (int rc = policy_find(q, key); rc == SQLITE_ROW;
	     rc = sqlite3_step(q)) {
		found = true;
		itself |= take_target(w, q, item);
	}
	*ret_rc = sqlite3_reset(q);
	if (*ret_rc == SQLITE_OK && itself &&
	    !try_mailbox(w, key, item->depth + 1, ret_rc))
		add_mailbox(w, item->address);
	return found;
}

/* Asks a yes or no of each name of the domain, until one says yes. */
static bool
ask_domain(
    struct walk *w, enum sql which, const struct idn_forms *forms, int *ret_rc)
{
	sqlite3_stmt *q = statement_prepared(w->st, which);
	bool yes = false;

	*ret_rc = q ? SQLITE_OK : sqlite3_extended_errcode(w->st->db);
	for (unsigned i = 0; i < forms->n && !yes && *ret_rc == SQLITE_OK;
	     i++) {
		yes = policy_find(q, forms->form[i]) == SQLITE_ROW &&
		      (which == SQL_DOMAIN || sqlite3_column_int(q, 0));
		*ret_rc = sqlite3_reset(q);
	}
	return yes;
}

/* Tries the rows for one local part, which may be "*": is it settled? */
static bool
try_rows(struct walk *w, const struct item *item, const char *local,
    size_t local_len, const struct idn_forms *forms, int *ret_rc)
{
	char key[IDN_FORMS_MAX][POLICY_ADDRESS_SIZE];
	unsigned n = 0;

	for (unsigned i = 0; i < forms->n; i++)
		n += policy_join(local, local_len, forms->form[i], key[n]);
	for (unsigned i = 0; i < n; i++) {
		if (try_alias(w, key[i], item, ret_rc) || *ret_rc != SQLITE_OK)
			return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (try_mailbox(w, key[i], item->depth, ret_rc) ||
		    *ret_rc != SQLITE_OK)
			return true;
	}
	return false;
}

/* An address in a domain of ours. */
static int
resolve_here(struct walk *w, const struct item *item,
    const struct policy_address *a, const struct idn_forms *forms)
{
	const char *plus = memchr(a->local, '+', a->local_len);
	size_t without_detail = plus ? (size_t)(plus - a->local) : 0;
	int rc = SQLITE_OK;

	if (try_rows(w, item, a->local, a->local_len, forms, &rc) ||
	    (without_detail > 0 &&
		try_rows(w, item, a->local, without_detail, forms, &rc)) ||
	    try_rows(w, item, "*", 1, forms, &rc))
		return rc;
	if (ask_domain(w, SQL_DOMAIN_CLOSED, forms, &rc))
		refuse(w, REPLY_NO_MAILBOX, "domain", forms->form[0]);
	else if (rc == SQLITE_OK)
		add_mailbox(w, item->address);
	return rc;
}

int
policy_is_selective(struct store *st, bool *ret)
{
	int64_t used = 0;
	int rc = statement_run_integer(st, SQL_DOMAIN_USED, &used);

	*ret = used != 0;
	return rc;
}

/*
 * An address elsewhere.  An alias may lead there, and so may anybody while
 * there is no domain; who else asks for it is told where the user went, if a
 * row knows that.
 */
static int
resolve_elsewhere(struct walk *w, const struct item *item,
    const struct policy_address *a, const struct idn_forms *forms)
{
	char key[POLICY_ADDRESS_SIZE];
	bool selective = false;
	int rc = SQLITE_OK;

	if (item->depth == 0)
		rc = policy_is_selective(w->st, &selective);
	if (!selective) {
		add_mailbox(w, item->address);
		return rc;
	}
	for (unsigned i = 0; i < forms->n && rc == SQLITE_OK; i++) {
		if (policy_join(a->local, a->local_len, forms->form[i], key))
			try_mailbox(w, key, 0, &rc);
	}
	if (w->refusal != REPLY_MOVED) {
		w->refusal = REPLY_NONE;
		refuse(w, REPLY_NO_RELAY, "domain", "");
	}
	w->ret->nmailboxes = 0;
	return rc;
}

static int
resolve_item(struct walk *w, const struct item *item)
{
	struct policy_address a;
	struct idn_forms forms;
	bool ours;
	int rc;

	if (!policy_read_address(span_of(item->address), w->q->hostname, &a)) {
		refuse(w, REPLY_NO_MAILBOX, "domain", "");
		return SQLITE_OK;
	}
	idn_forms(a.domain, &forms);
	ours = ask_domain(w, SQL_DOMAIN, &forms, &rc);
	if (rc != SQLITE_OK)
		return rc;
	/* Without a domain he is always ours. */
	if (item->depth == 0 && (ours || !a.has_domain))
		w->is_postmaster = span_is(
		    (struct span){ a.local, a.local_len }, "postmaster");
	return ours ? resolve_here(w, item, &a, &forms)
		    : resolve_elsewhere(w, item, &a, &forms);
}

/* What is answered for all of them together. */
static void
conclude(struct walk *w)
{
	struct policy_answer *ret = w->ret;

	if (w->too_much || (ret->nmailboxes == 0 && w->refusal == REPLY_NONE)) {
		w->refusal = REPLY_ALIAS_TROUBLE;
		w->is_temporary = true;
		w->table = "alias";
		snprintf(w->key, sizeof w->key, "%s", w->items[0].address);
	}
	if (ret->nmailboxes == 0 || w->is_temporary) {
		/* His mail stays where it came (RFC 5321 s. 4.5.1). */
		if (w->is_postmaster) {
			add_mailbox(w, w->items[0].address);
			return;
		}
		ret->nmailboxes = 0;
		policy_note(ret, w->table, w->key);
		policy_say(ret, w->q, w->refusal, w->moved_to);
	} else if (w->forward && ret->nmailboxes == 1) {
		policy_say(ret, w->q, REPLY_WILL_FORWARD, ret->mailbox[0]);
	}
}

static void
begin_walk(struct walk *w, struct store *st, const struct policy_query *q,
    struct policy_answer *ret)
{
	w->st = st;
	w->q = q;
	w->ret = ret;
	w->nitems = 0;
	w->is_postmaster = w->forward = w->too_much = w->is_temporary = false;
	w->refusal = REPLY_NONE;
	w->moved_to[0] = w->key[0] = '\0';
	w->table = "";
}

int
policy_resolve(struct store *st, const struct policy_query *q,
    struct span address, struct policy_answer *ret)
{
	struct walk w; /* the items, 32 KiB of them, need no zeros */
	int rc = SQLITE_OK;

	if (address.len == 0 || address.len >= POLICY_ADDRESS_SIZE) {
		policy_say(ret, q, REPLY_NO_MAILBOX, "");
		return SQLITE_OK;
	}
	begin_walk(&w, st, q, ret);
	memcpy(w.items[0].address, address.p, address.len);
	w.items[0].address[address.len] = '\0';
	w.items[0].depth = 0;
	w.nitems = 1;
	for (unsigned i = 0; i < w.nitems && rc == SQLITE_OK; i++)
		rc = resolve_item(&w, &w.items[i]);
	if (rc == SQLITE_OK)
		conclude(&w);
	return rc;
}
