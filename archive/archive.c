/*
 * Lists are read a page at a time, by id.  A page is one short read
 * transaction: who prints it may wait for a pipe for hours, and the
 * write-ahead log would grow as long as a transaction stands open.
 */

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "private.h"

struct archive *
archive_new(const struct archive_conf *conf)
{
	struct archive *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->conf = conf;
	a->store_conf.path = conf->path;
	a->store_conf.wait_ms = conf->wait_ms;
	a->store = store_new(&a->store_conf);
	if (!a->store) {
		free(a);
		return NULL;
	}
	a->db = store_database(a->store);
	return a;
}

void
archive_free(struct archive *a)
{
	if (!a)
		return;
	store_free(a->store);
	free(a);
}

/* SQL's holds(text, words). */
static void
holds(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	struct archive *a = sqlite3_user_data(context);
	const char *text = (const char *)sqlite3_value_text(args[0]);
	const char *words = (const char *)sqlite3_value_text(args[1]);

	(void)nargs;
	sqlite3_result_int(
	    context, text && words && a->conf->holds(text, words));
}

/*
 * The file may be another's, who says in its header that it is ours.  A view in
 * the place of a table could compute for ever.
 */
static int
check_tables(struct archive *a)
{
	struct statement *q = statement_take(a->db,
	    "SELECT count(*) FROM sqlite_schema"
	    " WHERE (type = 'view' OR rootpage = 0 AND type = 'table')"
	    " AND lower(name) IN ('message', 'recipient', 'delivery', 'domain',"
	    " 'mailbox', 'alias', 'quota', 'sender_rule', 'client_rule',"
	    " 'rate_limit', 'rate_count', 'filter_change', 'account',"
	    " 'account_address')");
	int64_t n = 0;
	int rc = database_run(a->db, "PRAGMA cell_size_check = ON");

	if (rc != DATABASE_OK)
		return archive_fail(a, "open", rc);
	if (archive_run_integer(a, q, "open", &n) < 0)
		return -1;
	if (n == 0)
		return 0;
	return archive_fail_result(
	    a, database_fail(a->db, VERDICT_CORRUPT,
		   "%s has views in the place of tables", a->conf->path));
}

enum verdict
archive_open(struct archive *a)
{
	int rc;

	a->result = database_is_for_reading(a->db)
			? database_open_for_reading(a->db)
			: store_open(a->store);
	if (a->result != VERDICT_OK)
		return a->result;
	rc = sqlite3_create_function(database_handle(a->db), "holds", 2,
	    SQLITE_UTF8, a, holds, NULL, NULL);
	if (rc == DATABASE_OK)
		rc = archive_define_field(a);
	if (rc != DATABASE_OK)
		archive_fail(a, "open", rc);
	else
		check_tables(a);
	return a->result;
}

enum verdict
archive_result(const struct archive *a)
{
	return a->result;
}

const char *
archive_error(const struct archive *a)
{
	return store_error(a->store);
}

int
archive_fail(struct archive *a, const char *what, int rc)
{
	a->result = database_fail_code(a->db, what, rc);
	return -1;
}

int
archive_fail_result(struct archive *a, enum verdict result)
{
	a->result = result;
	return -1;
}

int
archive_run(struct archive *a, struct statement *s, const char *what)
{
	int rc = statement_run(s);

	return rc == DATABASE_OK ? 0 : archive_fail(a, what, rc);
}

int
archive_run_integer(
    struct archive *a, struct statement *s, const char *what, int64_t *ret)
{
	int rc = statement_run_integer(s, ret);

	return rc == DATABASE_OK ? 0 : archive_fail(a, what, rc);
}

char *
archive_column(struct statement *q, int column)
{
	const char *text = statement_text(q, column);

	return text ? strdup(text) : NULL;
}

/* A damaged database can give the same rows again and again. */
int
archive_move_on(struct archive *a, int64_t *after_id, int64_t id)
{
	if (id <= *after_id)
		return archive_fail_result(
		    a, database_fail(a->db, VERDICT_CORRUPT,
			   "mail %lld comes behind %lld: ids that do not grow",
			   (long long)id, (long long)*after_id));
	*after_id = id;
	return 0;
}

/*
 * Lists
 */

/* clang-format off */
/* What the parts of a filter ask for; those that ask nothing are left out. */
static const struct condition {
	size_t field; /* in struct archive_filter */
	bool is_text;
	const char *name;
	const char *sql;
} conditions[] = {
#define FIELD(name) offsetof(struct archive_filter, name)
	{ FIELD(up_to_id), false, ":up_to_id", " AND id <= :up_to_id" },
	{ FIELD(since), false, ":since", " AND received_at >= :since" },
	{ FIELD(until), false, ":until", " AND received_at < :until" },
	{ FIELD(larger), false, ":larger", " AND size > :larger" },
	{ FIELD(in_inbox), false, ":in_inbox", " AND quarantine IS NULL" },
	{ FIELD(quarantined), false, ":quarantined",
	  " AND quarantine IS NOT NULL" },
	{ FIELD(from), true, ":from",
	  " AND (holds(reverse_path, :from)"
	  "  OR holds(field(id, header_from, 'From'), :from))" },
	{ FIELD(to), true, ":to",
	  " AND (holds(field(id, header_to, 'To'), :to)"
	  " OR EXISTS (SELECT 1 FROM recipient"
	  "  WHERE message_id = id AND (holds(forward_path, :to)"
	  "   OR holds(mailbox, :to))))" },
	{ FIELD(mailbox[0]), true, ":mailbox0",
	  " AND EXISTS (SELECT 1 FROM recipient WHERE message_id = id"
	  "  AND mailbox COLLATE NOCASE IN (:mailbox0, :mailbox1))" },
	{ FIELD(mailbox[1]), true, ":mailbox1", "" },
	{ FIELD(subject), true, ":subject",
	  " AND holds(field(id, header_subject, 'Subject'), :subject)" },
	{ FIELD(new_to), true, ":new_to",
	  " AND NOT EXISTS (SELECT 1 FROM delivery"
	  "  WHERE message_id = id AND consumer = :new_to"
	  "   AND (done OR at > :now))" },
#undef FIELD
};
/* clang-format on */

static const size_t nconditions = sizeof conditions / sizeof *conditions;

static const char *
filter_text(const struct archive_filter *f, const struct condition *c)
{
	return *(char *const *)(const void *)((const char *)f + c->field);
}

static int64_t
filter_number(const struct archive_filter *f, const struct condition *c)
{
	return *(const int64_t *)(const void *)((const char *)f + c->field);
}

static bool
asks(const struct archive_filter *f, const struct condition *c)
{
	return c->is_text ? filter_text(f, c) != NULL
			  : filter_number(f, c) != 0;
}

/* `head` up to "WHERE id > :after_id", the conditions, `tail`. */
static struct statement *
prepare_filtered(struct archive *a, const struct archive_filter *f,
    const char *head, const char *tail)
{
	char sql[4096];
	char *at = stpcpy(sql, head);
	struct statement *q;

	for (size_t i = 0; i < nconditions; i++) {
		if (asks(f, &conditions[i]))
			at = stpcpy(at, conditions[i].sql);
	}
	stpcpy(at, tail);
	q = statement_take(a->db, sql);
	statement_bind_integer(q, ":after_id", f->after_id);
	statement_bind_integer(q, ":now", f->now);
	for (size_t i = 0; i < nconditions; i++) {
		const struct condition *c = &conditions[i];

		if (!asks(f, c))
			continue;
		if (c->is_text)
			statement_bind_text(q, c->name, filter_text(f, c));
		else
			statement_bind_integer(q, c->name, filter_number(f, c));
	}
	return q;
}

/* Of a column that is never NULL in a database of ours. */
static char *
read_text(struct statement *q, int column)
{
	return statement_is_null(q, column) ? strdup("")
					    : archive_column(q, column);
}

static void
read_row(struct statement *q, struct archive_row *ret)
{
	int at = 0;

	ret->id = statement_integer(q, at++);
	ret->received_at = statement_integer(q, at++);
	ret->size = statement_integer(q, at++);
	ret->client_address = read_text(q, at++);
	ret->reverse_path = read_text(q, at++);
	ret->header_from = archive_column(q, at++);
	ret->header_to = archive_column(q, at++);
	ret->header_subject = archive_column(q, at++);
	ret->header_date = archive_column(q, at++);
	ret->header_message_id = archive_column(q, at++);
	ret->recipients = read_text(q, at++);
}

void
archive_page_reset(struct archive_page *page)
{
	for (size_t i = 0; i < page->nrows; i++) {
		struct archive_row *row = &page->rows[i];

		free(row->client_address);
		free(row->reverse_path);
		free(row->header_from);
		free(row->header_to);
		free(row->header_subject);
		free(row->header_date);
		free(row->header_message_id);
		free(row->recipients);
		*row = (struct archive_row){ 0 };
	}
	page->nrows = 0;
}

/*
 * Several rows of one recipient that follow each other are the mailboxes that an
 * alias names.
 */
static const char list_head[] =
    "SELECT id, received_at, size, client_address, reverse_path,"
    " field(id, header_from, 'From'), field(id, header_to, 'To'),"
    " field(id, header_subject, 'Subject'), field(id, header_date, 'Date'),"
    " field(id, header_message_id, 'Message-ID'),"
    " (SELECT group_concat(forward_path, char(10)) FROM recipient"
    "  WHERE message_id = id AND NOT EXISTS (SELECT 1 FROM recipient AS earlier"
    "   WHERE earlier.message_id = recipient.message_id"
    "    AND earlier.position = recipient.position - 1"
    "    AND earlier.forward_path = recipient.forward_path))"
    " FROM message WHERE id > :after_id";

/* Fills the page in the order that `tail` says. */
static int
read_page(struct archive *a, const struct archive_filter *filter,
    const char *tail, uint64_t count, struct archive_page *page)
{
	struct statement *q = prepare_filtered(a, filter, list_head, tail);
	int rc;

	archive_page_reset(page);
	statement_bind_integer(q, ":limit", (int64_t)count);
	while (page->nrows < count && statement_row(q))
		read_row(q, &page->rows[page->nrows++]);
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "list", rc);
}

int
archive_list(
    struct archive *a, struct archive_filter *filter, struct archive_page *page)
{
	if (read_page(
		a, filter, " ORDER BY id LIMIT :limit", ARCHIVE_PAGE, page) < 0)
		return -1;
	for (size_t i = 0; i < page->nrows; i++) {
		if (archive_move_on(a, &filter->after_id, page->rows[i].id) < 0)
			return -1;
	}
	return page->nrows > 0;
}

int
archive_list_newest(struct archive *a, const struct archive_filter *filter,
    uint64_t count, struct archive_page *page)
{
	if (count > ARCHIVE_PAGE)
		count = ARCHIVE_PAGE;
	if (read_page(
		a, filter, " ORDER BY id DESC LIMIT :limit", count, page) < 0)
		return -1;
	for (size_t i = 0; i < page->nrows / 2; i++) {
		struct archive_row *other = &page->rows[page->nrows - 1 - i];
		struct archive_row row = page->rows[i];

		page->rows[i] = *other;
		*other = row;
	}
	return 0;
}

int
archive_skip_to_newest(
    struct archive *a, struct archive_filter *filter, uint64_t count)
{
	int64_t first = 0;
	struct statement *q = prepare_filtered(a, filter,
	    "SELECT min(id) FROM"
	    " (SELECT id FROM message WHERE id > :after_id",
	    " ORDER BY id DESC LIMIT :limit)");

	statement_bind_integer(q, ":limit", (int64_t)count);
	if (archive_run_integer(a, q, "list", &first) < 0)
		return -1;
	if (first > 0)
		filter->after_id = first - 1;
	return 0;
}

int
archive_last_id(struct archive *a, int64_t *ret)
{
	return archive_run_integer(a,
	    statement_take(a->db, "SELECT max(id) FROM message"), "last id",
	    ret);
}

int
archive_version(struct archive *a, int64_t *ret)
{
	return archive_run_integer(
	    a, statement_take(a->db, "PRAGMA data_version"), "version", ret);
}
