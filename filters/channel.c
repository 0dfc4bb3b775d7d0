#include "channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"

void
channel_open(struct channel *c, const struct filter_address *a, int timeout_ms)
{
	const char *fault;

	*c = (struct channel){ .address = a };
	c->fd = filter_address_connect(a, timeout_ms, &fault);
	if (c->fd < 0)
		snprintf(c->fault, sizeof c->fault, "%s", fault);
}

void
channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void
channel_allow(struct channel *c, int64_t ms)
{
	c->deadline_ms = clock_ms() + ms;
}

bool
channel_fail(struct channel *c, const char *fault)
{
	if (c->fd >= 0)
		snprintf(c->fault, sizeof c->fault, "%s", fault);
	channel_close(c);
	return false;
}

/* False: the deadline has passed. */
static bool
wait_for(struct channel *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	for (;;) {
		int64_t left = c->deadline_ms - clock_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0)
			return channel_fail(c, "timed out");
		if (errno != EINTR)
			return channel_fail(c, strerror(errno));
	}
}

bool
channel_send(struct channel *c, const void *octets, size_t len)
{
	const char *at = octets;

	while (len > 0) {
		ssize_t n;

		if (c->fd < 0)
			return false;
		n = send(c->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			wait_for(c, POLLOUT);
		} else if (errno != EINTR) {
			channel_fail(c, strerror(errno));
		}
	}
	return true;
}

bool
channel_read_some(struct channel *c, void *ret, size_t size, size_t *ret_len)
{
	while (c->fd >= 0) {
		ssize_t n = recv(c->fd, ret, size, MSG_DONTWAIT);

		if (n > 0) {
			*ret_len = (size_t)n;
			return true;
		}
		if (n == 0)
			channel_fail(c, "closed the connection");
		else if (errno == EAGAIN)
			wait_for(c, POLLIN);
		else if (errno != EINTR)
			channel_fail(c, strerror(errno));
	}
	return false;
}

bool
channel_read(struct channel *c, void *ret, size_t len)
{
	char *at = ret;
	size_t n;

	while (len > 0) {
		if (!channel_read_some(c, at, len, &n))
			return false;
		at += n;
		len -= n;
	}
	return true;
}
