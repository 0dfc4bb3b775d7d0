/*
 * The wal-index: what SQLite keeps of the WAL in memory that all processes
 * share (sqlite.org/walformat.html, s. 2).
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

/* How far the WAL is valid, as all processes believe. */
struct index_head {
	uint32_t frames;
	uint32_t checksum[2]; /* of all of them */
	uint32_t salt[2];     /* as it stands in the WAL's header */
};

/* False: it cannot be read, or somebody is writing it. */
bool index_read(sqlite3 *sqlite, struct index_head *ret);

/* Frames that are not copied into the database yet; -1: that is not known. */
int64_t index_frames_to_copy(sqlite3 *sqlite);

/*
 * Keep others from copying the WAL, and let them again.  SQLITE_OK or the
 * error: SQLITE_BUSY while somebody copies.
 */
int index_lock_checkpoint(sqlite3 *sqlite);
void index_unlock_checkpoint(sqlite3 *sqlite);

/*
 * Under that lock: has no frame count as copied, as after a recovery of SQLite,
 * so that the next checkpoint copies all of them.
 */
int index_forget_copied(sqlite3 *sqlite);
/*
 * Under that lock and SQLite's write lock: has nothing of it be valid, so that
 * the next reader recovers it from the WAL, by its checksums.
 */
int index_forget(sqlite3 *sqlite);

#endif
