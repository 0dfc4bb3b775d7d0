
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "private.h"

static int64_t
log_octets(const struct archive *a)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", archive_file(a));
	return stat(path, &st) == 0 ? st.st_size : 0;
}

int
archive_stats(struct archive *a, struct archive_stats *ret)
{
	/* clang-format off */
	const struct {
		int64_t *field;
		const char *sql;
	} numbers[] = {
		{ &ret->last_id, "SELECT seq FROM sqlite_sequence WHERE name = 'message'" },
		{ &ret->recipients, "SELECT count(*) FROM recipient" },
		{ &ret->page_size, "PRAGMA page_size" },
		{ &ret->pages, "PRAGMA page_count" },
		{ &ret->free_pages, "PRAGMA freelist_count" },
		{ &ret->max_messages, "SELECT max_messages FROM quota" },
		{ &ret->max_octets, "SELECT max_octets FROM quota" },
	};
	/* clang-format on */
	struct statement *q = statement_take(a->db,
	    "SELECT count(*), sum(size), min(received_at), max(received_at)"
	    " FROM message");
	int rc;

	ret->log_octets = log_octets(a);
	if (statement_row(q)) {
		ret->messages = statement_integer(q, 0);
		ret->octets = statement_integer(q, 1);
		ret->first_at = statement_integer(q, 2);
		ret->last_at = statement_integer(q, 3);
	}
	rc = statement_end(q);
	if (rc != DATABASE_OK)
		return archive_fail(a, "stats", rc);
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
	struct statement *q = statement_take(a->db, "PRAGMA quick_check(1)");
	char *found = NULL;
	int rc;

	if (!q)
		return NULL;
	if (statement_row(q))
		found = archive_column(q, 0);
	rc = statement_end(q);
	if (rc != DATABASE_OK)
		archive_fail(a, "check", rc);
	return found;
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

const char *
archive_library(void)
{
	return sqlite3_libversion();
}

/* Mended in 3.51.3, and before that in 3.44.6 and 3.50.7. */
bool
archive_library_is_faulty(void)
{
	int version = sqlite3_libversion_number();

	return version >= 3007000 && version <= 3051002 && version != 3044006 &&
	       version != 3050007;
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
