#include "connection.h"

#include <sys/signalfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/reply.h"

enum {
	LINGER_MS = 1000,
};

void
connection_start(
    struct connection *c, uint64_t timeout_sec, uint64_t session_timeout_sec)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	sigset_t term;

	c->timeout_ms = (int64_t)timeout_sec * 1000;
	c->expires_ms = clock_ms() + (int64_t)session_timeout_sec * 1000;

	sigemptyset(&ignored.sa_mask);
	sigaction(SIGPIPE, &ignored, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	c->sigterm = signalfd(-1, &term, SFD_CLOEXEC);
}

/*
 * Waits until `fd` is ready for `events`, or a deadline comes.  SIGTERM and the
 * end of the session are noticed even if the client keeps us busy, but only
 * before a read: what is to be written is still written.
 */
static enum connection_result
wait_for(const struct connection *c, int fd, short events)
{
	int64_t silent = clock_ms() + c->timeout_ms;
	int64_t until = silent < c->expires_ms ? silent : c->expires_ms;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = events },
			{ .fd = events == POLLIN ? c->sigterm : -1,
			    .events = POLLIN },
		};
		int64_t left = until - clock_ms();
		int n = poll(p, 2, left > 0 ? (int)left : 0);

		if (n < 0 && errno != EINTR)
			return CONNECTION_EOF;
		if (p[1].revents)
			return CONNECTION_SHUTDOWN;
		if (left <= 0 && until == c->expires_ms)
			return CONNECTION_EXPIRED;
		if (n > 0)
			return CONNECTION_OK;
		if (left <= 0)
			return CONNECTION_TIMEOUT;
	}
}

enum connection_result
connection_read(struct connection *c, char *buf, size_t size, size_t *ret_len)
{
	for (;;) {
		enum connection_result result = wait_for(c, c->in, POLLIN);
		ssize_t n;

		if (result != CONNECTION_OK)
			return result;
		n = read(c->in, buf, size);
		if (n > 0) {
			*ret_len = (size_t)n;
			return CONNECTION_OK;
		}
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return CONNECTION_EOF;
	}
}

/*
 * Never blocks: a socket says EAGAIN, and anything else is asked first and
 * given no more than a pipe takes at once.
 */
static ssize_t
write_some(struct connection *c, struct span data)
{
	if (c->is_socket)
		return send(
		    c->out, data.p, data.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(c->out, data.p, data.len < PIPE_BUF ? data.len : PIPE_BUF);
}

enum connection_result
connection_write(struct connection *c, struct span data)
{
	bool ready = c->is_socket;

	while (data.len > 0) {
		enum connection_result result = CONNECTION_OK;
		ssize_t n;

		if (!ready)
			result = wait_for(c, c->out, POLLOUT);
		if (result != CONNECTION_OK)
			return result;
		n = write_some(c, data);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return CONNECTION_EOF;
		ready = false;
		if (n > 0) {
			data.p += n;
			data.len -= (size_t)n;
		}
	}
	return CONNECTION_OK;
}

void
connection_close(struct connection *c)
{
	char unread[4096];
	int64_t until = clock_ms() + LINGER_MS;
	struct pollfd p = { .fd = c->in, .events = POLLIN };

	if (!c->is_socket || shutdown(c->out, SHUT_WR) < 0)
		return;
	for (;;) {
		int64_t left = until - clock_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0 ||
		    recv(c->in, unread, sizeof unread, MSG_DONTWAIT) <= 0)
			return;
	}
}

void
connection_refuse(struct connection *c)
{
	char reply[REPLY_LINE_MAX];
	size_t len = reply_write(reply, sizeof reply,
	    &replies[REPLY_NO_SERVICE], &(struct reply_values){ 0 }, false);

	if (c->is_socket)
		send(c->out, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	connection_close(c);
}
