#include "lockfile.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static const char clear_mark = '-';
static const char set_mark = '!';

static void
wake(int signo)
{
	(void)signo; /* its coming ends flock() with EINTR */
}

/*
 * Writes the mark of a new file, so that to set it later needs no room on the
 * disk.  This happens under the lock, since otherwise another process could set
 * the mark in between.  A file without a mark counts as marked.
 */
static int
make_mark(int fd)
{
	struct stat st;
	int result = fstat(fd, &st), saved;

	if (result < 0 || st.st_size > 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return result;
	result = fstat(fd, &st);
	if (result == 0 && st.st_size == 0)
		result = lockfile_mark(fd, false);
	saved = errno;
	flock(fd, LOCK_UN);
	errno = saved;
	return result;
}

int
lockfile_begin(int fd)
{
	struct sigaction on_alarm = { .sa_handler = wake };
	sigset_t alarm;

	sigemptyset(&on_alarm.sa_mask);
	if (sigaction(SIGALRM, &on_alarm, NULL) < 0)
		return -1;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL); /* a parent may block it */
	return make_mark(fd);
}

void
lockfile_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
set_timer(int first_ms, int then_ms)
{
	struct itimerval timer = {
		.it_value = { first_ms / 1000, first_ms % 1000 * 1000 },
		.it_interval = { then_ms / 1000, then_ms % 1000 * 1000 },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/*
 * The timer repeats: should its first signal come just before flock() sleeps,
 * the next one wakes it.
 */
int
lockfile_enter(int fd, int timeout_ms)
{
	int result, saved;

	set_timer(timeout_ms > 0 ? timeout_ms : 1, 100); /* 0 is no timer */
	result = flock(fd, LOCK_EX);
	saved = errno;
	set_timer(0, 0);
	errno = saved == EINTR ? ETIMEDOUT : saved;
	return result;
}

void
lockfile_leave(int fd)
{
	flock(fd, LOCK_UN);
}

bool
lockfile_is_marked(int fd)
{
	char mark;

	return pread(fd, &mark, 1, 0) != 1 || mark != clear_mark;
}

int
lockfile_mark(int fd, bool set)
{
	return pwrite(fd, set ? &set_mark : &clear_mark, 1, 0) == 1 ? 0 : -1;
}
