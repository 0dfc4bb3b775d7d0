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
#include "vfs.h"

#include <sys/mman.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../../database/lockfile.h"
#include "../../database/private.h"
#include "random.h"

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

struct vfs {
	struct events *events;
	const struct vfs_plan *plan;
	/* All that follows changes under the lock of the log. */
	unsigned name[NAME__COUNT]; /* the file of that name; 0: none */
	unsigned nfiles;
	unsigned nsyncs;
	unsigned failures_left;
	struct vfs_log log;
	unsigned errors[VFS_FILES]; /* reported so far, by file */
};

struct file {
	sqlite3_file base;
	sqlite3_file *real;
	enum name name;
	unsigned file; /* 0: not recorded */
	unsigned errors_seen;
	bool committing; /* the frame being written ends a commit */
};

/* SQLite asks for methods without an argument for us: this process. */
static struct {
	struct vfs *vfs;
	sqlite3_vfs *below;
	int writer;
	struct random random;
	unsigned steps_to_live; /* 0: for ever */
	bool folder_opened;     /* since this was cleared */
	int hold_ms;
	int lock_file; /* to be left in the middle of a checkpoint */
	bool held_until_reset;
	int (*open_folder)(const char *, int *);
} self;

struct vfs *
vfs_new(struct events *ev, const struct vfs_plan *plan)
{
	struct vfs *v = mmap(NULL, sizeof *v, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (v == MAP_FAILED)
		err(EX_OSERR, "memory for the files");
	v->events = ev;
	v->plan = plan;
	return v;
}

void
vfs_free(struct vfs *v)
{
	if (v)
		munmap(v, sizeof *v);
}

unsigned
vfs_add_file(struct vfs *v, enum name name)
{
	if (++v->nfiles == VFS_FILES)
		errx(EX_SOFTWARE, "too many files");
	return v->name[name] = v->nfiles;
}

static void
lock(void)
{
	events_lock(self.vfs->events);
}

static void
unlock(void)
{
	events_unlock(self.vfs->events);
}

static size_t
note(struct event e, const void *octets)
{
	e.writer = self.writer;
	return events_add(self.vfs->events, &e, octets);
}

static void
die(void)
{
	lock();
	note((struct event){ .kind = EVENT_KILLED }, NULL);
	unlock();
	kill(getpid(), SIGKILL);
}

/* Before each thing that is done to a file. */
static void
step(void)
{
	if (self.steps_to_live > 0 && --self.steps_to_live == 0)
		die();
}

void
vfs_kill_after(unsigned steps)
{
	self.steps_to_live = steps;
}

static void
pause_us(unsigned us)
{
	struct timespec t = { 0, (long)us * 1000 };

	nanosleep(&t, NULL);
}

/*
 * Methods of a file
 */

static struct file *
file_of(sqlite3_file *f)
{
	return (struct file *)f;
}

static int
file_close(sqlite3_file *f)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xClose(file->real);
}

static int
file_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xRead(file->real, to, len, at);
}

/* A commit is there when the page is written whose frame header says so. */
static void
watch_log(struct file *file, const unsigned char *octets, int len, int64_t at)
{
	struct vfs *v = self.vfs;

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
is_there(struct file *file, const void *octets, int len, int64_t at)
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
	struct file *file = file_of(f);
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
	step();
	lock();
	e.same = is_there(file, octets, len, at);
	rc = file->real->pMethods->xWrite(file->real, octets, len, at);
	if (rc == SQLITE_OK) {
		note(e, e.same ? NULL : octets);
		if (file->name == NAME_LOG && !e.same)
			watch_log(file, octets, len, at);
	}
	unlock();
	return rc;
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct file *file = file_of(f);
	struct event e = {
		.kind = EVENT_TRUNCATE,
		.file = file->file,
		.name = file->name,
		.offset = size,
	};
	int rc;

	if (!file->file)
		return file->real->pMethods->xTruncate(file->real, size);
	step();
	lock();
	rc = file->real->pMethods->xTruncate(file->real, size);
	if (rc == SQLITE_OK)
		note(e, NULL);
	unlock();
	return rc;
}

/* Does the disk fail now?  Under the lock. */
static bool
disk_fails(void)
{
	struct vfs *v = self.vfs;
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
end_sync(struct file *file, int flags, size_t since)
{
	struct event e = {
		.kind = EVENT_SYNCED,
		.file = file->file,
		.name = file->name,
		.since = since,
	};
	unsigned *errors = &self.vfs->errors[file->file];
	bool fails = disk_fails();
	int rc;

	*errors += fails;
	if (file->errors_seen != *errors) {
		file->errors_seen = *errors;
		e.kind = fails ? EVENT_SYNC_FAILED : EVENT_SYNC_TOLD;
		note(e, NULL);
		if (self.vfs->plan->sabotage != SABOTAGE_RETRY) {
			/* SQLite's own VFS tells its log as well. */
			sqlite3_log(SQLITE_IOERR_FSYNC, "sync failed");
			errno = EIO;
			return SQLITE_IOERR_FSYNC;
		}
		e.kind = EVENT_SYNCED;
	}
	self.folder_opened = false;
	rc = file->real->pMethods->xSync(file->real, flags);
	e.folder = self.folder_opened;
	if (rc == SQLITE_OK)
		note(e, NULL);
	return rc;
}

static int
sync_now(struct file *file, int flags)
{
	const struct vfs_plan *plan = self.vfs->plan;
	struct event e = {
		.kind = EVENT_SYNC,
		.file = file->file,
		.name = file->name,
	};
	size_t since;
	int rc;

	step();
	lock();
	since = note(e, NULL);
	unlock();
	if (plan->delay_us)
		pause_us(random_below(&self.random, plan->delay_us));
	lock();
	rc = end_sync(file, flags, since);
	unlock();
	if (rc == SQLITE_IOERR_FSYNC && plan->kill_at_failure)
		die();
	step();
	return rc;
}

static int
file_sync(sqlite3_file *f, int flags)
{
	struct file *file = file_of(f);

	return file->file ? sync_now(file, flags)
			  : file->real->pMethods->xSync(file->real, flags);
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xFileSize(file->real, ret);
}

static int
file_lock(sqlite3_file *f, int level)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xLock(file->real, level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xUnlock(file->real, level);
}

static int
file_check_lock(sqlite3_file *f, int *ret)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xCheckReservedLock(file->real, ret);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xFileControl(file->real, op, arg);
}

static int
file_sector_size(sqlite3_file *f)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xSectorSize(file->real);
}

static int
file_characteristics(sqlite3_file *f)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int
file_shm_map(
    sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xShmMap(
	    file->real, page, size, extend, ret);
}

static int
file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	struct file *file = file_of(f);

	return file->real->pMethods->xShmLock(file->real, at, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
	struct file *file = file_of(f);

	/* In between, the two headers of the wal-index differ. */
	step();
	file->real->pMethods->xShmBarrier(file->real);
}

static int
file_shm_unmap(sqlite3_file *f, int delete)
{
	struct file *file = file_of(f);

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
	struct vfs_log seen = vfs_log(self.vfs), now;
	bool reset = false;

	(void)f;
	if (at != 0 || octets || self.hold_ms == 0)
		return SQLITE_OK;
	lockfile_leave(self.lock_file);
	for (int us = 0; !reset && us < self.hold_ms * 1000; us += PAUSE_US) {
		pause_us(PAUSE_US);
		now = vfs_log(self.vfs);
		reset = now.generation != seen.generation &&
			now.commits >= seen.commits + NEW_COMMITS;
	}
	self.hold_ms = 0;
	self.held_until_reset = reset;
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
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

/*
 * Methods of the VFS
 */

static enum name
name_of_flags(int flags)
{
	if (flags & SQLITE_OPEN_MAIN_DB)
		return NAME_DATABASE;
	if (flags & SQLITE_OPEN_WAL)
		return NAME_LOG;
	if (flags & SQLITE_OPEN_MAIN_JOURNAL)
		return NAME_JOURNAL;
	return NAME__COUNT;
}

static enum name
name_of_path(const char *path)
{
	size_t len = strlen(path);

	for (int n = NAME_LOG; n < NAME__COUNT; n++) {
		size_t suffix_len = strlen(name_suffix[n]);

		if (len > suffix_len &&
		    strcmp(path + len - suffix_len, name_suffix[n]) == 0)
			return (enum name)n;
	}
	return NAME_DATABASE;
}

/* The file of that name, which was just opened.  Under the lock. */
static unsigned
number_file(enum name name)
{
	struct event e = { .kind = EVENT_CREATE, .name = name };

	if (!self.vfs->name[name]) {
		e.file = vfs_add_file(self.vfs, name);
		note(e, NULL);
	}
	return self.vfs->name[name];
}

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags,
    int *ret_flags)
{
	struct file *file = file_of(f);
	enum name name = path ? name_of_flags(flags) : NAME__COUNT;
	int rc;

	(void)vfs;
	*file = (struct file){ .real = (sqlite3_file *)(file + 1) };
	file->real->pMethods = NULL;
	if (name != NAME__COUNT)
		step();
	lock();
	rc = self.below->xOpen(self.below, path, file->real, flags, ret_flags);
	if (rc == SQLITE_OK && name != NAME__COUNT) {
		file->name = name;
		file->file = number_file(name);
		file->errors_seen = self.vfs->errors[file->file];
	}
	unlock();
	if (file->real->pMethods)
		file->base.pMethods = &methods;
	return rc;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	enum name name = name_of_path(path);
	struct event e = { .kind = EVENT_UNLINK, .name = name };
	int rc;

	(void)vfs;
	step();
	lock();
	e.file = self.vfs->name[name];
	self.folder_opened = false;
	rc = self.below->xDelete(self.below, path, sync_folder);
	if (rc == SQLITE_OK) {
		e.since = note(e, NULL) + 1;
		self.vfs->name[name] = 0;
		if (self.folder_opened) {
			e.kind = EVENT_SYNCED;
			e.file = 0;
			e.folder = true;
			note(e, NULL);
		}
	}
	unlock();
	return rc;
}

/* SQLite opens a folder to sync it, and for nothing else. */
static int
open_folder(const char *path, int *ret_fd)
{
	self.folder_opened = true;
	return self.open_folder(path, ret_fd);
}

void
vfs_register(struct vfs *v, int writer)
{
	static sqlite3_vfs vfs;

	self.vfs = v;
	self.writer = writer;
	self.random = random_stream(v->plan->seed, (uint64_t)getpid());
	self.below = sqlite3_vfs_find("unix");
	if (!self.below)
		errx(EX_SOFTWARE, "SQLite has no VFS named unix");
	vfs = *self.below; /* for all that is not about content */
	vfs.pNext = NULL;
	vfs.zName = "recording";
	vfs.szOsFile = (int)sizeof(struct file) + self.below->szOsFile;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	self.open_folder = (int (*)(const char *,
	    int *))self.below->xGetSystemCall(self.below, "openDirectory");
	if (!self.open_folder ||
	    self.below->xSetSystemCall(self.below, "openDirectory",
		(sqlite3_syscall_ptr)open_folder) != SQLITE_OK ||
	    sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		errx(EX_SOFTWARE, "the recording VFS cannot be registered");
}

/*
 * In place of functions of the store (ld --wrap)
 */

int real_lockfile_mark(int fd, bool set) __asm__("__real_lockfile_mark");
int set_mark(int fd, bool set) __asm__("__wrap_lockfile_mark");
enum verdict real_heal_wal(struct database *db) __asm__("__real_heal_wal");
enum verdict heal(struct database *db) __asm__("__wrap_heal_wal");
int real_sqlite3_exec(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg,
    char **error) __asm__("__real_sqlite3_exec");
int run_sql(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg,
    char **error) __asm__("__wrap_sqlite3_exec");

static bool
is_broken(enum sabotage how)
{
	return self.vfs && self.vfs->plan->sabotage == how;
}

/* The lock file is not SQLite's, so this does not come through the VFS. */
int
set_mark(int fd, bool set)
{
	struct event e = { .kind = EVENT_MARK, .offset = set };
	int result;

	if (!self.vfs)
		return real_lockfile_mark(fd, set);
	if (is_broken(SABOTAGE_MARK))
		return 0;
	step();
	lock();
	result = real_lockfile_mark(fd, set);
	note(e, NULL);
	unlock();
	step();
	return result;
}

enum verdict
heal(struct database *db)
{
	return is_broken(SABOTAGE_HEAL) ? VERDICT_OK : real_heal_wal(db);
}

int
run_sql(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg, char **error)
{
	int rc = real_sqlite3_exec(db, sql, callback, arg, error);

	if (is_broken(SABOTAGE_NORMAL) && strstr(sql, "synchronous = FULL"))
		rc = real_sqlite3_exec(
		    db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return rc;
}

void
vfs_acknowledge(uint64_t key, int64_t id)
{
	struct event e = { .kind = EVENT_ACK, .key = key, .id = id };

	lock();
	note(e, NULL);
	unlock();
}

void
vfs_note_damage(void)
{
	lock();
	note((struct event){ .kind = EVENT_DAMAGED }, NULL);
	unlock();
}

struct vfs_log
vfs_log(struct vfs *v)
{
	struct vfs_log log;

	events_lock(v->events);
	log = v->log;
	events_unlock(v->events);
	return log;
}

void
vfs_hold_checkpoint(int timeout_ms, int lock_file)
{
	self.hold_ms = timeout_ms;
	self.lock_file = lock_file;
	self.held_until_reset = false;
}

bool
vfs_held_until_reset(void)
{
	return self.held_until_reset;
}
