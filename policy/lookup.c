#include "private.h"

static void
note_error(struct lookup *l, int rc)
{
	if (l->rc == SQLITE_OK)
		l->rc = rc;
}

sqlite3_stmt *
lookup_begin(struct lookup *l, enum sql which)
{
	sqlite3_stmt *s = NULL;

	if (l->rc == SQLITE_OK)
		s = statement_prepared(l->st, which);
	if (!s)
		note_error(l, sqlite3_extended_errcode(l->st->db));
	return s;
}

void
lookup_bind(
    struct lookup *l, sqlite3_stmt *s, const char *name, struct span text)
{
	if (l->rc == SQLITE_OK)
		note_error(
		    l, sqlite3_bind_text(s, statement_parameter(s, name),
			   text.p ? text.p : "", (int)text.len, SQLITE_STATIC));
}

void
lookup_bind_integer(
    struct lookup *l, sqlite3_stmt *s, const char *name, int64_t n)
{
	if (l->rc == SQLITE_OK)
		note_error(l, statement_bind_integer(s, name, n));
}

bool
lookup_step(struct lookup *l, sqlite3_stmt *s)
{
	return l->rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
}

void
lookup_end(struct lookup *l, sqlite3_stmt *s)
{
	if (!s)
		return;
	note_error(l, sqlite3_reset(s));
	sqlite3_clear_bindings(s);
}

void
lookup_run(struct lookup *l, sqlite3_stmt *s)
{
	lookup_step(l, s);
	lookup_end(l, s);
}

sqlite3_stmt *
lookup_find(struct lookup *l, enum sql which, const char *key)
{
	sqlite3_stmt *s = lookup_begin(l, which);

	if (!s)
		return NULL;
	note_error(l, sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC));
	if (lookup_step(l, s))
		return s;
	lookup_end(l, s);
	return NULL;
}

const char *
lookup_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}
