/*
 * Those who tell the writer facts of sessions: programs of ours that the
 * listener has started, each with a right to some facts and no other.
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

/* 1: it told something; 0: nothing more; -1: it is gone, or no use. */
static int
hear(const struct teller *t, uint64_t *ret_number, struct facts *ret)
{
	static char buffer[WIRE_MAX];
	ssize_t n = recv(t->fd, buffer, sizeof buffer, MSG_DONTWAIT);
	struct unpack in = { .rest = { buffer, n > 0 ? (size_t)n : 0 } };

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || wire_kind(&in) != WIRE_TELL ||
	    !wire_read_facts(&in, t->may_tell, ret_number, ret))
		return -1;
	return 1;
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
