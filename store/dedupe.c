/*
 * A client whose 250 was lost sends its mail again.  Such a mail is found by
 * its envelope and then by its octets, among the last rows only, so that the
 * search has an end.
 */
#include <string.h>

#include "../database/store_private.h"
#include "spool.h"

enum {
	ROWS_MAX = 1000, /* that are looked at */
};

static int
bind_mail(sqlite3_stmt *q, const struct store_mail *m, int64_t next_id)
{
	const struct envelope *e = m->envelope;
	int64_t since = m->received_at - m->dedupe_sec * INT64_C(1000000);
	int rc;

	if ((rc = statement_bind_integer(
		 q, ":after", next_id - 1 - ROWS_MAX)) ||
	    (rc = statement_bind_integer(q, ":since", since)) ||
	    (rc = statement_bind_integer(q, ":size", (int64_t)e->size)) ||
	    (rc = statement_bind_integer(q, ":smtputf8", e->smtputf8)) ||
	    (rc = statement_bind_text(
		 q, ":client_address", m->client_address)) ||
	    (rc = statement_bind_text(q, ":reverse_path", e->reverse_path)) ||
	    (rc = statement_bind_text(q, ":verb", e->verb)) ||
	    (rc = statement_bind_text(q, ":body_type", e->body_type)) ||
	    (rc = statement_bind_text(q, ":envelope_id", e->envelope_id)))
		return rc;
	return statement_bind_text(q, ":dsn_return", e->dsn_return);
}

static bool
is_text(sqlite3_stmt *q, int column, const char *text)
{
	const char *stored = (const char *)sqlite3_column_text(q, column);

	return stored && text ? strcmp(stored, text) == 0 : !stored && !text;
}

static bool
is_recipient(sqlite3_stmt *q, const struct recipient *r)
{
	return is_text(q, 0, r->forward_path) && is_text(q, 1, r->notify) &&
	       is_text(q, 2, r->original_recipient) &&
	       is_text(q, 3, recipient_mailbox(r));
}

static int
compare_recipients(
    struct store *st, const struct envelope *e, int64_t id, bool *ret_same)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_RECIPIENTS);
	unsigned n = 0;
	int rc;

	*ret_same = true;
	if (!q)
		return sqlite3_extended_errcode(st->db);
	rc = sqlite3_bind_int64(q, 1, id);
	if (rc != SQLITE_OK)
		return rc;
	while (*ret_same && sqlite3_step(q) == SQLITE_ROW) {
		*ret_same =
		    n < e->nrecipients && is_recipient(q, &e->recipients[n]);
		n++;
	}
	*ret_same = *ret_same && n == e->nrecipients;
	return sqlite3_reset(q);
}

/* Of the same length, which was looked for. */
static int
compare_octets(struct store *st, int64_t id, bool *ret_same)
{
	static char stored[32 * 1024];
	uint64_t size = spool_size(st->spool);
	sqlite3_blob *blob;
	struct span piece;
	int rc =
	    sqlite3_blob_open(st->db, "main", "message", "data", id, 0, &blob);

	*ret_same = rc == SQLITE_OK;
	for (uint64_t at = 0; *ret_same && at < size; at += piece.len) {
		if (spool_read(st->spool, at, &piece) < 0) {
			rc = SQLITE_IOERR;
			break;
		}
		if (piece.len > sizeof stored)
			piece.len = sizeof stored;
		rc = sqlite3_blob_read(blob, stored, (int)piece.len, (int)at);
		*ret_same =
		    rc == SQLITE_OK && memcmp(stored, piece.p, piece.len) == 0;
	}
	sqlite3_blob_close(blob);
	return rc;
}

int
dedupe_find(
    struct store *st, const struct store_mail *m, int64_t next_id, int64_t *ret)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_CANDIDATES);
	bool same = false;
	int rc, rc_reset;

	*ret = 0;
	if (!q)
		return sqlite3_extended_errcode(st->db);
	rc = bind_mail(q, m, next_id);
	while (rc == SQLITE_OK && !same && sqlite3_step(q) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(q, 0);

		rc = compare_recipients(st, m->envelope, id, &same);
		if (rc == SQLITE_OK && same)
			rc = compare_octets(st, id, &same);
		if (rc == SQLITE_OK && same)
			*ret = id;
	}
	rc_reset = sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return rc != SQLITE_OK ? rc : rc_reset;
}
