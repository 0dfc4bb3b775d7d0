#include "index.h"

#include <string.h>

#include "private.h"

enum {
	INDEX_SIZE = 32768, /* of its first part, which begins with: */
	/* The header twice, in 32-bit words. */
	HEADER_WORDS = 12,
	AT_FRAMES = 4,
	AT_CHECKSUM = 6,
	AT_SALT = 8,
	/* What checkpoints write. */
	AT_COPIED = 2 * HEADER_WORDS,
	CHECKPOINT_LOCK = 1,
};

/* NULL: there is none, or its version is not known here. */
static sqlite3_file *
find_file(sqlite3 *sqlite)
{
	sqlite3_file *file = error_file(sqlite, SQLITE_FCNTL_FILE_POINTER);

	return file && file->pMethods->iVersion >= 2 ? file : NULL;
}

static uint32_t volatile *
map(sqlite3_file *file)
{
	void volatile *shared = NULL;

	if (!file || file->pMethods->xShmMap(file, 0, INDEX_SIZE, 0, &shared) !=
			 SQLITE_OK)
		return NULL;
	return shared;
}

bool
index_read(sqlite3 *sqlite, struct index_head *ret)
{
	sqlite3_file *file = find_file(sqlite);
	uint32_t volatile *shared = map(file);
	uint32_t a[HEADER_WORDS], b[HEADER_WORDS];

	if (!shared)
		return false;
	/*
	 * SQLite writes the second copy first; if they differ, wait for the
	 * other.
	 */
	memcpy(a, (const void *)shared, sizeof a);
	file->pMethods->xShmBarrier(file);
	memcpy(b, (const void *)(shared + HEADER_WORDS), sizeof b);
	if (memcmp(a, b, sizeof a) != 0)
		return false;
	*ret = (struct index_head){
		.frames = a[AT_FRAMES],
		.checksum = { a[AT_CHECKSUM], a[AT_CHECKSUM + 1] },
		.salt = { a[AT_SALT], a[AT_SALT + 1] },
	};
	return true;
}

int64_t
index_frames_to_copy(sqlite3 *sqlite)
{
	uint32_t volatile *shared = map(find_file(sqlite));
	struct index_head head;

	if (!shared || !index_read(sqlite, &head))
		return -1;
	return (int64_t)head.frames - shared[AT_COPIED];
}

static int
lock(sqlite3 *sqlite, int flags)
{
	sqlite3_file *file = find_file(sqlite);

	return file ? file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1,
			  flags | SQLITE_SHM_EXCLUSIVE)
		    : SQLITE_IOERR_SHMLOCK;
}

int
index_lock_checkpoint(sqlite3 *sqlite)
{
	return lock(sqlite, SQLITE_SHM_LOCK);
}

void
index_unlock_checkpoint(sqlite3 *sqlite)
{
	lock(sqlite, SQLITE_SHM_UNLOCK);
}

int
index_forget_copied(sqlite3 *sqlite)
{
	uint32_t volatile *shared = map(find_file(sqlite));

	if (!shared)
		return SQLITE_IOERR_SHMMAP;
	shared[AT_COPIED] = 0;
	return SQLITE_OK;
}

int
index_forget(sqlite3 *sqlite)
{
	uint32_t volatile *shared = map(find_file(sqlite));

	if (!shared)
		return SQLITE_IOERR_SHMMAP;
	for (int i = 0; i < 2 * HEADER_WORDS; i++)
		shared[i] = 0;
	return SQLITE_OK;
}
