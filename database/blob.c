/*
 * A mail's data in pieces, by SQLite's incremental I/O.
 */
#include <stdlib.h>

#include "private.h"

struct blob {
	sqlite3_blob *handle; /* NULL: it could not be opened */
	uint64_t filled;
	int rc; /* the first error */
};

struct blob *
blob_begin(struct database *db, int64_t message_id, bool fill)
{
	struct blob *b = calloc(1, sizeof *b);

	if (b)
		b->rc = sqlite3_blob_open(db->sqlite, "main", "message", "data",
		    message_id, fill, &b->handle);
	return b;
}

uint64_t
blob_size(const struct blob *b)
{
	return b ? (uint64_t)sqlite3_blob_bytes(b->handle) : 0;
}

void
blob_write(struct blob *b, struct span piece)
{
	if (!b || b->rc != SQLITE_OK)
		return;
	b->rc = sqlite3_blob_write(
	    b->handle, piece.p, (int)piece.len, (int)b->filled);
	b->filled += piece.len;
}

bool
blob_read(struct blob *b, void *ret, size_t len, uint64_t at)
{
	if (b && b->rc == SQLITE_OK)
		b->rc = sqlite3_blob_read(b->handle, ret, (int)len, (int)at);
	return b && b->rc == SQLITE_OK;
}

int
blob_end(struct blob *b)
{
	int rc = SQLITE_NOMEM, rc_close;

	if (b) {
		rc_close = sqlite3_blob_close(b->handle);
		rc = b->rc != SQLITE_OK ? b->rc : rc_close;
	}
	free(b);
	return rc;
}
