/*
 * Many processes commit while one syncs, and the next sync covers them all; so
 * one of them syncs, and the others wait for it and find that nothing is left
 * to do: with 64 sessions and a slow disk one sync is for 20 mails
 * (docs/bench.md, h).
 *
 * What is known is shared (synced.c): "of the log with this salt (SQLite
 * draws one each time it begins the log anew), so many frames are on the disk,
 * and its name is in its folder".  It is written only behind a sync that
 * succeeded, and once true it stays true, power cuts included: so it does not
 * matter who reads it when, or whether it is lost.  It would be wrong only if
 * somebody put a copy of the log in place: a copy is another file, and where an
 * older one was written into the same file it is shorter than what is known of
 * it, which each commit looks at before it begins.
 *
 * The turn to sync is a mere convenience.  Who neither gets it in time nor is
 * covered syncs by himself, as everybody would if there were none.
 *
 * How much is committed is read from the index of the log that SQLite keeps in
 * shared memory (sqlite.org/walformat.html, s. 2.1), at no call of the kernel.
 */
#include "sync.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "synced.h"
#include "turnstile.h"
#include "wal.h"

enum {
	INDEX_SIZE = 32768, /* of its first part, which has the header twice */
	/* 32-bit words of the header. */
	INDEX_WORDS = 12,
	INDEX_FRAMES = 4,
	INDEX_SALT = 8,
};

/* Where the log ends.  False: it cannot be told. */
static bool
find_end(struct store *st, struct log_end *ret)
{
	sqlite3_file *file = database_file(st->db, SQLITE_FCNTL_FILE_POINTER);
	void volatile *shared = NULL;
	uint32_t a[INDEX_WORDS], b[INDEX_WORDS];

	if (!file || file->pMethods->iVersion < 2 ||
	    file->pMethods->xShmMap(file, 0, INDEX_SIZE, 0, &shared) !=
		SQLITE_OK ||
	    !shared)
		return false;
	/* Written second copy first; if they differ, somebody is writing. */
	memcpy(a, (const void *)shared, sizeof a);
	file->pMethods->xShmBarrier(file);
	memcpy(b, (const char *)shared + sizeof a, sizeof b);
	if (memcmp(a, b, sizeof a) != 0)
		return false;
	*ret = (struct log_end){
		.salt = { a[INDEX_SALT], a[INDEX_SALT + 1] },
		.file = st->log_file,
		.frames = a[INDEX_FRAMES],
	};
	return true;
}

int64_t
sync_frames(struct store *st)
{
	struct log_end end;

	return find_end(st, &end) ? (int64_t)end.frames : -1;
}

static bool
is_same_log(const struct log_end *a, const struct log_end *b)
{
	return memcmp(a->salt, b->salt, sizeof a->salt) == 0 &&
	       a->file == b->file;
}

void
sync_close(struct store *st)
{
	if (st->log && st->log->pMethods)
		st->log->pMethods->xClose(st->log);
	free(st->log);
	st->log = NULL;
}

uint32_t
sync_file_number(const char *log, const char *folder)
{
	struct stat file, place;

	if (stat(log, &file) < 0 || stat(folder, &place) < 0)
		return 0;
	return (uint32_t)(file.st_ino ^ place.st_ino << 16);
}

/*
 * SQLite's own descriptor syncs the folder too when it first syncs, for it may
 * have made the log; that doubles the wait of a session with one mail.  This
 * one, which does not make it, does not.
 */
void
sync_open(struct store *st)
{
	const char *path =
	    sqlite3_filename_wal(sqlite3_db_filename(st->db, "main"));
	sqlite3_vfs *vfs = NULL;

	st->log_file = sync_file_number(path, st->folder);
	if (sqlite3_file_control(
		st->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK)
		return;
	st->log = calloc(1, (size_t)vfs->szOsFile);
	if (st->log &&
	    vfs->xOpen(vfs, path, st->log,
		SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		sync_close(st);
}

void
sync_begin(struct store *st)
{
	struct log_end known, end;

	if (st->synced && synced_read(st->synced, &known) && known.frames > 0 &&
	    (!find_end(st, &end) ||
		(is_same_log(&known, &end) && known.frames > end.frames)))
		synced_write(st->synced, &(struct log_end){ 0 });
}

void
sync_end(struct store *st)
{
	st->has_end = find_end(st, &st->end);
}

/* Through our own descriptor if the folder needs no sync. */
static int
sync_file(struct store *st, bool linked)
{
	return database_sync_file(
	    linked && st->log
		? st->log
		: database_file(st->db, SQLITE_FCNTL_JOURNAL_POINTER));
}

/* Is all up to sync_end() on the disk?  `*ret_linked`: is the log's name? */
static bool
is_covered(struct store *st, bool *ret_linked)
{
	struct log_end known;

	*ret_linked = st->has_end && st->synced &&
		      synced_read(st->synced, &known) &&
		      is_same_log(&known, &st->end);
	return *ret_linked && known.frames >= st->end.frames;
}

/*
 * Syncs for everybody who has committed by now.  Whoever is not in his turn
 * keeps to himself what he knows: two at once could write a record of halves.
 */
static int
sync_for_all(struct store *st, bool entered, bool linked)
{
	struct log_end end;
	bool has_end = find_end(st, &end); /* before: this the sync covers */
	int rc, error;

	if (entered)
		wal_begin(st, SYNCED_TURN);
	rc = sync_file(st, entered && linked);
	error = errno;
	/* Before the next one syncs, who might not see the error. */
	st->poisoned |= rc != SQLITE_OK;
	if (rc != SQLITE_OK)
		turnstile_mark(st->turnstile, true);
	else if (entered && has_end && !turnstile_is_marked(st->turnstile))
		synced_write(st->synced, &end);
	if (entered)
		wal_end(st, SYNCED_TURN);
	errno = error;
	return rc;
}

/* Waits until we are covered, or it is our turn.  Returns if it is. */
static bool
take_turn(struct store *st)
{
	int64_t deadline = clock_ms() + st->conf->wait_ms;
	int entered = st->synced ? 0 : -1;
	bool linked;

	while (entered == 0) {
		uint32_t turns = synced_turns(st->synced);

		if (is_covered(st, &linked))
			break;
		entered = synced_enter(st->synced, turns, deadline);
	}
	return entered > 0;
}

int
sync_log(struct store *st)
{
	bool entered = take_turn(st), linked;
	int rc = SQLITE_OK, error;

	if (!is_covered(st, &linked))
		rc = sync_for_all(st, entered, linked);
	error = errno;
	if (entered)
		synced_leave(st->synced);
	st->has_end = false;
	errno = error;
	return rc;
}
