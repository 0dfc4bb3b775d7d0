/*
 * A store that answers at once and keeps nothing, and a writer that nobody
 * asks, to be linked in place of the real ones: what is left is the cost of the
 * dialogue.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "../policy.h"
#include "../server/introduce.h"
#include "../store.h"
#include "../writer.h"

struct store {
	int64_t id;
};

void
store_start(void)
{
}

struct store *
store_new(const struct store_conf *conf)
{
	(void)conf;
	return calloc(1, sizeof(struct store));
}

struct store *
store_connect(const struct store_conf *conf, int writer)
{
	(void)writer;
	return store_new(conf);
}

void
store_free(struct store *st)
{
	free(st);
}

enum verdict
store_introduce(struct store *st, const struct fronted *said)
{
	(void)st;
	(void)said;
	return VERDICT_OK;
}

void
store_tell(struct store *st, uint64_t number, const struct facts *facts)
{
	(void)st;
	(void)number;
	(void)facts;
}

void
store_retract(struct store *st)
{
	(void)st;
}

void
store_refresh(struct store *st)
{
	(void)st;
}

void
store_ask(struct store *st, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	(void)st;
	(void)asker;
	(void)q;
	answer_clear(ret);
}

void
store_append(struct store *st, struct span data)
{
	(void)st;
	(void)data;
}

void
store_drop(struct store *st)
{
	(void)st;
}

enum verdict
store_commit(struct store *st, const struct store_mail *mail, int64_t *ret_id)
{
	(void)mail;
	*ret_id = ++st->id;
	return VERDICT_OK;
}

bool
store_was_known(const struct store *st)
{
	(void)st;
	return false;
}

enum verdict
store_tidy(struct store *st)
{
	(void)st;
	return VERDICT_OK;
}

const char *
store_look(const char *path)
{
	(void)path;
	return NULL;
}

const char *
store_error(const struct store *st)
{
	(void)st;
	return "";
}

/* Sends away whom it meets, until the listener ends. */
int
writer_serve(const struct options *o, int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct introduction i;
	int met;

	(void)o;
	do {
		poll(&p, 1, -1);
		met = introduce_meet(listener, &i, false);
		if (met == 0)
			introduction_close(&i);
	} while (met == 0 || errno == EINTR || errno == EAGAIN);
	return 0;
}
