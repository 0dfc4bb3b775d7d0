#include "listen.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "admission.h"
#include "log.h"
#include "sockets.h"
#include "systemd.h"

enum {
	STATUS_MS = 1000,
	/* A terminal is gone so soon after the signal that says so. */
	TERMINAL_MS = 100,
	/* A writer that fails is started again no more often than this. */
	WRITER_MS = 100,
};

struct listener {
	const struct listen_conf *conf;
	const int *fds;
	size_t nfds;
	int signals; /* signalfd: SIGTERM, SIGCHLD, SIGHUP */
	struct admission admission;
	bool worker_due;    /* fork one: the last one serves by now */
	pid_t writer;       /* 0: none */
	int64_t writer_at;  /* not before */
	int64_t idle_since; /* ms, as all times here: CLOCK_MONOTONIC */
	int64_t stop_at;    /* then sessions get SIGTERM; 0: not stopping */
	int64_t status_at;  /* when systemd was told last */
	bool may_be_left;   /* it ends with its terminal, ... */
	int64_t look_at;    /* ... whether that is gone; 0: no reason to look */
};

/*
 * Start
 */

static void
fill_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGCHLD);
	sigaddset(ret, SIGHUP);
}

static bool
is_at_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Does it end with its terminal?  Not so under nohup(1), nor as a service. */
static bool
ends_with_terminal(void)
{
	struct sigaction was;

	return sigaction(SIGHUP, NULL, &was) == 0 &&
	       was.sa_handler != SIG_IGN && is_at_terminal();
}

/* The signals of haste stay blocked until a session can read them. */
static void
block_signals(sigset_t *ret_old)
{
	sigset_t set;

	sigemptyset(&set);
	connection_add_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fill_signals(&set);
	sigprocmask(SIG_BLOCK, &set, ret_old);
}

static int
open_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool
start(struct listener *l)
{
	l->signals = open_signals();
	if (l->signals < 0 || !admission_open(&l->admission, l->conf)) {
		log_line(LOG_ERR, "cannot listen: %s", strerror(errno));
		return false;
	}
	sockets_set_nonblocking(l->fds, l->nfds);
	l->idle_since = clock_ms();
	l->may_be_left = ends_with_terminal();
	l->worker_due = true;
	helpers_start(&l->admission.helpers, -1);
	return true;
}

/*
 * Processes
 */

/*
 * Closes what is the listener's in the process just forked.  A ctrl-C at the
 * terminal that all of them have, and that terminal's end, are for the listener
 * alone.
 */
static void
become_child(struct listener *l)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < l->nfds; i++)
		close(l->fds[i]);
	close(l->signals);
	admission_leave(&l->admission);
}

/* Forks a worker, if there is none.  True in the child, with `*ret_fd`. */
static bool
start_worker(struct listener *l, int *ret_fd)
{
	pid_t pid;

	l->worker_due = false;
	if (l->admission.worker.pid > 0)
		return false;
	log_follow();
	pid = worker_fork(&l->admission.worker, ret_fd);
	l->admission.fork_error = pid < 0 ? errno : 0;
	return pid == 0;
}

/* Forks a writer, if there is none.  True in the child, with `*ret_fd`. */
static bool
start_writer(struct listener *l, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (l->writer > 0 || clock_ms() < l->writer_at)
		return false;
	l->writer_at = clock_ms() + WRITER_MS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_line(LOG_ERR, "no writer: %s", strerror(errno));
		return false;
	}
	pid = fork();
	if (pid < 0)
		log_line(LOG_ERR, "no writer: %s", strerror(errno));
	if (pid == 0) {
		close(ends[0]);
		*ret_fd = ends[1];
		return true;
	}
	close(ends[1]);
	if (pid < 0)
		close(ends[0]);
	l->writer = pid > 0 ? pid : 0;
	l->admission.writer = pid > 0 ? ends[0] : -1;
	helpers_meet_writer(&l->admission.helpers, l->admission.writer);
	return false;
}

static void
forget_writer(struct listener *l)
{
	close(l->admission.writer);
	l->admission.writer = -1;
	l->writer = 0;
}

/* Is it a signal by which a fault ends, not what somebody sends by hand? */
static bool
is_of_a_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGABRT || signal == SIGTRAP ||
	       signal == SIGSYS;
}

static void
forget_child(struct listener *l, pid_t pid, int status)
{
	bool crashed = WIFSIGNALED(status) && is_of_a_fault(WTERMSIG(status));

	if (helpers_forget(&l->admission.helpers, pid, status))
		return;
	if (WIFSIGNALED(status))
		log_line(LOG_ERR, "%s %ld was killed by signal %d",
		    pid == l->writer ? "writer" : "session", (long)pid,
		    WTERMSIG(status));
	else if (pid == l->writer)
		log_line(LOG_ERR, "the writer ended with status %d",
		    WEXITSTATUS(status));
	if (pid == l->writer)
		forget_writer(l);
	if (pid == l->admission.worker.pid)
		worker_release(&l->admission.worker);
	admission_forget(&l->admission, pid, crashed);
	if (l->admission.children.n == 0)
		l->idle_since = clock_ms();
}

static void
reap(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		forget_child(l, pid, status);
	l->worker_due |= admission_look_again(&l->admission);
}

/*
 * The loop
 */

/* Returns the earlier of `until` and `then`. */
static int64_t
earlier(int64_t until, int64_t then)
{
	return then < until ? then : until;
}

/* Returns when the service manager is to be told next. */
static int64_t
tell_at(const struct listener *l)
{
	int64_t wait = INT32_MAX;
	int64_t watchdog = systemd_watchdog_ms();

	if (l->admission.changed)
		wait = STATUS_MS;
	if (watchdog > 0)
		wait = earlier(wait, watchdog / 2);
	return l->status_at + wait;
}

static void
tell_status(struct listener *l)
{
	char status[128];

	if (clock_ms() < tell_at(l))
		return;
	l->status_at = clock_ms();
	l->admission.changed = false;
	snprintf(status, sizeof status,
	    "STATUS=%zu connection%s; %llu served, %llu refused\nWATCHDOG=1",
	    l->admission.children.n, plural((int64_t)l->admission.children.n),
	    (unsigned long long)l->admission.served,
	    (unsigned long long)l->admission.refused);
	systemd_notify(status);
}

/* Stops accepting.  The sessions may go on up to a deadline. */
static void
stop(struct listener *l)
{
	size_t n = l->admission.children.n;

	log_line(
	    LOG_INFO, "stopping, %zu connection%s left", n, plural((int64_t)n));
	systemd_notify("STOPPING=1");
	l->stop_at = clock_ms() + (int64_t)l->conf->stop_timeout_sec * 1000;
}

/* SIGHUP: read what can be read again; or the terminal is gone. */
static void
take_hangup(struct listener *l)
{
	helpers_hang_up(&l->admission.helpers);
	if (l->may_be_left)
		l->look_at = clock_ms() + TERMINAL_MS;
}

static void
look_at_terminal(struct listener *l)
{
	if (l->look_at == 0 || clock_ms() < l->look_at)
		return;
	l->look_at = 0;
	if (l->stop_at == 0 && !is_at_terminal())
		stop(l);
}

static void
read_signals(struct listener *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (info.ssi_signo == SIGHUP)
			take_hangup(l);
		else if (l->stop_at == 0)
			stop(l);
		else
			l->stop_at = clock_ms(); /* asked for twice: at once */
	}
	reap(l);
}

static void
end_sessions(struct listener *l)
{
	struct children *c = &l->admission.children;

	children_end(c, clock_ms() + SESSION_END_MS);
	children_end_overdue(c, clock_ms());
}

/* Is everything over? */
static bool
is_done(struct listener *l)
{
	int64_t idle_ms = (int64_t)l->conf->idle_exit_sec * 1000;

	if (l->admission.children.n > 0) {
		if (l->stop_at > 0 && clock_ms() >= l->stop_at) {
			end_sessions(l);
			l->stop_at = clock_ms() + 1000; /* and again */
		}
		return false;
	}
	return l->stop_at > 0 ||
	       (idle_ms > 0 && clock_ms() >= l->idle_since + idle_ms);
}

/* Returns when something is due even if nothing comes. */
static int64_t
wake_at(const struct listener *l)
{
	int64_t until = clock_ms() + INT32_MAX;

	until = earlier(until, tell_at(l));
	if (l->conf->idle_exit_sec > 0 && l->admission.children.n == 0)
		until = earlier(until,
		    l->idle_since + (int64_t)l->conf->idle_exit_sec * 1000);
	if (l->stop_at > 0)
		until = earlier(until, l->stop_at);
	if (l->look_at > 0)
		until = earlier(until, l->look_at);
	if (l->admission.accept_at > clock_ms())
		until = earlier(until, l->admission.accept_at);
	if (l->admission.waiting.fd >= 0)
		until = earlier(until, l->admission.waiting_until);
	return until;
}

/* Returns how long poll() may sleep. */
static int
time_left(const struct listener *l)
{
	int64_t left = wake_at(l) - clock_ms();

	return left > 0 ? (int)left : 0;
}

/*
 * Waits for something and does it.  LISTEN_DONE: that is all for now; anything
 * else: this is a process just forked.
 */
static enum listen_role
step(struct listener *l, int *ret_fd)
{
	struct pollfd p[LISTENERS_MAX + 1];
	bool accepting = l->stop_at == 0 && l->admission.waiting.fd < 0 &&
			 clock_ms() >= l->admission.accept_at;

	for (size_t i = 0; i < l->nfds; i++)
		p[i] = (struct pollfd){ .fd = accepting ? l->fds[i] : -1,
			.events = POLLIN };
	p[l->nfds] = (struct pollfd){ .fd = l->signals, .events = POLLIN };

	if (poll(p, l->nfds + 1, time_left(l)) < 0)
		return LISTEN_DONE;
	if (p[l->nfds].revents)
		read_signals(l);
	look_at_terminal(l);
	l->worker_due |= admission_look_again(&l->admission);
	for (size_t i = 0; i < l->nfds && l->stop_at == 0; i++) {
		if (!p[i].revents || l->admission.waiting.fd >= 0)
			continue;
		reap(l); /* a session that has just ended does not count */
		if (start_writer(l, ret_fd))
			return LISTEN_WRITER;
		if (l->writer == 0) {
			l->admission.accept_at = l->writer_at;
			break;
		}
		helpers_start(&l->admission.helpers, l->admission.writer);
		if (l->conf->workers_leave)
			worker_release_if_gone(&l->admission.worker);
		if (start_worker(l, ret_fd))
			return LISTEN_SESSION;
		admission_accept(&l->admission, l->fds[i],
		    l->conf->tls_first && l->conf->tls_first[i]);
		l->worker_due = true;
	}
	return LISTEN_DONE;
}

/*
 * Waits for the writer, which ends when nobody is left to serve, and then
 * copies the WAL: systemd kills what is left of a service when its main process
 * ends.
 */
static void
finish(struct listener *l)
{
	pid_t worker = l->admission.worker.pid;

	if (l->stop_at == 0)
		systemd_notify("STOPPING=1");
	helpers_wait(&l->admission.helpers);
	admission_close(&l->admission);
	if (worker > 0)
		waitpid(worker, NULL, 0);
	if (l->writer > 0)
		waitpid(l->writer, NULL, 0);
	log_line(LOG_INFO, "ended, %llu connection%s served, %llu refused",
	    (unsigned long long)l->admission.served,
	    plural((int64_t)l->admission.served),
	    (unsigned long long)l->admission.refused);
}

/*
 * For all processes of the listener: none that is woken takes the processor from
 * one at work.  So the writer has more to commit when its turn comes, and hands
 * out all results before the first session goes on.  Where it is not allowed, as
 * in the units, which say it themselves, it is as it was.
 */
static void
wait_for_turns(void)
{
	const struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_BATCH, &none);
}

enum listen_role
listen_run(
    const struct listen_conf *conf, const int *fds, size_t nfds, int *ret_fd)
{
	struct listener l = { .conf = conf, .fds = fds, .nfds = nfds };
	enum listen_role role = LISTEN_DONE;
	sigset_t old;

	block_signals(&old);
	wait_for_turns();
	if (!start(&l))
		return LISTEN_FAILED;
	systemd_notify("READY=1");
	tzset(); /* so that no session reads the time zone's file */
	while (role == LISTEN_DONE && !is_done(&l)) {
		if (l.worker_due && start_worker(&l, ret_fd))
			role = LISTEN_SESSION;
		else
			role = step(&l, ret_fd);
		if (role == LISTEN_DONE)
			tell_status(&l);
	}
	if (role == LISTEN_DONE)
		finish(&l);
	else
		become_child(&l);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return role;
}
