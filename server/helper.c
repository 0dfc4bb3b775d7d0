#include "helper.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "introduce.h"
#include "log.h"

static bool
watch(const struct helper_server *h, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/*
 * Closing is not enough while a child that was just forked still has it open:
 * events would go on, for a session that is freed.
 */
static void
unwatch(const struct helper_server *h, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static void
close_connection(struct helper_session *s)
{
	if (s->out >= 0 && s->out != s->in)
		close(s->out);
	if (s->in >= 0)
		close(s->in);
	s->in = s->out = -1;
}

/*
 * Beginning
 */

/* Who started it decides when it ends. */
static int
open_signals(void)
{
	sigset_t set;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Keeps the numbers of a child's descriptors free of any other. */
static bool
fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd + 1 < HELPER_KEPT + HELPER_KEPT_MAX);
	return fd >= 0;
}

bool
helper_open(struct helper_server *h, const char *what, size_t session_size)
{
	*h = (struct helper_server){
		.what = what,
		.session_size = session_size,
		.control = STDIN_FILENO,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.signals = open_signals(),
		.writer = -1,
	};
	if (h->epoll >= 0 && h->signals >= 0 && fill_descriptors() &&
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	    watch(h, h->control, &h->control) &&
	    watch(h, h->signals, &h->signals))
		return true;
	log_line(LOG_ERR, "%s: %s", what, strerror(errno));
	return false;
}

/*
 * Sessions
 */

static void
meet_session(struct helper_server *h, struct introduction *i)
{
	struct helper_session *s = calloc(1, h->session_size);

	if (!s || i->fds[INTRODUCE_LINK] < 0 ||
	    !watch(h, i->fds[INTRODUCE_LINK], &s->link)) {
		free(s);
		introduction_close(i);
		return;
	}
	s->number = i->number;
	s->peer = i->peer;
	s->in = s->out = i->fds[INTRODUCE_CONNECTION];
	if (i->fds[INTRODUCE_OUT] >= 0)
		s->out = i->fds[INTRODUCE_OUT];
	s->link = (struct helper_end){ s, i->fds[INTRODUCE_LINK] };
	s->child = (struct helper_end){ s, -1 };
	h->nsessions++;
}

/* From the listener, until nobody is left to introduce any. */
static void
read_control(struct helper_server *h)
{
	struct introduction i;

	while (introduce_meet(h->control, &i, false) == 0) {
		if (i.fds[INTRODUCE_WRITER] >= 0) {
			if (h->writer >= 0)
				close(h->writer);
			h->writer = i.fds[INTRODUCE_WRITER];
		} else {
			meet_session(h, &i);
		}
	}
	if (errno == EMFILE)
		log_line(LOG_ERR, "%s: a session was turned away: %s", h->what,
		    strerror(errno));
	else if (errno != EAGAIN && errno != EPROTO)
		unwatch(h, &h->control);
}

void
helper_end_child(struct helper_server *h, struct helper_session *s)
{
	unwatch(h, &s->child.fd);
}

void
helper_end_session(struct helper_server *h, struct helper_session *s)
{
	if (s->is_over)
		return;
	unwatch(h, &s->link.fd);
	unwatch(h, &s->child.fd);
	close_connection(s);
	s->is_over = true;
	s->next = h->over;
	h->over = s;
	h->nsessions--;
}

static void
free_over(struct helper_server *h)
{
	while (h->over) {
		struct helper_session *s = h->over;

		h->over = s->next;
		free(s);
	}
}

bool
helper_send(int fd, const struct pack *m)
{
	return !m->failed &&
	       send(fd, m->p, m->len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
		   (ssize_t)m->len;
}

bool
helper_tell_writer(const struct helper_server *h, const struct pack *m)
{
	return h->writer < 0 ||
	       (!m->failed && send(h->writer, m->p, m->len, MSG_NOSIGNAL) ==
				  (ssize_t)m->len);
}

/*
 * Children
 */

/* Descriptors above those that it keeps belong to other sessions. */
static bool
keep_only(const struct helper_server *h, int parent, const int *fds, size_t n)
{
	bool done = dup2(parent, HELPER_PARENT) >= 0;

	for (size_t i = 0; i < n; i++)
		done = done && dup2(fds[i], HELPER_KEPT + (int)i) >= 0;
	close(h->epoll);
	close(h->signals);
	close(h->control);
	return done && close_range(HELPER_KEPT + (unsigned)n, UINT_MAX, 0) == 0;
}

pid_t
helper_fork(
    struct helper_server *h, struct helper_session *s, const int *fds, size_t n)
{
	int ends[2];
	pid_t pid = -1;

	helper_end_child(h, s);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
		pid = fork();
		if (pid == 0 && !keep_only(h, ends[1], fds, n))
			_exit(EX_OSERR);
		if (pid == 0)
			return pid;
		close(ends[1]);
		s->child.fd = ends[0];
	}
	if (pid > 0)
		close_connection(s);
	if (pid > 0 && watch(h, s->child.fd, &s->child))
		return pid;
	log_line(LOG_ERR, "no process for %s: %s", h->what, strerror(errno));
	helper_end_child(h, s);
	return -1;
}

/* `flags` are of waitpid(). */
static void
reap(struct helper_server *h, int flags)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, flags)) > 0) {
		if (WIFSIGNALED(status))
			log_line(LOG_ERR,
			    "%s process %ld was killed by signal %d", h->what,
			    (long)pid, WTERMSIG(status));
	}
}

void
helper_wait(struct helper_server *h)
{
	reap(h, 0);
}

/*
 * Events
 */

/* True: there was a SIGHUP. */
static bool
read_signals(struct helper_server *h)
{
	struct signalfd_siginfo info;
	bool hangup = false;

	while (read(h->signals, &info, sizeof info) == sizeof info)
		hangup |= info.ssi_signo == SIGHUP;
	reap(h, WNOHANG);
	return hangup;
}

/* False: it was for the helper, and is done with. */
static bool
hear(struct helper_server *h, void *what, enum helper_event *event,
    struct helper_session **ret)
{
	struct helper_end *end = what;

	if (what == &h->control) {
		read_control(h);
		return false;
	}
	if (what == &h->signals) {
		*event = HELPER_HANGUP;
		return read_signals(h);
	}
	*ret = end->session;
	*event = end == &end->session->link ? HELPER_LINK : HELPER_CHILD;
	return end->fd >= 0; /* or it ended by an event before this one */
}

enum helper_event
helper_next(struct helper_server *h, struct helper_session **ret)
{
	enum helper_event event;

	for (;;) {
		while (h->at < h->nevents) {
			if (hear(h, h->events[h->at++].data.ptr, &event, ret))
				return event;
		}
		free_over(h);
		if (h->control < 0 && h->nsessions == 0)
			return HELPER_END;
		h->nevents =
		    epoll_wait(h->epoll, h->events, HELPER_EVENTS_MAX, -1);
		h->at = 0;
	}
}
