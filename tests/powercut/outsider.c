#include "outsider.h"

#include <err.h>
#include <fcntl.h>
#include <sysexits.h>
#include <time.h>

#include <sqlite3.h>

#include "../../database/lockfile.h"

enum {
	PAUSE_US = 200, /* between two looks at a condition */
	SNAPSHOT_LOOKS = 20,
	LONG_LOG = 40,  /* pages; the more, the longer the way to the loss */
	HOLD_MS = 5000, /* at most, where the machine is busy */
	BUSY_MS = 1000,
};

static void
look_later(void)
{
	struct timespec t = { 0, PAUSE_US * 1000 };

	nanosleep(&t, NULL);
}

/* NULL: not yet a database with tables in a log. */
static sqlite3 *
connect(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
		SQLITE_OK ||
	    sqlite3_exec(db, "SELECT count(*) FROM recipient", NULL, NULL,
		NULL) != SQLITE_OK) {
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return db;
}

static sqlite3 *
connect_at_last(const char *path, const atomic_int *stop)
{
	sqlite3 *db = NULL;

	while (!*stop && !(db = connect(path)))
		look_later();
	return db;
}

void
outsider_read(const char *path, struct vfs *v, const atomic_int *stop)
{
	sqlite3 *db = connect_at_last(path, stop);

	while (db && !*stop) {
		unsigned pages = vfs_log(v).pages;

		sqlite3_exec(
		    db, "BEGIN; SELECT max(id) FROM message", NULL, NULL, NULL);
		/* Until the WAL has moved on, or nobody writes. */
		for (int i = 0; i < SNAPSHOT_LOOKS && !*stop &&
				vfs_log(v).pages < pages + LONG_LOG;
		     i++)
			look_later();
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		look_later();
	}
	sqlite3_close(db);
}

static void
checkpoint(sqlite3 *db)
{
	sqlite3_wal_checkpoint_v2(
	    db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int
open_lock(sqlite3 *db)
{
	char *path =
	    sqlite3_mprintf("%s-lock", sqlite3_db_filename(db, "main"));
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660) : -1;

	if (fd < 0 || lockfile_begin(fd) < 0)
		err(EX_OSERR, "the lock file");
	sqlite3_free(path);
	return fd;
}

unsigned
outsider_checkpoint(
    const char *path, struct vfs *v, const atomic_int *stop, bool bad)
{
	sqlite3 *first = connect_at_last(path, stop);
	sqlite3 *second = connect_at_last(path, stop);
	int lock = first ? open_lock(first) : -1;
	unsigned races = 0;

	while (first && second && !*stop) {
		if (vfs_log(v).pages < LONG_LOG ||
		    lockfile_enter(lock, BUSY_MS) < 0) {
			look_later();
			continue;
		}
		checkpoint(first);
		vfs_hold_checkpoint(bad ? HOLD_MS : 0, lock);
		checkpoint(second);
		races += vfs_held_until_reset();
		lockfile_leave(lock);
	}
	lockfile_close(lock);
	sqlite3_close(first);
	sqlite3_close(second);
	return races;
}
