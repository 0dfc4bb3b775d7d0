#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/wire.h"
#include "../server/confine.h"
#include "../server/log.h"
#include "private.h"

static void
set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* What libraries and strangers say is one line of text. */
static void
log_failure(const struct client *c, const char *why)
{
	static struct facts text;

	facts_set(&text, FACT_TLS, span_of(why ? why : "out of memory"));
	log_line(LOG_INFO, "no TLS client=%s port=%d cause=\"%s\"",
	    c->peer.address, c->peer.port, text.text[FACT_TLS]);
}

/*
 * A client that closes its side without the alert may still read what it was
 * told, as it may outside of TLS; for OpenSSL it is a fault, after which it
 * writes nothing.  So it gets to know of no end.
 */
static ssize_t
read_some(struct tls *tls, void *buf, size_t len, void *arg)
{
	struct client *c = arg;
	ssize_t n;

	(void)tls;
	do
		n = read(c->in, buf, len);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	c->ended |= n == 0 || errno != EAGAIN;
	return TLS_WANT_POLLIN;
}

static ssize_t
write_some(struct tls *tls, const void *buf, size_t len, void *arg)
{
	const struct client *c = arg;
	ssize_t n;

	(void)tls;
	do
		n = write(c->out, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 && errno == EAGAIN ? TLS_WANT_POLLOUT : n;
}

/* False: logged, or the session has given up. */
static bool
wait_for_client(const struct client *c, int wants, int64_t until)
{
	bool is_out = wants == TLS_WANT_POLLOUT;
	int64_t left = until - clock_ms();
	struct pollfd p[2] = {
		{ .fd = is_out ? c->out : c->in,
		    .events = is_out ? POLLOUT : POLLIN },
		{ .fd = c->session }, /* for POLLHUP */
	};
	int n = left > 0 ? poll(p, 2, (int)left) : 0;

	if (n == 0)
		log_failure(c, "the handshake took too long");
	return n != 0 && !p[1].revents;
}

static bool
shake_hands(struct client *c, struct tls *tls)
{
	int64_t until = clock_ms() + HANDSHAKE_MS;
	int result;

	while ((result = tls_handshake(tls)) != 0) {
		if (result != TLS_WANT_POLLIN && result != TLS_WANT_POLLOUT) {
			log_failure(c, tls_error(tls));
			return false;
		}
		if (c->ended) {
			log_failure(c, "the client has gone");
			return false;
		}
		if (!wait_for_client(c, result, until))
			return false;
	}
	return true;
}

/* The version as people write it, and IANA's name of the suite. */
static void
describe(struct tls *tls, struct facts *ret)
{
	const char *version = tls_conn_version(tls);
	const char *cipher = tls_conn_cipher(tls), *subject;
	char name[128], text[FACT_SIZE];

	snprintf(text, sizeof text, "%s %s", version ? version : "TLS",
	    suite_name(cipher ? cipher : "", name, sizeof name));
	facts_set(ret, FACT_TLS, span_of(text));
	subject =
	    tls_peer_cert_provided(tls) ? tls_peer_cert_subject(tls) : NULL;
	/* One that were cut could be another's. */
	if (subject && strlen(subject) < FACT_SIZE)
		facts_set(ret, FACT_CLIENT_SUBJECT, span_of(subject));
}

struct tls *
client_secure(
    struct client *c, struct tls *server, bool confined, struct facts *ret)
{
	struct tls *tls = NULL;

	set_nonblocking(c->in);
	set_nonblocking(c->out);
	if (confined && !confine_tls())
		return NULL;
	if (tls_accept_cbs(server, &tls, read_some, write_some, c) < 0) {
		log_failure(c, tls_error(server));
		return NULL;
	}
	if (!shake_hands(c, tls))
		return NULL;
	memset(ret, 0, sizeof *ret);
	describe(tls, ret);
	return tls;
}

void
client_report(int fd, const struct facts *facts)
{
	char message[WIRE_FACTS_MAX];
	struct pack m = { .p = message, .size = sizeof message };

	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, 0, facts);
	if (!m.failed)
		send(fd, m.p, m.len, MSG_NOSIGNAL);
	close(fd);
}

int
client_read_report(int fd, int flags, struct facts *ret)
{
	unsigned may_tell = FACT_BIT(FACT_TLS) | FACT_BIT(FACT_CLIENT_SUBJECT);
	char message[WIRE_FACTS_MAX];
	ssize_t n = recv(fd, message, sizeof message, flags);
	struct unpack in = { .rest = { message, n > 0 ? (size_t)n : 0 } };
	uint64_t number;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || wire_kind(&in) != WIRE_TELL ||
	    !wire_read_facts(&in, may_tell, &number, ret) ||
	    !facts_has(ret, FACT_TLS))
		return -1;
	return 1;
}
