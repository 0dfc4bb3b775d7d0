/*
 * A checkpoint copies the WAL into the database, and only under the write lock.
 * SQLite up to 3.51.2 may lose rows if one connection begins the WAL anew while
 * another one copies from it, so no two connections of ours do that at once.
 *
 * An application that writes without our lock does not do it either: a second
 * connection, the guard, holds SQLite's own write lock during the checkpoint,
 * for the connection that copies must not hold it.  Checkpoints of applications
 * are their own affair: smtpd-db(5).
 */
#include "index.h"
#include "private.h"

/*
 * If the opening fails half way, SQLite closes the file, and the kernel drops
 * all locks that this process has on the database (POSIX).  Then everything is
 * closed, before another process deletes the WAL as its last user.
 */
static enum verdict
open_guard(struct database *db)
{
	enum verdict result;
	int rc = sqlite3_open_v2(database_file(db), &db->guard,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);

	if (rc == SQLITE_OK && sqlite3_db_readonly(db->guard, "main"))
		rc = SQLITE_READONLY;
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db->guard, db->wait_ms);
		sqlite3_wal_autocheckpoint(db->guard, 0);
		return VERDICT_OK;
	}
	result = error_on(db, db->guard, "opening it again", rc);
	database_close(db);
	return result;
}

static enum verdict
begin_guard(struct database *db)
{
	enum verdict result = db->guard ? VERDICT_OK : open_guard(db);
	int rc;

	if (result != VERDICT_OK)
		return result;
	rc = sqlite3_exec(db->guard, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	return rc == SQLITE_OK
		   ? VERDICT_OK
		   : error_on(db, db->guard, "keeping writers out", rc);
}

/* Without the memory to roll back, closing the database ends it. */
static void
end_guard(struct database *db)
{
	sqlite3_exec(db->guard, "ROLLBACK", NULL, NULL, NULL);
	if (sqlite3_txn_state(db->guard, "main") != SQLITE_TXN_NONE)
		database_close(db);
}

/*
 * Copies as far as readers let it.  Once all is copied, the next commit begins
 * the WAL anew.
 */
static enum verdict
copy_wal(struct database *db)
{
	enum verdict result = begin_guard(db);
	int pages = 0, copied = -1, rc;

	if (result != VERDICT_OK)
		return result;
	result = wal_begin_sync(db);
	if (result == VERDICT_OK) {
		rc = sqlite3_wal_checkpoint_v2(db->sqlite, "main",
		    SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
		wal_end_sync(db);
		if (rc != SQLITE_OK)
			result = database_fail_code(db, "checkpoint", rc);
		else if (pages == copied)
			db->wal_pages = 0;
	}
	end_guard(db);
	return result;
}

/*
 * Copies if the WAL is still that long.  Others may have waited for the write
 * lock to do the same, and each would copy the few frames written since the one
 * before it, with two syncs.
 */
static enum verdict
checkpoint(struct database *db, int64_t least)
{
	enum verdict result = wal_enter(db);
	int64_t frames;

	if (result != VERDICT_OK)
		return result;
	frames = index_frames_to_copy(db->sqlite);
	if (frames < 0 || frames >= least)
		result = copy_wal(db);
	if (db->is_inside)
		wal_leave(db);
	return result;
}

/*
 * A reader with an old snapshot can keep a checkpoint from copying all.  The
 * next one is tried when the WAL has grown by as much again.
 */
bool
database_is_untidy(const struct database *db, int least_pages)
{
	/* If there are fewer than before, it was begun anew. */
	int copied = db->wal_pages < db->copied_pages ? 0 : db->copied_pages;

	return db->sqlite && db->wal_pages - copied >= least_pages;
}

enum verdict
database_tidy(struct database *db, int least_pages)
{
	enum verdict result;

	if (!database_is_untidy(db, least_pages))
		return VERDICT_OK;
	result = checkpoint(db, least_pages);
	db->copied_pages = db->wal_pages;
	return result;
}

enum verdict
database_checkpoint(struct database *db)
{
	enum verdict result;
	int64_t version = 0;
	int rc;

	if (!db->sqlite)
		return VERDICT_OK;
	/* Changes when another connection has committed. */
	rc = statement_run_integer(
	    statement_take(db, "PRAGMA data_version"), &version);
	if (rc != SQLITE_OK)
		return database_fail_code(db, "reading the WAL", rc);
	if (version == db->copied_version)
		return VERDICT_OK;
	result = checkpoint(db, 0);
	if (result == VERDICT_OK)
		db->copied_version = version;
	return result;
}

/*
 * VACUUM goes through the WAL, which is then as long as the database; only the
 * checkpoint after it makes the file shorter.
 */
static int
vacuum(sqlite3 *sqlite)
{
	int rc = sqlite3_exec(sqlite, "VACUUM", NULL, NULL, NULL);

	return rc == SQLITE_OK ? sqlite3_wal_checkpoint_v2(sqlite, "main",
				     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL)
			       : rc;
}

enum verdict
database_vacuum(struct database *db)
{
	enum verdict result = wal_enter(db);
	int rc;

	if (result != VERDICT_OK)
		return result;
	result = wal_begin_sync(db);
	if (result == VERDICT_OK) {
		rc = vacuum(db->sqlite);
		wal_end_sync(db);
		if (rc != SQLITE_OK)
			result = database_fail_code(db, "vacuum", rc);
	}
	wal_leave(db);
	return result;
}
