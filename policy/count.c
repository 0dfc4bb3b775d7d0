/*
 * Counts a mail in the transaction that stores it: for its mailboxes, for the
 * database's quota, and in the windows of rate_limit.
 */
#include "private.h"

enum {
	/* One mail in so many deletes windows that are over. */
	PURGE_EVERY = 16,
};

static void
count_mailboxes(struct lookup *l, const struct envelope *e, int64_t id)
{
	struct statement *s = lookup_begin(
	    l, e->nrecipients == 1 ? SQL_COUNT_MAILBOX : SQL_COUNT_MAILBOXES);

	lookup_bind_integer(s, ":id", id);
	lookup_bind_integer(s, ":octets", (int64_t)e->size);
	lookup_run(l, s);
}

static void
count_quota(struct lookup *l, const struct envelope *e)
{
	struct statement *s = lookup_begin(l, SQL_COUNT_QUOTA);

	lookup_bind_integer(s, ":octets", (int64_t)e->size);
	lookup_run(l, s);
}

/* Looks at the 64 windows behind this key, and deletes those that are over. */
static void
purge(struct lookup *l, const char *scope, const char *key, int64_t now)
{
	struct statement *s = lookup_begin(l, SQL_PURGE_RATES);

	lookup_bind_integer(s, ":now", now);
	lookup_bind(s, ":scope", span_of(scope));
	lookup_bind(s, ":key", span_of(key));
	lookup_run(l, s);
}

/*
 * Adds the mail to a window.  A window that was open when the client was asked
 * about is still there; to look again costs more than to rely on it.
 */
static void
count_rate(struct lookup *l, const struct envelope *e, int scope,
    const char *key, int64_t now)
{
	bool is_open = l->policy->window_ends[scope] > now;
	struct statement *s =
	    lookup_begin(l, is_open ? SQL_COUNT_RATE : SQL_BEGIN_RATE);

	lookup_bind(s, ":scope", span_of(policy_scopes[scope]));
	lookup_bind(s, ":key", span_of(key));
	lookup_bind_integer(s, ":now", now);
	lookup_bind_integer(s, ":recipients", e->nrecipients);
	lookup_bind_integer(s, ":octets", (int64_t)e->size);
	lookup_run(l, s);
}

static void
count_rates(struct lookup *l, const struct policy_mail *m)
{
	const char *sender = m->envelope->reverse_path;
	int64_t now = m->received_at / 1000000;
	char client[IP_TEXT_SIZE];
	const char *const keys[POLICY_NSCOPES] = { client, sender, "" };

	policy_write_client(m->client_address, client);
	for (int i = 0; i < POLICY_NSCOPES; i++) {
		if (l->policy->limited & 1 << i)
			count_rate(l, m->envelope, i, keys[i], now);
	}
	/* The keys of new senders reach all of the table in the end. */
	if (m->id % PURGE_EVERY == 0) {
		if (m->id / PURGE_EVERY % 2)
			purge(l, "client", m->client_address, now);
		else
			purge(l, "sender", sender, now);
	}
}

int
policy_count(struct policy *p, const struct policy_mail *m)
{
	static const int counts =
	    POLICY_MAILBOXES | POLICY_QUOTA | POLICY_RATES;
	struct lookup l = { p, DATABASE_OK };

	if (p->looks->to_count & counts)
		l.rc = database_lock_counts(p->db);
	if (p->looks->to_count & POLICY_MAILBOXES)
		count_mailboxes(&l, m->envelope, m->id);
	if (p->looks->to_count & POLICY_QUOTA)
		count_quota(&l, m->envelope);
	if (p->looks->to_count & POLICY_RATES && p->asked)
		count_rates(&l, m);
	return l.rc;
}
