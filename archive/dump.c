/*
 * Writes all rows of a database as copy.h describes.  A page is read in one
 * transaction and written after it, since the reader of the stream may be
 * slow.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "private.h"

enum {
	PAGE_MAILS = 256,
	PAGE_OCTETS = 4 * 1024 * 1024,
	PAGE_ROWS = 1000,
	PAGE_CHANGES = 16, /* rows of filter_change have pieces of bodies */
	SQL_MAX = 1024,
};

struct dump {
	struct archive *a;
	FILE *to;
	int64_t after_id;
};

/* The rows of a page of mails, and their rows in `recipient`. */
struct page {
	FILE *files[2];
	char *texts[2];
	size_t lens[2];
	int64_t first_id, last_id;
	int nmails;
	bool is_big; /* the data of the last one is yet to be written */
	uint64_t octets;
};

/*
 * Values
 */

static void
put_octets(FILE *to, struct span octets)
{
	fprintf(to, "%zu:", octets.len);
	if (octets.len > 0)
		fwrite(octets.p, 1, octets.len, to);
	putc(',', to);
}

static void
put_word(FILE *to, const char *word)
{
	put_octets(to, span_of(word));
}

static void
put_integer(FILE *to, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, n);
	put_word(to, text);
}

static void
put_column(FILE *to, struct statement *q, int column, enum copy_kind kind)
{
	if (statement_is_null(q, column))
		fputs("-,", to);
	else if (kind == COPY_INTEGER)
		put_integer(to, statement_integer(q, column));
	else if (kind == COPY_TEXT)
		put_word(to, statement_text(q, column));
	else
		put_octets(to, statement_blob(q, column));
}

static int
fail_output(struct dump *d)
{
	return archive_fail_result(
	    d->a, database_fail_errno(d->a->db, "writing the copy", errno));
}

/*
 * Rows of a table
 */

struct cursor {
	const struct copy_table *table;
	int64_t last_id; /* of the mails with the rows; 0: all rows */
	int page;        /* rows that are read at once */
	/*
	 * The key of the last row that was written, as text; SQL converts it.
	 */
	char *keys[COPY_KEYS_MAX];
};

/* Starts before the first row. */
static void
cursor_begin(struct cursor *c, const struct copy_table *t, int page)
{
	bool is_text = strcmp(t->keys[0], "scope") == 0;

	*c = (struct cursor){ .table = t, .page = page };
	c->keys[0] = strdup(is_text ? "" : "-9223372036854775808");
	c->keys[1] =
	    strdup(is_text || t == &copy_tables[COPY_RULES] ? "" : "-1");
}

/*
 * Limits the cursor to the rows of these mails.  Positions begin with 1, so
 * the key (first_id, -1) stands before all of them.
 */
static void
cursor_limit(struct cursor *c, int64_t first_id, int64_t last_id)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, first_id);
	free(c->keys[0]);
	c->keys[0] = strdup(text);
	c->last_id = last_id;
}

static void
cursor_end(struct cursor *c)
{
	free(c->keys[0]);
	free(c->keys[1]);
}

static void
write_select(const struct cursor *c, char *sql)
{
	const struct copy_table *t = c->table;
	const char *k = t->keys[0], *k2 = t->keys[1];
	char *at = stpcpy(sql, "SELECT ");

	for (const struct copy_column *column = t->columns; column->name;
	     column++)
		at += sprintf(
		    at, "%s%s", column > t->columns ? ", " : "", column->name);
	at += sprintf(at, " FROM %s WHERE ", t->name);
	if (c->last_id > 0)
		at += sprintf(at, "%s <= :last_id AND ", k);
	if (k2)
		at += sprintf(at, "(%s, %s) > (:key, :key2) ORDER BY %s, %s", k,
		    k2, k, k2);
	else
		at += sprintf(at, "%s > :key ORDER BY %s", k, k);
	sprintf(at, " LIMIT %d", c->page);
}

static bool
keep_keys(struct cursor *c, struct statement *q)
{
	for (int i = 0; i < COPY_KEYS_MAX && c->table->keys[i]; i++) {
		free(c->keys[i]);
		c->keys[i] = archive_column(q, i);
		if (!c->keys[i])
			return false;
	}
	return true;
}

/* How many rows; -1: failed. */
static int
put_some_rows(struct dump *d, FILE *to, struct cursor *c)
{
	char sql[SQL_MAX];
	struct statement *q;
	bool ok = c->keys[0] && c->keys[1];
	int n = 0, rc;

	write_select(c, sql);
	q = statement_take(d->a->db, sql);
	statement_bind_text(q, ":key", c->keys[0]);
	statement_bind_text(q, ":key2", c->keys[1]);
	statement_bind_integer(q, ":last_id", c->last_id);
	while (ok && statement_row(q)) {
		put_word(to, c->table->name);
		for (int i = 0; c->table->columns[i].name; i++)
			put_column(to, q, i, c->table->columns[i].kind);
		putc('\n', to);
		ok = ++n < c->page || keep_keys(c, q);
	}
	rc = statement_end(q);
	if (rc == DATABASE_OK && !ok)
		rc = DATABASE_NO_MEMORY;
	return rc == DATABASE_OK ? n : archive_fail(d->a, c->table->name, rc);
}

static int
put_rows(struct dump *d, FILE *to, struct cursor *c)
{
	int n;

	while ((n = put_some_rows(d, to, c)) == c->page)
		;
	cursor_end(c);
	return n < 0 ? -1 : 0;
}

/*
 * Mails
 */

static bool
page_begin(struct page *p)
{
	*p = (struct page){ 0 };
	for (int i = 0; i < 2; i++)
		p->files[i] = open_memstream(&p->texts[i], &p->lens[i]);
	return p->files[0] && p->files[1];
}

/* True: all of it is in memory. */
static bool
page_end(struct page *p)
{
	bool ok = true;

	for (int i = 0; i < 2; i++)
		ok = p->files[i] && fclose(p->files[i]) == 0 && ok;
	return ok;
}

/*
 * Writes all columns, the data last; put_big_data() writes that of a big mail.
 */
static void
put_message(struct page *p, struct statement *q, int ncolumns)
{
	const struct copy_column *columns = copy_tables[COPY_MESSAGE].columns;
	FILE *to = p->files[0];

	put_word(to, "message");
	for (int i = 0; i < ncolumns - 1; i++)
		put_column(to, q, i, columns[i].kind);
	p->last_id = statement_integer(q, 0);
	if (p->nmails++ == 0)
		p->first_id = p->last_id;
	p->is_big = statement_is_null(q, ncolumns - 1);
	if (p->is_big)
		return;
	put_column(to, q, ncolumns - 1, COPY_OCTETS);
	putc('\n', to);
	p->octets += statement_blob(q, ncolumns - 1).len;
}

/* The columns of `message`, where the data of a big mail is NULL. */
static int
write_message_select(char *sql)
{
	const struct copy_column *c = copy_tables[COPY_MESSAGE].columns;
	char *at = stpcpy(sql, "SELECT ");
	int n = 0;

	while (c[n + 1].name)
		at += sprintf(at, "%s, ", c[n++].name);
	sprintf(at,
	    "CASE WHEN length(data) <= %d THEN data END FROM message"
	    " WHERE id > :after_id ORDER BY id LIMIT %d",
	    COPY_SMALL_OCTETS, PAGE_MAILS);
	return n + 1;
}

static int
read_page(struct dump *d, struct page *p)
{
	char sql[SQL_MAX];
	int ncolumns = write_message_select(sql), rc;
	struct statement *q = statement_take(d->a->db, sql);
	struct cursor c;

	statement_bind_integer(q, ":after_id", d->after_id);
	while (!p->is_big && p->octets < PAGE_OCTETS && statement_row(q))
		put_message(p, q, ncolumns);
	rc = statement_end(q);
	if (rc != DATABASE_OK)
		return archive_fail(d->a, "reading mails", rc);
	if (p->nmails == 0)
		return 0;
	cursor_begin(&c, &copy_tables[COPY_RECIPIENT], PAGE_ROWS);
	cursor_limit(&c, p->first_id, p->last_id);
	return put_rows(d, p->files[1], &c);
}

static int
put_big_data(struct dump *d, int64_t id)
{
	static char piece[COPY_SMALL_OCTETS];
	struct blob *blob = blob_begin(d->a->db, id, false);
	uint64_t size = blob_size(blob), at = 0;
	int rc;

	fprintf(d->to, "%" PRIu64 ":", size);
	while (at < size) {
		size_t len = size - at < sizeof piece ? (size_t)(size - at)
						      : sizeof piece;

		if (!blob_read(blob, piece, len, at))
			break;
		fwrite(piece, 1, len, d->to);
		at += len;
	}
	fputs(",\n", d->to);
	rc = blob_end(blob);
	return rc == DATABASE_OK ? 0 : archive_fail(d->a, "reading a mail", rc);
}

static int
put_page(struct dump *d, const struct page *p)
{
	struct cursor c;

	fwrite(p->texts[0], 1, p->lens[0], d->to);
	if (p->is_big && put_big_data(d, p->last_id) < 0)
		return -1;
	fwrite(p->texts[1], 1, p->lens[1], d->to);
	cursor_begin(&c, &copy_tables[COPY_FILTER_CHANGE], PAGE_CHANGES);
	cursor_limit(&c, p->first_id, p->last_id);
	if (put_rows(d, d->to, &c) < 0)
		return -1;
	put_word(d->to, "page");
	return fflush(d->to) == 0 ? 0 : fail_output(d);
}

/* 1; 0: there are no more; -1. */
static int
dump_page(struct dump *d)
{
	struct page p;
	int rc =
	    page_begin(&p) ? database_begin_read(d->a->db) : DATABASE_NO_MEMORY;
	int result = rc == DATABASE_OK ? read_page(d, &p)
				       : archive_fail(d->a, "begin", rc);

	if (rc == DATABASE_OK)
		database_end_read(d->a->db);
	if (!page_end(&p) && result == 0)
		result =
		    archive_fail(d->a, "reading mails", DATABASE_NO_MEMORY);
	if (result == 0 && p.nmails > 0)
		result = put_page(d, &p);
	free(p.texts[0]);
	free(p.texts[1]);
	if (result < 0)
		return -1;
	d->after_id = p.last_id > d->after_id ? p.last_id : d->after_id;
	return p.nmails > 0;
}

/*
 * All
 */

static int
dump_rules(struct dump *d)
{
	put_word(d->to, "rules");
	putc('\n', d->to);
	for (int i = COPY_RULES; i < COPY__TABLES; i++) {
		struct cursor c;

		cursor_begin(&c, &copy_tables[i], PAGE_ROWS);
		if (put_rows(d, d->to, &c) < 0)
			return -1;
	}
	return 0;
}

static int
dump_ids(struct dump *d)
{
	for (int i = 0; i < COPY__TABLES; i++) {
		const char *name = copy_tables[i].name;
		int64_t id = 0;
		int rc;

		if (!copy_tables[i].gives_ids)
			continue;
		rc = database_last_given(d->a->db, name, &id);
		if (rc != DATABASE_OK)
			return archive_fail(d->a, name, rc);
		put_word(d->to, "given");
		put_word(d->to, name);
		put_integer(d->to, id);
		putc('\n', d->to);
	}
	return 0;
}

/*
 * Starts with the last mail up to `after_id`, so that the reader of the stream
 * can compare it with its own.
 */
static int
find_start(struct dump *d, int64_t after_id)
{
	struct statement *q = statement_take(
	    d->a->db, "SELECT max(id) FROM message WHERE id <= :id");
	int64_t id = 0;

	statement_bind_integer(q, ":id", after_id);
	if (archive_run_integer(d->a, q, "reading mails", &id) < 0)
		return -1;
	d->after_id = id > 0 ? id - 1 : 0;
	return 0;
}

int
archive_dump(struct archive *a, int64_t after_id, FILE *to)
{
	struct dump d = { .a = a, .to = to };
	int result = find_start(&d, after_id);

	fprintf(to, COPY_HEAD, DATABASE_VERSION);
	if (result == 0) {
		while ((result = dump_page(&d)) > 0)
			;
	}
	if (result == 0)
		result = dump_rules(&d);
	if (result == 0)
		result = dump_ids(&d);
	if (result < 0)
		return -1;
	put_word(to, "end");
	putc('\n', to);
	return fflush(to) == 0 && !ferror(to) ? 0 : fail_output(&d);
}
