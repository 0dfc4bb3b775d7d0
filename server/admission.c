#include "admission.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "introduce.h"
#include "log.h"
#include "peer.h"
#include "sockets.h"

enum {
	/* After the kernel had no room for a connection or a process. */
	BACKOFF_MS = 100,
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
		.conf = conf, .writer = -1, .reserve = open_reserve()
	};
	return children_open(&a->children, conf->max_connections);
}

void
admission_leave(struct admission *a)
{
	close(a->reserve);
	worker_release(&a->worker);
	if (a->writer >= 0)
		close(a->writer);
	a->writer = -1;
}

void
admission_close(struct admission *a)
{
	admission_leave(a);
	children_close(&a->children);
}

static void
refuse(struct admission *a, int fd, enum reply why)
{
	sockets_hang_up(fd, why, a->conf->hostname);
	a->refused++;
	a->changed = true;
}

/*
 * Who it is, for the writer, and what it counts as: all zeros, of whom there
 * can be any number, for who has no address.
 */
static struct ip
read_peer(int fd, const struct sockaddr_storage *name, struct peer *ret)
{
	struct ip ip = { { 0 } };

	if (peer_read_name(name, &ip, &ret->port)) {
		ip_write(&ip, ret->address);
		return ip_source(&ip);
	}
	peer_find(fd, ret);
	return ip;
}

/* Gives the worker its connection, and the writer its socket. */
static pid_t
start_session(struct admission *a, int fd, const struct peer *peer)
{
	pid_t pid = worker_give(&a->worker, fd, peer);
	int error = errno;

	/* Without a writer, the session answers 451 and 421. */
	if (pid > 0 && introduce_session(a->writer, a->worker.fd, peer) < 0)
		log_line(LOG_ERR, "the writer cannot be reached: %s",
		    strerror(errno));
	worker_release(&a->worker);
	errno = error;
	return pid;
}

/* Gives it to the pre-forked worker, unless a limit is reached. */
static void
serve(struct admission *a, int fd, const struct sockaddr_storage *name)
{
	struct peer peer = { .port = 0 };
	struct ip source = read_peer(fd, name, &peer);
	pid_t pid;

	if (a->children.n == a->children.max) {
		refuse(a, fd, REPLY_TOO_MANY_CONNECTIONS);
		return;
	}
	if (children_from(&a->children, &source) >= a->conf->max_per_source) {
		refuse(a, fd, REPLY_TOO_MANY_FROM_YOU);
		return;
	}
	pid = start_session(a, fd, &peer);
	if (pid < 0) {
		log_line(LOG_ERR, "no process for a session: %s",
		    strerror(a->fork_error ? a->fork_error : errno));
		refuse(a, fd, REPLY_NO_PROCESS);
		a->accept_at = clock_ms() + BACKOFF_MS;
		return;
	}
	close(fd);
	children_add(&a->children, pid, source);
	a->changed = true;
	a->served++;
}

/* Out of descriptors: the one in reserve is enough to say so. */
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
admission_accept(struct admission *a, int listening)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	int fd =
	    accept4(listening, (struct sockaddr *)&name, &len, SOCK_CLOEXEC);

	if (fd >= 0)
		serve(a, fd, &name);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		 errno == ENOBUFS)
		refuse_without_descriptor(a, listening);
}
