/*
 * The write lock, and the mark that a sync has failed, of which this file is
 * the only owner.
 *
 * The mark in the lock file stands for the time of all that may sync, so a
 * process that is killed before it has dealt with an error leaves the mark
 * behind; and it stays if a sync failed.  Whoever takes the write lock and finds
 * the mark heals the WAL first (heal.c).
 */
#include <errno.h>

#include "lockfile.h"
#include "private.h"

/* SQLite's error log is called by the thread that syncs. */
static _Thread_local bool sync_failed;

static void
watch(void *arg, int rc, const char *message)
{
	(void)arg;
	(void)message;
	if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
		sync_failed = true;
}

/* SQLite reports a sync that fails during a close nowhere else. */
void
wal_watch(void)
{
	/*
	 * SQLite refuses it once a database is open; then an earlier call has
	 * set it.
	 */
	sqlite3_config(SQLITE_CONFIG_LOG, watch, NULL);
}

enum verdict
wal_enter_raw(struct database *db, int wait_ms)
{
	if (db->is_for_reading)
		return database_fail(
		    db, VERDICT_FAILED, "%s: no permission to write", db->path);
	if (lockfile_enter(db->lock, wait_ms) < 0)
		return database_fail_errno(
		    db, "waiting for other writers", errno);
	db->is_inside = true;
	db->was_marked = lockfile_is_marked(db->lock);
	return VERDICT_OK;
}

static enum verdict
heal(struct database *db)
{
	enum verdict result = heal_wal(db);

	if (result != VERDICT_OK)
		return result;
	if (lockfile_mark(db->lock, false) < 0)
		return database_fail_errno(db, "clearing the mark", errno);
	db->was_marked = false;
	return VERDICT_OK;
}

enum verdict
wal_enter(struct database *db)
{
	enum verdict result = wal_enter_raw(db, db->wait_ms);

	if (result == VERDICT_OK && db->was_marked) {
		result = heal(db);
		if (result != VERDICT_OK)
			wal_leave(db);
	}
	return result;
}

void
wal_leave(struct database *db)
{
	db->is_inside = false;
	lockfile_leave(db->lock);
}

enum verdict
wal_begin_sync(struct database *db)
{
	sync_failed = false;
	if (lockfile_mark(db->lock, true) < 0)
		return database_fail_errno(db, "setting the mark", errno);
	return VERDICT_OK;
}

void
wal_end_sync(struct database *db)
{
	db->was_marked |= sync_failed;
	if (!db->was_marked)
		lockfile_mark(db->lock, false);
}
