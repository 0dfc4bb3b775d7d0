/*
 * A sync that fails is not to be tried again.  The kernel may have dropped the
 * pages, or rather call them clean while they are not on the disk; it tells
 * each descriptor that the file had, once; and a process that opens it later
 * has its sync succeed over the hole.  So nothing is acknowledged behind a sync
 * that failed, by whomever, until all that may be missing was written once
 * more, by which it becomes dirty, and synced.
 *
 * Of the WAL, that is what has been written since the last good sync: frames of
 * the commit that failed.  SQLite has not published them, and the next commit
 * writes over them.  But when all processes end before that, or one dies in the
 * middle of publishing, SQLite recovers: it reads the WAL as the kernel shows
 * it, and publishes them after all.  So the whole WAL is written over itself.
 *
 * Of the database, that is pages which a checkpoint has copied: where readers
 * keep it from copying all, SQLite counts them as copied without a sync.  They
 * are read from the WAL again, and copied again by the next checkpoint, when
 * none counts as copied: the WAL is not begun anew before that.
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

/*
 * Is it what the wal-index says?
 */

static uint32_t
number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* The octets of `p` in the order that the checksum takes them. */
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

/* Sums the frames up as SQLite does; `buf` has the WAL's header. */
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

/* True: of all frames in the wal-index, the WAL has the octets. */
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
 * No frame counts as copied any more.  And SQLite, which looks at no checksum
 * again, recovers if it must: frames that were dropped, then published by a
 * recovery, the kernel may since have forgotten, and have read what was there
 * before from the disk.
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
 * Nobody commits meanwhile, nor copies the WAL, foreigners included.  Who
 * copies may wait for who writes, so we do not wait the other way around.
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
