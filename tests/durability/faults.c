/*
 * Makes system calls and allocations of smtpd fail, or kills it around them,
 * at an instant that a test chose.  Preloaded (LD_PRELOAD); it does nothing in
 * a program of another name, and nothing to files outside one folder.  What is
 * to happen to a call says rules.h.
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "rules.h"

/* The C library's own, whatever else is preloaded. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
/* No header of SQLite is needed for this one. */
int sqlite3_busy_timeout(void *db, int ms);

static void *
next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

/* The function that this one stands before; ISO C has no such cast. */
#define REAL(type, name) (__extension__(type) next(name))

/*
 * write
 */

typedef ssize_t pwrite_fn(int, const void *, size_t, off_t);

static ssize_t
do_pwrite(pwrite_fn *real, int fd, const void *buf, size_t len, off_t at)
{
	struct verdict v = rules_judge("write", rules_file_of(fd));
	ssize_t n;

	if (rules_fail(v))
		return -1;
	if (v.action == ACT_SHORT && len > 1)
		len /= 2;
	n = real(fd, buf, len, at);
	rules_finish(v);
	return n;
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t at)
{
	return do_pwrite(REAL(pwrite_fn *, "pwrite"), fd, buf, len, at);
}

ssize_t
pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	return do_pwrite(REAL(pwrite_fn *, "pwrite64"), fd, buf, len, at);
}

/* Replies to a client that is no socket, and the log. */
ssize_t
write(int fd, const void *buf, size_t len)
{
	const char *file = rules_file_of(fd);
	struct verdict v = rules_judge("write", file);
	ssize_t n;

	if (rules_fail(v))
		return -1;
	if (v.action == ACT_SHORT && len > 1)
		len /= 2;
	n = syscall(SYS_write, fd, buf, len);
	rules_finish(v);
	return n;
}

/*
 * sync
 */

typedef int fd_fn(int);

static int
do_sync(fd_fn *real, int fd)
{
	struct verdict v = rules_judge("sync", rules_file_of(fd));
	int result;

	if (rules_fail(v))
		return -1;
	result = real(fd);
	rules_finish(v);
	return result;
}

int
fsync(int fd)
{
	return do_sync(REAL(fd_fn *, "fsync"), fd);
}

int
fdatasync(int fd)
{
	return do_sync(REAL(fd_fn *, "fdatasync"), fd);
}

/*
 * open
 */

static int
do_open(const char *path, int flags, mode_t mode)
{
	struct verdict v = rules_judge("open", rules_file_named(path));
	long fd;

	if (rules_fail(v))
		return -1;
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	rules_finish(v);
	return (int)fd;
}

static mode_t
mode_of(int flags, va_list args)
{
	bool makes = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;

	return makes ? va_arg(args, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return do_open(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return do_open(path, flags, mode);
}

/*
 * read
 */

typedef ssize_t pread_fn(int, void *, size_t, off_t);

static ssize_t
do_pread(pread_fn *real, int fd, void *buf, size_t len, off_t at)
{
	struct verdict v = rules_judge("read", rules_file_of(fd));
	ssize_t n;

	if (rules_fail(v))
		return -1;
	n = real(fd, buf, len, at);
	rules_finish(v);
	return n;
}

ssize_t
pread(int fd, void *buf, size_t len, off_t at)
{
	return do_pread(REAL(pread_fn *, "pread"), fd, buf, len, at);
}

ssize_t
pread64(int fd, void *buf, size_t len, off64_t at)
{
	return do_pread(REAL(pread_fn *, "pread64"), fd, buf, len, at);
}

/*
 * truncate, mmap
 */

int
ftruncate(int fd, off_t len)
{
	struct verdict v = rules_judge("truncate", rules_file_of(fd));
	long result;

	if (rules_fail(v))
		return -1;
	result = syscall(SYS_ftruncate, fd, len);
	rules_finish(v);
	return (int)result;
}

int
ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

typedef void *mmap_fn(void *, size_t, int, int, int, off_t);

/* A map of memory alone is the allocator's business. */
static void *
do_mmap(mmap_fn *real, void *at, size_t len, int protection, int flags, int fd,
    off_t offset)
{
	struct verdict v =
	    rules_judge("mmap", fd >= 0 ? rules_file_of(fd) : NULL);
	void *result;

	if (rules_fail(v))
		return MAP_FAILED;
	result = real(at, len, protection, flags, fd, offset);
	rules_finish(v);
	return result;
}

void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	return do_mmap(
	    REAL(mmap_fn *, "mmap"), at, len, protection, flags, fd, offset);
}

void *
mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
	return do_mmap(
	    REAL(mmap_fn *, "mmap64"), at, len, protection, flags, fd, offset);
}

/*
 * lock and unlock (as SQLite does), enter and leave (the write lock)
 */

/* The class of a call, or NULL; giving a lock back cannot fail. */
static const char *
class_of_fcntl(int command, const struct flock *lock)
{
	if (command != F_SETLK && command != F_SETLKW && command != F_GETLK)
		return NULL;
	return lock->l_type == F_UNLCK ? "unlock" : "lock";
}

static int
do_fcntl(int fd, int command, void *arg)
{
	const char *class = class_of_fcntl(command, arg);
	struct verdict v = rules_judge(class, class ? rules_file_of(fd) : NULL);
	long result;

	if (rules_fail(v))
		return -1;
	result = syscall(SYS_fcntl, fd, command, arg);
	rules_finish(v);
	return (int)result;
}

int
fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	return do_fcntl(fd, command, arg);
}

int
fcntl64(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	return do_fcntl(fd, command, arg);
}

int
flock(int fd, int operation)
{
	bool leaves = operation == LOCK_UN;
	struct verdict v =
	    rules_judge(leaves ? "leave" : "enter", rules_file_of(fd));
	long result;

	if (rules_fail(v))
		return -1;
	result = syscall(SYS_flock, fd, operation);
	rules_finish(v);
	return (int)result;
}

/*
 * stat, statfs, unlink
 */

typedef int fstat_fn(int, struct stat *);
typedef int stat_fn(const char *, struct stat *);
typedef int fstat64_fn(int, struct stat64 *);
typedef int stat64_fn(const char *, struct stat64 *);

int
fstat(int fd, struct stat *ret)
{
	struct verdict v = rules_judge("stat", rules_file_of(fd));

	return rules_fail(v) ? -1 : REAL(fstat_fn *, "fstat")(fd, ret);
}

int
fstat64(int fd, struct stat64 *ret)
{
	struct verdict v = rules_judge("stat", rules_file_of(fd));

	return rules_fail(v) ? -1 : REAL(fstat64_fn *, "fstat64")(fd, ret);
}

int
stat(const char *path, struct stat *ret)
{
	struct verdict v = rules_judge("stat", rules_file_named(path));

	return rules_fail(v) ? -1 : REAL(stat_fn *, "stat")(path, ret);
}

int
stat64(const char *path, struct stat64 *ret)
{
	struct verdict v = rules_judge("stat", rules_file_named(path));

	return rules_fail(v) ? -1 : REAL(stat64_fn *, "stat64")(path, ret);
}

int
lstat64(const char *path, struct stat64 *ret)
{
	struct verdict v = rules_judge("stat", rules_file_named(path));

	return rules_fail(v) ? -1 : REAL(stat64_fn *, "lstat64")(path, ret);
}

int
access(const char *path, int mode)
{
	struct verdict v = rules_judge("stat", rules_file_named(path));

	return rules_fail(v)
		   ? -1
		   : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

typedef int statfs_fn(const char *, struct statfs *);

int
statfs(const char *path, struct statfs *ret)
{
	struct verdict v = rules_judge("statfs", rules_file_named(path));

	return rules_fail(v) ? -1 : REAL(statfs_fn *, "statfs")(path, ret);
}

int
unlink(const char *path)
{
	struct verdict v = rules_judge("unlink", rules_file_named(path));
	long result;

	if (rules_fail(v))
		return -1;
	result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	rules_finish(v);
	return (int)result;
}

/*
 * alloc
 */

static bool
may_allocate(void)
{
	return !rules_are_there() || !rules_fail(rules_judge("alloc", "-"));
}

void *
malloc(size_t size)
{
	return may_allocate() ? __libc_malloc(size) : NULL;
}

void *
calloc(size_t n, size_t size)
{
	return may_allocate() ? __libc_calloc(n, size) : NULL;
}

void *
realloc(void *p, size_t size)
{
	return may_allocate() ? __libc_realloc(p, size) : NULL;
}

/*
 * send, and the waits that are made shorter
 */

ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	struct verdict v = rules_judge("send", "-");
	long n;

	if (rules_fail(v))
		return -1;
	n = syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
	rules_finish(v);
	return n;
}

int
setitimer(
    __itimer_which_t which, const struct itimerval *new, struct itimerval *old)
{
	struct itimerval timer = *new;
	long ms = timer.it_value.tv_sec * 1000 + timer.it_value.tv_usec / 1000;

	if (rules_wait_ms(ms) < ms) {
		timer.it_value.tv_sec = rules_wait_ms(ms) / 1000;
		timer.it_value.tv_usec = rules_wait_ms(ms) % 1000 * 1000;
	}
	return (int)syscall(SYS_setitimer, which, &timer, old);
}

typedef int busy_timeout_fn(void *, int);

int
sqlite3_busy_timeout(void *db, int ms)
{
	return REAL(busy_timeout_fn *, "sqlite3_busy_timeout")(
	    db, (int)rules_wait_ms(ms));
}
