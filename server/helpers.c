#include "helpers.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "log.h"

enum {
	/* A helper that fails is started again no more often than this. */
	RESTART_MS = 1000,
	/*
	 * One that cannot read what it needs would be there for each client, for
	 * as long as it takes to see that, and then not do what was offered.
	 */
	REPAIR_MS = 60000,
};

void
helpers_open(struct helpers *h, const struct helper_conf *confs)
{
	*h = (struct helpers){ .confs = confs };
}

static void
forget(struct helper_process *p)
{
	if (p->pid > 0)
		close(p->fd);
	p->pid = 0;
}

void
helpers_close(struct helpers *h)
{
	for (int i = 0; i < HELPER__COUNT; i++)
		forget(&h->rows[i]);
}

/* Two ends of a socket of messages.  False: there is none; logged. */
static bool
open_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0)
		return true;
	log_line(LOG_ERR, "no socket for a helper: %s", strerror(errno));
	return false;
}

/* Brings a helper and the writer together. */
static void
connect_writer(const struct helper_process *p, unsigned may_tell, int writer)
{
	struct introduction teller, way;
	int ends[2];

	if (writer < 0 || p->pid <= 0 || !open_pair(ends))
		return;
	introduction_clear(&teller);
	teller.fds[INTRODUCE_TELLER] = ends[0];
	teller.may_tell = may_tell;
	introduction_clear(&way);
	way.fds[INTRODUCE_WRITER] = ends[1];
	if (introduce(writer, &teller, true) < 0 ||
	    introduce(p->fd, &way, false) < 0)
		log_line(
		    LOG_ERR, "a helper has no writer: %s", strerror(errno));
	close(ends[0]);
	close(ends[1]);
}

/* Standard output may be a client's connection. */
void
helper_become(const struct helper_conf *conf, int fd)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(fd, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, UINT_MAX, 0) < 0)
		_exit(EX_OSERR);
	execv(conf->argv[0], (char *const *)conf->argv);
	if (errno == ENOENT)
		_exit(EX_UNAVAILABLE);
	log_line(LOG_ERR, "%s: %s", conf->argv[0], strerror(errno));
	_exit(EX_OSERR);
}

static void
start(struct helper_process *p, const struct helper_conf *conf)
{
	int ends[2];
	pid_t pid;

	p->at = clock_ms() + RESTART_MS;
	if (!open_pair(ends))
		return;
	pid = fork();
	if (pid == 0)
		helper_become(conf, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		log_line(LOG_ERR, "%s: %s", conf->argv[0], strerror(errno));
		close(ends[0]);
		return;
	}
	p->pid = pid;
	p->fd = ends[0];
}

void
helpers_start(struct helpers *h, int writer)
{
	for (int i = 0; i < HELPER__COUNT && h->confs; i++) {
		struct helper_process *p = &h->rows[i];

		if (!h->confs[i].argv || p->pid > 0 || clock_ms() < p->at)
			continue;
		start(p, &h->confs[i]);
		connect_writer(p, h->confs[i].may_tell, writer);
	}
}

void
helpers_meet_writer(const struct helpers *h, int writer)
{
	for (int i = 0; i < HELPER__COUNT && h->confs; i++)
		connect_writer(&h->rows[i], h->confs[i].may_tell, writer);
}

bool
helpers_forget(struct helpers *h, pid_t pid, int status)
{
	for (int i = 0; i < HELPER__COUNT; i++) {
		if (pid != h->rows[i].pid)
			continue;
		if (WIFSIGNALED(status))
			log_line(LOG_ERR, "%s was killed by signal %d",
			    h->confs[i].argv[0], WTERMSIG(status));
		else
			log_line(LOG_ERR, "%s ended with status %d%s: %s",
			    h->confs[i].argv[0], WEXITSTATUS(status),
			    WEXITSTATUS(status) == EX_UNAVAILABLE
				? " (it is not installed)"
				: "",
			    h->confs[i].without);
		if (WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG)
			h->rows[i].at = clock_ms() + REPAIR_MS;
		forget(&h->rows[i]);
		return true;
	}
	return false;
}

void
helpers_introduce(const struct helpers *h, struct introduction *i)
{
	struct introduction told = *i;
	int ends[2];

	for (int n = 0; n < HELPER__COUNT; n++)
		told.fds[INTRODUCE_HELPER + n] = -1;
	for (int n = 0; n < HELPER__COUNT; n++) {
		if (h->rows[n].pid <= 0 || !open_pair(ends))
			continue;
		told.fds[INTRODUCE_LINK] = ends[0];
		/* smtpd-auth has no business with the client's connection. */
		told.fds[INTRODUCE_CONNECTION] =
		    n == HELPER_TLS ? i->fds[INTRODUCE_CONNECTION] : -1;
		if (introduce(h->rows[n].fd, &told, false) == 0) {
			i->fds[INTRODUCE_HELPER + n] = ends[1];
		} else {
			log_line(LOG_ERR, "%s cannot be reached: %s",
			    h->confs[n].argv[0], strerror(errno));
			close(ends[1]);
		}
		close(ends[0]);
	}
}

void
helpers_hang_up(struct helpers *h)
{
	for (int i = 0; i < HELPER__COUNT; i++) {
		h->rows[i].at = 0;
		if (h->rows[i].pid > 0)
			kill(h->rows[i].pid, SIGHUP);
	}
}

void
helpers_wait(struct helpers *h)
{
	for (int i = 0; i < HELPER__COUNT; i++) {
		pid_t pid = h->rows[i].pid;

		forget(&h->rows[i]);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}
