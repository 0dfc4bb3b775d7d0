/*
 * The data of a mail in pieces.  It is read by substr(), which takes only that
 * part out of the table where data is not compressed.  Data of up to WHOLE
 * octets is written as one value.  More goes piece by piece into a temporary
 * table of the transaction, where the server puts it together, so that the
 * writer has only a piece in memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	WHOLE = 8 * 1024 * 1024,
	PIECE = 1024 * 1024,
};

struct blob {
	struct database *db;
	int64_t id;
	uint64_t size;
	int rc;
	char *buffer; /* what is yet to be sent */
	size_t len, room;
	int64_t pieces; /* sent */
	bool fills;
};

/* Runs a statement with two values, an integer and octets. */
static int
run_with(
    struct database *db, const char *sql, int64_t number, struct span octets)
{
	struct statement *s = statement_take(db, sql);

	statement_bind_integer(s, ":number", number);
	statement_bind_blob(s, ":octets", octets);
	statement_row(s); /* at once, while the octets are there */
	return statement_end(s);
}

struct blob *
blob_begin(struct database *db, int64_t message_id, bool fill)
{
	struct blob *b = calloc(1, sizeof *b);
	struct statement *s;
	int64_t size = -1;

	if (!b)
		return NULL;
	b->db = db;
	b->id = message_id;
	b->fills = fill;
	if (fill)
		return b;
	s = statement_take(
	    db, "SELECT length(data) FROM main.message WHERE id = :id");
	statement_bind_integer(s, ":id", message_id);
	b->rc = statement_run_integer(s, &size);
	b->size = size > 0 ? (uint64_t)size : 0;
	return b;
}

uint64_t
blob_size(const struct blob *b)
{
	return b ? b->size : 0;
}

static void
send_piece(struct blob *b)
{
	static const char make[] =
	    "CREATE TEMPORARY TABLE smtpd_piece (number bigint, octets bytea)"
	    " ON COMMIT DROP";
	static const char keep[] =
	    "ALTER TABLE smtpd_piece ALTER octets SET STORAGE EXTERNAL";

	if (b->pieces == 0 && b->rc == DATABASE_OK)
		b->rc = query_run(b->db, make);
	if (b->pieces == 0 && b->rc == DATABASE_OK)
		b->rc = query_run(b->db, keep);
	b->db->big_octets += b->len;
	if (b->rc == DATABASE_OK)
		b->rc = run_with(b->db,
		    "INSERT INTO smtpd_piece VALUES (:number, :octets)",
		    ++b->pieces, (struct span){ b->buffer, b->len });
	b->len = 0;
}

static void
make_room(struct blob *b, size_t more)
{
	size_t room = b->room ? b->room : PIECE;
	char *grown;

	while (room < b->len + more)
		room *= 2;
	if (room == b->room)
		return;
	grown = realloc(b->buffer, room);
	if (!grown) {
		b->rc = DATABASE_NO_MEMORY;
		return;
	}
	b->buffer = grown;
	b->room = room;
}

void
blob_write(struct blob *b, struct span piece)
{
	if (!b || b->rc != DATABASE_OK)
		return;
	/* Data that is longer than WHOLE goes in pieces. */
	if (b->len + piece.len > WHOLE || (b->pieces > 0 && b->len >= PIECE))
		send_piece(b);
	make_room(b, piece.len);
	if (b->rc != DATABASE_OK)
		return;
	memcpy(b->buffer + b->len, piece.p, piece.len);
	b->len += piece.len;
	b->size += piece.len;
}

bool
blob_read(struct blob *b, void *ret, size_t len, uint64_t at)
{
	char *to = ret;

	while (b && b->rc == DATABASE_OK && len > 0) {
		struct statement *s = statement_take(b->db,
		    "SELECT substr(data, CAST(:at AS integer),"
		    " CAST(:len AS integer)) FROM main.message WHERE id = :id");
		size_t want = len < WHOLE ? len : WHOLE;
		struct span found = { NULL, 0 };

		statement_bind_integer(s, ":id", b->id);
		statement_bind_integer(s, ":at", (int64_t)at + 1);
		statement_bind_integer(s, ":len", (int64_t)want);
		if (statement_row(s))
			found = statement_blob(s, 0);
		if (found.p && found.len == want)
			memcpy(to, found.p, want);
		b->rc = statement_end(s);
		if (b->rc == DATABASE_OK && found.len != want)
			b->rc = error_own(b->db, DATABASE_IO_ERROR,
			    VERDICT_FAILED, "the mail is gone");
		to += want;
		at += want;
		len -= want;
	}
	return b && b->rc == DATABASE_OK;
}

static int
fill(struct blob *b)
{
	if (b->rc == DATABASE_OK && b->pieces == 0)
		return run_with(b->db,
		    "UPDATE main.message SET data = :octets WHERE id = :number",
		    b->id, (struct span){ b->buffer, b->len });
	if (b->rc == DATABASE_OK && b->len > 0)
		send_piece(b);
	if (b->rc != DATABASE_OK)
		return b->rc;
	return run_with(b->db,
	    "UPDATE main.message SET data = (SELECT"
	    " string_agg(octets, CAST('' AS bytea) ORDER BY smtpd_piece.number)"
	    " FROM smtpd_piece) WHERE id = :number",
	    b->id, (struct span){ NULL, 0 });
}

int
blob_end(struct blob *b)
{
	int rc;

	if (!b)
		return DATABASE_NO_MEMORY;
	rc = b->fills ? fill(b) : b->rc;
	free(b->buffer);
	free(b);
	return rc;
}
