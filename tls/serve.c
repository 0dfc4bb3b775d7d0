/*
 * The process with the key.  Each session that is introduced waits here with its
 * connection until it asks for TLS; then a child takes the connection, and with
 * it whatever the client sends.  What the child reports goes to the writer, and
 * then, with the other end of the clear text, to the session:
 *
 *	listener ---- introduction ----> serve ---- facts ----> writer
 *	session ---- "begin" ----------> serve
 *	                                 serve ---- fork -----> child == client
 *	                                 serve <--- facts ----- child
 *	session <--- facts, clear text - serve
 *
 * A child that is taken over can lie about its own client, and no other.
 */
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/wire.h"
#include "../server/confine.h"
#include "../server/introduce.h"
#include "../server/log.h"
#include "private.h"

enum {
	EVENTS_MAX = 64,
	/* A child's descriptors stand here, and those of clients above. */
	CHILD_FIRST = 10,
	CHILD_NFDS = 4,
};

struct session {
	uint64_t number;
	struct client client; /* `session` is the end that is given away */
	int link;             /* to the session */
	int report;           /* from the child; -1: there is none yet */
	pid_t pid;
	bool is_over;
	struct session *next;
};

struct server {
	const struct settings *settings;
	struct certs *certs;
	int epoll, control, signals;
	int writer; /* -1: there is none, so nobody needs to be told */
	size_t nchildren;
	struct session *sessions;
	bool has_over; /* some are to be freed, once no event can name them */
};

/* What an event is about, if it is no session. */
static char of_control, of_signals;

static bool
watch(const struct server *sv, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(sv->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/*
 * Closing would not do while a child that was just forked still has it open:
 * then events would go on, for a session that is freed.
 */
static void
unwatch(const struct server *sv, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(sv->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static void
close_if(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Sessions
 */

static void
end_session(struct server *sv, struct session *s)
{
	if (s->is_over)
		return;
	unwatch(sv, &s->link);
	unwatch(sv, &s->report);
	close_if(&s->client.session);
	if (s->client.out != s->client.in)
		close_if(&s->client.out);
	close_if(&s->client.in);
	s->is_over = sv->has_over = true;
}

static void
free_over(struct server *sv)
{
	struct session **at = &sv->sessions;

	if (!sv->has_over)
		return;
	sv->has_over = false;
	while (*at) {
		struct session *s = *at;

		if (!s->is_over) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s);
	}
}

static void
meet_session(struct server *sv, struct introduction *i)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s || i->fds[INTRODUCE_LINK] < 0 ||
	    i->fds[INTRODUCE_CONNECTION] < 0 ||
	    !watch(sv, i->fds[INTRODUCE_LINK], s)) {
		free(s);
		introduction_close(i);
		return;
	}
	s->number = i->number;
	s->link = i->fds[INTRODUCE_LINK];
	s->report = -1;
	s->client.peer = i->peer;
	s->client.session = -1;
	s->client.in = s->client.out = i->fds[INTRODUCE_CONNECTION];
	if (i->fds[INTRODUCE_OUT] >= 0)
		s->client.out = i->fds[INTRODUCE_OUT];
	s->next = sv->sessions;
	sv->sessions = s;
}

/* From the listener.  False: there will be nobody any more. */
static bool
read_control(struct server *sv)
{
	struct introduction i;

	while (introduce_meet(sv->control, &i, false) == 0) {
		if (i.fds[INTRODUCE_WRITER] >= 0) {
			close_if(&sv->writer);
			sv->writer = i.fds[INTRODUCE_WRITER];
		} else {
			meet_session(sv, &i);
		}
	}
	return errno == EAGAIN || errno == EPROTO;
}

/*
 * In the child
 */

/*
 * Keeps the client's connection and two sockets, at the numbers kept free for
 * it; whatever is above them is of other clients.
 */
static void
keep_only(const struct server *sv, struct client *c, int *report_fd)
{
	int *const kept[CHILD_NFDS] = { &c->in, &c->out, &c->session,
		report_fd };

	for (int i = 0; i < CHILD_NFDS; i++)
		*kept[i] = dup2(*kept[i], CHILD_FIRST + i);
	close_range(CHILD_FIRST + CHILD_NFDS, UINT_MAX, 0);
	close(sv->epoll);
	close(sv->signals);
	close(sv->control);
}

/* Serves one client, with `session` as the end of its clear text. */
static void
run_child(const struct server *sv, const struct session *s, struct tls *server,
    int session, int report_fd)
{
	struct client c = s->client;
	struct facts facts;
	struct tls *tls;

	c.session = session;
	keep_only(sv, &c, &report_fd);
	tls = client_secure(&c, server, !sv->settings->no_confine, &facts);
	if (!tls)
		_exit(EX_OK);
	client_report(report_fd, &facts);
	relay(&c, tls);
	_exit(EX_OK);
}

/*
 * Handshakes
 */

static bool
open_pairs(int clear[2], int reports[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, clear) < 0)
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reports) == 0)
		return true;
	close(clear[0]);
	close(clear[1]);
	return false;
}

/* False: logged. */
static bool
start_child(struct server *sv, struct session *s)
{
	struct tls *tls = certs_server(sv->certs, false);
	int clear[2], reports[2];

	if (!open_pairs(clear, reports)) {
		log_line(LOG_ERR, "no sockets for TLS: %s", strerror(errno));
		return false;
	}
	s->pid = fork();
	if (s->pid == 0)
		run_child(sv, s, tls, clear[1], reports[1]);
	close(clear[1]);
	close(reports[1]);
	s->client.session = clear[0];
	s->report = reports[0];
	fcntl(s->report, F_SETFL, O_NONBLOCK);
	if (s->pid < 0) {
		log_line(LOG_ERR, "no process for TLS: %s", strerror(errno));
		return false;
	}
	sv->nchildren++;
	/* The connection is the child's alone. */
	if (s->client.out != s->client.in)
		close(s->client.out);
	close(s->client.in);
	s->client.in = s->client.out = -1;
	return watch(sv, s->report, s);
}

/* False: the writer cannot hear it, so the session must not go on. */
static bool
tell_writer(const struct server *sv, const struct pack *m)
{
	return sv->writer < 0 ||
	       send(sv->writer, m->p, m->len, MSG_NOSIGNAL) == (ssize_t)m->len;
}

/* With the clear text. */
static void
tell_session(const struct session *s, const struct pack *m)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { m->p, m->len };
	struct msghdr head = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};

	memset(control, 0, sizeof control);
	*(struct cmsghdr *)control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA((struct cmsghdr *)control), &s->client.session,
	    sizeof s->client.session);
	sendmsg(s->link, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * The child's number of the session counts for nothing.  False: nothing has
 * come.
 */
static bool
read_report(struct server *sv, struct session *s)
{
	char message[WIRE_FACTS_MAX];
	struct pack out = { .p = message, .size = sizeof message };
	struct facts facts;
	int told = client_read_report(s->report, &facts);

	if (told == 0)
		return false;
	if (told > 0) {
		wire_begin(&out, WIRE_TELL);
		wire_write_facts(&out, s->number, &facts);
		if (tell_writer(sv, &out))
			tell_session(s, &out);
	}
	end_session(sv, s);
	return true;
}

/* A session asks once.  While its client shakes hands, it may give up. */
static void
read_link(struct server *sv, struct session *s)
{
	char octet;
	ssize_t n = recv(s->link, &octet, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != 1 || s->report >= 0 || !start_child(sv, s))
		end_session(sv, s);
}

/*
 * The loop
 */

static void
reap(struct server *sv)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		sv->nchildren--;
		if (WIFSIGNALED(status))
			log_line(LOG_ERR,
			    "TLS process %ld was killed by signal %d",
			    (long)pid, WTERMSIG(status));
	}
}

static void
read_signals(struct server *sv)
{
	struct signalfd_siginfo info;

	while (read(sv->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP)
			certs_server(sv->certs, true);
	}
	reap(sv);
}

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

/* So that all of clients stand above those of a child. */
static void
fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd + 1 < CHILD_FIRST + CHILD_NFDS);
}

static bool
open_server(struct server *sv)
{
	sv->epoll = epoll_create1(EPOLL_CLOEXEC);
	sv->signals = open_signals();
	fill_descriptors();
	if (sv->epoll >= 0 && sv->signals >= 0 &&
	    watch(sv, sv->control, &of_control) &&
	    watch(sv, sv->signals, &of_signals))
		return true;
	log_line(LOG_ERR, "TLS: %s", strerror(errno));
	return false;
}

static void
serve_event(struct server *sv, void *what)
{
	struct session *s = what;

	if (what == &of_signals) {
		read_signals(sv);
	} else if (what == &of_control) {
		if (!read_control(sv))
			unwatch(sv, &sv->control);
	} else if (!s->is_over && (s->report < 0 || !read_report(sv, s))) {
		read_link(sv, s);
	}
}

int
serve(const struct settings *settings, struct certs *certs)
{
	struct server sv = {
		.settings = settings,
		.certs = certs,
		.control = STDIN_FILENO,
		.writer = -1,
	};

	if (!open_server(&sv))
		return EX_OSERR;
	if (!settings->no_confine)
		confine_prepare_tls();
	while (sv.control >= 0 || sv.sessions || sv.nchildren > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(sv.epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++)
			serve_event(&sv, events[i].data.ptr);
		free_over(&sv);
	}
	return EX_OK;
}
