/*
 * A sync that fails must not just be tried again.  The kernel may have dropped
 * the pages, or count them as clean although they are not on the disk.  It
 * reports the error once to each descriptor that was open then; a process that
 * opens the file later has its sync succeed over the hole.  So after a sync
 * that failed, in any process, nothing is acknowledged until all that may be
 * missing was written once more, which makes it dirty, and synced.
 *
 * In the WAL, the frames written since the last good sync may be missing: those
 * of the commit that failed.  SQLite has not published them, and the next
 * commit overwrites them.  But if all processes end before that, or one dies
 * while it publishes, SQLite recovers: it reads the WAL as the kernel shows it,
 * and publishes the frames after all.  So the whole WAL is written over itself.
 *
 * In the database, pages that a checkpoint has copied may be missing: where
 * readers keep it from copying all, SQLite counts them as copied without a
 * sync.  So no frame counts as copied any more.  The next checkpoint copies all
 * of them from the WAL, which is not begun anew before that.
 */
#include "private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../clock.h"
#include "index.h"

enum {
	PIECE = 64 * 1024, /* the largest page of SQLite */
	/* sqlite.org/fileformat2, s. 4: octets of the WAL's headers. */
	WAL_HEADER = 32,
	FRAME_HEADER = 24,
	/* In the WAL's header. */
	AT_MAGIC = 0,
	AT_PAGE_SIZE = 8,
	AT_SALT = 16,
	SUMMED_OF_HEADER = 24,
	SUMMED_OF_FRAME_HEADER = 8,
	PAGE_MIN = 512,
};

/* Writes the WAL over itself. */
static int
rewrite(sqlite3_file *wal, unsigned char *buf)
{
	sqlite3_int64 size = 0;
	int rc = wal->pMethods->xFileSize(wal, &size);

	for (int64_t at = 0; rc == SQLITE_OK && at < size; at += PIECE) {
		int n = size - at < PIECE ? (int)(size - at) : PIECE;

		rc = wal->pMethods->xRead(wal, buf, n, at);
		if (rc == SQLITE_OK)
			rc = wal->pMethods->xWrite(wal, buf, n, at);
	}
	return rc == SQLITE_OK ? wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL)
			       : rc;
}

/* Comparing it with the wal-index */

static uint32_t
number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* Four octets as a number, in the byte order that the checksum uses. */
static uint32_t
word(const unsigned char *p, bool big_endian)
{
	const unsigned char swapped[4] = { p[3], p[2], p[1], p[0] };

	return number(big_endian ? p : swapped);
}

static void
add_checksum(
    uint32_t sum[2], const unsigned char *p, size_t len, bool big_endian)
{
	for (size_t i = 0; i < len; i += 8) {
		sum[0] += word(p + i, big_endian) + sum[1];
		sum[1] += word(p + i + 4, big_endian) + sum[0];
	}
}

/*
 * Computes the checksum of the frames as SQLite does; `buf` has the WAL's
 * header.
 */
static int
sum_up(sqlite3_file *wal, unsigned char *buf, uint32_t frames, uint32_t sum[2])
{
	bool big_endian = number(buf + AT_MAGIC) & 1;
	uint32_t page = number(buf + AT_PAGE_SIZE);
	int64_t at = WAL_HEADER;
	int rc = SQLITE_OK;

	if (page < PAGE_MIN || page > PIECE)
		return SQLITE_CORRUPT;
	sum[0] = sum[1] = 0;
	add_checksum(sum, buf, SUMMED_OF_HEADER, big_endian);
	for (uint32_t i = 0; i < frames && rc == SQLITE_OK; i++) {
		rc = wal->pMethods->xRead(
		    wal, buf, FRAME_HEADER + (int)page, at);
		add_checksum(sum, buf, SUMMED_OF_FRAME_HEADER, big_endian);
		add_checksum(sum, buf + FRAME_HEADER, page, big_endian);
		at += FRAME_HEADER + page;
	}
	return rc;
}

/* Does the WAL have the content of all frames that the wal-index publishes? */
static int
is_as_published(
    sqlite3 *sqlite, sqlite3_file *wal, unsigned char *buf, bool *ret)
{
	struct index_head head;
	uint32_t sum[2];
	int rc;

	if (!index_read(sqlite, &head))
		return SQLITE_IOERR_SHMMAP;
	*ret = head.frames == 0;
	if (*ret)
		return SQLITE_OK;
	rc = wal->pMethods->xRead(wal, buf, WAL_HEADER, 0);
	if (rc == SQLITE_OK &&
	    memcmp(buf + AT_SALT, head.salt, sizeof head.salt) == 0) {
		rc = sum_up(wal, buf, head.frames, sum);
		*ret = memcmp(sum, head.checksum, sizeof sum) == 0;
	}
	return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

/*
 * Has no frame count as copied.  Where the WAL no longer has what the wal-index
 * publishes, SQLite must recover, for it does not look at checksums again: the
 * kernel may have forgotten frames that a recovery had published, and have read
 * older content from the disk.
 */
static int
correct_index(sqlite3 *sqlite, sqlite3_file *wal, unsigned char *buf)
{
	bool good = false;
	int rc = is_as_published(sqlite, wal, buf, &good);

	if (rc != SQLITE_OK)
		return rc;
	return good ? index_forget_copied(sqlite) : index_forget(sqlite);
}

/*
 * Keeps all others, foreign processes included, from committing and from
 * copying the WAL.  A checkpointer may wait for a writer, so this does not wait
 * for a checkpointer while it has the write lock.
 */
static int
begin_alone(struct database *db)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000000L };
	int64_t deadline = clock_ms() + db->wait_ms;
	int rc = database_run(db, "BEGIN IMMEDIATE");

	while (rc == SQLITE_OK &&
	       (rc = index_lock_checkpoint(db->sqlite)) != SQLITE_OK) {
		database_run(db, "ROLLBACK");
		if (rc != SQLITE_BUSY || clock_ms() >= deadline)
			break;
		nanosleep(&pause, NULL);
		rc = database_run(db, "BEGIN IMMEDIATE");
	}
	return rc;
}

static int
heal(struct database *db, unsigned char *buf)
{
	sqlite3_file *wal;
	int rc = begin_alone(db);

	if (rc != SQLITE_OK)
		return rc;
	wal = error_file(db->sqlite, SQLITE_FCNTL_JOURNAL_POINTER);
	rc = wal ? rewrite(wal, buf) : SQLITE_IOERR;
	if (rc == SQLITE_OK)
		rc = correct_index(db->sqlite, wal, buf);
	index_unlock_checkpoint(db->sqlite);
	database_run(db, "ROLLBACK");
	return rc;
}

enum verdict
heal_wal(struct database *db)
{
	unsigned char *buf = malloc(FRAME_HEADER + PIECE);
	int rc = buf ? heal(db, buf) : SQLITE_NOMEM;

	free(buf);
	return rc == SQLITE_OK
		   ? VERDICT_OK
		   : database_fail_code(
			 db, "rewriting the WAL after a failed sync", rc);
}
