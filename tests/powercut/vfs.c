#include "vfs_private.h"

#include <sys/mman.h>

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct vfs_process vfs_self;

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

void
vfs_lock(void)
{
	events_lock(vfs_self.vfs->events);
}

void
vfs_unlock(void)
{
	events_unlock(vfs_self.vfs->events);
}

size_t
vfs_note(struct event e, const void *octets)
{
	e.writer = vfs_self.writer;
	return events_add(vfs_self.vfs->events, &e, octets);
}

void
vfs_die(void)
{
	vfs_lock();
	vfs_note((struct event){ .kind = EVENT_KILLED }, NULL);
	vfs_unlock();
	kill(getpid(), SIGKILL);
}

/* Before each thing that is done to a file. */
void
vfs_step(void)
{
	if (vfs_self.steps_to_live > 0 && --vfs_self.steps_to_live == 0)
		vfs_die();
}

void
vfs_kill_after(unsigned steps)
{
	vfs_self.steps_to_live = steps;
}

void
vfs_pause_us(unsigned us)
{
	struct timespec t = { 0, (long)us * 1000 };

	nanosleep(&t, NULL);
}

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

	if (!vfs_self.vfs->name[name]) {
		e.file = vfs_add_file(vfs_self.vfs, name);
		vfs_note(e, NULL);
	}
	return vfs_self.vfs->name[name];
}

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags,
    int *ret_flags)
{
	struct vfs_file *file = (struct vfs_file *)f;
	enum name name = path ? name_of_flags(flags) : NAME__COUNT;
	int rc;

	(void)vfs;
	*file = (struct vfs_file){ .real = (sqlite3_file *)(file + 1) };
	file->real->pMethods = NULL;
	if (name != NAME__COUNT)
		vfs_step();
	vfs_lock();
	rc = vfs_self.below->xOpen(
	    vfs_self.below, path, file->real, flags, ret_flags);
	if (rc == SQLITE_OK && name != NAME__COUNT) {
		file->name = name;
		file->file = number_file(name);
		file->errors_seen = vfs_self.vfs->errors[file->file];
	}
	vfs_unlock();
	if (file->real->pMethods)
		file->base.pMethods = &vfs_methods;
	return rc;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	enum name name = name_of_path(path);
	struct event e = { .kind = EVENT_UNLINK, .name = name };
	int rc;

	(void)vfs;
	vfs_step();
	vfs_lock();
	e.file = vfs_self.vfs->name[name];
	vfs_self.folder_opened = false;
	rc = vfs_self.below->xDelete(vfs_self.below, path, sync_folder);
	if (rc == SQLITE_OK) {
		e.since = vfs_note(e, NULL) + 1;
		vfs_self.vfs->name[name] = 0;
		if (vfs_self.folder_opened) {
			e.kind = EVENT_SYNCED;
			e.file = 0;
			e.folder = true;
			vfs_note(e, NULL);
		}
	}
	vfs_unlock();
	return rc;
}

/* SQLite opens a folder to sync it, and for nothing else. */
static int
open_folder(const char *path, int *ret_fd)
{
	vfs_self.folder_opened = true;
	return vfs_self.open_folder(path, ret_fd);
}

void
vfs_register(struct vfs *v, int writer)
{
	static sqlite3_vfs vfs;

	vfs_self.vfs = v;
	vfs_self.writer = writer;
	vfs_self.random = random_stream(v->plan->seed, (uint64_t)getpid());
	vfs_self.below = sqlite3_vfs_find("unix");
	if (!vfs_self.below)
		errx(EX_SOFTWARE, "SQLite has no VFS named unix");
	vfs = *vfs_self.below; /* for all that is not about content */
	vfs.pNext = NULL;
	vfs.zName = "recording";
	vfs.szOsFile = (int)sizeof(struct vfs_file) + vfs_self.below->szOsFile;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs_self.open_folder =
	    (int (*)(const char *, int *))vfs_self.below->xGetSystemCall(
		vfs_self.below, "openDirectory");
	if (!vfs_self.open_folder ||
	    vfs_self.below->xSetSystemCall(vfs_self.below, "openDirectory",
		(sqlite3_syscall_ptr)open_folder) != SQLITE_OK ||
	    sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		errx(EX_SOFTWARE, "the recording VFS cannot be registered");
}

void
vfs_acknowledge(uint64_t key, int64_t id)
{
	struct event e = { .kind = EVENT_ACK, .key = key, .id = id };

	vfs_lock();
	vfs_note(e, NULL);
	vfs_unlock();
}

void
vfs_note_damage(void)
{
	vfs_lock();
	vfs_note((struct event){ .kind = EVENT_DAMAGED }, NULL);
	vfs_unlock();
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
	vfs_self.hold_ms = timeout_ms;
	vfs_self.lock_file = lock_file;
	vfs_self.held_until_reset = false;
}

bool
vfs_held_until_reset(void)
{
	return vfs_self.held_until_reset;
}
