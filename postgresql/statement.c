/*
 * Statements are translated when they are first wanted, prepared when they first
 * run, and kept as database/statement.c keeps them.  Behind a pooler none can be
 * prepared: the next transaction may be on another connection.
 *
 * Values go as text, and the server finds out from the columns what they are; a
 * BLOB goes as it is.  Rows come as text.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../mail/utf8.h"
#include "private.h"

enum {
	TYPE_BIGINT = 20, /* pg_type.oid */
	/* A reader may learn of the first row of a table so late. */
	USED_MS = 100,
};

/* The tables that have rows: EXISTS costs as little as to read a row. */
const char database_tables_used[] =
    "SELECT 'message' UNION ALL SELECT 'domain'"
    " WHERE EXISTS (SELECT 1 FROM domain) UNION ALL SELECT 'mailbox'"
    " WHERE EXISTS (SELECT 1 FROM mailbox) UNION ALL SELECT 'client_rule'"
    " WHERE EXISTS (SELECT 1 FROM client_rule) UNION ALL SELECT 'sender_rule'"
    " WHERE EXISTS (SELECT 1 FROM sender_rule) UNION ALL SELECT 'rate_limit'"
    " WHERE EXISTS (SELECT 1 FROM rate_limit) UNION ALL SELECT 'quota'"
    " WHERE EXISTS (SELECT 1 FROM quota) UNION ALL SELECT 'account_address'"
    " WHERE EXISTS (SELECT 1 FROM account_address)";

static void
forget_values(struct statement *s)
{
	for (int i = 0; i < PARAMETERS_MAX; i++) {
		free(s->owned[i]);
		s->owned[i] = NULL;
		s->values[i] = NULL;
		s->lengths[i] = s->formats[i] = 0;
		s->types[i] = 0;
	}
	PQclear(s->rows);
	PQfreemem(s->octets);
	s->rows = NULL;
	s->octets = NULL;
}

static void
drop(struct database *db, struct statement *s)
{
	char sql[64];

	bool is_there = talk_has_prepared(s) &&
			PQtransactionStatus(db->connection) != PQTRANS_INERROR;

	if (is_there)
		rounds_collect(db);
	if (is_there) {
		snprintf(sql, sizeof sql, "DEALLOCATE %s", s->name);
		query_run(db, sql);
	}
	if (is_there && s->bulk) {
		snprintf(sql, sizeof sql, "DEALLOCATE %s_many", s->name);
		query_run(db, sql);
	}
	forget_values(s);
	bulk_free(s->bulk);
	s->bulk = NULL;
	free(s->sql);
	free(s->text);
	s->sql = s->text = NULL;
	s->prepared_on = 0;
}

void
statement_free_all(struct database *db)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		drop(db, &db->statements[i]);
}

static struct statement *
find_place(struct database *db)
{
	struct statement *best = NULL;

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *s = &db->statements[i];

		if (s->taken || bulk_has_rows(s->bulk))
			continue;
		if (!s->sql)
			return s;
		if (!best || s->last_use < best->last_use)
			best = s;
	}
	assert(best); /* nobody takes so many at once */
	drop(db, best);
	return best;
}

static void
make(struct database *db, struct statement *s, const char *sql)
{
	s->db = db;
	s->sql = strdup(sql);
	s->text = s->sql ? dialect_translate(s->sql, &s->parameters) : NULL;
	snprintf(s->name, sizeof s->name, "s%lu", ++db->names);
}

struct statement *
statement_take(struct database *db, const char *sql)
{
	struct statement *s = NULL;

	for (size_t i = 0; i < STATEMENTS_MAX && !s; i++) {
		struct statement *other = &db->statements[i];

		if (!other->taken && other->text &&
		    strcmp(other->sql, sql) == 0)
			s = other;
	}
	if (!s) {
		s = find_place(db);
		make(db, s, sql);
	}
	s->rc = s->text ? DATABASE_OK : DATABASE_NO_MEMORY;
	if (!db->connection)
		s->rc = error_of_talk(db, db->message);
	s->taken = true;
	s->taken_on = db->connections;
	s->is_run = false;
	s->last_use = ++db->uses;
	return s;
}

/*
 * Values
 */

static int
place_of(const struct statement *s, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < s->parameters.n && s->rc == DATABASE_OK; i++) {
		const struct span *p = &s->parameters.names[i];

		if (p->len == len && memcmp(p->p, name, len) == 0)
			return i;
	}
	return -1;
}

/* The server takes only UTF-8 without NUL: "?" stands for all else. */
static char *
copy_text(struct span text)
{
	char *copy = malloc(text.len + 1);

	for (size_t i = 0; copy && i < text.len;) {
		struct span rest = { text.p + i, text.len - i };
		size_t len = utf8_len(rest);

		if (text.p[i] != '\0' && (unsigned char)text.p[i] < 0x80)
			len = 1;
		memcpy(copy + i, len ? rest.p : "?", len ? len : 1);
		i += len ? len : 1;
	}
	if (copy)
		copy[text.len] = '\0';
	return copy;
}

static void
bind_copy(struct statement *s, int at, struct span text)
{
	if (at < 0)
		return;
	free(s->owned[at]);
	s->values[at] = s->owned[at] = copy_text(text);
	if (!s->owned[at])
		s->rc = DATABASE_NO_MEMORY;
}

void
statement_bind_text(struct statement *s, const char *name, const char *text)
{
	if (text)
		bind_copy(s, place_of(s, name), span_of(text));
}

void
statement_bind_span(struct statement *s, const char *name, struct span text)
{
	bind_copy(s, place_of(s, name), text);
}

void
statement_bind_nth(struct statement *s, int number, const char *text)
{
	char name[16];

	snprintf(name, sizeof name, "?%d", number);
	statement_bind_text(s, name, text);
}

void
statement_bind_integer(struct statement *s, const char *name, int64_t n)
{
	int at = place_of(s, name);

	if (at < 0)
		return;
	snprintf(s->numbers[at], NUMBER_SIZE, "%" PRId64, n);
	s->values[at] = s->numbers[at];
	s->types[at] = TYPE_BIGINT;
}

void
statement_bind_blob(struct statement *s, const char *name, struct span octets)
{
	int at = place_of(s, name);

	if (at < 0)
		return;
	s->values[at] = octets.p ? octets.p : "";
	s->lengths[at] = (int)octets.len;
	s->formats[at] = 1;
}

/* The octets come later, all at once (blob.c). */
void
statement_bind_zeros(struct statement *s, const char *name, uint64_t len)
{
	(void)len;
	statement_bind_blob(s, name, (struct span){ "", 0 });
}

/*
 * Running
 */

/* Called before anything that waits for an answer of its own. */
static int
await_all(struct database *db)
{
	int rc = rounds_collect(db);

	return rc == DATABASE_OK ? bulk_await(db) : rc;
}

int
statement_prepare(struct statement *s)
{
	struct database *db = s->db;
	int rc;

	if (s->rc != DATABASE_OK || talk_has_prepared(s) || db->is_pooled)
		return s->rc;
	rc = await_all(db);
	if (rc == DATABASE_OK)
		rc = talk_prepare(
		    db, s->name, s->text, s->parameters.n, s->types);
	if (rc != DATABASE_OK)
		return rc;
	s->prepared_on = db->connections;
	return bulk_make(s);
}

/*
 * Is it the question which tables have rows, and is the answer at hand?  A
 * writer got it when the transaction began; a reader takes one that is young
 * enough.  The rows of a table that has some are always asked for.
 */
static bool
is_known(struct database *db, struct statement *s)
{
	if (strcmp(s->sql, database_tables_used) != 0 || !db->used)
		return false;
	if (!db->only_reads) {
		s->rows = db->used;
		db->used = NULL;
		return true;
	}
	if (clock_ms() < db->used_until)
		s->rows = PQcopyResult(db->used, PG_COPYRES_TUPLES);
	return s->rows != NULL;
}

static void
note_used(struct database *db, const struct statement *s)
{
	if (!db->only_reads || strcmp(s->sql, database_tables_used) != 0)
		return;
	PQclear(db->used);
	db->used = PQcopyResult(s->rows, PG_COPYRES_TUPLES);
	db->used_until = clock_ms() + USED_MS;
}

/* A transaction that only reads begins with its first statement. */
static int
begin_with(struct database *db, struct statement *s)
{
	int rc = pipeline_send_text(db, PIPELINE_BEGIN_READ);

	db->begins_read = false;
	if (rc == DATABASE_OK)
		rc = pipeline_send(db, s);
	if (rc == DATABASE_OK)
		rc = pipeline_read(db, talk_deadline(db, false), &s->rows, 1);
	if (db->is_pipelined)
		talk_close(db);
	return rc;
}

/* A statement that was taken for a connection that is lost fails. */
static bool
is_connected(struct statement *s)
{
	struct database *db = s->db;

	if (s->rc == DATABASE_OK &&
	    (!db->connection || s->taken_on != db->connections))
		s->rc = error_of_talk(db, db->message);
	return s->rc == DATABASE_OK;
}

static int
run(struct statement *s)
{
	struct database *db = s->db;
	int rc;

	if (is_known(db, s))
		return DATABASE_OK;
	rc = statement_prepare(s);
	if (rc == DATABASE_OK && rounds_take(s))
		return s->rc;
	if (rc == DATABASE_OK)
		rc = await_all(db);
	if (rc == DATABASE_OK && db->begins_read)
		rc = begin_with(db, s);
	else if (rc == DATABASE_OK &&
		 (rc = talk_send_statement(s)) == DATABASE_OK)
		s->rows = talk_await(db, &rc);
	if (rc != DATABASE_OK)
		return rc;
	db->changes = atoi(PQcmdTuples(s->rows));
	note_used(db, s);
	return DATABASE_OK;
}

bool
statement_row(struct statement *s)
{
	if (s->rc != DATABASE_OK)
		return false;
	if (!s->is_run) {
		s->is_run = true;
		s->row = -1;
		s->rc = is_connected(s) ? run(s) : s->rc;
	}
	return s->rc == DATABASE_OK && ++s->row < PQntuples(s->rows);
}

bool
statement_is_null(struct statement *s, int column)
{
	return PQgetisnull(s->rows, s->row, column);
}

int64_t
statement_integer(struct statement *s, int column)
{
	const char *text = PQgetvalue(s->rows, s->row, column);

	return text[0] == 't' ? 1 : strtoll(text, NULL, 10);
}

const char *
statement_text(struct statement *s, int column)
{
	return statement_is_null(s, column)
		   ? NULL
		   : PQgetvalue(s->rows, s->row, column);
}

struct span
statement_blob(struct statement *s, int column)
{
	struct span found = { NULL, 0 };

	PQfreemem(s->octets);
	s->octets = statement_is_null(s, column)
			? NULL
			: PQunescapeBytea((const unsigned char *)PQgetvalue(
					      s->rows, s->row, column),
			      &found.len);
	found.p = (const char *)s->octets;
	return found;
}

int
statement_end(struct statement *s)
{
	forget_values(s);
	s->taken = false;
	return s->rc;
}

int
statement_run(struct statement *s)
{
	if (is_connected(s) && pipeline_takes(s->db, s)) {
		s->rc = s->bulk ? bulk_add(s) : bulk_send_all(s->db);
		if (s->rc == DATABASE_OK && !s->bulk)
			s->rc = pipeline_send(s->db, s);
		return statement_end(s);
	}
	while (statement_row(s))
		;
	return statement_end(s);
}

int
database_changes(const struct database *db)
{
	return db->changes;
}
