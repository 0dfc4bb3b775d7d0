#include "housekeep.h"

#include <sys/signalfd.h>

#include <poll.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "../store.h"
#include "log.h"

enum {
	EVERY_MS = 200,
};

/* Does not make a database: a port scan leaves nothing behind. */
static enum verdict
tidy(struct store *st, const char *path)
{
	enum verdict result = VERDICT_OK;

	store_leave_if_moved(st);
	if (access(path, F_OK) == 0)
		result = store_open(st);
	if (result == VERDICT_OK)
		result = store_checkpoint(st);
	return result;
}

/* The same trouble is told once, not five times a second. */
static void
log_change(const struct store *st, enum verdict before, enum verdict now)
{
	if (now == before)
		return;
	if (now == VERDICT_OK)
		log_line(LOG_NOTICE, "housekeeping works again");
	else
		log_line(LOG_WARNING, "housekeeping: %s", store_error(st));
}

int
housekeep(const struct options *o)
{
	struct store_conf conf = { .path = o->database,
		.wait_ms = STORE_WAIT_MS };
	struct store *st = store_new(&conf);
	enum verdict before = VERDICT_OK;
	struct pollfd term = { .events = POLLIN };
	pid_t listener = getppid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	term.fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (!st || term.fd < 0)
		return EX_OSERR;
	do {
		enum verdict now = tidy(st, o->database);

		log_change(st, before, now);
		before = now;
	} while (poll(&term, 1, EVERY_MS) == 0 && getppid() == listener);
	store_free(st);
	return EX_OK;
}
