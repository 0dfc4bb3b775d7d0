#include "admission.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "log.h"
#include "peer.h"
#include "sockets.h"

enum {
	/* The pause when the kernel has no room for a connection or process. */
	BACKOFF_MS = 100,
	/* The time to leave for a session that is told to. */
	LEAVE_MS = 250,
	CROWD_TOLD_MS = 60 * 1000,
};

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool
admission_open(struct admission *a, const struct listen_conf *conf)
{
	*a = (struct admission){
		.conf = conf,
		.writer = -1,
		.reserve = open_reserve(),
		.waiting = { .fd = -1 },
		.crowd_told_at = -CROWD_TOLD_MS,
	};
	helpers_open(&a->helpers, conf->helpers);
	return children_open(&a->children, conf->max_connections) &&
	       sources_open(&a->sources, conf->max_connections);
}

void
admission_leave(struct admission *a)
{
	if (a->waiting.fd >= 0)
		close(a->waiting.fd);
	close(a->reserve);
	worker_release(&a->worker);
	helpers_close(&a->helpers);
	if (a->writer >= 0)
		close(a->writer);
	a->writer = -1;
}

void
admission_close(struct admission *a)
{
	admission_leave(a);
	children_close(&a->children);
	sources_close(&a->sources);
}

static void
refuse(struct admission *a, int fd, enum reply why)
{
	sockets_hang_up(fd, why, a->conf->hostname);
	a->refused++;
	a->changed = true;
}

/*
 * Finds the client's address, for the writer, and the source that it counts as.
 * That is all zeros for a client without an address, and for a peer that brings
 * the clients of others, who are not counted.
 */
static struct ip
read_peer(const struct admission *a, int fd,
    const struct sockaddr_storage *name, struct peer *ret)
{
	const struct ip none = { { 0 } };
	struct ip ip = none;

	if (!peer_read_name(name, &ip, &ret->port)) {
		peer_find(fd, ret);
		return ip;
	}
	ip_write(&ip, ret->address);
	if (!fronts_have(a->conf->fronts, ret))
		return ip_source(&ip);
	return none;
}

/* NULL: it has no address. */
static struct source *
find_source(struct admission *a, const struct ip *from)
{
	static const struct ip none;

	if (memcmp(from, &none, sizeof none) == 0)
		return NULL;
	return sources_find(&a->sources, from, clock_ms());
}

/*
 * Without a writer, the session answers 451 and 421.  False: the writer is busy,
 * and as many wait for it as there is room for.
 */
static bool
introduce_to_writer(const struct admission *a, const struct introduction *i)
{
	struct introduction told = *i;

	told.fds[INTRODUCE_CONNECTION] = -1;
	told.fds[INTRODUCE_LINK] = a->worker.fd;
	if (introduce(a->writer, &told, false) == 0)
		return true;
	if (errno == EAGAIN)
		return false;
	log_line(LOG_ERR, "the writer cannot be reached: %s", strerror(errno));
	return true;
}

/*
 * Gives the worker its connection.  The writer is introduced to the session
 * first, before anybody can tell it facts of the session.
 */
static pid_t
give_connection(struct admission *a, const struct newcomer *who)
{
	struct introduction i;
	int error;
	pid_t pid;

	introduction_clear(&i);
	i.number = ++a->last_number;
	i.peer = who->peer;
	i.tls_first = who->tls_first;
	i.fds[INTRODUCE_CONNECTION] = who->fd;
	if (a->worker.pid > 0) {
		if (!introduce_to_writer(a, &i))
			return -1;
		helpers_introduce(&a->helpers, &i);
	}
	pid = worker_give(&a->worker, &i);
	error = errno;
	i.fds[INTRODUCE_CONNECTION] = -1;
	introduction_close(&i);
	worker_release(&a->worker);
	errno = error;
	return pid;
}

static void
start_session(struct admission *a, const struct newcomer *who)
{
	pid_t pid = give_connection(a, who);

	if (pid < 0) {
		log_line(LOG_ERR, "no process for a session: %s",
		    strerror(a->fork_error ? a->fork_error : errno));
		refuse(a, who->fd, REPLY_NO_PROCESS);
		a->accept_at = clock_ms() + BACKOFF_MS;
		return;
	}
	close(who->fd);
	children_add(&a->children, pid, find_source(a, &who->source),
	    clock_ms() + (int64_t)a->conf->session_timeout_sec * 1000 +
		SESSION_END_MS);
	a->changed = true;
	a->served++;
}

static void
tell_crowd(struct admission *a)
{
	int64_t now = clock_ms();

	if (now < a->crowd_told_at + CROWD_TOLD_MS)
		return;
	a->crowd_told_at = now;
	log_line(LOG_NOTICE, "%zu connection%s of %zu: idle ones have to leave",
	    a->children.n, plural((int64_t)a->children.n), a->children.max);
}

static unsigned
held_by(const struct source *source)
{
	return source ? source->nsessions : 1;
}

/*
 * Has a session leave, even in the middle of a mail, if its source has more
 * than the newcomer's would then have.
 */
static bool
throw_out(struct admission *a, const struct source *source)
{
	return children_press(&a->children, HASTE_OUT, held_by(source) + 1);
}

/* Makes room for one more session.  False: there will be none. */
static bool
make_room(struct admission *a, const struct source *source)
{
	size_t n = a->children.n, max = a->children.max;

	if (n < max - max / 4)
		return true;
	tell_crowd(a);
	children_end_overdue(&a->children, clock_ms());
	if (n < max - max / 8) {
		children_press(&a->children, HASTE_SOON, 0);
		return true;
	}
	return children_press(&a->children, HASTE_NOW, held_by(source)) ||
	       n < max || throw_out(a, source);
}

/* Serves a connection, now or when there is room, within the limits. */
static void
admit(struct admission *a, const struct newcomer *who)
{
	struct source *source = find_source(a, &who->source);

	if (source && source->delayed_until > clock_ms()) {
		refuse(a, who->fd, REPLY_NO_PROCESS);
	} else if (source && source->nsessions >= a->conf->max_per_source) {
		refuse(a, who->fd, REPLY_TOO_MANY_FROM_YOU);
	} else if (!make_room(a, source)) {
		refuse(a, who->fd, REPLY_TOO_MANY_CONNECTIONS);
	} else if (a->children.n < a->children.max) {
		start_session(a, who);
	} else {
		a->waiting = *who;
		a->has_pressed = false;
		a->waiting_until = clock_ms() + LEAVE_MS;
	}
}

bool
admission_look_again(struct admission *a)
{
	bool has_room = a->children.n < a->children.max;
	struct newcomer who = a->waiting;

	if (who.fd < 0 || (!has_room && clock_ms() < a->waiting_until))
		return false;
	if (!has_room && !a->has_pressed &&
	    throw_out(a, find_source(a, &who.source))) {
		a->has_pressed = true;
		a->waiting_until = clock_ms() + LEAVE_MS;
		return false;
	}
	a->waiting.fd = -1;
	if (has_room)
		start_session(a, &who);
	else
		refuse(a, who.fd, REPLY_TOO_MANY_CONNECTIONS);
	return has_room;
}

bool
admission_forget(struct admission *a, pid_t pid, bool crashed)
{
	struct child *child = children_find(&a->children, pid);

	if (!child)
		return false;
	if (crashed && child->source)
		source_note_crash(child->source, clock_ms());
	children_remove(&a->children, child);
	a->changed = true;
	return true;
}

/* No descriptor is left: closes the one in reserve to say so to a client. */
static void
refuse_without_descriptor(struct admission *a, int listening)
{
	int fd;

	log_line(LOG_ERR, "accept: %s", strerror(errno));
	close(a->reserve);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		refuse(a, fd, REPLY_TOO_MANY_CONNECTIONS);
	a->reserve = open_reserve();
	a->accept_at = clock_ms() + BACKOFF_MS;
}

void
admission_accept(struct admission *a, int listening, bool tls_first)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	struct newcomer who = { .tls_first = tls_first };

	who.fd =
	    accept4(listening, (struct sockaddr *)&name, &len, SOCK_CLOEXEC);
	if (who.fd >= 0) {
		who.source = read_peer(a, who.fd, &name, &who.peer);
		admit(a, &who);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		   errno == ENOBUFS) {
		refuse_without_descriptor(a, listening);
	}
}
