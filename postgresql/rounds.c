/*
 * Policy decides by rows of several tables, and would wait for each answer
 * before it asks for the next.  In rounds it waits for all answers of a round
 * at once: a statement that was not asked yet is sent, and has no row for now.
 * When the round is over, everything is read again, and the statements that
 * were sent have their rows.  The round that sends nothing has read what there
 * is.
 *
 * A statement is known again by its name and its values.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	/* An IPv6 address is in 129 networks, each of which is asked for. */
	ASKED_MAX = 192,
};

struct rounds {
	int nasked, nanswered;
	bool again; /* a statement got no rows, as it was only sent */
	struct asked {
		char *key; /* NULL: no memory, so it is never found */
		size_t len;
		PGresult *rows;
	} asked[ASKED_MAX];
};

void
database_begin_rounds(struct database *db)
{
	if (!db->rounds)
		db->rounds = calloc(1, sizeof *db->rounds);
}

void
rounds_end(struct database *db)
{
	struct rounds *r = db->rounds;

	for (int i = 0; r && i < r->nasked; i++) {
		free(r->asked[i].key);
		PQclear(r->asked[i].rows);
	}
	free(r);
	db->rounds = NULL;
}

/* Name and values, each with the NUL behind it; a NULL is the octet 1. */
static char *
make_key(const struct statement *s, size_t *ret_len)
{
	size_t len = strlen(s->name) + 1;
	char *key, *to;

	for (int i = 0; i < s->parameters.n; i++)
		len += s->values[i] ? strlen(s->values[i]) + 1 : 2;
	key = malloc(len);
	if (!key)
		return NULL;
	to = stpcpy(key, s->name) + 1;
	for (int i = 0; i < s->parameters.n; i++)
		to = stpcpy(to, s->values[i] ? s->values[i] : "\1") + 1;
	*ret_len = len;
	return key;
}

static const struct asked *
find(const struct rounds *r, const char *key, size_t len)
{
	for (int i = 0; i < r->nasked; i++) {
		const struct asked *a = &r->asked[i];

		if (key && a->key && a->len == len &&
		    memcmp(a->key, key, len) == 0)
			return a;
	}
	return NULL;
}

static int
ask(struct rounds *r, struct statement *s, char *key, size_t len)
{
	struct database *db = s->db;
	int rc = DATABASE_OK;

	r->asked[r->nasked++] = (struct asked){ key, len, NULL };
	if (db->begins_read)
		rc = pipeline_send_text(db, PIPELINE_BEGIN_READ);
	db->begins_read = false;
	return rc == DATABASE_OK ? pipeline_send(db, s) : rc;
}

int
rounds_collect(struct database *db)
{
	struct rounds *r = db->rounds;
	PGresult *rows[ASKED_MAX] = { NULL };
	int n = r ? r->nasked - r->nanswered : 0, rc;

	if (n == 0)
		return DATABASE_OK;
	rc = pipeline_read(db, talk_deadline(db, false), rows, n);
	for (int i = 0; i < n; i++)
		r->asked[r->nanswered++].rows = rows[i];
	if (db->is_pipelined)
		talk_close(db);
	r->again = true;
	return rc;
}

bool
rounds_take(struct statement *s)
{
	struct rounds *r = s->db->rounds;
	const struct asked *a;
	size_t len = 0;
	char *key;

	if (!r || r->nasked == ASKED_MAX)
		return false;
	key = make_key(s, &len);
	a = find(r, key, len);
	if (!a) {
		s->rc = ask(r, s, key, len);
		return true;
	}
	free(key);
	if (a->rows)
		s->rows = PQcopyResult(a->rows, PG_COPYRES_TUPLES);
	if (a->rows && !s->rows)
		s->rc = DATABASE_NO_MEMORY;
	return true;
}

int
database_next_round(struct database *db, bool *ret_again)
{
	struct rounds *r = db->rounds;
	int rc = rounds_collect(db);

	*ret_again = r && r->again;
	if (r)
		r->again = false;
	return rc;
}
