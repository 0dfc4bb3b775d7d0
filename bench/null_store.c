/*
 * A store that answers at once and keeps nothing, and a policy that allows
 * everything, to be linked in place of the real ones: what is left is the cost
 * of the protocol.
 */
#include <stdlib.h>

#include "../policy.h"
#include "../store.h"

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

void
store_free(struct store *st)
{
	free(st);
}

enum verdict
store_open(struct store *st)
{
	(void)st;
	return VERDICT_OK;
}

void
store_open_ahead(struct store *st)
{
	(void)st;
}

void
store_leave_if_moved(struct store *st)
{
	(void)st;
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

enum verdict
store_tidy(struct store *st)
{
	(void)st;
	return VERDICT_OK;
}

enum verdict
store_checkpoint(struct store *st)
{
	(void)st;
	return VERDICT_OK;
}

const char *
store_error(const struct store *st)
{
	(void)st;
	return "";
}

bool
store_was_known(const struct store *st)
{
	(void)st;
	return false;
}

struct policy *
store_policy(struct store *st)
{
	(void)st;
	return NULL;
}

void
policy_refresh(struct policy *p)
{
	(void)p;
}

void
policy_ask(struct policy *p, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	(void)p;
	(void)asker;
	(void)q;
	answer_clear(ret);
}
