/*
 * Makes system calls and allocations of smtpd fail, or kills it around them,
 * at an instant that a test chose.  Preloaded (LD_PRELOAD); it does nothing in
 * a program of another name, and nothing to files outside one folder.
 *
 * The environment says what to do:
 *
 *	FAULTS_FOLDER	the folder of the database, without symbolic links
 *	FAULTS		rules, separated by ";"
 *	FAULTS_ODDS	percent: in so many processes is one of the rules taken
 *			by lot, and for it one call from `first` to `last`; in
 *			the others none
 *	FAULTS_LOG	a file that gets a line for each rule that was obeyed
 *	FAULTS_WAIT_MS	the longest wait for the turnstile or a lock; 30 s
 *			are too long for a test that is to see their end
 *
 * A rule is "class file first last action number":
 *
 *	class	write sync open read truncate mmap stat statfs unlink; lock and
 *		unlock (record locks); enter and leave (the turnstile); alloc;
 *		send; "any" is all of them
 *	file	the name behind the folder's, "spool" for one without a name,
 *		"." for the folder, "*" for any; alloc and send have "-"
 *	first, last	which calls of this class on this file, from 1; a
 *			`last` of 0 has no end
 *	action	"fail" with the errno `number`; "short": a write does half;
 *		"before" or "after" the call send the signal `number` to
 *		the process itself; "trace": log the call; "count": log at the
 *		end how many there were
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	RULES_MAX = 64,
	NAME_MAX_LEN = 32,
};

enum action {
	ACT_NONE,
	ACT_FAIL,
	ACT_SHORT,
	ACT_BEFORE,
	ACT_AFTER,
	ACT_TRACE,
	ACT_COUNT,
};

static const char *const action_names[] = {
	[ACT_NONE] = "none",
	[ACT_FAIL] = "fail",
	[ACT_SHORT] = "short",
	[ACT_BEFORE] = "before",
	[ACT_AFTER] = "after",
	[ACT_TRACE] = "trace",
	[ACT_COUNT] = "count",
};

static struct rule {
	char class[NAME_MAX_LEN];
	char file[NAME_MAX_LEN];
	unsigned long first, last;
	enum action action;
	int number;
	unsigned long seen;
} rules[RULES_MAX];

static unsigned nrules;             /* 0: this process is none of ours */
static struct rule menu[RULES_MAX]; /* what lots are drawn for */
static unsigned nmenu;
static unsigned long percent;
static const char *folder;
static size_t folder_len;
static const char *log_path;
static long wait_ms;

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
 * The log, by system calls that nothing here stands before
 */

static void
log_event(
    const char *what, const char *class, unsigned long n, const char *file)
{
	char line[256];
	long fd;
	int len;

	if (!log_path)
		return;
	len = snprintf(line, sizeof line, "%ld %s %s %lu %s\n", (long)getpid(),
	    what, class, n, file);
	fd = syscall(SYS_openat, AT_FDCWD, log_path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, (size_t)len);
	syscall(SYS_close, fd);
}

/*
 * Rules
 */

static enum action
action_named(const char *name)
{
	for (size_t i = 1; i < sizeof action_names / sizeof *action_names; i++)
		if (strcmp(name, action_names[i]) == 0)
			return (enum action)i;
	fprintf(stderr, "faults: no action \"%s\"\n", name);
	abort();
}

static void
read_rules(const char *text)
{
	while (*text != '\0') {
		struct rule *r = &rules[nrules];
		char action[NAME_MAX_LEN];

		if (nrules == RULES_MAX ||
		    sscanf(text, "%31s %31s %lu %lu %31s %d", r->class, r->file,
			&r->first, &r->last, action, &r->number) != 6) {
			fprintf(stderr, "faults: bad rule: %s\n", text);
			abort();
		}
		r->action = action_named(action);
		if (r->last == 0)
			r->last = ULONG_MAX;
		nrules++;
		text += strcspn(text, ";");
		if (*text == ';')
			text++;
	}
}

/* Takes one rule of the menu, for one call, or none at all. */
static void
draw_lots(void)
{
	struct timespec now;
	unsigned long lot;
	struct rule *r = &rules[0];

	clock_gettime(CLOCK_MONOTONIC, &now);
	lot = ((unsigned long)now.tv_nsec ^ (unsigned long)getpid() << 20) *
	      6364136223846793005UL;
	lot >>= 20;
	nrules = lot % 100 < percent;
	lot /= 100;
	*r = menu[lot % nmenu];
	lot /= nmenu;
	r->first += lot % (r->last - r->first + 1);
	r->last = r->first;
}

__attribute__((constructor)) static void
start(void)
{
	const char *text = getenv("FAULTS");
	const char *odds = getenv("FAULTS_ODDS");
	const char *wait = getenv("FAULTS_WAIT_MS");

	folder = getenv("FAULTS_FOLDER");
	if (strcmp(program_invocation_short_name, "smtpd") != 0 || !folder)
		return;
	folder_len = strlen(folder);
	log_path = getenv("FAULTS_LOG");
	wait_ms = wait ? strtol(wait, NULL, 10) : 0;
	if (text)
		read_rules(text);
	if (odds && nrules > 0) {
		percent = strtoul(odds, NULL, 10);
		memcpy(menu, rules, sizeof menu);
		nmenu = nrules;
		draw_lots();
		/* A session that the listening smtpd forks draws its own. */
		pthread_atfork(NULL, NULL, draw_lots);
	}
}

__attribute__((destructor)) static void
report_counts(void)
{
	for (unsigned i = 0; i < nrules; i++)
		if (rules[i].action == ACT_COUNT)
			log_event("count", rules[i].class, rules[i].seen,
			    rules[i].file);
}

static bool
is_for(const struct rule *r, const char *class, const char *file)
{
	return (strcmp(r->class, class) == 0 || strcmp(r->class, "any") == 0) &&
	       (strcmp(r->file, file) == 0 ||
		   (strcmp(r->file, "*") == 0 && strcmp(file, "-") != 0));
}

/* What is to happen to one call. */
struct verdict {
	enum action action;
	int number;
};

static void
obey(const struct rule *r, const char *class, const char *file)
{
	log_event(action_names[r->action], class, r->seen, file);
	if (r->action == ACT_BEFORE)
		kill(getpid(), r->number);
}

/* Counts the call; `file` is NULL for one that is none of our business. */
static struct verdict
judge(const char *class, const char *file)
{
	struct verdict v = { ACT_NONE, 0 };
	int saved = errno;

	for (unsigned i = 0; file && i < nrules; i++) {
		struct rule *r = &rules[i];

		if (!is_for(r, class, file))
			continue;
		r->seen++;
		if (r->action == ACT_COUNT || r->seen < r->first ||
		    r->seen > r->last)
			continue;
		obey(r, class, file);
		if (r->action != ACT_TRACE)
			v = (struct verdict){ r->action, r->number };
	}
	errno = saved;
	return v;
}

static bool
fails(struct verdict v)
{
	if (v.action == ACT_FAIL)
		errno = v.number;
	return v.action == ACT_FAIL;
}

/* After the call. */
static void
finish(struct verdict v)
{
	int saved = errno;

	if (v.action == ACT_AFTER)
		kill(getpid(), v.number);
	errno = saved;
}

/*
 * Files: the name behind the folder's, or NULL.  What is returned is good
 * until the next call.
 */

static const char *
file_named(const char *path)
{
	if (nrules == 0 || !path || strncmp(path, folder, folder_len) != 0)
		return NULL;
	path += folder_len;
	if (*path == '\0')
		return ".";
	return *path == '/' ? path + 1 : NULL;
}

static const char *
file_of(int fd)
{
	static char path[PATH_MAX];
	char link[40];
	const char *file;
	long len;

	if (nrules == 0)
		return NULL;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = syscall(
	    SYS_readlinkat, AT_FDCWD, link, path, (size_t)sizeof path - 1);
	if (len < 0)
		return NULL;
	path[len] = '\0';
	file = file_named(path);
	/* "#12345 (deleted)", or "/#12345" on some file systems */
	return file && *file == '#' ? "spool" : file;
}

/*
 * write
 */

typedef ssize_t pwrite_fn(int, const void *, size_t, off_t);

static ssize_t
do_pwrite(pwrite_fn *real, int fd, const void *buf, size_t len, off_t at)
{
	struct verdict v = judge("write", file_of(fd));
	ssize_t n;

	if (fails(v))
		return -1;
	if (v.action == ACT_SHORT && len > 1)
		len /= 2;
	n = real(fd, buf, len, at);
	finish(v);
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
	const char *file = file_of(fd);
	struct verdict v = judge("write", file);
	ssize_t n;

	if (fails(v))
		return -1;
	if (v.action == ACT_SHORT && len > 1)
		len /= 2;
	n = syscall(SYS_write, fd, buf, len);
	finish(v);
	return n;
}

/*
 * sync
 */

typedef int fd_fn(int);

static int
do_sync(fd_fn *real, int fd)
{
	struct verdict v = judge("sync", file_of(fd));
	int result;

	if (fails(v))
		return -1;
	result = real(fd);
	finish(v);
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
	struct verdict v = judge("open", file_named(path));
	long fd;

	if (fails(v))
		return -1;
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	finish(v);
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
	struct verdict v = judge("read", file_of(fd));
	ssize_t n;

	if (fails(v))
		return -1;
	n = real(fd, buf, len, at);
	finish(v);
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
	struct verdict v = judge("truncate", file_of(fd));
	long result;

	if (fails(v))
		return -1;
	result = syscall(SYS_ftruncate, fd, len);
	finish(v);
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
	struct verdict v = judge("mmap", fd >= 0 ? file_of(fd) : NULL);
	void *result;

	if (fails(v))
		return MAP_FAILED;
	result = real(at, len, protection, flags, fd, offset);
	finish(v);
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
 * lock and unlock (as SQLite does), enter and leave (the turnstile)
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
	struct verdict v = judge(class, class ? file_of(fd) : NULL);
	long result;

	if (fails(v))
		return -1;
	result = syscall(SYS_fcntl, fd, command, arg);
	finish(v);
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
	struct verdict v = judge(leaves ? "leave" : "enter", file_of(fd));
	long result;

	if (fails(v))
		return -1;
	result = syscall(SYS_flock, fd, operation);
	finish(v);
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
	struct verdict v = judge("stat", file_of(fd));

	return fails(v) ? -1 : REAL(fstat_fn *, "fstat")(fd, ret);
}

int
fstat64(int fd, struct stat64 *ret)
{
	struct verdict v = judge("stat", file_of(fd));

	return fails(v) ? -1 : REAL(fstat64_fn *, "fstat64")(fd, ret);
}

int
stat(const char *path, struct stat *ret)
{
	struct verdict v = judge("stat", file_named(path));

	return fails(v) ? -1 : REAL(stat_fn *, "stat")(path, ret);
}

int
stat64(const char *path, struct stat64 *ret)
{
	struct verdict v = judge("stat", file_named(path));

	return fails(v) ? -1 : REAL(stat64_fn *, "stat64")(path, ret);
}

int
lstat64(const char *path, struct stat64 *ret)
{
	struct verdict v = judge("stat", file_named(path));

	return fails(v) ? -1 : REAL(stat64_fn *, "lstat64")(path, ret);
}

int
access(const char *path, int mode)
{
	struct verdict v = judge("stat", file_named(path));

	return fails(v) ? -1
			: (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

typedef int statfs_fn(const char *, struct statfs *);

int
statfs(const char *path, struct statfs *ret)
{
	struct verdict v = judge("statfs", file_named(path));

	return fails(v) ? -1 : REAL(statfs_fn *, "statfs")(path, ret);
}

int
unlink(const char *path)
{
	struct verdict v = judge("unlink", file_named(path));
	long result;

	if (fails(v))
		return -1;
	result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	finish(v);
	return (int)result;
}

/*
 * alloc
 */

static bool
may_allocate(void)
{
	return nrules == 0 || !fails(judge("alloc", "-"));
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
	struct verdict v = judge("send", "-");
	long n;

	if (fails(v))
		return -1;
	n = syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
	finish(v);
	return n;
}

int
setitimer(
    __itimer_which_t which, const struct itimerval *new, struct itimerval *old)
{
	struct itimerval timer = *new;
	long ms = timer.it_value.tv_sec * 1000 + timer.it_value.tv_usec / 1000;

	if (wait_ms > 0 && ms > wait_ms) {
		timer.it_value.tv_sec = wait_ms / 1000;
		timer.it_value.tv_usec = wait_ms % 1000 * 1000;
	}
	return (int)syscall(SYS_setitimer, which, &timer, old);
}

typedef int busy_timeout_fn(void *, int);

int
sqlite3_busy_timeout(void *db, int ms)
{
	return REAL(busy_timeout_fn *, "sqlite3_busy_timeout")(
	    db, wait_ms > 0 && ms > wait_ms ? (int)wait_ms : ms);
}
