/*
 * The one cache of prepared statements.  To prepare one costs as much as to
 * read a mail, so they are kept.  There is room for more than any program uses;
 * otherwise the one that has rested longest goes.
 */
#include <assert.h>
#include <string.h>

#include "private.h"

/* sqlite_sequence has a row for a table once that has had a row. */
const char database_tables_used[] = "SELECT name FROM sqlite_sequence";

static bool
has_text(const struct statement *s, const char *sql, size_t len)
{
	return !s->taken && s->len == len &&
	       strcmp(sqlite3_sql(s->q), sql) == 0;
}

/* A free place, or that of the statement that has rested longest. */
static struct statement *
find_place(struct database *db)
{
	struct statement *best = NULL;

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *s = &db->statements[i];

		if (s->taken)
			continue;
		if (!s->q)
			return s;
		if (!best || s->last_use < best->last_use)
			best = s;
	}
	assert(best); /* nobody takes so many at once */
	sqlite3_finalize(best->q);
	best->q = NULL;
	return best;
}

static struct statement *
find(struct database *db, const char *sql)
{
	size_t len = strlen(sql);
	struct statement *s;

	/* Places are filled from the first one on. */
	for (size_t i = 0; i < STATEMENTS_MAX && db->statements[i].q; i++) {
		s = &db->statements[i];
		if (!has_text(s, sql, len))
			continue;
		s->rc = SQLITE_OK;
		return s;
	}
	s = find_place(db);
	s->len = len;
	s->rc = db->sqlite ? sqlite3_prepare_v3(db->sqlite, sql, -1,
				 SQLITE_PREPARE_PERSISTENT, &s->q, NULL)
			   : SQLITE_MISUSE;
	return s;
}

struct statement *
statement_take(struct database *db, const char *sql)
{
	struct statement *s = find(db, sql);

	s->taken = true;
	s->parameter = 0;
	s->last_use = ++db->uses;
	return s;
}

/*
 * Finds the parameter's number.  Callers mostly bind in order: to try the next
 * one first saves 10,000 of the 110,000 instructions that the store takes for a
 * mail.
 */
static int
parameter(struct statement *s, const char *name)
{
	const char *next = sqlite3_bind_parameter_name(s->q, s->parameter + 1);

	if (next && strcmp(next, name) == 0)
		return ++s->parameter;
	return s->parameter = sqlite3_bind_parameter_index(s->q, name);
}

/* The number of the parameter to bind; 0: nothing is to be bound. */
static int
place(struct statement *s, const char *name)
{
	return s->rc == SQLITE_OK ? parameter(s, name) : 0;
}

static void
bind_text(struct statement *s, int at, const char *text, int len)
{
	if (s->rc == SQLITE_OK && at > 0)
		s->rc = sqlite3_bind_text(s->q, at, text, len, SQLITE_STATIC);
}

void
statement_bind_text(struct statement *s, const char *name, const char *text)
{
	bind_text(s, place(s, name), text, -1);
}

void
statement_bind_span(struct statement *s, const char *name, struct span text)
{
	bind_text(s, place(s, name), text.p ? text.p : "", (int)text.len);
}

void
statement_bind_nth(struct statement *s, int number, const char *text)
{
	bind_text(s, number, text, -1);
}

void
statement_bind_integer(struct statement *s, const char *name, int64_t n)
{
	int at = place(s, name);

	if (at > 0)
		s->rc = sqlite3_bind_int64(s->q, at, n);
}

void
statement_bind_blob(struct statement *s, const char *name, struct span octets)
{
	int at = place(s, name);

	if (at > 0)
		s->rc = sqlite3_bind_blob64(
		    s->q, at, octets.p, octets.len, SQLITE_STATIC);
}

void
statement_bind_zeros(struct statement *s, const char *name, uint64_t len)
{
	int at = place(s, name);

	if (at > 0)
		s->rc = sqlite3_bind_zeroblob64(s->q, at, len);
}

bool
statement_row(struct statement *s)
{
	/*
	 * sqlite3_reset() returns an error of the step again, in
	 * statement_end().
	 */
	return s->rc == SQLITE_OK && sqlite3_step(s->q) == SQLITE_ROW;
}

bool
statement_is_null(struct statement *s, int column)
{
	return sqlite3_column_type(s->q, column) == SQLITE_NULL;
}

int64_t
statement_integer(struct statement *s, int column)
{
	return sqlite3_column_int64(s->q, column);
}

const char *
statement_text(struct statement *s, int column)
{
	return (const char *)sqlite3_column_text(s->q, column);
}

struct span
statement_blob(struct statement *s, int column)
{
	const char *p = sqlite3_column_blob(s->q, column);

	return (struct span){ p, (size_t)sqlite3_column_bytes(s->q, column) };
}

int
statement_end(struct statement *s)
{
	int rc = sqlite3_reset(s->q);

	if (s->q)
		sqlite3_clear_bindings(s->q); /* bound texts are the caller's */
	s->taken = false;
	return s->rc != SQLITE_OK ? s->rc : rc;
}

int
statement_run(struct statement *s)
{
	while (statement_row(s))
		;
	return statement_end(s);
}

int
statement_exec(struct database *db, const char *sql)
{
	return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
}

int
database_changes(const struct database *db)
{
	return sqlite3_changes(db->sqlite);
}

void
statement_drop_all(struct database *db)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *s = &db->statements[i];

		sqlite3_finalize(s->q);
		s->q = NULL;
		s->rc = SQLITE_ABORT;
	}
}
