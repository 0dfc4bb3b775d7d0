#include "secure.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/wire.h"
#include "launcher.h"
#include "peer.h"
#include "programs.h"

/* Any octet would do: a session has nothing else to ask for. */
static bool
ask_for_handshake(int link)
{
	ssize_t n;

	do
		n = send(link, "", 1, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* The facts, and with them the end of a socket where the clear text comes. */
static int
receive(int link, struct facts *ret)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char message[WIRE_FACTS_MAX];
	struct iovec data = { message, sizeof message };
	struct msghdr head = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t n = recvmsg(link, &head, MSG_CMSG_CLOEXEC);
	struct unpack in = { .rest = { message, n > 0 ? (size_t)n : 0 } };
	struct cmsghdr *first = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	uint64_t number;
	int fd = -1;

	if (first && first->cmsg_type == SCM_RIGHTS &&
	    first->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(first), sizeof fd);
	if (fd >= 0 && (wire_kind(&in) != WIRE_TELL ||
			   !wire_read_facts(&in, ~0u, &number, ret))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * Keeps standard input and output open, so that nothing else gets their
 * numbers.
 */
static void
leave(int fd)
{
	if (fd > STDERR_FILENO)
		close(fd);
}

bool
secure_connection(struct context *c)
{
	struct connection *client = c->connection;
	int fd = -1;

	if (c->tls < 0)
		return false;
	if (ask_for_handshake(c->tls) &&
	    connection_wait(client, c->tls) == CONNECTION_OK)
		fd = receive(c->tls, &c->facts);
	close(c->tls);
	c->tls = -1;
	if (fd < 0)
		return false;
	leave(client->in);
	if (client->out != client->in)
		leave(client->out);
	client->in = client->out = fd;
	client->is_socket = true;
	return true;
}

static void
find_facts(struct facts *ret)
{
	const char *protocol = getenv("SSL_PROTOCOL");
	const char *cipher = getenv("SSL_CIPHER");
	const char *subject = getenv("SSL_CLIENT_S_DN");
	char tls[FACT_SIZE];

	if (!protocol)
		return;
	snprintf(tls, sizeof tls, "%s%s%s", protocol, cipher ? " " : "",
	    cipher ? cipher : "");
	facts_set(ret, FACT_TLS, span_of(tls));
	facts_set(ret, FACT_CLIENT_SUBJECT, span_of(subject ? subject : ""));
}

void
secure_prepare(struct context *c, struct session_conf *conf)
{
	const struct options *o = c->options;
	const struct helper_conf *programs = programs_of(o);
	bool is_first = o->tls && strcmp(o->tls, "immediate") == 0;

	c->tls = -1;
	if (!peer_is_of_network(c->connection->in))
		find_facts(&c->facts);
	if (facts_has(&c->facts, FACT_TLS))
		is_first = true;
	else if (programs && programs[HELPER_TLS].argv)
		c->tls = launch_later(
		    &programs[HELPER_TLS], c->connection, &c->peer);
	conf->in_tls = is_first;
	conf->starttls = c->tls >= 0 && !is_first;
}
