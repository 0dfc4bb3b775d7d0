/*
 * How much may come in a time, and how much there is.  What has come is counted
 * with each mail, in its transaction; it is looked at before, so mails that
 * arrive at once can exceed a limit by as many as they are.
 */
#include <stdio.h>
#include <string.h>

#include "../mail/ip.h"
#include "private.h"

static const char *const scopes[] = { "client", "sender", "total" };

enum {
	NSCOPES = sizeof scopes / sizeof *scopes,
	/* Windows that are over are deleted with one mail in so many. */
	PURGE_EVERY = 16,
};

/* What a client is counted by; "local", which is no address, by itself. */
static void
write_client(const char *address, char ret[IP_TEXT_SIZE])
{
	struct ip ip;

	if (ip_read(address, &ip))
		ip_write_source(&ip, ret);
	else
		snprintf(ret, IP_TEXT_SIZE, "%s", address);
}

static int
bind_key(sqlite3_stmt *q, const char *client, struct span sender)
{
	char key[IP_TEXT_SIZE];
	int rc;

	write_client(client, key);
	rc = sqlite3_bind_text(
	    q, statement_parameter(q, ":client"), key, -1, SQLITE_TRANSIENT);
	if (rc != SQLITE_OK)
		return rc;
	return sqlite3_bind_text(q, statement_parameter(q, ":sender"), sender.p,
	    (int)sender.len, SQLITE_TRANSIENT);
}

/* Only those are counted with the mail. */
static void
note_scope(struct store *st, sqlite3_stmt *limit)
{
	const char *scope = (const char *)sqlite3_column_text(limit, 0);

	for (int i = 0; i < NSCOPES; i++) {
		if (strcmp(scope, scopes[i]) == 0)
			st->policy_limited |= 1 << i;
	}
}

int
policy_check_rates(struct store *st, const struct policy_query *q,
    struct span sender, unsigned nrecipients, struct policy_answer *ret)
{
	sqlite3_stmt *rates = statement_prepared(
	    st, nrecipients > 0 ? SQL_RATES_RCPT : SQL_RATES);
	char seconds[24];
	int rc;

	if (!rates)
		return sqlite3_extended_errcode(st->db);
	if ((rc = bind_key(rates, q->client_address, sender)) ||
	    (rc = statement_bind_integer(rates, ":now", q->now)))
		return rc;
	if (nrecipients == 0)
		st->policy_limited = 0;
	while (sqlite3_step(rates) == SQLITE_ROW) {
		int64_t wait = sqlite3_column_int64(rates, 7) - q->now;

		note_scope(st, rates);
		if (!policy_exceeds(rates, 1, 1) &&
		    !policy_exceeds(rates, 3, nrecipients) &&
		    !policy_exceeds(rates, 5, q->size))
			continue;
		/* Without a window open, the limit is too low for this one. */
		snprintf(seconds, sizeof seconds, "%lld",
		    (long long)(wait > 0 ? wait : 1));
		policy_note(ret, "rate_limit",
		    (const char *)sqlite3_column_text(rates, 0));
		policy_say(ret, q, REPLY_RATE, seconds);
		ret->nmailboxes = 0;
		break;
	}
	return sqlite3_reset(rates);
}

/* Moves on through the table with whoever comes. */
static int
purge(struct store *st, const struct store_mail *m, int64_t id, int64_t now)
{
	bool clients = id / PURGE_EVERY % 2;
	sqlite3_stmt *q = statement_prepared(st, SQL_PURGE_RATES);
	int rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	if ((rc = statement_bind_integer(q, ":now", now)) ||
	    (rc = statement_bind_text(
		 q, ":scope", clients ? "client" : "sender")) ||
	    (rc = statement_bind_text(q, ":key",
		 clients ? m->client_address : m->envelope->reverse_path)))
		return rc;
	sqlite3_step(q);
	rc = sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return rc;
}

/* Adds the mail to the window of the key, or begins one. */
static int
count_rate(struct store *st, const struct store_mail *m, const char *scope,
    const char *key)
{
	static const enum sql tries[] = { SQL_COUNT_RATE, SQL_BEGIN_RATE };
	const struct envelope *e = m->envelope;
	int rc = SQLITE_OK;

	for (size_t i = 0; i < 2 && rc == SQLITE_OK; i++) {
		sqlite3_stmt *q = statement_prepared(st, tries[i]);

		if (!q)
			return sqlite3_extended_errcode(st->db);
		if ((rc = statement_bind_text(q, ":scope", scope)) ||
		    (rc = statement_bind_text(q, ":key", key)) ||
		    (rc = statement_bind_integer(
			 q, ":now", m->received_at / 1000000)) ||
		    (rc = statement_bind_integer(
			 q, ":recipients", e->nrecipients)) ||
		    (rc = statement_bind_integer(
			 q, ":octets", (int64_t)e->size)))
			return rc;
		sqlite3_step(q);
		rc = sqlite3_reset(q);
		sqlite3_clear_bindings(q);
		if (sqlite3_changes(st->db) > 0)
			break;
	}
	return rc;
}

static int
count_rates(struct store *st, const struct store_mail *m, int64_t id)
{
	char client[IP_TEXT_SIZE];
	const char *const keys[NSCOPES] = {
		client,
		m->envelope->reverse_path,
		"",
	};
	int rc = SQLITE_OK;

	write_client(m->client_address, client);
	for (int i = 0; i < NSCOPES && rc == SQLITE_OK; i++) {
		if (st->policy_limited & 1 << i)
			rc = count_rate(st, m, scopes[i], keys[i]);
	}
	if (rc != SQLITE_OK)
		return rc;
	return id % PURGE_EVERY == 0
		   ? purge(st, m, id, m->received_at / 1000000)
		   : SQLITE_OK;
}

static int
count_mailboxes(struct store *st, const struct envelope *e, int64_t id)
{
	sqlite3_stmt *q = statement_prepared(
	    st, e->nrecipients == 1 ? SQL_COUNT_MAILBOX : SQL_COUNT_MAILBOXES);
	int rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	if ((rc = statement_bind_integer(q, ":id", id)) ||
	    (rc = statement_bind_integer(q, ":octets", (int64_t)e->size)))
		return rc;
	sqlite3_step(q);
	return sqlite3_reset(q);
}

static int
count_quota(struct store *st, const struct envelope *e)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_COUNT_QUOTA);
	int rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	rc = statement_bind_integer(q, ":octets", (int64_t)e->size);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_step(q);
	return sqlite3_reset(q);
}

int
policy_count(struct store *st, const struct store_mail *m, int64_t id, int used)
{
	int rc = SQLITE_OK;

	if (used & POLICY_MAILBOXES)
		rc = count_mailboxes(st, m->envelope, id);
	if (rc == SQLITE_OK && used & POLICY_QUOTA)
		rc = count_quota(st, m->envelope);
	if (rc == SQLITE_OK && used & POLICY_RATES && st->policy_asked)
		rc = count_rates(st, m, id);
	return rc;
}
