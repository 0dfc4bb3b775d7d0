/*
 * A client whose 250 was lost sends its mail again.  This finds the row of such
 * a mail by its envelope and then by its octets.  It looks at the last rows
 * only, so that the search is short.
 */
#include <string.h>

#include "private.h"

enum {
	ROWS_MAX = 1000, /* that are looked at */
};

static const char candidates_sql[] =
    "SELECT id FROM main.message WHERE id > :after AND size = :size"
    " AND client_address = :client_address AND reverse_path = :reverse_path"
    " AND verb = :verb AND body_type = :body_type AND smtputf8 = :smtputf8"
    " AND envelope_id IS :envelope_id AND dsn_return IS :dsn_return"
    " AND received_at >= :since"
    /* An application may have emptied it. */
    " AND typeof(data) = 'blob' AND length(data) = :size"
    " ORDER BY id DESC";

static const char recipients_sql[] =
    "SELECT forward_path, notify, original_recipient, mailbox"
    " FROM recipient WHERE message_id = :id ORDER BY position";

static void
bind_mail(struct statement *s, const struct store_mail *m, int64_t next_id)
{
	const struct envelope *e = m->envelope;

	statement_bind_integer(s, ":after", next_id - 1 - ROWS_MAX);
	statement_bind_integer(s, ":size", (int64_t)e->size);
	statement_bind_text(s, ":client_address", m->client_address);
	statement_bind_text(s, ":reverse_path", e->reverse_path);
	statement_bind_text(s, ":verb", e->verb);
	statement_bind_text(s, ":body_type", e->body_type);
	statement_bind_integer(s, ":smtputf8", e->smtputf8);
	statement_bind_text(s, ":envelope_id", e->envelope_id);
	statement_bind_text(s, ":dsn_return", e->dsn_return);
	statement_bind_integer(s, ":since",
	    m->received_at - (int64_t)m->dedupe_sec * INT64_C(1000000));
}

static bool
is_text(struct statement *s, int column, const char *text)
{
	const char *stored = statement_text(s, column);

	return stored && text ? strcmp(stored, text) == 0 : !stored && !text;
}

static bool
is_recipient(struct statement *s, const struct recipient *r)
{
	return is_text(s, 0, r->forward_path) && is_text(s, 1, r->notify) &&
	       is_text(s, 2, r->original_recipient) &&
	       is_text(s, 3, recipient_mailbox(r));
}

static int
compare_recipients(
    struct store *st, const struct envelope *e, int64_t id, bool *ret_same)
{
	struct statement *s = statement_take(st->db, recipients_sql);
	unsigned n = 0;

	*ret_same = true;
	statement_bind_integer(s, ":id", id);
	while (*ret_same && statement_row(s)) {
		*ret_same =
		    n < e->nrecipients && is_recipient(s, &e->recipients[n]);
		n++;
	}
	*ret_same = *ret_same && n == e->nrecipients;
	return statement_end(s);
}

/* Compares mails of the same length. */
static int
compare_octets(struct store *st, int64_t id, uint64_t size, bool *ret_same)
{
	static char stored[32 * 1024];
	struct blob *blob = blob_begin(st->db, id, false);
	struct span piece;
	int rc = DATABASE_OK, rc_blob;

	*ret_same = true;
	for (uint64_t at = 0; *ret_same && at < size; at += piece.len) {
		if (spool_read(st->spool, at, &piece) < 0) {
			rc = DATABASE_IO_ERROR;
			break;
		}
		if (piece.len > sizeof stored)
			piece.len = sizeof stored;
		if (piece.len > size - at)
			piece.len = (size_t)(size - at);
		*ret_same = blob_read(blob, stored, piece.len, at) &&
			    memcmp(stored, piece.p, piece.len) == 0;
	}
	rc_blob = blob_end(blob);
	return rc != DATABASE_OK ? rc : rc_blob;
}

int
dedupe_find(
    struct store *st, const struct store_mail *m, int64_t next_id, int64_t *ret)
{
	struct statement *s = statement_take(st->db, candidates_sql);
	bool same = false;
	int rc = DATABASE_OK, rc_end;

	*ret = 0;
	bind_mail(s, m, next_id);
	while (rc == DATABASE_OK && !same && statement_row(s)) {
		int64_t id = statement_integer(s, 0);

		rc = compare_recipients(st, m->envelope, id, &same);
		if (rc == DATABASE_OK && same)
			rc = compare_octets(
			    st, id, spool_size(st->spool) - m->changes, &same);
		if (rc == DATABASE_OK && same)
			*ret = id;
	}
	rc_end = statement_end(s);
	return rc != DATABASE_OK ? rc : rc_end;
}
