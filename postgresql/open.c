/*
 * Opens the database: checks that it has our tables in a known version, or
 * makes them.
 */
#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

const char database_schema[] = {
#include "schema-postgresql.inc"
	, '\0'
};

enum {
	OLDEST_SERVER = 130000, /* the first with the functions of xid8 */
};

void
database_start(void)
{
}

struct database *
database_new(const char *path)
{
	struct database *db = calloc(1, sizeof *db);
	unsigned char octets[(TOKEN_SIZE - 1) / 2];

	if (!db || getrandom(octets, sizeof octets, 0) != sizeof octets) {
		free(db);
		return NULL;
	}
	for (size_t i = 0; i < sizeof octets; i++)
		sprintf(db->token + 2 * i, "%02x", octets[i]);
	db->path = path;
	database_set_wait(db, 30000);
	return db;
}

struct database *
database_new_to_read(const char *path)
{
	struct database *db = database_new(path);

	if (db)
		db->only_reads = true;
	return db;
}

void
database_free(struct database *db)
{
	if (!db)
		return;
	database_close(db);
	statement_free_all(db);
	free(db);
}

/*
 * Sets the time that a server may take for an answer.  A COMMIT that waits for
 * a standby is given up after this time.
 */
void
database_set_wait(struct database *db, int wait_ms)
{
	const char *sec = getenv("SMTPD_POSTGRESQL_TIMEOUT");
	int limit_ms = sec ? atoi(sec) * 1000 : 0;

	db->wait_ms = wait_ms;
	db->timeout_ms =
	    limit_ms > 0 && limit_ms < wait_ms ? limit_ms : wait_ms;
}

bool
database_is_open(const struct database *db)
{
	return db->is_ready;
}

void
database_close(struct database *db)
{
	talk_close(db);
}

/*
 * Checks
 */

static enum verdict
ask(struct database *db, const char *sql, char *ret, size_t size)
{
	int rc = query_ask(db, sql, ret, size);

	return rc == DATABASE_OK ? VERDICT_OK
				 : database_fail_code(db, db->place, rc);
}

/*
 * Finds out whether a pooler is between: libpq was told the process of the
 * pooler then, which is not that of the server.  Prepared statements belong to
 * one connection to the server.
 */
static enum verdict
find_pooler(struct database *db)
{
	char pid[32];
	enum verdict result =
	    ask(db, "SELECT pg_backend_pid()", pid, sizeof pid);

	db->is_pooled = atoi(pid) != PQbackendPID(db->connection);
	return result;
}

/*
 * Has the server notice when this host vanishes without a word, as talk.c does
 * for the server.
 */
static enum verdict
be_missed(struct database *db)
{
	int rc = db->is_pooled
		     ? DATABASE_OK
		     : query_run(db, "SET tcp_keepalives_idle TO 10;"
				     " SET tcp_keepalives_interval TO 5;"
				     " SET tcp_keepalives_count TO 3;"
				     " SET tcp_user_timeout TO 20000");

	return rc == DATABASE_OK ? VERDICT_OK
				 : database_fail_code(db, db->place, rc);
}

/*
 * Versions
 */

/* 0: there are no tables of ours. */
static enum verdict
read_version(struct database *db, int *ret)
{
	char text[32];
	enum verdict result =
	    ask(db, "SELECT to_regclass('main.version') IS NOT NULL", text,
		sizeof text);

	*ret = 0;
	if (result == VERDICT_OK && text[0] == 't') {
		result = ask(
		    db, "SELECT number FROM main.version", text, sizeof text);
		*ret = atoi(text);
	}
	if (result == VERDICT_OK && *ret != 0 && *ret != DATABASE_VERSION)
		return database_fail(db, VERDICT_UNUSABLE,
		    "%s has version %d, of %s smtpd; this one knows %d: "
		    "install that one",
		    db->place, *ret,
		    *ret < DATABASE_VERSION ? "an older" : "a newer",
		    DATABASE_VERSION);
	return result;
}

/* Another process may have made them while this one waited for the lock. */
static enum verdict
make_tables(struct database *db)
{
	char nothing[32];
	int version = 0;
	enum verdict result = VERDICT_OK;
	int rc = query_run(db, "BEGIN");

	if (rc == DATABASE_OK)
		rc = query_run(db, MAKE_LOCK);
	if (rc == DATABASE_OK)
		result = read_version(db, &version);
	if (rc == DATABASE_OK && result == VERDICT_OK && version == 0)
		rc = query_run(db, database_schema);
	if (rc == DATABASE_OK && result == VERDICT_OK && version == 0)
		rc = partition_make(db);
	if (rc == DATABASE_OK && result == VERDICT_OK)
		rc = query_run(db, "COMMIT");
	if (rc != DATABASE_OK)
		result = database_fail_code(db,
		    "making the tables, which the owner of the database may",
		    rc);
	if (result != VERDICT_OK)
		query_ask(db, "ROLLBACK", nothing, sizeof nothing);
	return result;
}

static enum verdict
check_server(struct database *db)
{
	int version = PQserverVersion(db->connection);

	if (version >= OLDEST_SERVER)
		return VERDICT_OK;
	return database_fail(db, VERDICT_UNUSABLE,
	    "%s is of PostgreSQL %d.%d; it must be %d or later", db->place,
	    version / 10000, version % 10000, OLDEST_SERVER / 10000);
}

static enum verdict
make_ready(struct database *db, bool may_make)
{
	int version = 0;
	enum verdict result = check_server(db);

	if (result == VERDICT_OK)
		result = find_pooler(db);
	if (result == VERDICT_OK)
		result = be_missed(db);
	if (result == VERDICT_OK)
		result = settings_check(db, settings_may_be_unsafe(db));
	if (result == VERDICT_OK)
		result = read_version(db, &version);
	if (result == VERDICT_OK && version == 0)
		result = may_make ? make_tables(db)
				  : database_fail(db, VERDICT_BUSY,
					"%s is yet to be made", db->place);
	else if (result == VERDICT_OK && may_make)
		partition_divide(db);
	return result;
}

static enum verdict
open_database(struct database *db, bool may_make)
{
	enum verdict result;
	int rc;

	bulk_forget_all(db);
	rc = talk_open(db);

	if (rc != DATABASE_OK)
		return database_fail_code(db, "connecting", rc);
	result = make_ready(db, may_make);
	if (result != VERDICT_OK)
		talk_close(db);
	db->is_ready = result == VERDICT_OK;
	return result;
}

/* The late answer to the COMMIT is for nobody: the clients were told 451. */
static enum verdict
leave_stuck(struct database *db)
{
	if (!pipeline_has_ended(db))
		return pipeline_fail_stuck(db);
	talk_close(db);
	return database_open(db);
}

enum verdict
database_open(struct database *db)
{
	if (db->is_stuck)
		return leave_stuck(db);
	if (db->is_ready && !talk_is_in_transaction(db) && !talk_is_alive(db))
		talk_close(db);
	return db->is_ready ? VERDICT_OK : open_database(db, !db->only_reads);
}

enum verdict
database_open_as_it_is(struct database *db)
{
	db->as_it_is = true;
	return database_open(db);
}

enum verdict
database_open_ahead(struct database *db)
{
	return db->is_ready || db->is_stuck ? VERDICT_OK
					    : open_database(db, false);
}

/*
 * What only a database in a file needs
 */

const char *
database_look(const char *path)
{
	(void)path;
	return NULL;
}

bool
database_leave_if_moved(struct database *db)
{
	(void)db;
	return false;
}

bool
database_is_torn(struct database *db)
{
	(void)db;
	return false;
}

bool
database_is_marked(const struct database *db)
{
	(void)db;
	return false;
}

/* The folder for spools. */
const char *
database_folder(struct database *db)
{
	const char *folder = getenv("TMPDIR");

	(void)db;
	return folder && *folder ? folder : "/var/tmp";
}

const char *
database_file(const struct database *db)
{
	return db->place;
}

enum verdict
database_open_beside(
    struct database *db, const char *suffix, int flags, int *ret_fd)
{
	(void)flags;
	(void)ret_fd;
	return database_fail(db, VERDICT_UNUSABLE,
	    "%s is no file, and has no %s beside it", db->place, suffix);
}

bool
database_is_untidy(const struct database *db, int least_pages)
{
	(void)db;
	(void)least_pages;
	return false;
}

enum verdict
database_tidy(struct database *db, int least_pages)
{
	(void)db;
	(void)least_pages;
	return VERDICT_OK;
}

enum verdict
database_checkpoint(struct database *db)
{
	(void)db;
	return VERDICT_OK;
}

enum verdict
database_vacuum(struct database *db)
{
	int rc = database_open(db) == VERDICT_OK ? query_run(db, "VACUUM")
						 : DATABASE_IO_ERROR;

	return rc == DATABASE_OK ? VERDICT_OK
				 : database_fail_code(db, "vacuum", rc);
}
