/*
 * Reads what dump.c writes into a database that is empty, or that an earlier
 * load has begun to fill.  A page is one transaction, so the load after one
 * that was killed goes on behind the last mail that is there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mail/change.h"
#include "copy.h"
#include "private.h"

enum {
	SQL_MAX = 1024,
};

struct load {
	struct archive *a;
	struct copy_input input;
	const struct archive_load_conf *conf;
	int64_t had_id;  /* the last mail that was there before */
	int64_t last_id; /* that is there now */
	bool has_met;    /* the stream has had_id, too */
	bool is_open;    /* a transaction is */
	uint64_t mails;
	struct copy_value values[COPY_COLUMNS_MAX];
};

static int64_t
integer(const struct copy_value *v)
{
	return v->is_null ? 0 : strtoll(v->p, NULL, 10);
}

static struct span
octets(const struct copy_value *v)
{
	return (struct span){ v->p, v->len };
}

/*
 * Rows
 */

static int
begin(struct load *l)
{
	if (l->is_open)
		return 0;
	if (archive_begin(l->a) < 0)
		return -1;
	l->is_open = true;
	return 0;
}

static int
end(struct load *l, int so_far)
{
	if (!l->is_open)
		return so_far;
	l->is_open = false;
	so_far = archive_end(l->a, so_far);
	if (so_far == 0 && l->conf->tell)
		l->conf->tell(l->conf->context, l->mails);
	return so_far;
}

static void
write_insert(const struct copy_table *t, char *sql)
{
	const char *schema = t == &copy_tables[COPY_MESSAGE] ? "main." : "";
	char *at = sql + sprintf(sql, "INSERT INTO %s%s (", schema, t->name);

	for (const struct copy_column *c = t->columns; c->name; c++)
		at += sprintf(at, "%s%s", c > t->columns ? ", " : "", c->name);
	at = stpcpy(at, ") VALUES (");
	for (const struct copy_column *c = t->columns; c->name; c++)
		at += sprintf(at, "%s:%s", c > t->columns ? ", " : "", c->name);
	strcpy(at, ")");
}

/* Is the value of the filter_change row stored as text, as smtpd does? */
static bool
is_shown(const struct load *l)
{
	enum {
		ACTION = 3,
		VALUE = 6
	};
	const struct copy_value *action = &l->values[ACTION];
	const struct change change = {
		.action = change_action_of(action->is_null ? "" : action->p),
		.value = octets(&l->values[VALUE]),
	};

	return database_is_file() && change_is_text(&change);
}

static void
bind(struct load *l, struct statement *s, const struct copy_column *c,
    const struct copy_value *v)
{
	char name[COPY_WORD_SIZE];

	if (v->is_null)
		return;
	snprintf(name, sizeof name, ":%s", c->name);
	if (c->kind == COPY_INTEGER)
		statement_bind_integer(s, name, integer(v));
	else if (c->kind == COPY_TEXT || (c->kind == COPY_VALUE && is_shown(l)))
		statement_bind_span(s, name, octets(v));
	else
		statement_bind_blob(s, name, octets(v));
}

/* The statement for a row of `n` values that were read. */
static struct statement *
take_insert(struct load *l, const struct copy_table *t, int n)
{
	char sql[SQL_MAX];
	struct statement *s;

	write_insert(t, sql);
	s = statement_take(l->a->db, sql);
	for (int i = 0; i < n; i++)
		bind(l, s, &t->columns[i], &l->values[i]);
	return s;
}

/* Reads up to `n` columns; returns how many there are, or -1. */
static int
read_columns(struct load *l, const struct copy_table *t, int n)
{
	int i = 0;

	for (; i < n && t->columns[i].name; i++) {
		if (copy_read_value(&l->input, &l->values[i]) < 0)
			return -1;
	}
	return i;
}

static int
load_row(struct load *l, const struct copy_table *t)
{
	int n = read_columns(l, t, COPY_COLUMNS_MAX);
	bool is_of_mail = t < &copy_tables[COPY_RULES];

	if (n < 0)
		return -1;
	if (is_of_mail && integer(&l->values[0]) <= l->had_id)
		return 0;
	if (!l->is_open)
		return copy_fail_input(&l->input);
	return archive_run(l->a, take_insert(l, t, n), t->name);
}

/*
 * Mails
 */

static int
fail_other(struct load *l, int64_t id)
{
	return copy_fail(&l->input,
	    "%s has a mail %" PRId64 " that is not in what comes: only what was"
	    " copied before may be there",
	    archive_file(l->a), id);
}

/* Is the mail that is there already the one that came? */
static int
compare(struct load *l, int64_t id)
{
	enum {
		RECEIVED_AT = 1,
		SIZE = 12,
		TRACE = 13
	};
	struct statement *q = statement_take(l->a->db,
	    "SELECT received_at, size, trace FROM message WHERE id = :id");
	const struct copy_value *v = l->values;
	bool is_same = false;
	int rc;

	statement_bind_integer(q, ":id", id);
	if (statement_row(q))
		is_same = statement_integer(q, 0) == integer(&v[RECEIVED_AT]) &&
			  statement_integer(q, 1) == integer(&v[SIZE]) &&
			  !v[TRACE].is_null &&
			  strcmp(statement_text(q, 2), v[TRACE].p) == 0;
	rc = statement_end(q);
	if (rc != DATABASE_OK)
		return archive_fail(l->a, "comparing", rc);
	l->has_met = l->has_met || id == l->had_id;
	return is_same ? 0 : fail_other(l, id);
}

static int
skip_data(struct load *l, uint64_t len)
{
	char piece[4096];

	while (len > 0) {
		size_t n = len < sizeof piece ? (size_t)len : sizeof piece;

		if (copy_read_octets(&l->input, piece, n) < 0)
			return -1;
		len -= n;
	}
	return copy_read_comma(&l->input);
}

static int
fill_data(struct load *l, int64_t id, uint64_t len)
{
	static char piece[COPY_SMALL_OCTETS];
	struct blob *blob = blob_begin(l->a->db, id, true);
	int result = 0, rc;

	while (len > 0 && result == 0) {
		size_t n = len < sizeof piece ? (size_t)len : sizeof piece;

		result = copy_read_octets(&l->input, piece, n);
		if (result == 0)
			blob_write(blob, (struct span){ piece, n });
		len -= n;
	}
	rc = blob_end(blob);
	if (result < 0)
		return -1;
	return rc == DATABASE_OK ? copy_read_comma(&l->input)
				 : archive_fail(l->a, "message", rc);
}

/* Fails if another process has stored mail here meanwhile. */
static int
check_alone(struct load *l)
{
	int64_t id = 0;

	if (l->is_open)
		return 0;
	if (begin(l) < 0 ||
	    archive_run_integer(l->a,
		statement_take(l->a->db, "SELECT max(id) FROM main.message"),
		"message", &id) < 0)
		return -1;
	return id == l->last_id ? 0
				: copy_fail(&l->input,
				      "%s gets mail from somebody else: it has "
				      "mail %" PRId64,
				      archive_file(l->a), id);
}

static int
insert_mail(struct load *l, int64_t id, uint64_t len, int ncolumns)
{
	const struct copy_table *t = &copy_tables[COPY_MESSAGE];
	struct copy_value *data = &l->values[ncolumns];
	bool is_big = len > COPY_SMALL_OCTETS;
	struct statement *s;

	if (check_alone(l) < 0 ||
	    (!is_big && copy_read_rest(&l->input, data, len) < 0))
		return -1;
	s = take_insert(l, t, ncolumns);
	if (is_big)
		statement_bind_zeros(s, ":data", len);
	else
		statement_bind_blob(s, ":data", octets(data));
	if (archive_run(l->a, s, "message") < 0)
		return -1;
	l->last_id = id;
	l->mails++;
	return is_big ? fill_data(l, id, len) : 0;
}

static int
load_mail(struct load *l)
{
	int n =
	    read_columns(l, &copy_tables[COPY_MESSAGE], COPY_COLUMNS_MAX - 1);
	int64_t id = n < 0 ? 0 : integer(&l->values[0]);
	uint64_t len = 0;

	if (n < 0 || copy_read_length(&l->input, &len) < 0)
		return -1;
	if (id <= l->had_id)
		return compare(l, id) < 0 ? -1 : skip_data(l, len);
	if (l->had_id > 0 && !l->has_met)
		return fail_other(l, l->had_id);
	return insert_mail(l, id, len, n);
}

/*
 * All
 */

/*
 * Deletes the rules of the target, in the transaction that brings the others.
 */
static int
load_rules(struct load *l)
{
	if (l->had_id > 0 && !l->has_met)
		return fail_other(l, l->had_id);
	if (begin(l) < 0)
		return -1;
	for (int i = COPY_RULES; i < COPY__TABLES; i++) {
		char sql[SQL_MAX];

		snprintf(
		    sql, sizeof sql, "DELETE FROM %s", copy_tables[i].name);
		if (archive_run(l->a, statement_take(l->a->db, sql), "rules") <
		    0)
			return -1;
	}
	return 0;
}

static int
give_from(struct load *l, const char *table, int64_t id)
{
	int rc = database_give_from(l->a->db, table, id);

	return rc == DATABASE_OK ? 0 : archive_fail(l->a, table, rc);
}

static int
load_given(struct load *l)
{
	char name[COPY_WORD_SIZE];

	if (copy_read_word(&l->input, name) < 0 ||
	    copy_read_value(&l->input, &l->values[0]) < 0)
		return -1;
	for (int i = 0; i < COPY__TABLES; i++) {
		if (copy_tables[i].gives_ids &&
		    strcmp(copy_tables[i].name, name) == 0)
			return give_from(l, name, integer(&l->values[0]));
	}
	return copy_fail_input(&l->input);
}

/* Ends the page; ids that smtpd gives from now on are greater than its ids. */
static int
end_page(struct load *l)
{
	int result = l->is_open ? give_from(l, "message", l->last_id) : 0;

	return end(l, result);
}

/* 1; 0: that was the end; -1. */
static int
load_one(struct load *l)
{
	char name[COPY_WORD_SIZE];

	if (copy_read_word(&l->input, name) < 0)
		return -1;
	if (strcmp(name, "message") == 0)
		return load_mail(l) < 0 ? -1 : 1;
	if (strcmp(name, "page") == 0)
		return end_page(l) < 0 ? -1 : 1;
	if (strcmp(name, "rules") == 0)
		return load_rules(l) < 0 ? -1 : 1;
	if (strcmp(name, "given") == 0)
		return load_given(l) < 0 ? -1 : 1;
	if (strcmp(name, "end") == 0)
		return end(l, 0);
	for (int i = COPY_RECIPIENT; i < COPY__TABLES; i++) {
		if (strcmp(copy_tables[i].name, name) == 0)
			return load_row(l, &copy_tables[i]) < 0 ? -1 : 1;
	}
	return copy_fail_input(&l->input);
}

static int
read_head(struct load *l)
{
	char line[COPY_WORD_SIZE];
	int version = 0;

	if (!fgets(line, sizeof line, l->input.from) ||
	    sscanf(line, COPY_HEAD, &version) != 1)
		return copy_fail_input(&l->input);
	if (version != DATABASE_VERSION)
		return copy_fail(&l->input,
		    "the copy is of version %d of the tables, this smtpdb knows"
		    " %d",
		    version, DATABASE_VERSION);
	return 0;
}

int64_t
archive_load(
    struct archive *a, const struct archive_load_conf *conf, FILE *from)
{
	struct load l = {
		.a = a, .conf = conf, .input = { .a = a, .from = from }
	};
	int result = archive_last_id(a, &l.had_id);

	l.last_id = l.had_id;
	if (result == 0)
		result = read_head(&l);
	if (result == 0) {
		while ((result = load_one(&l)) > 0)
			;
	}
	if (result < 0)
		end(&l, -1);
	for (int i = 0; i < COPY_COLUMNS_MAX; i++)
		free(l.values[i].p);
	free(l.input.word.p);
	return result < 0 ? -1 : (int64_t)l.mails;
}
