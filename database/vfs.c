/*
 * SQLite writes a page at a time, and each page of the WAL in two pieces.  This
 * VFS stands over the default one and gathers them into large writes: 3,300 in
 * place of 61,000 for a mail of 50 MB with its checkpoint.
 *
 * Nobody reads a file while something of it is kept back.  Of the WAL, that is
 * what the transaction that has SQLite's write lock has written; it is
 * published after the sync, which writes everything first, as the unlocking
 * does.  Of the database, that is what a checkpoint appends; others read it
 * there only when it counts as copied.
 *
 * A write that is kept back counts as done.  Its error comes with a later
 * write, or with the sync, and so before anything is published.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	BLOCK = 64 * 1024, /* SQLite's VFS takes less than 128 KiB at once */
	/*
	 * In the WAL, a big mail is filled in at one place while its zeros are
	 * read at another.
	 */
	BLOCKS = 4,
	WRITE_LOCK = 0, /* of the wal-index (sqlite.org/walformat.html) */
};

/* Of the file, from a multiple of its size on. */
struct block {
	int64_t at;
	int dirty_from, dirty_to; /* the part that the file lacks */
	unsigned long last_use;   /* 0: nothing is in it */
	char *octets;
};

/* SQLite's file; that of the VFS below follows. */
struct file {
	sqlite3_file base;
	struct file *wal, *database; /* of each other, while both are open */
	/* Of the database, in a checkpoint. */
	bool is_copied_to, has_failed;
	int64_t end; /* which it grows to; 0: it does not */
	/*
	 * One piece of the file, of which each block has its part: what was
	 * written since all was given on.
	 */
	int64_t from, to;
	struct block blocks[BLOCKS];
	unsigned long uses;
	bool is_wal;
	sqlite3_file below[];
};

static sqlite3_vfs self;
static sqlite3_vfs *below;

/*
 * What is kept back
 */

static bool
is_dirty(const struct block *b)
{
	return b->dirty_from < b->dirty_to;
}

static int
write_block(struct file *f, struct block *b)
{
	int rc = SQLITE_OK;

	if (is_dirty(b))
		rc = f->below->pMethods->xWrite(f->below,
		    b->octets + b->dirty_from, b->dirty_to - b->dirty_from,
		    b->at + b->dirty_from);
	if (rc == SQLITE_OK)
		b->dirty_from = b->dirty_to = 0;
	return rc;
}

/* In the order of the file. */
static int
write_all(struct file *f)
{
	struct block *first;
	int rc = SQLITE_OK;

	do {
		first = NULL;
		for (struct block *b = f->blocks; b < f->blocks + BLOCKS; b++) {
			if (is_dirty(b) && (!first || b->at < first->at))
				first = b;
		}
		if (first)
			rc = write_block(f, first);
	} while (first && rc == SQLITE_OK);
	return rc;
}

static void
forget(struct file *f)
{
	f->from = f->to = 0;
	for (struct block *b = f->blocks; b < f->blocks + BLOCKS; b++) {
		b->last_use = 0;
		b->dirty_from = b->dirty_to = 0;
	}
}

/* Nothing is kept back any more; with an error, SQLite has to do without. */
static int
let_go(struct file *f)
{
	int rc = write_all(f);

	forget(f);
	return rc;
}

/* What the piece has of this block, and the file by now. */
static int
load(struct file *f, struct block *b)
{
	int64_t from = f->from > b->at ? f->from : b->at;
	int64_t to = f->to < b->at + BLOCK ? f->to : b->at + BLOCK;

	return from < to
		   ? f->below->pMethods->xRead(f->below,
			 b->octets + (from - b->at), (int)(to - from), from)
		   : SQLITE_OK;
}

/* The block that has `at`, in place of the one that was used longest ago. */
static int
find_block(struct file *f, int64_t at, struct block **ret)
{
	struct block *oldest = f->blocks;
	int rc;

	at -= at % BLOCK;
	for (struct block *b = f->blocks; b < f->blocks + BLOCKS; b++) {
		if (b->last_use > 0 && b->at == at) {
			b->last_use = ++f->uses;
			*ret = b;
			return SQLITE_OK;
		}
		if (b->last_use < oldest->last_use)
			oldest = b;
	}
	rc = write_block(f, oldest);
	if (rc != SQLITE_OK)
		return rc;
	if (!oldest->octets && !(oldest->octets = malloc(BLOCK)))
		return SQLITE_IOERR_NOMEM;
	oldest->at = at;
	oldest->last_use = 0; /* should it not be read */
	rc = load(f, oldest);
	if (rc == SQLITE_OK)
		oldest->last_use = ++f->uses;
	*ret = oldest;
	return rc;
}

/* Of `len` octets at `at`, those of the first block. */
static int
part_of(int64_t at, int len)
{
	int room = (int)(BLOCK - at % BLOCK);

	return len < room ? len : room;
}

static int
keep(struct file *f, const char *p, int len, int64_t at)
{
	int rc = SQLITE_OK;

	if (f->from < f->to && (at < f->from || at > f->to))
		rc = let_go(f);
	if (f->from == f->to)
		f->from = f->to = at;
	while (len > 0 && rc == SQLITE_OK) {
		int n = part_of(at, len), start = (int)(at % BLOCK);
		struct block *b;

		rc = find_block(f, at, &b);
		if (rc != SQLITE_OK)
			break;
		memcpy(b->octets + start, p, (size_t)n);
		if (!is_dirty(b)) {
			b->dirty_from = start;
			b->dirty_to = start + n;
		}
		if (start < b->dirty_from)
			b->dirty_from = start;
		if (start + n > b->dirty_to)
			b->dirty_to = start + n;
		p += n;
		at += n;
		len -= n;
		if (at > f->to)
			f->to = at;
	}
	return rc;
}

static int
recall(struct file *f, char *p, int len, int64_t at)
{
	int rc = SQLITE_OK;

	while (len > 0 && rc == SQLITE_OK) {
		int n = part_of(at, len);
		struct block *b;

		rc = find_block(f, at, &b);
		if (rc == SQLITE_OK)
			memcpy(p, b->octets + at % BLOCK, (size_t)n);
		p += n;
		at += n;
		len -= n;
	}
	return rc;
}

/*
 * What SQLite calls
 */

static struct file *
file_of(sqlite3_file *file)
{
	return (struct file *)file;
}

static int
file_close(sqlite3_file *file)
{
	struct file *f = file_of(file);

	for (size_t i = 0; i < BLOCKS; i++)
		free(f->blocks[i].octets);
	if (f->database)
		f->database->wal = NULL;
	return f->below->pMethods->xClose(f->below);
}

static int
file_read(sqlite3_file *file, void *p, int len, sqlite3_int64 at)
{
	struct file *f = file_of(file);
	int rc = SQLITE_OK;

	if (f->from < f->to && at >= f->from && at + len <= f->to)
		return recall(f, p, len, at);
	if (f->from < f->to && at < f->to && at + len > f->from)
		rc = let_go(f);
	return rc == SQLITE_OK ? f->below->pMethods->xRead(f->below, p, len, at)
			       : rc;
}

static int
file_write(sqlite3_file *file, const void *p, int len, sqlite3_int64 at)
{
	struct file *f = file_of(file);
	int rc;

	if (!f->is_wal && f->end == 0)
		return f->below->pMethods->xWrite(f->below, p, len, at);
	rc = keep(f, p, len, at);
	/* Write now, so that the last page's error is returned by its write. */
	if (rc == SQLITE_OK && f->end > 0 && at + len >= f->end)
		rc = let_go(f);
	if (rc != SQLITE_OK)
		f->has_failed = true;
	return rc;
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct file *f = file_of(file);
	int rc = let_go(f);

	return rc == SQLITE_OK ? f->below->pMethods->xTruncate(f->below, size)
			       : rc;
}

static int
file_sync(sqlite3_file *file, int flags)
{
	struct file *f = file_of(file);
	int rc = let_go(f);

	return rc == SQLITE_OK ? f->below->pMethods->xSync(f->below, flags)
			       : rc;
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct file *f = file_of(file);
	int rc = let_go(f);

	return rc == SQLITE_OK ? f->below->pMethods->xFileSize(f->below, ret)
			       : rc;
}

/*
 * SQLite takes no error here, and counts the pages as copied.  One can only
 * come where readers keep the checkpoint from the last page, and then it is
 * like being killed in the middle of it.
 */
static void
end_copying(struct file *f)
{
	if (f->has_failed)
		forget(f);
	else if (let_go(f) != SQLITE_OK)
		abort();
	f->is_copied_to = false;
	f->end = 0;
}

static int
file_control(sqlite3_file *file, int what, void *arg)
{
	struct file *f = file_of(file);

	switch (what) {
	case SQLITE_FCNTL_CKPT_START:
		f->is_copied_to = true;
		f->has_failed = false;
		break;
	case SQLITE_FCNTL_SIZE_HINT:
		if (f->is_copied_to)
			f->end = *(const sqlite3_int64 *)arg;
		break;
	case SQLITE_FCNTL_CKPT_DONE:
		end_copying(f);
		break;
	default:
		break;
	}
	return f->below->pMethods->xFileControl(f->below, what, arg);
}

/* An error here belongs to a transaction that has not synced and will not. */
static int
file_shm_lock(sqlite3_file *file, int first, int n, int flags)
{
	struct file *f = file_of(file);

	if (f->wal && (flags & SQLITE_SHM_UNLOCK) &&
	    (flags & SQLITE_SHM_EXCLUSIVE) && first == WRITE_LOCK)
		let_go(f->wal);
	return f->below->pMethods->xShmLock(f->below, first, n, flags);
}

/*
 * What goes through as it is
 */

static int
file_lock(sqlite3_file *file, int level)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xLock(b, level);
}

static int
file_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xUnlock(b, level);
}

static int
file_is_reserved(sqlite3_file *file, int *ret)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xCheckReservedLock(b, ret);
}

static int
file_sector_size(sqlite3_file *file)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xSectorSize(b);
}

static int
file_device(sqlite3_file *file)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xDeviceCharacteristics(b);
}

static int
file_shm_map(sqlite3_file *file, int region, int size, int may_extend,
    void volatile **ret)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xShmMap(b, region, size, may_extend, ret);
}

static void
file_shm_barrier(sqlite3_file *file)
{
	sqlite3_file *b = file_of(file)->below;

	b->pMethods->xShmBarrier(b);
}

static int
file_shm_unmap(sqlite3_file *file, int delete)
{
	sqlite3_file *b = file_of(file)->below;

	return b->pMethods->xShmUnmap(b, delete);
}

/* Version 2: no memory map, past which nothing could be kept back. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
    int *ret_flags)
{
	struct file *f = file_of(file);
	int rc;

	(void)vfs;
	memset(f, 0, sizeof *f);
	rc = below->xOpen(below, name, f->below, flags, ret_flags);
	if (f->below->pMethods)
		f->base.pMethods = &methods;
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL)) {
		f->is_wal = true;
		f->database = file_of(sqlite3_database_file_object(name));
		f->database->wal = f;
	}
	return rc;
}

static const char name[] = "gathering";
static bool is_there;

static void
make(void)
{
	below = sqlite3_vfs_find(NULL);
	if (!below)
		return;
	self = *below; /* the rest goes to the VFS below */
	self.pNext = NULL;
	self.zName = name;
	self.szOsFile += (int)sizeof(struct file);
	self.xOpen = vfs_open;
	is_there = sqlite3_vfs_register(&self, 0) == SQLITE_OK;
}

const char *
vfs_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make);
	return is_there ? name : NULL;
}
