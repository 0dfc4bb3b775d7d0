
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../database/turnstile.h"
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
	sqlite3_stmt *q = archive_prepare(a,
	    "SELECT count(*), sum(size), min(received_at), max(received_at)"
	    " FROM message");
	int rc;

	ret->log_octets = log_octets(a);
	if (!q)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW) {
		ret->messages = sqlite3_column_int64(q, 0);
		ret->octets = sqlite3_column_int64(q, 1);
		ret->first_at = sqlite3_column_int64(q, 2);
		ret->last_at = sqlite3_column_int64(q, 3);
	}
	rc = archive_finish(a, q);
	if (rc != SQLITE_OK)
		return archive_fail(a, "stats", rc);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (archive_run_integer(a, archive_prepare(a, numbers[i].sql),
			"stats", numbers[i].field) < 0)
			return -1;
	}
	return 0;
}

int
archive_hours(struct archive *a, struct archive_hour *ret, int max)
{
	sqlite3_stmt *q = archive_prepare(a,
	    "SELECT received_at / 3600000000, count(*)"
	    " FROM message GROUP BY 1 ORDER BY 1 DESC LIMIT :max");
	int n = 0, rc;

	if (!q)
		return -1;
	archive_bind_integer(q, ":max", max);
	while (n < max && sqlite3_step(q) == SQLITE_ROW) {
		ret[n].hour = sqlite3_column_int64(q, 0);
		ret[n++].messages = sqlite3_column_int64(q, 1);
	}
	rc = archive_finish(a, q);
	return rc == SQLITE_OK ? n : archive_fail(a, "stats", rc);
}

char *
archive_check(struct archive *a)
{
	sqlite3_stmt *q = archive_prepare(a, "PRAGMA quick_check(1)");
	char *found = NULL;
	int rc;

	if (!q)
		return NULL;
	if (sqlite3_step(q) == SQLITE_ROW)
		found = archive_column(q, 0);
	rc = archive_finish(a, q);
	if (rc != SQLITE_OK && rc != SQLITE_ROW)
		archive_fail(a, "check", rc);
	return found;
}

bool
archive_is_poisoned(const struct archive *a)
{
	return turnstile_is_marked(a->store->turnstile);
}

const char *
archive_file(const struct archive *a)
{
	return sqlite3_db_filename(a->store->db, "main");
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
