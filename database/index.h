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
 * Lets nobody else copy the WAL, or lets him again.  SQLITE_OK or the error:
 * SQLITE_BUSY while somebody does.
 */
int index_lock_checkpoint(sqlite3 *sqlite);
void index_unlock_checkpoint(sqlite3 *sqlite);

/*
 * Under that lock: no frame counts as copied any more, so that the next
 * checkpoint copies all of them.  As after SQLite's own recovery.
 */
int index_forget_copied(sqlite3 *sqlite);
/*
 * Under that lock and SQLite's write lock: nothing of it is valid, so whoever
 * reads next recovers it from the WAL, by its checksums.
 */
int index_forget(sqlite3 *sqlite);

#endif
