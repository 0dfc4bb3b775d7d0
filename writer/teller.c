/*
 * Programs of ours, started by the listener, that tell the writer facts of
 * sessions; each has the right to some facts.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../server/introduce.h"
#include "private.h"

bool
teller_add(struct writer *w, const struct introduction *i)
{
	struct teller *t = calloc(1, sizeof *t);

	if (!t) {
		close(i->fds[INTRODUCE_TELLER]);
		return false;
	}
	t->fd = i->fds[INTRODUCE_TELLER];
	t->may_tell = i->may_tell;
	t->next = w->tellers;
	w->tellers = t;
	return true;
}

static void
forget(struct teller **at)
{
	struct teller *t = *at;

	*at = t->next;
	close(t->fd);
	free(t);
}

void
teller_forget_all(struct writer *w)
{
	while (w->tellers)
		forget(&w->tellers);
}

/*
 * 1: it told something; 0: nothing more; -1: it is gone, or no use.  Behind a
 * question that it has given up it may have told something.
 */
static int
hear(struct teller *t, uint64_t *ret_number, struct facts *ret)
{
	static char buffer[WIRE_MAX];
	enum wire_kind kind;
	struct unpack in;
	ssize_t n;

	do {
		n = recv(t->fd, buffer, sizeof buffer, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		in.rest = (struct span){ buffer, n > 0 ? (size_t)n : 0 };
		in.failed = false;
		kind = wire_kind(&in);
		if (kind == WIRE_TELL &&
		    wire_read_facts(&in, t->may_tell, ret_number, ret))
			return 1;
	} while (kind == WIRE_WHO && wire_read_who(&in, &t->asks));
	return -1;
}

bool
teller_hear(struct writer *w, uint64_t *ret_number, struct facts *ret_facts)
{
	struct teller **at = &w->tellers;

	while (*at) {
		int told = hear(*at, ret_number, ret_facts);

		if (told > 0)
			return true;
		if (told < 0)
			forget(at);
		else
			at = &(*at)->next;
	}
	return false;
}

bool
teller_lacks_client(const struct writer *w)
{
	for (const struct teller *t = w->tellers; t; t = t->next) {
		if (t->asks > 0 && !client_find(w, t->asks))
			return true;
	}
	return false;
}

void
teller_answer(struct writer *w)
{
	static const struct facts no_facts;
	static const struct peer nobody;

	for (struct teller *t = w->tellers; t; t = t->next) {
		const struct client *c =
		    t->asks > 0 ? client_find(w, t->asks) : NULL;
		char message[WIRE_FACTS_MAX + IP_TEXT_SIZE + 8];
		struct pack m = { .p = message, .size = sizeof message };

		if (t->asks == 0)
			continue;
		wire_begin(&m, WIRE_KNOWN);
		wire_write_known(&m, c ? t->asks : 0, c ? &c->peer : &nobody,
		    c ? &c->facts : &no_facts);
		/* It has one question at a time. */
		send(t->fd, m.p, m.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		t->asks = 0;
	}
}
