/*
 * Two walls.  Landlock (where the kernel has it) knows paths, but not what a
 * process does with what it holds; seccomp knows system calls and their
 * numbers, but not paths.  A session of the listener needs no path at all, so
 * for it each wall would do.
 *
 * The filter is made of the list in confine_calls.h, by the listener once.  A
 * row costs an instruction, and the kernel compiles each for every session:
 * that is most of what confinement costs (docs/bench.md).
 */
#include "confine.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum {
	DESCRIPTORS_OF_LISTENER = 16,
	/* The database, its files and those of a migration; a record's. */
	DESCRIPTORS_ALONE = 64,
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

enum who {
	PIPE = 1,
	FOLDER = 2,
	BOTH = PIPE | FOLDER,
};

/*
 * System calls
 */

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#error "confine_calls.h was not read for this machine: its calls, their names"
#endif

enum {
	/*
	 * Calls from here on are newer than the list (Linux 6.1): a C library
	 * that tries one goes on without.
	 */
	NEWER = 451,
	/* Of the other ABI of x86-64 processes. */
	X32 = 0x40000000,
	FILTER_MAX = 200, /* jumps reach farther, up to ANSWERS */
};

/* What is said to a call; ANSWERS + one of them marks a jump (see add_jump). */
enum answer {
	ANSWER_KILL,
	ANSWER_ALLOW,
	ANSWER_REFUSE,
	ANSWER_UNKNOWN,
	ANSWERS = 0xf0,
};

enum test {
	TEST_NONE,
	TEST_IS,
	TEST_NOT,
};

static const struct row {
	unsigned short number;
	unsigned char who;
	unsigned char answer;
	unsigned char test;
	unsigned char argument;
	unsigned value;
} rows[] = {
#define ROW(name, ...) { __NR_##name, __VA_ARGS__ },
#define CALL(name, who, why) ROW(name, who, ANSWER_ALLOW, TEST_NONE, 0, 0)
#define CALL_IF_IS(name, who, argument, value, why)                            \
	ROW(name, who, ANSWER_ALLOW, TEST_IS, argument, value)
#define CALL_IF_NOT(name, who, argument, bits, why)                            \
	ROW(name, who, ANSWER_ALLOW, TEST_NOT, argument, bits)
#define REFUSE(name, who, why) ROW(name, who, ANSWER_REFUSE, TEST_NONE, 0, 0)
#include "confine_calls.h"
};

struct filter {
	enum who who; /* 0: not made yet */
	unsigned short len;
	struct sock_filter code[FILTER_MAX];
};

static struct filter filter;

static void
add(struct filter *f, unsigned short code, unsigned value)
{
	assert(f->len < FILTER_MAX);
	f->code[f->len++] = (struct sock_filter){ code, 0, 0, value };
}

/*
 * Jumps go forward only.  `yes` and `no` are distances, or an answer, which
 * stands at the end; add_answers() writes how far that is.
 */
static void
add_jump(struct filter *f, unsigned short test, unsigned value,
    unsigned char yes, unsigned char no)
{
	assert(f->len < FILTER_MAX);
	f->code[f->len++] =
	    (struct sock_filter){ (unsigned short)(BPF_JMP | test | BPF_K), yes,
		    no, value };
}

static void
add_load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset);
}

/* Of little-endian machines, as all above are. */
static void
add_test(struct filter *f, const struct row *row)
{
	size_t low = offsetof(struct seccomp_data, args) +
		     row->argument * sizeof(uint64_t);
	size_t high = low + sizeof(uint32_t);

	switch ((enum test)row->test) {
	case TEST_NONE:
		add_jump(f, BPF_JEQ, row->number, ANSWERS + row->answer, 0);
		return;
	case TEST_IS:
		add_jump(f, BPF_JEQ, row->number, 0, 5);
		add_load(f, low);
		add_jump(f, BPF_JEQ, row->value, 0, 2);
		add_load(f, high);
		add_jump(f, BPF_JEQ, 0, ANSWERS + row->answer, 0);
		add_load(f, offsetof(struct seccomp_data, nr));
		return;
	case TEST_NOT:
		add_jump(f, BPF_JEQ, row->number, 0, 3);
		add_load(f, low);
		add_jump(f, BPF_JSET, row->value, 0, ANSWERS + row->answer);
		add_load(f, offsetof(struct seccomp_data, nr));
		return;
	}
}

static unsigned char
distance(unsigned char jump, size_t from, size_t end)
{
	return jump < ANSWERS
		   ? jump
		   : (unsigned char)(end + jump - ANSWERS - from - 1);
}

/* What no row has answered runs into the first. */
static void
add_answers(struct filter *f)
{
	static const unsigned values[] = {
		[ANSWER_KILL] = SECCOMP_RET_KILL_PROCESS,
		[ANSWER_ALLOW] = SECCOMP_RET_ALLOW,
		[ANSWER_REFUSE] = SECCOMP_RET_ERRNO | EPERM,
		[ANSWER_UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS,
	};

	for (size_t i = 0; i < f->len; i++) {
		f->code[i].jt = distance(f->code[i].jt, i, f->len);
		f->code[i].jf = distance(f->code[i].jf, i, f->len);
	}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		add(f, BPF_RET | BPF_K, values[i]);
}

static void
make_filter(struct filter *f, enum who who)
{
	f->who = who;
	f->len = 0;
	add_load(f, offsetof(struct seccomp_data, arch));
	add_jump(f, BPF_JEQ, MACHINE, 0, ANSWERS + ANSWER_KILL);
	add_load(f, offsetof(struct seccomp_data, nr));
	add_jump(f, BPF_JGE, X32, ANSWERS + ANSWER_KILL, 0);
	add_jump(f, BPF_JGE, NEWER, ANSWERS + ANSWER_UNKNOWN, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].who & who)
			add_test(f, &rows[i]);
	}
	add_answers(f);
}

static bool
filter_calls(enum who who)
{
	struct sock_fprog program;

	if (filter.who != who)
		make_filter(&filter, who);
	program = (struct sock_fprog){ filter.len, filter.code };
	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

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

/* A file of which descriptor 2 is one must go on growing. */
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
	    "the session cannot be confined: %s: %s; --no-confine does without",
	    what, strerror(errno));
	return false;
}

/* Each step is still allowed to make the next. */
static bool
confine(enum who who, const struct kept *kept, size_t nkept)
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
	if (!filter_calls(who))
		return fail("seccomp");
	return true;
}

void
confine_prepare(void)
{
	make_filter(&filter, PIPE);
}

bool
confine_session_of_listener(uint64_t max_file)
{
	if (!is_possible)
		return true;
	if (!lower_limit(RLIMIT_FSIZE, max_file + log_size()) ||
	    !lower_limit(RLIMIT_NOFILE, DESCRIPTORS_OF_LISTENER))
		return fail("limits");
	return confine(PIPE, NULL, 0);
}

bool
confine_session_alone(const char *database, const char *new_mail)
{
	char folder[PATH_MAX], new_mail_folder[PATH_MAX];
	const struct kept kept[] = {
		{ folder, FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR |
			      FS_MAKE_REG | FS_REMOVE_FILE | FS_TRUNCATE },
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
	return confine(FOLDER, kept, new_mail ? 3 : 2);
}
