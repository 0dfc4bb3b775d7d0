/*
 * Transactions that write, and those that read.
 *
 * With synchronous=FULL, COMMIT returns when the WAL is synced, and only then
 * does SQLite publish the frames: whoever reads a row, or builds on it, reads
 * what is on the disk.
 */
#include "private.h"

static enum verdict
begin(struct database *db)
{
	int rc = database_run(db, "BEGIN IMMEDIATE");

	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_code(db, "begin", rc);
}

/*
 * True: the connection cannot be used again, for its transaction cannot be
 * ended, or SQLite has opened for reading what it could not open for writing.
 */
static bool
is_lost(struct database *db)
{
	return sqlite3_txn_state(db->sqlite, "main") != SQLITE_TXN_NONE ||
	       (sqlite3_errcode(db->sqlite) & 0xff) == SQLITE_READONLY;
}

static void
abandon(struct database *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		database_run(db, "ROLLBACK");
	if (is_lost(db))
		database_close(db);
}

void
database_expect(struct database *db, int mails)
{
	(void)db;
	(void)mails; /* the write lock is everybody's */
}

enum verdict
database_begin(struct database *db)
{
	enum verdict result = database_open(db);

	if (result != VERDICT_OK)
		return result;
	result = wal_enter(db);
	if (result == VERDICT_OK)
		result = begin(db);
	if (result != VERDICT_OK)
		database_rollback(db);
	return result;
}

void
database_rollback(struct database *db)
{
	if (db->sqlite)
		abandon(db);
	if (db->is_inside)
		wal_leave(db);
}

enum verdict
database_commit(struct database *db)
{
	enum verdict result = wal_begin_sync(db);
	int rc;

	if (result == VERDICT_OK) {
		rc = database_run(db, "COMMIT");
		wal_end_sync(db);
		if (rc != SQLITE_OK)
			result = database_fail_code(db, "commit", rc);
	}
	if (result == VERDICT_OK)
		wal_leave(db);
	else
		database_rollback(db);
	return result;
}

int
database_save(struct database *db)
{
	return database_run(db, "SAVEPOINT mail");
}

bool
database_settle(struct database *db, bool keep)
{
	if (!db->sqlite || sqlite3_get_autocommit(db->sqlite))
		return false;
	return (keep || database_run(db, "ROLLBACK TO mail") == SQLITE_OK) &&
	       database_run(db, "RELEASE mail") == SQLITE_OK;
}

/* The id that AUTOINCREMENT will choose; the trace lines name it. */
int
database_next_id(struct database *db, int64_t *ret)
{
	static const char sql[] =
	    "SELECT 1 + max(coalesce("
	    "  (SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0),"
	    " coalesce((SELECT max(id) FROM message), 0))";

	return statement_run_integer(statement_take(db, sql), ret);
}

bool
database_can_single_out(const struct database *db)
{
	(void)db;
	return false; /* each row has been waited for */
}

int
database_lock_counts(struct database *db)
{
	(void)db;
	return SQLITE_OK; /* the write lock is held */
}

int
database_begin_read(struct database *db)
{
	return database_run(db, "BEGIN");
}

void
database_end_read(struct database *db)
{
	if (db->sqlite && !sqlite3_get_autocommit(db->sqlite) &&
	    database_run(db, "COMMIT") != SQLITE_OK)
		database_run(db, "ROLLBACK");
}

void
database_begin_rounds(struct database *db)
{
	(void)db;
}

/* Each statement has had its rows at once. */
int
database_next_round(struct database *db, bool *ret_again)
{
	(void)db;
	*ret_again = false;
	return SQLITE_OK;
}

/* SQLite has no partitions that could go as a whole. */
int
database_drop_mails(struct database *db, int64_t up_to_id, int64_t before,
    uint64_t *ret_mails, uint64_t *ret_octets)
{
	(void)db;
	(void)up_to_id;
	(void)before;
	*ret_mails = *ret_octets = 0;
	return DATABASE_OK;
}
