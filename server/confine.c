/*
 * Two walls.  Landlock (where the kernel has it) restricts paths, but not what
 * a process does with descriptors that it holds.  seccomp restricts system
 * calls and their numeric arguments, but not paths.  A session of the listener
 * needs no path at all, so either wall would do for it.
 */
#include "confine.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "log.h"

enum {
	DESCRIPTORS_OF_LISTENER = 32,
	/* The database, its files and those of a migration; a record's. */
	DESCRIPTORS_ALONE = 64,
	/* The same, and 200 connections. */
	DESCRIPTORS_OF_WEB = 512,
	/* For a log on standard error that is a file. */
	LOG_ROOM = 1024 * 1024,
	LINKS_MAX = 40, /* as in the kernel */
};

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/* Sanitizers trace and map what no session may. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) ||       \
    __has_feature(memory_sanitizer)
static const bool is_possible = false;
#else
static const bool is_possible = true;
#endif

/*
 * Paths
 */

/*
 * Of linux/landlock.h, which may be older than the kernel; landlock(7) tells
 * which version has which.
 */
enum {
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_TRUNCATE = 1 << 14,
	/* What SQLite does in the folder of the database. */
	FS_DATABASE = FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR | FS_MAKE_REG |
		      FS_REMOVE_FILE | FS_TRUNCATE,

	NET_ALL = 3,   /* bind and connect, by TCP */
	SCOPE_ALL = 3, /* abstract sockets and signals of others */

	ASK_VERSION = 1,
	BENEATH = 1,
};

struct ruleset {
	uint64_t fs, net, scope;
};

struct rule {
	uint64_t fs;
	int32_t parent;
} __attribute__((packed));

/* By version, from 1: what is taken away, and how long the struct is. */
static const struct {
	struct ruleset taken;
	size_t size;
} landlock[] = {
	{ { 0, 0, 0 }, 0 },
	{ { (1 << 13) - 1, 0, 0 }, 8 },
	{ { (1 << 14) - 1, 0, 0 }, 8 },
	{ { (1 << 15) - 1, 0, 0 }, 8 },
	{ { (1 << 15) - 1, NET_ALL, 0 }, 16 },
	{ { (1 << 16) - 1, NET_ALL, 0 }, 16 },
	{ { (1 << 16) - 1, NET_ALL, SCOPE_ALL }, 24 },
};

/* What stays; a path that is not there, or no folder, need not. */
struct kept {
	const char *path;
	uint64_t fs;
};

static bool
keep(int ruleset, const struct kept *kept, uint64_t taken)
{
	struct rule rule = { .fs = kept->fs & taken };
	long result;

	rule.parent = open(kept->path, O_PATH | O_CLOEXEC);
	if (rule.parent < 0)
		return true;
	result = syscall(__NR_landlock_add_rule, ruleset, BENEATH, &rule, 0);
	close(rule.parent);
	return result == 0 || errno == EINVAL;
}

static bool
take_paths(const struct kept *kept, size_t nkept)
{
	long version =
	    syscall(__NR_landlock_create_ruleset, NULL, 0, ASK_VERSION);
	long newest = sizeof landlock / sizeof *landlock - 1;
	bool done;
	int fd;

	if (version <= 0)
		return true; /* this kernel has none */
	if (version > newest)
		version = newest;
	fd = (int)syscall(__NR_landlock_create_ruleset,
	    &landlock[version].taken, landlock[version].size, 0);
	if (fd < 0)
		return false;
	done = true;
	for (size_t i = 0; i < nkept && done; i++)
		done = keep(fd, &kept[i], landlock[version].taken.fs);
	done = done && syscall(__NR_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return done;
}

/* Puts what the link says in its place; a relative one begins in its folder. */
static bool
replace_link(char *path, const char *link)
{
	char *slash = strrchr(path, '/');
	char *name = link[0] == '/' || !slash ? path : slash + 1;

	if (strlen(link) >= (size_t)(path + PATH_MAX - name))
		return false;
	strcpy(name, link);
	return true;
}

/* The folder of a file, or where a link says that it will be. */
static bool
find_folder(const char *file, char *ret)
{
	char link[PATH_MAX];
	ssize_t len;
	char *slash;

	if (strlen(file) >= PATH_MAX)
		return false;
	strcpy(ret, file);
	for (int i = 0; i < LINKS_MAX; i++) {
		len = readlink(ret, link, sizeof link - 1);
		if (len < 0)
			break;
		link[len] = '\0';
		if (!replace_link(ret, link))
			return false;
	}
	slash = strrchr(ret, '/');
	if (!slash)
		strcpy(ret, ".");
	else
		slash[slash == ret] = '\0';
	return true;
}

/*
 * Sessions
 */

/* The limit leaves room for a log, if standard error is a file. */
static uint64_t
log_size(void)
{
	struct stat log;

	return fstat(STDERR_FILENO, &log) == 0 && S_ISREG(log.st_mode)
		   ? (uint64_t)log.st_size + LOG_ROOM
		   : 0;
}

/* Below what it is; one that is lower already stays. */
static bool
lower_limit(int resource, rlim_t limit)
{
	struct rlimit is;

	if (getrlimit(resource, &is) < 0)
		return false;
	if (is.rlim_max > limit)
		is.rlim_max = limit;
	if (is.rlim_cur > is.rlim_max)
		is.rlim_cur = is.rlim_max;
	return setrlimit(resource, &is) == 0;
}

static bool
fail(const char *what)
{
	log_line(LOG_ERR,
	    "the process cannot be confined: %s: %s; --no-confine does without",
	    what, strerror(errno));
	return false;
}

/* Each step is still allowed to make the next. */
static bool
confine(enum filter_who who, const struct kept *kept, size_t nkept)
{
	/* Root may make processes all the same, but for the filter. */
	if (!lower_limit(RLIMIT_NPROC, 0))
		return fail("limits");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("no new privileges");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail("not dumpable");
	if (!take_paths(kept, nkept))
		return fail("Landlock");
	if (!filter_install(who))
		return fail("seccomp");
	return true;
}

void
confine_prepare(void)
{
	filter_prepare(FILTER_PIPE);
}

bool
confine_session_of_listener(uint64_t max_file)
{
	if (!is_possible)
		return true;
	if (!lower_limit(RLIMIT_FSIZE, max_file + log_size()) ||
	    !lower_limit(RLIMIT_NOFILE, DESCRIPTORS_OF_LISTENER))
		return fail("limits");
	return confine(FILTER_PIPE, NULL, 0);
}

void
confine_prepare_tls(void)
{
	filter_prepare(FILTER_TLS);
}

bool
confine_tls(void)
{
	if (!is_possible)
		return true;
	if (!lower_limit(RLIMIT_FSIZE, log_size()) ||
	    !lower_limit(RLIMIT_NOFILE, DESCRIPTORS_OF_LISTENER))
		return fail("limits");
	return confine(FILTER_TLS, NULL, 0);
}

bool
confine_session_alone(const char *database, const char *new_mail)
{
	char folder[PATH_MAX], new_mail_folder[PATH_MAX];
	const struct kept kept[] = {
		{ folder, FS_DATABASE },
		/* SQLite's seed for what it names at random. */
		{ "/dev/urandom", FS_READ_FILE },
		{ new_mail_folder, FS_WRITE_FILE | FS_MAKE_REG },
	};

	if (!is_possible)
		return true;
	if (!find_folder(database, folder) ||
	    (new_mail && !find_folder(new_mail, new_mail_folder))) {
		errno = ENAMETOOLONG;
		return fail("folders");
	}
	if (!lower_limit(RLIMIT_NOFILE, DESCRIPTORS_ALONE) ||
	    setenv("SQLITE_TMPDIR", folder, 1) < 0)
		return fail("limits");
	return confine(FILTER_FOLDER, kept, new_mail ? 3 : 2);
}

bool
confine_web(const char *database)
{
	char folder[PATH_MAX];
	const struct kept kept[] = {
		{ folder, FS_DATABASE },
		{ "/dev/urandom", FS_READ_FILE },
	};

	if (!is_possible)
		return true;
	if (!find_folder(database, folder)) {
		errno = ENAMETOOLONG;
		return fail("folders");
	}
	if (!lower_limit(RLIMIT_NOFILE, DESCRIPTORS_OF_WEB) ||
	    setenv("SQLITE_TMPDIR", folder, 1) < 0)
		return fail("limits");
	return confine(FILTER_WEB, kept, sizeof kept / sizeof *kept);
}
