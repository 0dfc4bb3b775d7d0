/*
 * Two ways, one for each direction, with a buffer each.  The end of input is
 * passed on once the buffer is empty, and a way that cannot be written to any
 * more takes no more input.
 *
 *	client == TLS ==> up ---> session
 *	client <== TLS == down <--- session
 *
 * The end of TLS without its closing alert is an end as well: SMTP says itself
 * whether a mail is whole.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "../clock.h"
#include "private.h"

enum {
	BUFFER_SIZE = 64 * 1024, /* four TLS records */
	/* For a client to take the last octets, when its session is gone. */
	FLUSH_MS = 10 * 1000,
};

struct way {
	char octets[BUFFER_SIZE];
	size_t from, to;
	bool ended; /* no more input */
	bool done;  /* and all of it passed on, and the end as well */
};

struct relay {
	const struct client *client;
	struct way up, down;
	/* What TLS waits for at the client's side, besides new input. */
	bool wants_out, wants_in;
	bool reads_out; /* it has to write before it can read */
	bool session_gone;
	int64_t until; /* ms; 0: for ever */
};

static bool
is_empty(const struct way *w)
{
	return w->from == w->to;
}

static void
stop(struct way *w)
{
	w->from = w->to = 0;
	w->ended = w->done = true;
}

/*
 * From the client.  True: something happened.
 */

static bool
read_client(struct relay *r)
{
	struct way *w = &r->up;
	ssize_t n;

	r->reads_out = false;
	if (w->ended || !is_empty(w))
		return false;
	n = stream_read(r->client->ssl, w->octets, sizeof w->octets);
	if (n == STREAM_WANTS_IN)
		return false;
	if (n == STREAM_WANTS_OUT) {
		r->reads_out = true;
		return false;
	}
	w->from = 0;
	w->to = n > 0 ? (size_t)n : 0;
	w->ended = n <= 0;
	return true;
}

static bool
write_session(struct relay *r)
{
	struct way *w = &r->up;
	ssize_t n;

	if (w->done || (is_empty(w) && !w->ended))
		return false;
	if (is_empty(w)) {
		shutdown(r->client->session, SHUT_WR);
		w->done = true;
		return true;
	}
	n = send(r->client->session, w->octets + w->from, w->to - w->from,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		stop(w);
	else
		w->from += (size_t)n;
	return true;
}

/*
 * To the client
 */

static bool
read_session(struct relay *r)
{
	struct way *w = &r->down;
	ssize_t n;

	if (w->ended || !is_empty(w))
		return false;
	n = recv(r->client->session, w->octets, sizeof w->octets, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	w->from = 0;
	w->to = n > 0 ? (size_t)n : 0;
	w->ended = n <= 0;
	return true;
}

static void
close_output(const struct client *c)
{
	if (shutdown(c->out, SHUT_WR) < 0 && c->out != c->in)
		close(c->out);
}

/* Notes what TLS waits for; false: it waits for nothing. */
static bool
has_to_wait(struct relay *r, ssize_t result)
{
	r->wants_in = result == STREAM_WANTS_IN;
	r->wants_out = result == STREAM_WANTS_OUT;
	return r->wants_in || r->wants_out;
}

static bool
write_client(struct relay *r)
{
	struct way *w = &r->down;
	ssize_t n;

	r->wants_in = r->wants_out = false;
	if (w->done || (is_empty(w) && !w->ended))
		return false;
	if (is_empty(w)) {
		if (has_to_wait(r, stream_end(r->client->ssl)))
			return false;
		close_output(r->client);
		w->done = true;
		return true;
	}
	n = stream_write(r->client->ssl, w->octets + w->from, w->to - w->from);
	if (has_to_wait(r, n))
		return false;
	if (n < 0) {
		stop(w);
		stop(&r->up);
		shutdown(r->client->session, SHUT_WR);
	} else {
		w->from += (size_t)n;
	}
	return true;
}

/*
 * The loop
 */

static bool
step(struct relay *r)
{
	bool moved = false;

	moved |= read_client(r);
	moved |= write_session(r);
	moved |= read_session(r);
	moved |= write_client(r);
	return moved;
}

/* A session that is gone takes no more input, and has said all. */
static void
note_hangup(struct relay *r)
{
	if (r->session_gone)
		return;
	r->session_gone = true;
	r->until = clock_ms() + FLUSH_MS;
	stop(&r->up);
}

static short
events(bool in, bool out)
{
	return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

static bool
wait_for_more(struct relay *r)
{
	const struct client *c = r->client;
	bool reads = !r->up.ended && is_empty(&r->up);
	struct pollfd p[3] = {
		{ .fd = r->session_gone ? -1 : c->session,
		    .events = events(!r->down.ended && is_empty(&r->down),
			!is_empty(&r->up)) },
		{ .fd = c->in, .events = events(reads || r->wants_in, false) },
		{ .fd = c->out,
		    .events = events(false, r->wants_out || r->reads_out) },
	};
	int64_t left = r->until > 0 ? r->until - clock_ms() : -1;

	for (int i = 1; i < 3; i++)
		p[i].fd = p[i].events ? p[i].fd : -1;
	if (r->until > 0 && left <= 0)
		return false;
	if (poll(p, 3, (int)left) < 0)
		return errno == EINTR;
	if (p[0].revents & (POLLHUP | POLLERR))
		note_hangup(r);
	return true;
}

void
relay(const struct client *c)
{
	static struct relay r; /* too much for a stack */

	r.client = c;
	while (!r.up.done || !r.down.done) {
		if (!step(&r) && !wait_for_more(&r))
			return;
	}
}
