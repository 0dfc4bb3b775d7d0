/*
 * Each method asks the VFS below and notes what was done, both under the lock
 * of the log.  Only a sync takes time outside of it, so that others write
 * meanwhile: what they write between its beginning and its end may or may not
 * be on the disk.
 *
 * A sync that is to fail does what Linux does since 4.13: the error is reported
 * once to each descriptor that was open when it came about, and to no other;
 * the pages that were dirty count as clean, so that no later sync writes them.
 */
#include "vfs_private.h"

#include <errno.h>
#include <string.h>

#include "../../database/lockfile.h"

enum {
	LOG_HEADER = 32,
	FRAME_HEADER = 24,
	PAGE = 4096,
	FAILURES_IN_A_ROW = 3, /* mostly */
	BAD_TIMES = 25,        /* one time in BAD_ODDS */
	BAD_ODDS = 3,
	IS_THERE_MAX = 65536,
	PAUSE_US = 50,   /* between two looks at a condition */
	NEW_COMMITS = 3, /* in a WAL begun anew, for that race to do harm */
};

static struct vfs_file *
file_of(sqlite3_file *f)
{
	return (struct vfs_file *)f;
}

static int
file_close(sqlite3_file *f)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xClose(file->real);
}

static int
file_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xRead(file->real, to, len, at);
}

/* A commit is there when the page is written whose frame header says so. */
static void
watch_log(
    struct vfs_file *file, const unsigned char *octets, int len, int64_t at)
{
	struct vfs *v = vfs_self.vfs;

	if (at == 0) {
		v->log.generation++;
		v->log.pages = 0;
	} else if (len == FRAME_HEADER) {
		file->committing =
		    octets[4] | octets[5] | octets[6] | octets[7];
	} else {
		v->log.pages =
		    (unsigned)((at - LOG_HEADER) / (PAGE + FRAME_HEADER)) + 1;
		v->log.commits += file->committing;
		file->committing = false;
	}
}

/* A log that is rewritten again and again would fill ours. */
static bool
is_there(struct vfs_file *file, const void *octets, int len, int64_t at)
{
	static unsigned char there[IS_THERE_MAX];
	sqlite3_int64 size = 0;

	return len <= IS_THERE_MAX &&
	       file->real->pMethods->xFileSize(file->real, &size) == 0 &&
	       at + len <= size &&
	       file->real->pMethods->xRead(file->real, there, len, at) == 0 &&
	       memcmp(there, octets, (size_t)len) == 0;
}

static int
file_write(sqlite3_file *f, const void *octets, int len, sqlite3_int64 at)
{
	struct vfs_file *file = file_of(f);
	struct event e = {
		.kind = EVENT_WRITE,
		.file = file->file,
		.name = file->name,
		.offset = at,
		.len = (size_t)len,
	};
	int rc;

	if (!file->file)
		return file->real->pMethods->xWrite(
		    file->real, octets, len, at);
	vfs_step();
	vfs_lock();
	e.same = is_there(file, octets, len, at);
	rc = file->real->pMethods->xWrite(file->real, octets, len, at);
	if (rc == SQLITE_OK) {
		vfs_note(e, e.same ? NULL : octets);
		if (file->name == NAME_LOG && !e.same)
			watch_log(file, octets, len, at);
	}
	vfs_unlock();
	return rc;
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct vfs_file *file = file_of(f);
	struct event e = {
		.kind = EVENT_TRUNCATE,
		.file = file->file,
		.name = file->name,
		.offset = size,
	};
	int rc;

	if (!file->file)
		return file->real->pMethods->xTruncate(file->real, size);
	vfs_step();
	vfs_lock();
	rc = file->real->pMethods->xTruncate(file->real, size);
	if (rc == SQLITE_OK)
		vfs_note(e, NULL);
	vfs_unlock();
	return rc;
}

/* Does the disk fail now?  Under the lock. */
static bool
disk_fails(void)
{
	struct vfs *v = vfs_self.vfs;
	struct random r = random_stream(v->plan->seed, v->nsyncs++);

	if (v->failures_left > 0) {
		v->failures_left--;
		return true;
	}
	if (random_below(&r, 100) >= v->plan->fail_percent)
		return false;
	v->failures_left = random_below(
	    &r, random_below(&r, BAD_ODDS) ? FAILURES_IN_A_ROW : BAD_TIMES);
	return true;
}

/* What the sync that began at event `since` comes to.  Under the lock. */
static int
end_sync(struct vfs_file *file, int flags, size_t since)
{
	struct event e = {
		.kind = EVENT_SYNCED,
		.file = file->file,
		.name = file->name,
		.since = since,
	};
	unsigned *errors = &vfs_self.vfs->errors[file->file];
	bool fails = disk_fails();
	int rc;

	*errors += fails;
	if (file->errors_seen != *errors) {
		file->errors_seen = *errors;
		e.kind = fails ? EVENT_SYNC_FAILED : EVENT_SYNC_TOLD;
		vfs_note(e, NULL);
		if (vfs_self.vfs->plan->sabotage != SABOTAGE_RETRY) {
			/* SQLite's own VFS tells its log as well. */
			sqlite3_log(SQLITE_IOERR_FSYNC, "sync failed");
			errno = EIO;
			return SQLITE_IOERR_FSYNC;
		}
		e.kind = EVENT_SYNCED;
	}
	vfs_self.folder_opened = false;
	rc = file->real->pMethods->xSync(file->real, flags);
	e.folder = vfs_self.folder_opened;
	if (rc == SQLITE_OK)
		vfs_note(e, NULL);
	return rc;
}

static int
sync_now(struct vfs_file *file, int flags)
{
	const struct vfs_plan *plan = vfs_self.vfs->plan;
	struct event e = {
		.kind = EVENT_SYNC,
		.file = file->file,
		.name = file->name,
	};
	size_t since;
	int rc;

	vfs_step();
	vfs_lock();
	since = vfs_note(e, NULL);
	vfs_unlock();
	if (plan->delay_us)
		vfs_pause_us(random_below(&vfs_self.random, plan->delay_us));
	vfs_lock();
	rc = end_sync(file, flags, since);
	vfs_unlock();
	if (rc == SQLITE_IOERR_FSYNC && plan->kill_at_failure)
		vfs_die();
	vfs_step();
	return rc;
}

static int
file_sync(sqlite3_file *f, int flags)
{
	struct vfs_file *file = file_of(f);

	return file->file ? sync_now(file, flags)
			  : file->real->pMethods->xSync(file->real, flags);
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xFileSize(file->real, ret);
}

static int
file_lock(sqlite3_file *f, int level)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xLock(file->real, level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xUnlock(file->real, level);
}

static int
file_check_lock(sqlite3_file *f, int *ret)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xCheckReservedLock(file->real, ret);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xFileControl(file->real, op, arg);
}

static int
file_sector_size(sqlite3_file *f)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xSectorSize(file->real);
}

static int
file_characteristics(sqlite3_file *f)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int
file_shm_map(
    sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xShmMap(
	    file->real, page, size, extend, ret);
}

static int
file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xShmLock(file->real, at, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
	struct vfs_file *file = file_of(f);

	/* In between, the two headers of the wal-index differ. */
	vfs_step();
	file->real->pMethods->xShmBarrier(file->real);
}

static int
file_shm_unmap(sqlite3_file *f, int delete)
{
	struct vfs_file *file = file_of(f);

	return file->real->pMethods->xShmUnmap(file->real, delete);
}

/* Nothing is mapped: all reads and writes come here as such. */
static int
file_fetch(sqlite3_file *f, sqlite3_int64 at, int len, void **ret)
{
	(void)f;
	(void)at;
	(void)len;
	*ret = NULL;
	return SQLITE_OK;
}

/*
 * SQLite forgets what it has mapped when a checkpoint has read the
 * wal-index and found it changed; what it has read is then used.  In between is
 * where another connection may begin the WAL anew.
 */
static int
file_unfetch(sqlite3_file *f, sqlite3_int64 at, void *octets)
{
	struct vfs_log seen = vfs_log(vfs_self.vfs), now;
	bool reset = false;

	(void)f;
	if (at != 0 || octets || vfs_self.hold_ms == 0)
		return SQLITE_OK;
	lockfile_leave(vfs_self.lock_file);
	for (int us = 0; !reset && us < vfs_self.hold_ms * 1000;
	     us += PAUSE_US) {
		vfs_pause_us(PAUSE_US);
		now = vfs_log(vfs_self.vfs);
		reset = now.generation != seen.generation &&
			now.commits >= seen.commits + NEW_COMMITS;
	}
	vfs_self.hold_ms = 0;
	vfs_self.held_until_reset = reset;
	return SQLITE_OK;
}

const sqlite3_io_methods vfs_methods = {
	.iVersion = 3,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
	.xFetch = file_fetch,
	.xUnfetch = file_unfetch,
};
