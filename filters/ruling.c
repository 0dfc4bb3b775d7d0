/* Acts on the ruling of a filter, or on its failure. */
#include <stdio.h>

#include "private.h"

static void
note_trouble(struct filters *f, struct channel *c)
{
	if (c->is_told)
		return;
	c->is_told = true;
	snprintf(f->trouble_text, sizeof f->trouble_text, "%s: %s",
	    c->address->name, c->fault);
	f->trouble = f->trouble_text;
}

static void
note_discard(struct filters *f, const char *by)
{
	f->is_discarded = true;
	f->decider = by;
	snprintf(
	    f->quarantine, sizeof f->quarantine, "discarded by %.300s", by);
}

enum ruling
ruling_do_without(struct filters *f, struct channel *c, struct refusal *ret)
{
	note_trouble(f, c);
	if (f->conf.accepts_by_default)
		return RULING_NONE;
	f->decider = c->address->name;
	*ret = (struct refusal){ 451, "4.7.1",
		"A filter failed, try again later" };
	return RULING_REFUSE;
}

enum ruling
ruling_follow(struct filters *f, struct milter *m, enum ruling ruling,
    struct refusal *refusal)
{
	switch (ruling) {
	case RULING_NONE:
		break;
	case RULING_ACCEPT:
		m->in_mail = false;
		break;
	case RULING_REFUSE:
		f->decider = m->channel.address->name;
		return RULING_REFUSE;
	case RULING_DISCARD:
		note_discard(f, m->channel.address->name);
		break;
	case RULING_FAILED:
		m->in_mail = false;
		return ruling_do_without(f, &m->channel, refusal);
	}
	return RULING_NONE;
}

bool
ruling_is_awaited(const struct filters *f, const struct milter *m)
{
	return !f->is_discarded && f->refusal.code == 0 && m->in_mail;
}

void
ruling_follow_text(struct filters *f, struct milter *m, enum ruling ruling,
    struct refusal *refusal)
{
	if (ruling_follow(f, m, ruling, refusal) == RULING_REFUSE)
		f->refusal = *refusal;
}
