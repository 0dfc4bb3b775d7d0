/*
 * The rows of one INSERT gather, and go as one statement, which costs the
 * server half as much.  Of
 *
 *	INSERT INTO t (a, b) VALUES ($1, $1 || $2)
 *
 * with parameters of the types bigint and text, that is
 *
 *	INSERT INTO t (a, b) SELECT p1, p1 || p2 FROM (SELECT
 *	  unnest(CAST($1 AS bigint[])) AS p1, unnest(CAST($2 AS text[])) AS p2) AS p
 *
 * Several unnest() in a SELECT go row by row in step; as functions in FROM the
 * server would first collect the rows of each, on its disk if they are large.
 * The arrays go in the server's binary form.  Several statements go in the
 * order of their first rows, and before anything else that is sent.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	/* Dimensions, has NULL, type, length, lower bound: of 4 octets each. */
	HEADER = 20,
	/* Rows are sent when they are more than that. */
	OCTETS_MAX = 1024 * 1024,
	ROOM = 256,
	INT_OCTETS = 4,
	TEXT_MAX = 8192,
};

struct array {
	const char *type;
	Oid oid;
	int width; /* of an integer; 0: values of any length */
	char *octets;
	size_t len, room;
	bool has_null;
};

struct bulk {
	char name[24];
	int nrows;
	struct array arrays[PARAMETERS_MAX];
	char text[TEXT_MAX];
};

/* clang-format off */
static const struct {
	Oid oid;
	const char *name;
	int width;
} types[] = {
	{ 17, "bytea", 0 }, { 20, "bigint", 8 }, { 23, "integer", 4 },
	{ 25, "text", 0 },
};
/* clang-format on */

/*
 * Making
 */

static bool
find_type(struct array *a, Oid oid)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].oid != oid)
			continue;
		a->oid = oid;
		a->type = types[i].name;
		a->width = types[i].width;
		return true;
	}
	return false;
}

/* Writes the INSERT of many rows; "$12" is "p12" in its SELECT. */
static bool
write_text(struct bulk *b, const struct statement *s)
{
	static const char values[] = " VALUES (";
	const char *from = strstr(s->text, values);
	size_t len = strlen(s->text), at;

	if (strncmp(s->text, "INSERT INTO ", 12) != 0 || !from ||
	    s->text[len - 1] != ')' || len > TEXT_MAX / 4 ||
	    strstr(from, " ON CONFLICT "))
		return false;
	at = (size_t)sprintf(
	    b->text, "%.*s SELECT ", (int)(from - s->text), s->text);
	for (from += sizeof values - 1; from[1]; from++)
		b->text[at++] = *from == '$' ? 'p' : *from;
	at += (size_t)sprintf(b->text + at, " FROM (SELECT ");
	for (int i = 0; i < s->parameters.n; i++)
		at += (size_t)sprintf(b->text + at,
		    "%sunnest(CAST($%d AS %s[])) AS p%d", i > 0 ? ", " : "",
		    i + 1, b->arrays[i].type, i + 1);
	sprintf(b->text + at, ") AS p");
	return true;
}

static bool
take_types(struct bulk *b, const struct statement *s, const PGresult *described)
{
	if (!described || PQnparams(described) != s->parameters.n)
		return false;
	for (int i = 0; i < s->parameters.n; i++) {
		if (!find_type(&b->arrays[i], PQparamtype(described, i)))
			return false;
	}
	return write_text(b, s);
}

static int
describe(struct bulk *b, struct statement *s, bool *ret)
{
	int rc = DATABASE_OK;
	PGresult *described;

	if (!PQsendDescribePrepared(s->db->connection, s->name))
		return error_of_talk(s->db, PQerrorMessage(s->db->connection));
	described = talk_await(s->db, &rc);
	*ret = take_types(b, s, described);
	PQclear(described);
	return rc;
}

int
bulk_make(struct statement *s)
{
	struct bulk *b;
	bool can = false;
	int rc;

	bulk_free(s->bulk);
	s->bulk = NULL;
	if (strncmp(s->text, "INSERT ", 7) != 0)
		return DATABASE_OK;
	b = calloc(1, sizeof *b);
	if (!b)
		return DATABASE_NO_MEMORY;
	rc = describe(b, s, &can);
	snprintf(b->name, sizeof b->name, "%s_many", s->name);
	if (rc == DATABASE_OK && can)
		rc = talk_prepare(s->db, b->name, b->text, 0, NULL);
	if (rc == DATABASE_OK && can)
		s->bulk = b;
	else
		bulk_free(b);
	return rc;
}

void
bulk_free(struct bulk *b)
{
	for (int i = 0; b && i < PARAMETERS_MAX; i++)
		free(b->arrays[i].octets);
	free(b);
}

bool
bulk_has_rows(const struct bulk *b)
{
	return b && b->nrows > 0;
}

/*
 * Rows
 */

static void
write_int(char *to, uint64_t n, int width)
{
	for (int i = width; i-- > 0; n >>= 8)
		to[i] = (char)(n & 0xff);
}

static bool
make_room(struct array *a, size_t more)
{
	size_t room = a->room ? a->room : ROOM;
	char *grown;

	while (room < a->len + more)
		room *= 2;
	if (room == a->room)
		return true;
	grown = realloc(a->octets, room);
	if (!grown)
		return false;
	a->octets = grown;
	a->room = room;
	return true;
}

static bool
add(struct array *a, const char *value, size_t len)
{
	if (a->width > 0)
		len = (size_t)a->width;
	if (a->len == 0)
		a->len = HEADER;
	if (!make_room(a, INT_OCTETS + len))
		return false;
	write_int(a->octets + a->len, value ? len : UINT32_MAX, INT_OCTETS);
	a->len += INT_OCTETS;
	if (!value) {
		a->has_null = true;
		return true;
	}
	if (a->width > 0)
		write_int(a->octets + a->len,
		    (uint64_t)strtoll(value, NULL, 10), a->width);
	else
		memcpy(a->octets + a->len, value, len);
	a->len += len;
	return true;
}

int
bulk_add(struct statement *s)
{
	struct database *db = s->db;
	struct bulk *b = s->bulk;

	for (int i = 0; i < s->parameters.n; i++) {
		const char *value = s->values[i];
		size_t len = !value          ? 0
			     : s->formats[i] ? (size_t)s->lengths[i]
					     : strlen(value);

		if (!add(&b->arrays[i], value, len))
			return DATABASE_NO_MEMORY;
		db->gathered_octets += len;
	}
	if (b->nrows++ == 0)
		db->gathered[db->ngathered++] = s;
	return db->gathered_octets > OCTETS_MAX ? bulk_send_all(db)
						: DATABASE_OK;
}

static void
forget(struct bulk *b)
{
	b->nrows = 0;
	for (int i = 0; i < PARAMETERS_MAX; i++) {
		b->arrays[i].len = 0;
		b->arrays[i].has_null = false;
	}
}

void
bulk_forget_all(struct database *db)
{
	for (int i = 0; i < db->ngathered; i++)
		forget(db->gathered[i]->bulk);
	db->ngathered = 0;
	db->gathered_octets = 0;
}

/*
 * Sending
 */

static void
write_header(struct array *a, int nrows)
{
	const uint64_t fields[] = { 1, a->has_null, a->oid, (uint64_t)nrows,
		1 };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		write_int(a->octets + i * INT_OCTETS, fields[i], INT_OCTETS);
}

static int
send_rows(struct statement *s)
{
	struct database *db = s->db;
	struct bulk *b = s->bulk;
	const char *values[PARAMETERS_MAX];
	int lengths[PARAMETERS_MAX], formats[PARAMETERS_MAX];

	for (int i = 0; i < s->parameters.n; i++) {
		write_header(&b->arrays[i], b->nrows);
		values[i] = b->arrays[i].octets;
		lengths[i] = (int)b->arrays[i].len;
		formats[i] = 1;
	}
	if (!PQsendQueryPrepared(db->connection, b->name, s->parameters.n,
		values, lengths, formats, 0) ||
	    PQflush(db->connection) < 0)
		return error_of_talk(db, PQerrorMessage(db->connection));
	return DATABASE_OK;
}

int
bulk_send_all(struct database *db)
{
	int rc = db->ngathered > 0 ? pipeline_begin(db) : DATABASE_OK;

	for (int i = 0; i < db->ngathered && rc == DATABASE_OK; i++)
		rc = send_rows(db->gathered[i]);
	bulk_forget_all(db);
	return rc;
}

int
bulk_await(struct database *db)
{
	int rc = talk_settle(db), rc_read;

	if (rc == DATABASE_OK)
		rc = bulk_send_all(db);
	if (!db->is_pipelined)
		return rc;
	rc_read = pipeline_read(db, talk_deadline(db, false), NULL, 0);
	/* While answers are to come, the connection takes nothing else. */
	if (db->is_pipelined)
		talk_close(db);
	return rc_read == DATABASE_OK ? rc : rc_read;
}
