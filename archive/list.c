/*
 * Lists are read a page at a time, by id.  A page is one short read
 * transaction: the program that prints it may wait for a pipe for hours, and
 * the WAL grows as long as a read transaction is open.
 *
 * Most conditions of a filter are SQL.  The words of from, to and subject are
 * not: they are compared with what a person sees of a field, so rows are
 * compared here, some at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	SCAN_ROWS = 1000, /* that are looked at in one transaction */
	NO_ID = -1,       /* below all ids; 0 would mean any */
};

/* clang-format off */
/* The conditions of a filter; fields that ask for nothing are left out. */
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
	{ FIELD(mailbox[0]), true, ":mailbox0",
	  " AND EXISTS (SELECT 1 FROM recipient WHERE message_id = id"
	  "  AND mailbox COLLATE NOCASE IN (:mailbox0 COLLATE NOCASE,"
	  "   :mailbox1 COLLATE NOCASE))" },
	{ FIELD(mailbox[1]), true, ":mailbox1", "" },
	{ FIELD(new_to), true, ":new_to",
	  " AND NOT EXISTS (SELECT 1 FROM delivery"
	  "  WHERE message_id = id AND consumer = :new_to"
	  "   AND (done = 1 OR at > :now))" },
	{ FIELD(had_by), true, ":had_by",
	  " AND EXISTS (SELECT 1 FROM delivery"
	  "  WHERE message_id = id AND consumer = :had_by AND done = 1)" },
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

/*
 * Joins `head`, which ends with "WHERE id > :after_id", the conditions and the
 * order.
 */
static struct statement *
prepare_filtered(struct archive *a, const struct archive_filter *f,
    const char *head, bool newest_first, uint64_t limit)
{
	char sql[4096];
	char *at = stpcpy(sql, head);
	struct statement *q;

	for (size_t i = 0; i < nconditions; i++) {
		if (asks(f, &conditions[i]))
			at = stpcpy(at, conditions[i].sql);
	}
	stpcpy(at, newest_first ? " ORDER BY id DESC LIMIT :limit"
				: " ORDER BY id LIMIT :limit");
	q = statement_take(a->db, sql);
	statement_bind_integer(q, ":after_id", f->after_id);
	statement_bind_integer(q, ":now", f->now);
	statement_bind_integer(q, ":limit", (int64_t)limit);
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

int
archive_matches(struct archive *a, const struct archive_filter *f, int64_t id)
{
	struct statement *q = prepare_filtered(a, f,
	    "SELECT 1 FROM message WHERE id = :id AND id > :after_id", false,
	    1);
	int64_t found = 0;

	statement_bind_integer(q, ":id", id);
	return archive_run_integer(a, q, "list", &found) < 0 ? -1 : (int)found;
}

/*
 * Words
 */

static const char scan_head[] =
    "SELECT id, reverse_path, header_from, header_to, header_subject"
    " FROM message WHERE id > :after_id";

/* The same with a line for each path and each mailbox. */
static const char scan_paths_head[] =
    "SELECT id, reverse_path, header_from, header_to, header_subject,"
    " (SELECT group_concat(forward_path || char(10) || mailbox, char(10))"
    "  FROM recipient WHERE message_id = id)"
    " FROM message WHERE id > :after_id";

static bool
has_words(const struct archive_filter *f)
{
	return f->from || f->to || f->subject;
}

static bool
holds(const struct archive *a, const char *text, const char *words)
{
	return text && a->conf->holds(text, words);
}

static bool
field_holds(struct archive *a, int64_t id, const char *column, const char *name,
    const char *words)
{
	char *more = archive_field(a, id, column, name);
	bool found = holds(a, more ? more : column, words);

	free(more);
	return found;
}

static bool
a_line_holds(const struct archive *a, const char *lines, const char *words)
{
	char *copy = lines ? strdup(lines) : NULL;
	bool found = false;

	for (char *rest = copy, *line; !found && (line = strsep(&rest, "\n"));)
		found = holds(a, line, words);
	free(copy);
	return found;
}

/* Does this row of the scan hold the words? */
static bool
matches(struct archive *a, const struct archive_filter *f, struct statement *q)
{
	int64_t id = statement_integer(q, 0);

	if (f->from && !holds(a, statement_text(q, 1), f->from) &&
	    !field_holds(a, id, statement_text(q, 2), "From", f->from))
		return false;
	if (f->subject &&
	    !field_holds(a, id, statement_text(q, 4), "Subject", f->subject))
		return false;
	return !f->to ||
	       field_holds(a, id, statement_text(q, 3), "To", f->to) ||
	       a_line_holds(a, statement_text(q, 5), f->to);
}

/*
 * Finds the ids of up to `max` mails that match, and narrows `f` to the mails
 * that were not looked at.  Returns how many, or -1.
 */
static int
find(struct archive *a, struct archive_filter *f, bool newest_first,
    int64_t *ret, int max)
{
	int n = 0, nrows, rc, moved = 0;

	do {
		struct statement *q =
		    prepare_filtered(a, f, f->to ? scan_paths_head : scan_head,
			newest_first, SCAN_ROWS);

		for (nrows = 0; n < max && moved == 0 && statement_row(q);
		     nrows++) {
			int64_t id = statement_integer(q, 0);

			if (!newest_first)
				moved = archive_move_on(a, &f->after_id, id);
			else
				f->up_to_id = id > 1 ? id - 1 : NO_ID;
			if (matches(a, f, q))
				ret[n++] = id;
		}
		rc = statement_end(q);
	} while (rc == DATABASE_OK && n < max && nrows == SCAN_ROWS);
	if (rc != DATABASE_OK)
		return archive_fail(a, "list", rc);
	return moved < 0 ? -1 : n;
}

/*
 * Rows
 */

/* A column that is never NULL in a database of ours. */
static char *
read_text(struct statement *q, int column)
{
	return statement_is_null(q, column) ? strdup("")
					    : archive_column(q, column);
}

/* The column, or the field from the mail where that holds more. */
static char *
read_field(struct archive *a, struct statement *q, int column, const char *name)
{
	const char *text = statement_text(q, column);
	char *more = archive_field(a, statement_integer(q, 0), text, name);

	return more ? more : archive_column(q, column);
}

/*
 * Leaves one of several equal lines in a row: they are the mailboxes that an
 * alias names.
 */
static char *
read_recipients(struct statement *q, int column)
{
	char *lines = read_text(q, column);
	char *to = lines, *last = lines;

	for (char *rest = lines, *line; (line = strsep(&rest, "\n"));) {
		size_t len = strlen(line);

		if (line != lines && strcmp(last, line) == 0)
			continue;
		if (line != lines)
			*to++ = '\n';
		last = memmove(to, line, len + 1);
		to += len;
	}
	return lines;
}

static void
read_row(struct archive *a, struct statement *q, struct archive_row *ret)
{
	int at = 0;

	ret->id = statement_integer(q, at++);
	ret->received_at = statement_integer(q, at++);
	ret->size = statement_integer(q, at++);
	ret->client_address = read_text(q, at++);
	ret->reverse_path = read_text(q, at++);
	ret->header_from = read_field(a, q, at++, "From");
	ret->header_to = read_field(a, q, at++, "To");
	ret->header_subject = read_field(a, q, at++, "Subject");
	ret->header_date = read_field(a, q, at++, "Date");
	ret->header_message_id = read_field(a, q, at++, "Message-ID");
	ret->recipients = read_recipients(q, at++);
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

static const char list_head[] =
    "SELECT id, received_at, size, client_address, reverse_path, header_from,"
    " header_to, header_subject, header_date, header_message_id,"
    " (SELECT group_concat(forward_path, char(10)) FROM"
    "  (SELECT forward_path FROM recipient WHERE message_id = message.id"
    "   ORDER BY position) AS r)"
    " FROM message WHERE id > :after_id";

/* Adds to the page. */
static int
read_rows(struct archive *a, const struct archive_filter *filter,
    bool newest_first, uint64_t count, struct archive_page *page)
{
	struct statement *q =
	    prepare_filtered(a, filter, list_head, newest_first, count);
	int rc;

	while (page->nrows < ARCHIVE_PAGE && statement_row(q))
		read_row(a, q, &page->rows[page->nrows++]);
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "list", rc);
}

/*
 * Reads the mails that were found, in one transaction; some may be deleted
 * since.
 */
static int
read_found(
    struct archive *a, const int64_t *ids, int n, struct archive_page *page)
{
	int rc = database_begin_read(a->db), result = 0;

	if (rc != DATABASE_OK)
		return archive_fail(a, "list", rc);
	for (int i = 0; i < n && result == 0; i++) {
		struct archive_filter one = {
			.after_id = ids[i] - 1,
			.up_to_id = ids[i],
		};

		result = read_rows(a, &one, false, 1, page);
	}
	database_end_read(a->db);
	return result;
}

/*
 * Fills the page, and moves `filter` on only where it has words.  Returns 1, 0
 * when there are no more, or -1.
 */
static int
read_page(struct archive *a, struct archive_filter *filter, bool newest_first,
    uint64_t count, struct archive_page *page)
{
	int64_t ids[ARCHIVE_PAGE];
	int n = 0;

	archive_page_reset(page);
	if (!has_words(filter)) {
		if (read_rows(a, filter, newest_first, count, page) < 0)
			return -1;
		return page->nrows > 0;
	}
	while (page->nrows == 0 &&
	       (n = find(a, filter, newest_first, ids, (int)count)) > 0) {
		if (read_found(a, ids, n, page) < 0)
			return -1;
	}
	return n < 0 ? -1 : page->nrows > 0;
}

int
archive_list(
    struct archive *a, struct archive_filter *filter, struct archive_page *page)
{
	int result = read_page(a, filter, false, ARCHIVE_PAGE, page);

	for (size_t i = 0; i < page->nrows && !has_words(filter); i++) {
		if (archive_move_on(a, &filter->after_id, page->rows[i].id) < 0)
			return -1;
	}
	return result;
}

int
archive_list_newest(struct archive *a, const struct archive_filter *filter,
    uint64_t count, struct archive_page *page)
{
	struct archive_filter range = *filter;

	if (count > ARCHIVE_PAGE)
		count = ARCHIVE_PAGE;
	if (read_page(a, &range, true, count, page) < 0)
		return -1;
	for (size_t i = 0; i < page->nrows / 2; i++) {
		struct archive_row *other = &page->rows[page->nrows - 1 - i];
		struct archive_row row = page->rows[i];

		page->rows[i] = *other;
		*other = row;
	}
	return 0;
}

/* Finds the id of the oldest of the newest `count` mails; 0: there is none. */
static int
find_newest(struct archive *a, struct archive_filter range, uint64_t count,
    int64_t *ret)
{
	int64_t ids[ARCHIVE_PAGE];
	int n = 1;

	*ret = 0;
	while (count > 0 && n > 0) {
		n = find(a, &range, true, ids,
		    count < ARCHIVE_PAGE ? (int)count : ARCHIVE_PAGE);
		if (n > 0)
			*ret = ids[n - 1];
		count -= n > 0 ? (uint64_t)n : 0;
	}
	return n < 0 ? -1 : 0;
}

static int
count_newest(struct archive *a, const struct archive_filter *filter,
    uint64_t count, int64_t *ret)
{
	struct statement *q = prepare_filtered(a, filter,
	    "SELECT id FROM message WHERE id > :after_id", true, count);
	int rc;

	*ret = 0;
	while (statement_row(q))
		*ret = statement_integer(q, 0);
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "list", rc);
}

int
archive_skip_to_newest(
    struct archive *a, struct archive_filter *filter, uint64_t count)
{
	int64_t first;
	int result = has_words(filter) ? find_newest(a, *filter, count, &first)
				       : count_newest(a, filter, count, &first);

	if (result == 0 && first > 0)
		filter->after_id = first - 1;
	return result;
}
