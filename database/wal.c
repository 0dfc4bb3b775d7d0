/*
 * A sync that fails is not to be tried again.  The kernel may have dropped the
 * pages, or rather call them clean while they are not on the disk; it tells
 * each descriptor that the file had, once; and a process that opens it later
 * has its sync succeed over the hole.  So every failed sync poisons the log: a
 * mark is set in the lock file, no commit is confirmed while it stands, and it
 * is cleared only when all that may be missing was written once more, by which
 * it becomes dirty, and synced.
 *
 * What may be missing is the log, and those pages of the database that frames
 * of the log were copied to: SQLite counts a frame as copied before it syncs
 * the database, when readers keep it from copying all of them.  A checkpoint
 * alone would not write such a page again; the power-cut test found databases
 * broken by that (tests/powercut, rounds with failed syncs: 18 to 50 bad disks
 * of 3,000, none since).
 *
 * The mail whose sync failed is answered as failed, though its row is probably
 * there: the client sends it again, and twice is better than never.
 */
#include "wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../clock.h"
#include "sync.h"
#include "turnstile.h"

enum {
	PIECE = 64 * 1024, /* the largest page of SQLite */
	/* sqlite.org/fileformat2, s. 4: octets of the log's headers. */
	LOG_HEADER = 32,
	FRAME_HEADER = 24,
	PAGE_SIZE_AT = 8,    /* in the log's header */
	CHECKPOINT_LOCK = 1, /* of the locks in the index of the log */
};

/* SQLite's error log is one for the process, and so is this. */
static bool sync_failed;

static void
watch(void *arg, int rc, const char *message)
{
	(void)arg;
	(void)message;
	if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
		sync_failed = true;
}

void
wal_watch(void)
{
	/* Refused once a database was opened; then it was called before. */
	sqlite3_config(SQLITE_CONFIG_LOG, watch, NULL);
}

/* Where the mark cannot be written, this process at least remembers. */
void
wal_note_failures(struct store *st)
{
	if (!sync_failed || st->turnstile < 0)
		return;
	st->poisoned = true;
	if (turnstile_mark(st->turnstile, true) == 0)
		sync_failed = false;
}

void
wal_begin(struct store *st, enum synced_place place)
{
	st->is_in[place] = st->synced;
	if (!st->synced || !synced_begin(st->synced, place))
		return;
	st->poisoned = true;
	turnstile_mark(st->turnstile, true);
}

/* What could not be marked stays begun, for the next one to find. */
void
wal_end(struct store *st, enum synced_place place)
{
	if (st->is_in[place] &&
	    (!st->poisoned || turnstile_is_marked(st->turnstile)))
		synced_end(st->synced, place);
	st->is_in[place] = false;
}

bool
wal_is_poisoned(const struct store *st)
{
	return st->poisoned || turnstile_is_marked(st->turnstile);
}

/* Writes octets of a file over themselves. */
static int
rewrite(sqlite3_file *file, char *buf, int len, int64_t at)
{
	int rc = file->pMethods->xRead(file, buf, len, at);

	return rc == SQLITE_OK ? file->pMethods->xWrite(file, buf, len, at)
			       : rc;
}

static int
rewrite_log(sqlite3_file *log, char *buf)
{
	sqlite3_int64 size = 0;
	int rc = log->pMethods->xFileSize(log, &size);

	for (int64_t at = 0; rc == SQLITE_OK && at < size; at += PIECE)
		rc = rewrite(
		    log, buf, size - at < PIECE ? (int)(size - at) : PIECE, at);
	return rc == SQLITE_OK ? database_sync_file(log) : rc;
}

/* Reads a number of 4 octets of the log. */
static int
read_number(sqlite3_file *log, int64_t at, int64_t *ret)
{
	unsigned char p[4];
	int rc = log->pMethods->xRead(log, p, sizeof p, at);

	if (rc == SQLITE_OK)
		*ret = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	return rc;
}

/* Frames that are out of date do no harm here: a page is only itself again. */
static int
rewrite_pages(sqlite3_file *log, sqlite3_file *database, char *buf)
{
	sqlite3_int64 size = 0, log_size = 0;
	int64_t page_size = 0, page = 0;
	int rc;

	if ((rc = log->pMethods->xFileSize(log, &log_size)) ||
	    (rc = database->pMethods->xFileSize(database, &size)) ||
	    log_size < LOG_HEADER ||
	    (rc = read_number(log, PAGE_SIZE_AT, &page_size)))
		return rc;
	if (page_size < 512 || page_size > PIECE)
		return SQLITE_CORRUPT;
	for (int64_t at = LOG_HEADER;
	     rc == SQLITE_OK && at + FRAME_HEADER <= log_size;
	     at += FRAME_HEADER + page_size) {
		rc = read_number(log, at, &page);
		if (rc == SQLITE_OK && page > 0 && page * page_size <= size)
			rc = rewrite(database, buf, (int)page_size,
			    (page - 1) * page_size);
	}
	return rc == SQLITE_OK ? database_sync_file(database) : rc;
}

/*
 * The lock of those who copy the log (sqlite.org/walformat.html, s. 2.3): what
 * they write to a page of the database between our reading and our writing of
 * it, we would undo.
 */
static int
lock_checkpoints(struct store *st, int flags)
{
	sqlite3_file *file = database_file(st->db, SQLITE_FCNTL_FILE_POINTER);

	if (!file || file->pMethods->iVersion < 2)
		return SQLITE_IOERR_SHMLOCK;
	return file->pMethods->xShmLock(
	    file, CHECKPOINT_LOCK, 1, flags | SQLITE_SHM_EXCLUSIVE);
}

/*
 * So that nobody commits meanwhile, nor copies the log, foreigners included.
 * Who copies may wait for who writes, so we do not wait the other way around.
 */
static int
begin_alone(struct store *st)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000000L };
	int64_t deadline = clock_ms() + st->conf->wait_ms;
	int rc = statement_run(st, SQL_BEGIN);

	while (rc == SQLITE_OK &&
	       (rc = lock_checkpoints(st, SQLITE_SHM_LOCK)) != SQLITE_OK) {
		statement_run(st, SQL_ROLLBACK);
		if (rc != SQLITE_BUSY || clock_ms() >= deadline)
			break;
		nanosleep(&pause, NULL);
		rc = statement_run(st, SQL_BEGIN);
	}
	return rc;
}

static int
rewrite_all(struct store *st, char *buf)
{
	sqlite3_file *log, *database;
	int rc = begin_alone(st);

	if (rc != SQLITE_OK)
		return rc;
	log = database_file(st->db, SQLITE_FCNTL_JOURNAL_POINTER);
	database = database_file(st->db, SQLITE_FCNTL_FILE_POINTER);
	rc = log && database ? rewrite_log(log, buf) : SQLITE_IOERR_FSYNC;
	if (rc == SQLITE_OK)
		rc = rewrite_pages(log, database, buf);
	lock_checkpoints(st, SQLITE_SHM_UNLOCK);
	statement_run(st, SQL_ROLLBACK);
	return rc;
}

/* Under the turnstile. */
static enum verdict
heal(struct store *st)
{
	char *buf = malloc(PIECE);
	int rc = buf ? rewrite_all(st, buf) : SQLITE_NOMEM;

	free(buf);
	if (rc != SQLITE_OK)
		return database_fail_sqlite(
		    st, "rewriting the log after a failed sync", rc);
	st->poisoned = sync_failed = false;
	if (turnstile_is_marked(st->turnstile) &&
	    turnstile_mark(st->turnstile, false) < 0)
		return database_fail_errno(st, "clearing the mark", errno);
	return VERDICT_OK;
}

enum verdict
wal_enter(struct store *st)
{
	enum verdict result = database_enter(st);

	if (result != VERDICT_OK)
		return result;
	wal_begin(st, SYNCED_GATE);
	if (wal_is_poisoned(st))
		result = heal(st);
	if (result != VERDICT_OK)
		wal_leave(st);
	return result;
}

void
wal_leave(struct store *st)
{
	wal_note_failures(st);
	wal_end(st, SYNCED_GATE);
	turnstile_leave(st->turnstile);
}

/* No commit is confirmed on top of a log that may have holes. */
static enum verdict
heal_if_poisoned(struct store *st)
{
	enum verdict result = VERDICT_OK;

	if (wal_is_poisoned(st)) {
		result = wal_enter(st);
		if (result == VERDICT_OK)
			wal_leave(st);
	}
	return result;
}

/*
 * It is marked already (sync.c): what others commit from here on they must not
 * confirm.  Whoever synced while we failed looks at the mark once more after it.
 */
static enum verdict
poison(struct store *st, int rc, int error)
{
	bool marked = turnstile_mark(st->turnstile, true) == 0;
	bool healed = heal_if_poisoned(st) == VERDICT_OK;

	return database_fail(st, VERDICT_FAILED,
	    "sync of the log: %s (%d): %s; the log %s%s", sqlite3_errstr(rc),
	    rc, strerror(error),
	    healed ? "was rewritten"
		   : "is to be rewritten before more is taken",
	    marked ? "" : ", but could not be marked");
}

enum verdict
wal_confirm(struct store *st)
{
	int rc = sync_log(st);

	return rc == SQLITE_OK ? heal_if_poisoned(st) : poison(st, rc, errno);
}
