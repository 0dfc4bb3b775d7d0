/*
 * What SQLite and the file say of themselves.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "private.h"

bool
database_is_file(void)
{
	return true;
}

static int
ask_version(struct database *db, int64_t *ret)
{
	return statement_run_integer(
	    statement_take(db, "PRAGMA data_version"), ret);
}

enum verdict
database_data_version(struct database *db, int64_t *ret)
{
	int64_t n = 0;
	enum verdict result = copy_follow(db);
	int rc = result == VERDICT_OK ? ask_version(db, &n) : SQLITE_OK;

	/* Who began just now has not made the wal-index that it has announced. */
	if (rc == SQLITE_READONLY_RECOVERY) {
		database_close(db);
		result = copy_follow(db);
		rc = result == VERDICT_OK ? ask_version(db, &n) : SQLITE_OK;
	}
	if (result != VERDICT_OK)
		return result;
	if (rc != SQLITE_OK)
		return database_fail_code(db, "version", rc);
	*ret = n + (db->times_followed << 32);
	return VERDICT_OK;
}

int
database_listen(struct database *db)
{
	(void)db;
	return -1;
}

/* A file of somebody else may say in its header that it is ours. */
enum verdict
database_check_tables(struct database *db)
{
	struct statement *q = statement_take(db,
	    "SELECT count(*) FROM sqlite_schema"
	    " WHERE (type = 'view' OR rootpage = 0 AND type = 'table')"
	    " AND lower(name) IN ('message', 'recipient', 'delivery', 'domain',"
	    " 'mailbox', 'alias', 'quota', 'sender_rule', 'client_rule',"
	    " 'rate_limit', 'rate_count', 'filter_change', 'account',"
	    " 'account_address')");
	int64_t n = 0;
	int rc = statement_run_integer(q, &n);

	if (rc == DATABASE_OK)
		rc = database_run(db, "PRAGMA cell_size_check = ON");
	if (rc != DATABASE_OK)
		return database_fail_code(db, "open", rc);
	if (n == 0)
		return VERDICT_OK;
	return database_fail(db, VERDICT_CORRUPT,
	    "%s has views in the place of tables", db->path);
}

static int64_t
log_octets(const struct database *db)
{
	char path[PATH_MAX + 8];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", database_file(db));
	return stat(path, &st) == 0 ? st.st_size : 0;
}

int
database_read_sizes(struct database *db, struct database_sizes *ret)
{
	/* clang-format off */
	const struct {
		int64_t *field;
		const char *sql;
	} numbers[] = {
		{ &ret->last_id, "SELECT seq FROM sqlite_sequence WHERE name = 'message'" },
		{ &ret->page_size, "PRAGMA page_size" },
		{ &ret->pages, "PRAGMA page_count" },
		{ &ret->free_pages, "PRAGMA freelist_count" },
	};
	/* clang-format on */
	int rc = DATABASE_OK;

	ret->log_octets = log_octets(db);
	for (size_t i = 0;
	     i < sizeof numbers / sizeof *numbers && rc == DATABASE_OK; i++)
		rc = statement_run_integer(
		    statement_take(db, numbers[i].sql), numbers[i].field);
	return rc;
}

int
database_check(struct database *db, char **ret)
{
	struct statement *q = statement_take(db, "PRAGMA quick_check(1)");
	const char *found = statement_row(q) ? statement_text(q, 0) : NULL;
	char *copy = found ? strdup(found) : NULL;

	*ret = copy;
	return statement_end(q);
}

/* A comment may stand at the end of a text, so ";" has a line of its own. */
int
database_read_schema(struct database *db, char **ret)
{
	struct statement *q = statement_take(db,
	    "SELECT coalesce(group_concat(sql || char(10) || ';' || char(10),"
	    " ''), '') FROM sqlite_schema WHERE sql IS NOT NULL");
	const char *text = statement_row(q) ? statement_text(q, 0) : NULL;
	int rc;

	*ret = strdup(text ? text : "");
	rc = statement_end(q);
	return rc == DATABASE_OK && !*ret ? DATABASE_NO_MEMORY : rc;
}

int
database_has_copies(struct database *db, bool *ret)
{
	(void)db;
	*ret = false;
	return DATABASE_OK;
}

/*
 * Debian's SQLite writes zeros over what is deleted (secure_delete), and so all
 * pages of a mail into the WAL.  Without that it writes a few pages a mail.
 */
void
database_delete_sparingly(struct database *db)
{
	database_run(db, "PRAGMA secure_delete = FAST");
}

const char *
database_library(struct database *db)
{
	static char text[64];

	(void)db;
	snprintf(text, sizeof text, "SQLite %s", sqlite3_libversion());
	return text;
}

/* SQLite mended it in 3.51.3, and in 3.44.6 and 3.50.7. */
bool
database_library_is_faulty(void)
{
	int version = sqlite3_libversion_number();

	return version >= 3007000 && version <= 3051002 && version != 3044006 &&
	       version != 3050007;
}
