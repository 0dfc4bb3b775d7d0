/*
 * The process with the accounts.  It reads messages of known form only; what a
 * client says is base64 to it, and a child of its own takes that apart:
 *
 *	listener ---- introduction --------> serve
 *	session ---- step (mail/auth.h) ---> serve ---- step -------> child
 *	                                     serve <--- asks -------- child
 *	                                     serve ---- verifier ---> child
 *	writer <---- account --------------- serve <--- answers ----- child
 *	session <--- answer ---------------- serve
 *
 * A child that is taken over can say that its own client is the one account
 * that it has asked for, and learns the verifier of that; nothing of others.
 */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/wire.h"
#include "../server/introduce.h"
#include "../server/log.h"
#include "serve.h"

enum {
	EVENTS_MAX = 64,
	/*
	 * A child's descriptor has this number; below it stand those that are
	 * open from the beginning, and above it the database and clients.
	 */
	CHILD_FD = 12,
	WRITER_MS = 5000, /* for the writer to answer, which may sync */
	DELAY_MS = 1000,  /* of the first wrong guess; each makes it double */
	DELAYS_MAX = 4,
};

static char of_control, of_signals;
char serve_buffer[AUTH_MESSAGE_MAX];

static bool
watch(const struct server *sv, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(sv->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
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

/* The child ends when its parent is gone. */
static void
end_exchange(struct server *sv, struct session *s)
{
	hashing_stop(sv, s);
	close_if(&s->child.fd);
	s->has_asked = false;
}

static void
end_session(struct server *sv, struct session *s)
{
	if (s->is_over)
		return;
	end_exchange(sv, s);
	close_if(&s->link.fd);
	s->is_over = true;
	s->next = sv->over;
	sv->over = s;
	sv->nsessions--;
}

static void
free_over(struct server *sv)
{
	while (sv->over) {
		struct session *s = sv->over;

		sv->over = s->next;
		free(s);
	}
}

static void
meet_session(struct server *sv, struct introduction *i)
{
	struct session *s = calloc(1, sizeof *s);
	int link = i->fds[INTRODUCE_LINK];

	i->fds[INTRODUCE_LINK] = -1;
	introduction_close(i);
	if (!s || link < 0 || !watch(sv, link, &s->link)) {
		free(s);
		close_if(&link);
		return;
	}
	s->number = i->number;
	s->peer = i->peer;
	s->link = (struct end){ s, link };
	s->child = (struct end){ s, -1 };
	sv->nsessions++;
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
 * Exchanges
 */

/* In the child: what is not its own is closed. */
static void
run_child(const struct server *sv, const struct session *s, int parent)
{
	static struct exchange x;

	if (dup2(parent, CHILD_FD) < 0)
		_exit(EX_OSERR);
	close_range(CHILD_FD + 1, UINT_MAX, 0);
	close(sv->epoll);
	close(sv->signals);
	close(sv->control);
	x.settings = sv->settings;
	x.peer = s->peer;
	x.parent = CHILD_FD;
	exchange_run(&x);
}

/* False: logged. */
static bool
start_exchange(struct server *sv, struct session *s)
{
	int ends[2];
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
		pid = fork();
		if (pid == 0)
			run_child(sv, s, ends[1]);
		close(ends[1]);
		s->child.fd = ends[0];
	}
	if (pid < 0 || !watch(sv, s->child.fd, &s->child)) {
		log_line(LOG_ERR, "no process for AUTH: %s", strerror(errno));
		close_if(&s->child.fd);
		return false;
	}
	return true;
}

static void
answer_session(
    struct server *sv, struct session *s, const struct auth_answer *a)
{
	char message[2048];
	struct pack m = { .p = message, .size = sizeof message };

	auth_write_answer(&m, a);
	if (a->result != AUTH_MORE)
		end_exchange(sv, s);
	if (!serve_send(s->link.fd, &m))
		end_session(sv, s);
}

static void
answer_without_child(
    struct server *sv, struct session *s, enum auth_result result)
{
	answer_session(sv, s, &(struct auth_answer){ .result = result });
}

/*
 * Asks the writer who the client is by now.  False: it does not say, so nobody
 * can be believed.
 */
static bool
learn_client(const struct server *sv, struct session *s)
{
	char message[WIRE_FACTS_MAX + 128];
	struct pack m = { .p = message, .size = sizeof message };
	struct pollfd p = { .fd = sv->writer, .events = POLLIN };
	struct facts facts;
	struct peer peer;
	uint64_t number = 0;

	if (sv->writer < 0)
		return true;
	wire_begin(&m, WIRE_WHO);
	wire_write_who(&m, s->number);
	if (!serve_send(sv->writer, &m))
		return false;
	/* An answer that came too late for another one may be there still. */
	while (number != s->number) {
		struct unpack in = { .rest = { message, 0 } };
		ssize_t n = poll(&p, 1, WRITER_MS) > 0
				? recv(sv->writer, message, sizeof message,
				      MSG_DONTWAIT)
				: 0;

		in.rest.len = n > 0 ? (size_t)n : 0;
		if (n <= 0 || wire_kind(&in) != WIRE_KNOWN ||
		    !wire_read_known(&in, &number, &peer, &facts) ||
		    number == 0)
			return false;
	}
	s->peer = peer;
	strcpy(s->subject, facts.text[FACT_CLIENT_SUBJECT]);
	return true;
}

/* What the session says is the next step of its child, or the first. */
static void
read_link(struct server *sv, struct session *s)
{
	ssize_t n =
	    recv(s->link.fd, serve_buffer, sizeof serve_buffer, MSG_DONTWAIT);
	struct pack m = { .p = serve_buffer, .len = n > 0 ? (size_t)n : 0 };
	struct unpack in = { .rest = { serve_buffer, m.len } };
	struct auth_step step;
	struct span subject;
	enum auth_result may = AUTH_DONE;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !auth_read_step(&in, &step, &subject)) {
		end_session(sv, s);
		return;
	}
	if (step.mechanism.p) {
		end_exchange(sv, s);
		if (!learn_client(sv, s))
			may = AUTH_TROUBLE;
		else
			may = accounts_check(sv->accounts, &s->peer, false);
		if (may == AUTH_DONE && !start_exchange(sv, s))
			may = AUTH_TROUBLE;
	} else if (s->child.fd < 0) {
		may = AUTH_MALFORMED;
	}
	/* Without a writer, the session is believed. */
	if (subject.len > 0 && subject.len < sizeof s->subject &&
	    sv->writer < 0) {
		memcpy(s->subject, subject.p, subject.len);
		s->subject[subject.len] = '\0';
	}
	if (may != AUTH_DONE)
		answer_without_child(sv, s, may);
	else if (!serve_send(s->child.fd, &m))
		answer_without_child(sv, s, AUTH_TROUBLE);
}

/* Of the writer, whom the session cannot lie to.  False: it is gone. */
static bool
tell_writer(const struct server *sv, const struct session *s)
{
	char message[WIRE_FACTS_MAX];
	struct pack m = { .p = message, .size = sizeof message };
	struct facts facts;

	memset(&facts, 0, sizeof facts);
	facts_set(&facts, FACT_ACCOUNT, span_of(s->name));
	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, s->number, &facts);
	return sv->writer < 0 ||
	       send(sv->writer, m.p, m.len, MSG_NOSIGNAL) == (ssize_t)m.len;
}

/* A right guess beyond the limit is refused like a wrong one. */
static void
judge(struct server *sv, struct session *s, struct auth_answer *a)
{
	bool failed = a->result == AUTH_REFUSED;
	enum auth_result may;

	if (!failed && a->result != AUTH_DONE)
		return;
	may = accounts_check(sv->accounts, &s->peer, failed);
	if (may != AUTH_DONE)
		a->result = may;
	if (failed && s->nfailures < DELAYS_MAX)
		s->nfailures++;
	if (failed)
		a->wait_ms = (uint32_t)DELAY_MS << (s->nfailures - 1);
	if (a->result == AUTH_DONE && !tell_writer(sv, s))
		a->result = AUTH_TROUBLE;
}

/* The account is the one that it has asked for; Dovecot says which it is. */
static bool
is_its_account(const struct server *sv, struct session *s, struct span account)
{
	if (sv->settings->dovecot) {
		memcpy(s->name, account.p, account.len);
		s->name[account.len] = '\0';
		return true;
	}
	return account.len == strlen(s->name) &&
	       memcmp(account.p, s->name, account.len) == 0;
}

static void
hear_answer(struct server *sv, struct session *s, struct unpack *in)
{
	struct auth_answer a;

	if (!auth_read_answer(in, &a) ||
	    (a.result == AUTH_DONE && !is_its_account(sv, s, a.account)))
		a = (struct auth_answer){ .result = AUTH_TROUBLE };
	a.wait_ms = 0;
	hashing_stop(sv, s);
	judge(sv, s, &a);
	answer_session(sv, s, &a);
}

/* One question an exchange.  False: not a right one. */
static bool
hear_question(struct server *sv, struct session *s, struct unpack *in)
{
	bool by_subject = unpack_u8(in) == 1;
	struct span key = unpack_text(in, AUTH_NAME_MAX, false);

	if (!unpack_is_done(in) || s->has_asked || sv->settings->dovecot)
		return false;
	s->has_asked = true;
	if (by_subject) {
		hashing_give(sv, s, true);
		return true;
	}
	if (key.len > 0)
		memcpy(s->name, key.p, key.len);
	s->name[key.len] = '\0';
	hashing_wait(sv, s);
	return true;
}

static void
read_child(struct server *sv, struct session *s)
{
	ssize_t n =
	    recv(s->child.fd, serve_buffer, sizeof serve_buffer, MSG_DONTWAIT);
	struct unpack in = { .rest = { serve_buffer, n > 0 ? (size_t)n : 0 } };
	uint8_t says;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	says = unpack_u8(&in);
	if (n > 0 && says == EXCHANGE_ANSWERS)
		hear_answer(sv, s, &in);
	else if (n <= 0 || says != EXCHANGE_ASKS || !hear_question(sv, s, &in))
		answer_without_child(sv, s, AUTH_TROUBLE);
}

/*
 * The loop
 */

static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFSIGNALED(status))
			log_line(LOG_ERR,
			    "AUTH process %ld was killed by signal %d",
			    (long)pid, WTERMSIG(status));
	}
}

/* Who started it decides when it ends. */
static int
open_signals(void)
{
	sigset_t set;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool
open_server(struct server *sv)
{
	int fd;

	sv->accounts = accounts_open(sv->settings->database);
	sv->epoll = epoll_create1(EPOLL_CLOEXEC);
	sv->signals = open_signals();
	/* What is opened from now on is not the child's. */
	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd < CHILD_FD);
	if (sv->accounts && sv->epoll >= 0 && sv->signals >= 0 && fd >= 0 &&
	    watch(sv, sv->control, &of_control) &&
	    watch(sv, sv->signals, &of_signals))
		return true;
	log_line(LOG_ERR, "AUTH: %s", strerror(errno));
	return false;
}

static void
serve_event(struct server *sv, void *what)
{
	struct end *end = what;

	if (what == &of_signals) {
		struct signalfd_siginfo info;

		while (read(sv->signals, &info, sizeof info) == sizeof info)
			;
		reap();
	} else if (what == &of_control) {
		if (!read_control(sv))
			close_if(&sv->control);
	} else if (end->fd < 0) {
		return; /* it ended by an event before this one */
	} else if (end == &end->session->link) {
		read_link(sv, end->session);
	} else {
		read_child(sv, end->session);
	}
}

int
serve(const struct settings *settings)
{
	struct server sv = {
		.settings = settings,
		.control = STDIN_FILENO,
		.writer = -1,
		.max_hashing = sysconf(_SC_NPROCESSORS_ONLN),
	};

	if (sv.max_hashing < 1)
		sv.max_hashing = 1;
	sv.waiting_end = &sv.waiting;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || !open_server(&sv))
		return EX_OSERR;
	while (sv.control >= 0 || sv.nsessions > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(sv.epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++)
			serve_event(&sv, events[i].data.ptr);
		hashing_serve(&sv);
		free_over(&sv);
	}
	return EX_OK;
}
