#include "listen.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/reply.h"
#include "log.h"
#include "peer.h"
#include "spare.h"
#include "systemd.h"

enum {
	/* After the kernel had no room for a connection or a process. */
	BACKOFF_MS = 100,
	STATUS_MS = 1000,
	REFUSE_MS = 1000,
	/* Should the housekeeper fail: no more often than this. */
	HOUSEKEEPER_MS = 1000,
};

struct child {
	pid_t pid;
	struct ip source; /* what connections are counted by */
};

struct listener {
	const struct listen_conf *conf;
	const int *fds;
	size_t nfds;
	int signals; /* signalfd: SIGTERM, SIGCHLD */
	int reserve; /* given up to have a descriptor for one 421 */
	struct child *children;
	size_t nchildren;
	struct spare spare;     /* for the next connection */
	bool spare_due;         /* there was one; it is worth a try */
	int fork_error;         /* why there is none; 0: it is gone */
	pid_t housekeeper;      /* 0: none */
	int64_t housekeeper_at; /* not before */
	uint64_t served, refused;
	int64_t idle_since; /* ms, as all times here: CLOCK_MONOTONIC */
	int64_t accept_at;  /* not before */
	int64_t stop_at;    /* then sessions get SIGTERM; 0: not stopping */
	int64_t status_at;  /* when systemd was last told */
	bool status_due;    /* something changed since */
};

/*
 * Sources
 */

/* All zeros, of whom there can be any number, for who has no address. */
static struct ip
source_of(const struct sockaddr_storage *name)
{
	struct ip ip = { { 0 } };
	int port;

	return peer_read_name(name, &ip, &port) ? ip_source(&ip) : ip;
}

static uint64_t
count_source(const struct listener *l, const struct ip *source)
{
	static const struct ip local;
	uint64_t n = 0;

	if (memcmp(source, &local, sizeof local) == 0)
		return 0;
	for (size_t i = 0; i < l->nchildren; i++)
		n += memcmp(&l->children[i].source, source, sizeof local) == 0;
	return n;
}

/*
 * Start
 */

static void
block_signals(sigset_t *ret_old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, ret_old);
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Between poll() and accept() a client may have gone again. */
static void
set_nonblocking(const int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
}

static bool
start(struct listener *l)
{
	l->children = calloc(l->conf->max_connections, sizeof *l->children);
	l->signals = open_signals();
	l->reserve = open_reserve();
	if (!l->children || l->signals < 0) {
		log_line(LOG_ERR, "cannot listen: %s", strerror(errno));
		free(l->children);
		return false;
	}
	set_nonblocking(l->fds, l->nfds);
	l->idle_since = clock_ms();
	l->spare_due = true;
	return true;
}

/*
 * Processes
 */

/* Leaves nothing of the listener in the process just forked. */
static void
become_child(struct listener *l)
{
	for (size_t i = 0; i < l->nfds; i++)
		close(l->fds[i]);
	close(l->signals);
	close(l->reserve);
	spare_release(&l->spare);
	free(l->children);
}

/* Where there is none.  True in the child, with `*ret_fd`. */
static bool
start_spare(struct listener *l, int *ret_fd)
{
	pid_t pid;

	l->spare_due = false;
	if (l->spare.pid > 0)
		return false;
	pid = spare_fork(&l->spare, ret_fd);
	l->fork_error = pid < 0 ? errno : 0;
	return pid == 0;
}

/* Where there is none, and somebody is connected.  True in the child. */
static bool
start_housekeeper(struct listener *l)
{
	pid_t pid;

	if (l->nchildren == 0 || l->housekeeper > 0 ||
	    clock_ms() < l->housekeeper_at)
		return false;
	l->housekeeper_at = clock_ms() + HOUSEKEEPER_MS;
	pid = fork();
	if (pid > 0)
		l->housekeeper = pid;
	return pid == 0;
}

static void
forget_child(struct listener *l, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		log_line(LOG_ERR, "%s %ld was killed by signal %d",
		    pid == l->housekeeper ? "housekeeper" : "session",
		    (long)pid, WTERMSIG(status));
	else if (pid == l->housekeeper && WEXITSTATUS(status) != 0)
		log_line(LOG_ERR, "housekeeper ended with status %d",
		    WEXITSTATUS(status));
	if (pid == l->housekeeper)
		l->housekeeper = 0;
	if (pid == l->spare.pid)
		spare_release(&l->spare);
	for (size_t i = 0; i < l->nchildren; i++) {
		if (l->children[i].pid == pid) {
			l->children[i] = l->children[--l->nchildren];
			l->status_due = true;
			break;
		}
	}
	if (l->nchildren == 0)
		l->idle_since = clock_ms();
}

static void
reap(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		forget_child(l, pid, status);
}

static void
end_children(const struct listener *l)
{
	for (size_t i = 0; i < l->nchildren; i++)
		kill(l->children[i].pid, SIGTERM);
}

/*
 * Connections
 */

/* Says why, and hangs up. */
static void
send_refusal(int fd, enum reply why, const char *hostname)
{
	struct reply_values values = { .hostname = hostname };
	char reply[REPLY_LINE_MAX];
	size_t len =
	    reply_write(reply, sizeof reply, &replies[why], &values, false);

	send(fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void
refuse(struct listener *l, int fd, enum reply why)
{
	send_refusal(fd, why, l->conf->hostname);
	l->refused++;
	l->status_due = true;
}

/* Gives it to the spare process, unless a limit is reached. */
static void
serve(struct listener *l, int fd, const struct sockaddr_storage *name)
{
	struct ip source = source_of(name);
	pid_t pid;

	reap(l); /* who has ended does not count */
	if (l->nchildren >= l->conf->max_connections) {
		refuse(l, fd, REPLY_TOO_MANY_CONNECTIONS);
		return;
	}
	if (count_source(l, &source) >= l->conf->max_per_source) {
		refuse(l, fd, REPLY_TOO_MANY_FROM_YOU);
		return;
	}
	pid = spare_give(&l->spare, fd);
	if (pid < 0) {
		log_line(LOG_ERR, "no process for a session: %s",
		    strerror(l->fork_error ? l->fork_error : errno));
		refuse(l, fd, REPLY_NO_PROCESS);
		l->accept_at = clock_ms() + BACKOFF_MS;
		return;
	}
	close(fd);
	l->children[l->nchildren++] = (struct child){ pid, source };
	l->spare_due = true;
	l->status_due = true;
	l->served++;
}

/* Out of descriptors: the one in reserve is enough to say so. */
static void
refuse_without_descriptor(struct listener *l, int listening)
{
	int fd;

	log_line(LOG_ERR, "accept: %s", strerror(errno));
	close(l->reserve);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		refuse(l, fd, REPLY_TOO_MANY_CONNECTIONS);
	l->reserve = open_reserve();
	l->accept_at = clock_ms() + BACKOFF_MS;
}

/* Takes one connection. */
static void
accept_one(struct listener *l, int listening)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	int fd =
	    accept4(listening, (struct sockaddr *)&name, &len, SOCK_CLOEXEC);

	if (fd >= 0)
		serve(l, fd, &name);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		 errno == ENOBUFS)
		refuse_without_descriptor(l, listening);
}

/*
 * The loop
 */

/* The earlier of `until` and `then`. */
static int64_t
earlier(int64_t until, int64_t then)
{
	return then < until ? then : until;
}

/* When the service manager is next to hear of us. */
static int64_t
tell_at(const struct listener *l)
{
	int64_t wait = INT32_MAX;
	int64_t watchdog = systemd_watchdog_ms();

	if (l->status_due)
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
	l->status_due = false;
	snprintf(status, sizeof status,
	    "STATUS=%zu connections; %llu served, %llu refused\nWATCHDOG=1",
	    l->nchildren, (unsigned long long)l->served,
	    (unsigned long long)l->refused);
	systemd_notify(status);
}

/* Stops accepting; the sessions may end as they like, up to a deadline. */
static void
stop(struct listener *l)
{
	log_line(LOG_INFO, "stopping, %zu connections left", l->nchildren);
	systemd_notify("STOPPING=1");
	l->stop_at = clock_ms() + (int64_t)l->conf->stop_timeout_sec * 1000;
}

static void
read_signals(struct listener *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGTERM && l->stop_at == 0)
			stop(l);
	}
	reap(l);
}

/* Is everything over? */
static bool
is_done(struct listener *l)
{
	int64_t idle_ms = (int64_t)l->conf->idle_exit_sec * 1000;

	if (l->nchildren > 0) {
		if (l->stop_at > 0 && clock_ms() >= l->stop_at) {
			end_children(l);
			l->stop_at = clock_ms() + 1000; /* and again */
		}
		return false;
	}
	return l->stop_at > 0 ||
	       (idle_ms > 0 && clock_ms() >= l->idle_since + idle_ms);
}

/* When there is something to do though nothing comes. */
static int64_t
wake_at(const struct listener *l)
{
	int64_t until = clock_ms() + INT32_MAX;

	until = earlier(until, tell_at(l));
	if (l->conf->idle_exit_sec > 0 && l->nchildren == 0)
		until = earlier(until,
		    l->idle_since + (int64_t)l->conf->idle_exit_sec * 1000);
	if (l->stop_at > 0)
		until = earlier(until, l->stop_at);
	if (l->accept_at > clock_ms())
		until = earlier(until, l->accept_at);
	if (l->nchildren > 0 && l->housekeeper == 0)
		until = earlier(until, l->housekeeper_at);
	return until;
}

/* How long poll() may sleep. */
static int
time_left(const struct listener *l)
{
	int64_t left = wake_at(l) - clock_ms();

	return left > 0 ? (int)left : 0;
}

/* Waits for something and does it; true in a process to serve one client. */
static bool
step(struct listener *l, int *ret_fd)
{
	struct pollfd p[LISTENERS_MAX + 1];
	bool accepting = l->stop_at == 0 && clock_ms() >= l->accept_at;

	for (size_t i = 0; i < l->nfds; i++)
		p[i] = (struct pollfd){ .fd = accepting ? l->fds[i] : -1,
			.events = POLLIN };
	p[l->nfds] = (struct pollfd){ .fd = l->signals, .events = POLLIN };

	if (poll(p, l->nfds + 1, time_left(l)) < 0)
		return false;
	if (p[l->nfds].revents)
		read_signals(l);
	for (size_t i = 0; i < l->nfds && l->stop_at == 0; i++) {
		if (!p[i].revents)
			continue;
		if (start_spare(l, ret_fd))
			return true;
		accept_one(l, l->fds[i]);
	}
	return false;
}

/*
 * What is left of the service when its main process has ended, systemd kills;
 * and whichever of these two closes the database as the last one has the log
 * to copy.
 */
static void
finish(struct listener *l)
{
	pid_t spare = l->spare.pid;

	if (l->stop_at == 0)
		systemd_notify("STOPPING=1");
	spare_release(&l->spare);
	if (l->housekeeper > 0) {
		kill(l->housekeeper, SIGTERM);
		waitpid(l->housekeeper, NULL, 0);
	}
	if (spare > 0)
		waitpid(spare, NULL, 0);
	log_line(LOG_INFO, "ended, %llu connections served, %llu refused",
	    (unsigned long long)l->served, (unsigned long long)l->refused);
	free(l->children);
}

enum listen_role
listen_run(
    const struct listen_conf *conf, const int *fds, size_t nfds, int *ret_fd)
{
	struct listener l = { .conf = conf, .fds = fds, .nfds = nfds };
	enum listen_role role = LISTEN_DONE;
	sigset_t old;

	block_signals(&old);
	if (!start(&l))
		return LISTEN_FAILED;
	systemd_notify("READY=1");
	tzset(); /* else each session reads the time zone's file */
	while (!is_done(&l)) {
		if ((l.spare_due && start_spare(&l, ret_fd)) ||
		    step(&l, ret_fd)) {
			role = LISTEN_SESSION;
			break;
		}
		if (start_housekeeper(&l)) {
			role = LISTEN_HOUSEKEEPER;
			break;
		}
		tell_status(&l);
	}
	if (role == LISTEN_DONE)
		finish(&l);
	else
		become_child(&l);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return role;
}

/*
 * Where there is no service
 */

static void
refuse_one(int listening)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		send_refusal(fd, REPLY_NO_SERVICE, "");
}

void
listen_refuse(const int *fds, size_t nfds)
{
	int64_t until = clock_ms() + REFUSE_MS;
	struct pollfd p[LISTENERS_MAX];

	set_nonblocking(fds, nfds);
	for (size_t i = 0; i < nfds; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	for (int64_t left = REFUSE_MS; left > 0; left = until - clock_ms()) {
		if (poll(p, nfds, (int)left) <= 0)
			return;
		for (size_t i = 0; i < nfds; i++) {
			if (p[i].revents)
				refuse_one(fds[i]);
		}
	}
}
