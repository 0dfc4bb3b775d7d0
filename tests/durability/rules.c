#include "rules.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	RULES_MAX = 64,
	NAME_MAX_LEN = 32,
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
static pid_t drawn_by; /* the process that the lots are for */
static unsigned long percent;
static const char *folder;
static size_t folder_len;
static const char *log_path;
static long longest_ms; /* of a wait; 0: as long as it likes */

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

	drawn_by = getpid();
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
	longest_ms = wait ? strtol(wait, NULL, 10) : 0;
	if (text)
		read_rules(text);
	if (odds && nrules > 0) {
		percent = strtoul(odds, NULL, 10);
		memcpy(menu, rules, sizeof menu);
		nmenu = nrules;
		draw_lots();
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

static void
obey(const struct rule *r, const char *class, const char *file)
{
	log_event(action_names[r->action], class, r->seen, file);
	if (r->action == ACT_BEFORE)
		kill(getpid(), r->number);
}

struct verdict
rules_judge(const char *class, const char *file)
{
	struct verdict v = { ACT_NONE, 0 };
	int saved = errno;

	/* A session that the listening smtpd forks draws its own. */
	if (nmenu > 0 && drawn_by != getpid())
		draw_lots();
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

bool
rules_fail(struct verdict v)
{
	if (v.action == ACT_FAIL)
		errno = v.number;
	return v.action == ACT_FAIL;
}

void
rules_finish(struct verdict v)
{
	int saved = errno;

	if (v.action == ACT_AFTER)
		kill(getpid(), v.number);
	errno = saved;
}

/*
 * Files
 */

const char *
rules_file_named(const char *path)
{
	if (nrules == 0 || !path || strncmp(path, folder, folder_len) != 0)
		return NULL;
	path += folder_len;
	if (*path == '\0')
		return ".";
	return *path == '/' ? path + 1 : NULL;
}

const char *
rules_file_of(int fd)
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
	file = rules_file_named(path);
	/* "#12345 (deleted)", or "/#12345" on some file systems */
	return file && *file == '#' ? "spool" : file;
}

bool
rules_are_there(void)
{
	return nrules > 0;
}

long
rules_wait_ms(long ms)
{
	return longest_ms > 0 && ms > longest_ms ? longest_ms : ms;
}
