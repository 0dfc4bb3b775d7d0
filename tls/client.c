#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

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

/* Logs what libraries and strangers say as one line of text. */
static void
log_failure(const struct client *c, const char *why)
{
	static struct facts text;

	facts_set(&text, FACT_TLS, span_of(why));
	log_line(LOG_INFO, "no TLS client=%s port=%d cause=\"%s\"",
	    c->peer.address, c->peer.port, text.text[FACT_TLS]);
}

/* False: logged, or the session has given up. */
static bool
wait_for_client(const struct client *c, int wants, int64_t until)
{
	bool is_out = wants == STREAM_WANTS_OUT;
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

/* The client's, as far as it says or does something. */
static const char *
last_error(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "the client has gone";
}

static bool
shake_hands(struct client *c)
{
	int64_t until = clock_ms() + HANDSHAKE_MS;
	int result;

	while ((result = stream_shake_hands(c->ssl)) != 0) {
		if (result == STREAM_FAILED) {
			log_failure(c, last_error());
			return false;
		}
		if (!wait_for_client(c, result, until))
			return false;
	}
	return true;
}

/* The version as people write it, and IANA's name of the suite. */
static void
describe(const SSL *ssl, struct facts *ret)
{
	const char *suite =
	    SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
	X509 *cert = SSL_get0_peer_certificate(ssl);
	char text[FACT_SIZE], *subject;

	snprintf(text, sizeof text, "%s %s", SSL_get_version(ssl),
	    suite ? suite : "");
	facts_set(ret, FACT_TLS, span_of(text));
	subject = cert ? X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0)
		       : NULL;
	/* A subject that is cut could be that of another one. */
	if (subject && strlen(subject) < FACT_SIZE)
		facts_set(ret, FACT_CLIENT_SUBJECT, span_of(subject));
	OPENSSL_free(subject);
}

bool
client_secure(
    struct client *c, SSL_CTX *server, bool confined, struct facts *ret)
{
	set_nonblocking(c->in);
	set_nonblocking(c->out);
	if (confined && !confine_tls())
		return false;
	c->ssl = SSL_new(server);
	if (!c->ssl || !SSL_set_rfd(c->ssl, c->in) ||
	    !SSL_set_wfd(c->ssl, c->out)) {
		log_failure(c, "out of memory");
		return false;
	}
	if (!shake_hands(c))
		return false;
	memset(ret, 0, sizeof *ret);
	describe(c->ssl, ret);
	return true;
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
