/*
 * The WAL is copied into the database under the write lock only.  SQLite up to
 * 3.51.2 may lose rows if one connection begins the WAL anew while another
 * copies from it; so no two of ours ever do.  Nor does an application that
 * writes without our lock, since a guard, a second connection, has SQLite's
 * own write lock meanwhile, which the one that copies must not have.  What an
 * application checkpoints itself is its own affair: smtpd-db(5).
 */
#include "index.h"
#include "private.h"

/*
 * Should the opening fail half way, its file is closed, and with that go all
 * locks that this process has on the database (POSIX).  Then everything is
 * closed, before somebody else deletes the WAL as its last user.
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

/* Where there is no memory to end it, closing the database does. */
static void
end_guard(struct database *db)
{
	sqlite3_exec(db->guard, "ROLLBACK", NULL, NULL, NULL);
	if (sqlite3_txn_state(db->guard, "main") != SQLITE_TXN_NONE)
		database_close(db);
}

/* As far as readers let us.  If that is all, the next commit begins it anew. */
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
 * If the WAL is that long by now: others may have waited for the write lock
 * with the same intent, and each would copy the few frames there are after the
 * one before it, with two syncs.
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
 * A reader with an old snapshot can keep a checkpoint from getting through;
 * then the next one is tried when the WAL has grown as much again.
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
