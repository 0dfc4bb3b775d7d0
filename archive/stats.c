/*
 * How much mail there is, and the state of the database that holds it.
 */
#include <stdlib.h>

#include "private.h"

int
archive_stats(struct archive *a, struct archive_stats *ret)
{
	/* clang-format off */
	const struct {
		int64_t *field;
		const char *sql;
	} numbers[] = {
		{ &ret->recipients, "SELECT count(*) FROM recipient" },
		{ &ret->max_messages, "SELECT max_messages FROM quota" },
		{ &ret->max_octets, "SELECT max_octets FROM quota" },
	};
	/* clang-format on */
	struct statement *q = statement_take(a->db,
	    "SELECT count(*), sum(size), min(received_at), max(received_at)"
	    " FROM message");
	struct database_sizes sizes = { 0 };
	int rc;

	if (statement_row(q)) {
		ret->messages = statement_integer(q, 0);
		ret->octets = statement_integer(q, 1);
		ret->first_at = statement_integer(q, 2);
		ret->last_at = statement_integer(q, 3);
	}
	rc = statement_end(q);
	if (rc == DATABASE_OK)
		rc = database_read_sizes(a->db, &sizes);
	if (rc != DATABASE_OK)
		return archive_fail(a, "stats", rc);
	ret->last_id = sizes.last_id;
	ret->page_size = sizes.page_size;
	ret->pages = sizes.pages;
	ret->free_pages = sizes.free_pages;
	ret->log_octets = sizes.log_octets;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (archive_run_integer(a,
			statement_take(a->db, numbers[i].sql), "stats",
			numbers[i].field) < 0)
			return -1;
	}
	return 0;
}

int
archive_hours(struct archive *a, struct archive_hour *ret, int max)
{
	struct statement *q = statement_take(a->db,
	    "SELECT received_at / 3600000000, count(*)"
	    " FROM message GROUP BY 1 ORDER BY 1 DESC LIMIT :max");
	int n = 0, rc;

	statement_bind_integer(q, ":max", max);
	while (n < max && statement_row(q)) {
		ret[n].hour = statement_integer(q, 0);
		ret[n++].messages = statement_integer(q, 1);
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? n : archive_fail(a, "stats", rc);
}

char *
archive_check(struct archive *a)
{
	char *found = NULL;
	int rc = database_check(a->db, &found);

	if (rc != DATABASE_OK)
		archive_fail(a, "check", rc);
	return found;
}

int
archive_has_copies(struct archive *a)
{
	bool has = false;
	int rc = database_has_copies(a->db, &has);

	return rc == DATABASE_OK ? has : archive_fail(a, "check", rc);
}

bool
archive_is_marked(const struct archive *a)
{
	return database_is_marked(a->db);
}

const char *
archive_file(const struct archive *a)
{
	return database_file(a->db);
}

bool
archive_is_file(void)
{
	return database_is_file();
}

const char *
archive_library(struct archive *a)
{
	return database_library(a->db);
}

bool
archive_library_is_faulty(void)
{
	return database_library_is_faulty();
}

int
archive_application_id(void)
{
	return DATABASE_APPLICATION_ID;
}

int
archive_schema_version(void)
{
	return DATABASE_VERSION;
}
