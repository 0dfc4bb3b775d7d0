/*
 * What the child that has an exchange hears from its parent, and says to it.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "private.h"

/* The next message of the parent.  Never returns when it is gone. */
static struct unpack
receive(struct exchange *x)
{
	ssize_t n;

	do
		n = recv(x->parent, x->message, sizeof x->message, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(EX_OK);
	return (struct unpack){ .rest = { x->message, (size_t)n } };
}

static void
send_to_parent(const struct exchange *x, const struct pack *m)
{
	if (m->failed ||
	    send(x->parent, m->p, m->len, MSG_NOSIGNAL) != (ssize_t)m->len)
		_exit(EX_OK);
}

struct auth_step
exchange_read(struct exchange *x)
{
	struct unpack in = receive(x);
	struct auth_step step;
	struct span subject;

	if (!auth_read_step(&in, &step, &subject))
		_exit(EX_SOFTWARE);
	return step;
}

void
exchange_answer(struct exchange *x, const struct auth_answer *a)
{
	char message[2048];
	struct pack m = { .p = message, .size = sizeof message };

	pack_u8(&m, EXCHANGE_ANSWERS);
	auth_write_answer(&m, a);
	send_to_parent(x, &m);
	if (a->result != AUTH_MORE)
		_exit(EX_OK);
}

const char *
exchange_ask(struct exchange *x, struct span key, bool by_subject)
{
	char message[1024];
	static char text[VERIFIER_SIZE];
	struct pack m = { .p = message, .size = sizeof message };
	struct unpack in;
	struct span got;

	pack_u8(&m, EXCHANGE_ASKS);
	pack_u8(&m, by_subject);
	pack_span(&m, key);
	if (m.failed) {
		x->why = AUTH_REFUSED;
		return NULL;
	}
	send_to_parent(x, &m);
	in = receive(x);
	x->why = (enum auth_result)unpack_u8(&in);
	got = unpack_text(&in, sizeof text - 1, false);
	if (!unpack_is_done(&in))
		x->why = AUTH_TROUBLE;
	if (x->why != AUTH_DONE)
		return NULL;
	memcpy(text, got.p, got.len);
	text[got.len] = '\0';
	return text;
}
