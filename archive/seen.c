/*
 * What a person has seen: rows of `delivery`, whose consumer is that person.
 * No lease is needed, since a reader takes nothing away from others.
 */
#include "private.h"

/*
 * Counts first recipients, of which each mail has one: these rows are short,
 * and those of the mails themselves lie on a thousand times as many pages.
 */
int
archive_count(struct archive *a, int64_t after_id, int64_t *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT count(*) FROM recipient"
	    " WHERE position = 1 AND message_id > :after_id");

	statement_bind_integer(q, ":after_id", after_id);
	return archive_run_integer(a, q, "count", ret);
}

int
archive_id_behind(struct archive *a, int64_t n, int64_t *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT message_id FROM recipient WHERE position = 1"
	    " ORDER BY message_id DESC LIMIT 1 OFFSET :n");

	statement_bind_integer(q, ":n", n);
	return archive_run_integer(a, q, "list", ret);
}

int
archive_count_done(struct archive *a, const char *consumer, int64_t *ret)
{
	struct statement *q =
	    statement_take(a->db, "SELECT count(*) FROM delivery"
				  " WHERE consumer = :consumer AND done = 1");

	statement_bind_text(q, ":consumer", consumer);
	return archive_run_integer(a, q, "count", ret);
}

static int
set_done(
    struct archive *a, const char *consumer, int64_t id, bool done, int64_t now)
{
	struct statement *q = statement_take(a->db,
	    done ? "INSERT INTO delivery (message_id, consumer, done, at)"
		   " SELECT id, :consumer, 1, :now FROM message"
		   " WHERE id = :id ON CONFLICT (message_id, consumer)"
		   " DO UPDATE SET done = 1"
		 : "DELETE FROM delivery"
		   " WHERE message_id = :id AND consumer = :consumer");

	statement_bind_integer(q, ":id", id);
	statement_bind_text(q, ":consumer", consumer);
	if (done)
		statement_bind_integer(q, ":now", now);
	return archive_run(a, q, "delivery");
}

int
archive_set_done(struct archive *a, const char *consumer, const int64_t *ids,
    size_t n, bool done, int64_t now)
{
	int result = 0;

	if (n == 0)
		return 0;
	if (archive_begin(a) < 0)
		return -1;
	for (size_t i = 0; i < n && result >= 0; i++)
		result = set_done(a, consumer, ids[i], done, now);
	return archive_end(a, result);
}

int
archive_remove(struct archive *a, const int64_t *ids, size_t n)
{
	int result = 0;

	if (n == 0)
		return 0;
	if (archive_begin(a) < 0)
		return -1;
	for (size_t i = 0; i < n && result >= 0; i++) {
		struct statement *q =
		    statement_take(a->db, "DELETE FROM message WHERE id = :id");

		statement_bind_integer(q, ":id", ids[i]);
		result = archive_run(a, q, "delete");
	}
	return archive_end(a, result);
}
