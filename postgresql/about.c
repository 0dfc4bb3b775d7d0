/*
 * What the server says of itself, for those who look after it.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

bool
database_is_file(void)
{
	return false;
}

/*
 * A mail becomes visible when the lowest number of an open transaction has
 * grown beyond that of its own.
 */
static int
ask_version(struct database *db, int64_t *ret)
{
	return statement_run_integer(
	    statement_take(db,
		"SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot())"
		" AS text) AS bigint)"),
	    ret);
}

static bool
forget_notices(struct database *db)
{
	PGnotify *notice;
	bool any = false;

	while ((notice = PQnotifies(db->connection))) {
		PQfreemem(notice);
		any = true;
	}
	return any;
}

/*
 * A notice that came while the version was read may tell of a mail that it
 * does not count yet: the version is read again.
 */
enum verdict
database_data_version(struct database *db, int64_t *ret)
{
	int rc;

	do
		rc = ask_version(db, ret);
	while (rc == DATABASE_OK && forget_notices(db));
	return rc == DATABASE_OK ? VERDICT_OK
				 : database_fail_code(db, "version", rc);
}

/*
 * Fails behind a pooler, which gives the connection to others, and on a
 * standby, which gets no notices.
 */
int
database_listen(struct database *db)
{
	if (!db->is_ready || db->is_pooled || talk_is_standby(db) ||
	    query_run(db, "LISTEN smtpd_message") != DATABASE_OK)
		return -1;
	return PQsocket(db->connection);
}

/*
 * There is nothing to check: a user who can make views can do all else here.
 */
enum verdict
database_check_tables(struct database *db)
{
	(void)db;
	return VERDICT_OK;
}

int
database_read_sizes(struct database *db, struct database_sizes *ret)
{
	/* clang-format off */
	const struct {
		int64_t *field;
		const char *sql;
	} numbers[] = {
		{ &ret->last_id,
		  "SELECT CASE WHEN is_called THEN last_value ELSE 0 END"
		  " FROM main.message_id" },
		{ &ret->page_size,
		  "SELECT CAST(current_setting('block_size') AS bigint)" },
		{ &ret->pages,
		  "SELECT pg_database_size(current_database())"
		  " / CAST(current_setting('block_size') AS bigint)" },
	};
	/* clang-format on */
	int rc = DATABASE_OK;

	ret->free_pages = ret->log_octets = 0;
	for (size_t i = 0;
	     i < sizeof numbers / sizeof *numbers && rc == DATABASE_OK; i++)
		rc = statement_run_integer(
		    statement_take(db, numbers[i].sql), numbers[i].field);
	return rc;
}

int
database_check(struct database *db, char **ret)
{
	*ret =
	    strdup(settings_check(db, false) == VERDICT_OK ? "ok" : db->error);
	return *ret ? DATABASE_OK : DATABASE_NO_MEMORY;
}

int
database_has_copies(struct database *db, bool *ret)
{
	char names[8];
	int rc = query_ask(
	    db, "SHOW synchronous_standby_names", names, sizeof names);

	*ret = names[0] != '\0';
	return rc;
}

void
database_delete_sparingly(struct database *db)
{
	(void)db;
}

const char *
database_library(struct database *db)
{
	static char text[64];
	int server = PQserverVersion(db->connection);
	int libpq = PQlibVersion();

	snprintf(text, sizeof text, "PostgreSQL %d.%d, by libpq %d.%d",
	    server / 10000, server % 10000, libpq / 10000, libpq % 10000);
	return text;
}

bool
database_library_is_faulty(void)
{
	return false;
}
