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
	STOP_MS = 1000, /* for it to take a reply, after SIGTERM */
};

/*
 * How long a client may take.  While places are short, a client that holds one
 * by sending text has to send eight times as fast.
 */
static const struct {
	int signal;
	int64_t command_ms, text_ms; /* no more than this and the timeout */
	uint64_t text_rate;          /* octets a second that lengthen text_ms */
} hastes[HASTE__COUNT] = {
	[HASTE_NONE] = { 0, INT64_MAX, INT64_MAX, 500 },
	[HASTE_SOON] = { SIGUSR1, 1000, 1000, 500 },
	[HASTE_NOW] = { SIGUSR2, 0, 250, 4000 },
	[HASTE_OUT] = { SIGURG, 0, 0, UINT64_MAX },
};

int
connection_signal_of(enum connection_haste haste)
{
	return hastes[haste].signal;
}

void
connection_add_signals(sigset_t *set)
{
	for (int i = HASTE_SOON; i < HASTE__COUNT; i++)
		sigaddset(set, hastes[i].signal);
}

void
connection_start(
    struct connection *c, uint64_t timeout_sec, uint64_t session_timeout_sec)
{
	sigset_t signals;

	c->timeout_ms = (int64_t)timeout_sec * 1000;
	c->expires_ms = clock_ms() + (int64_t)session_timeout_sec * 1000;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	connection_add_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	c->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
read_signals(struct connection *c)
{
	struct signalfd_siginfo info;

	while (read(c->signals, &info, sizeof info) == sizeof info) {
		int number = (int)info.ssi_signo;

		if (number == SIGTERM)
			c->stopped_ms = clock_ms();
		for (int i = HASTE_SOON; i < HASTE__COUNT; i++) {
			if (number == hastes[i].signal && i > (int)c->haste)
				c->haste = (enum connection_haste)i;
		}
	}
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Returns how much longer this may wait for the client. */
static int64_t
patience(const struct connection *c)
{
	int64_t allowed =
	    c->in_text ? hastes[c->haste].text_ms : hastes[c->haste].command_ms;
	int64_t left;

	allowed = sooner(allowed, c->timeout_ms);
	if (c->in_text)
		allowed += (int64_t)(c->text_octets * 1000 /
				     hastes[c->haste].text_rate);
	left = allowed - c->waited_ms;
	return sooner(left, c->timeout_ms);
}

/* Returns why this waits no longer. */
static enum connection_result
verdict(const struct connection *c, short events, int64_t now)
{
	if (c->stopped_ms > 0 &&
	    (events == POLLIN || now >= c->stopped_ms + STOP_MS))
		return CONNECTION_SHUTDOWN;
	if (now >= c->expires_ms)
		return CONNECTION_EXPIRED;
	return c->haste != HASTE_NONE ? CONNECTION_CROWDED : CONNECTION_TIMEOUT;
}

/*
 * Waits until `fd` is ready for `events`, or until a deadline.  SIGTERM and the
 * end of the session stop a read even if the client keeps us busy; what can be
 * written is still written.
 */
static enum connection_result
wait_for(struct connection *c, int fd, short events)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = events },
			{ .fd = c->signals, .events = POLLIN },
		};
		int64_t now = clock_ms(), then = now;
		int64_t left = sooner(patience(c), c->expires_ms - now);
		int n;

		if (events == POLLIN &&
		    (c->stopped_ms > 0 || now >= c->expires_ms))
			return verdict(c, events, now);
		if (c->stopped_ms > 0)
			left = sooner(left, c->stopped_ms + STOP_MS - now);
		n = poll(p, 2, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return CONNECTION_EOF;
		now = clock_ms();
		c->waited_ms += now - then;
		if (n > 0 && p[1].revents) {
			read_signals(c);
			continue;
		}
		if (n > 0)
			return CONNECTION_OK;
		if (n == 0 && left <= 0)
			return verdict(c, events, now);
	}
}

void
connection_pause(struct connection *c, uint32_t ms)
{
	struct pollfd p = { .fd = c->signals, .events = POLLIN };

	poll(&p, 1, (int)ms);
}

enum connection_result
connection_wait(struct connection *c, int fd)
{
	return wait_for(c, fd, POLLIN);
}

void
connection_expect_text(struct connection *c, bool in_text)
{
	if (in_text == c->in_text)
		return;
	c->in_text = in_text;
	c->text_octets = 0;
	c->waited_ms = 0;
}

enum connection_result
connection_read(struct connection *c, char *buf, size_t size, size_t *ret_len)
{
	/* A person who types is never slow, only silent. */
	if (!c->is_socket)
		c->waited_ms = 0;
	for (;;) {
		enum connection_result result = wait_for(c, c->in, POLLIN);
		ssize_t n;

		if (result != CONNECTION_OK)
			return result;
		n = read(c->in, buf, size);
		if (n > 0) {
			c->text_octets += (uint64_t)n;
			*ret_len = (size_t)n;
			return CONNECTION_OK;
		}
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return CONNECTION_EOF;
	}
}

/*
 * Never blocks: a socket returns EAGAIN, and anything else is polled first and
 * gets no more than a pipe takes at once.
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
			return c->is_socket || errno == EPIPE || errno == EIO
				   ? CONNECTION_EOF
				   : CONNECTION_FULL;
		ready = false;
		if (n > 0) {
			data.p += n;
			data.len -= (size_t)n;
		}
	}
	if (!c->in_text)
		c->waited_ms = 0;
	return CONNECTION_OK;
}

void
connection_close(struct connection *c)
{
	char unread[4096];
	int64_t until = clock_ms() + LINGER_MS;
	struct pollfd p = { .fd = c->in, .events = POLLIN };

	if (!c->is_socket || shutdown(c->out, SHUT_WR) < 0 ||
	    c->haste != HASTE_NONE)
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
