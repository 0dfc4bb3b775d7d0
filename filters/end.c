/*
 * The end of a mail: shows the rest of it, asks the policy servers for the end,
 * and then has each milter say what it wants done.  The caller takes that one
 * by one, so nothing of it has to be kept here.
 */
#include <stdio.h>

#include "private.h"

/* One instruction on its way out. */
static char packed[CHANGE_MAX];

static enum filters_step
refuse_mail(struct filters *f, const struct refusal *r, struct answer *answer)
{
	answer_clear(answer);
	answer_say_own(answer, r->code, r->enhanced, r->text);
	filters_drop(f);
	return FILTERS_REFUSE;
}

static enum filters_step
accept_mail(const struct filters *f, struct filters_end *ret)
{
	ret->quarantine = f->quarantine[0] != '\0' ? f->quarantine : NULL;
	return FILTERS_ACCEPT;
}

/* Shows the rest of the mail, and asks the policy servers for its end. */
static void
end_text(struct filters *f, const struct envelope *e, const struct header *h)
{
	struct refusal refusal;

	if (!f->has_text)
		shown_data(f);
	shown_end(f, &f->shown, h);
	if (f->refusal.code == 0 && !f->is_discarded &&
	    chain_ask_policies(f, &f->end_policies, NULL, e, &refusal) ==
		RULING_REFUSE)
		f->refusal = refusal;
	f->stage = STAGE_PREPENDED;
}

static void
write_change(struct filters *f, const struct milter *m, struct change *change,
    struct filters_end *ret)
{
	struct pack out = { .p = packed, .size = sizeof packed };

	f->decider = m->channel.address->name;
	change->filter = span_of(f->decider);
	change_write(&out, change);
	ret->octets = (struct span){ packed, out.len };
}

static void
note_quarantine(struct filters *f, const struct milter *m, const char *reason)
{
	f->decider = m->channel.address->name;
	snprintf(f->quarantine, sizeof f->quarantine, "%s",
	    *reason ? reason : "quarantined by a filter");
}

/*
 * Takes what a milter wants done.  False: the caller has nothing to do for it.
 */
static bool
take_reply(struct filters *f, struct milter *m, struct milter_reply *reply,
    struct filters_end *ret, enum filters_step *ret_step)
{
	*ret_step = FILTERS_CHANGE;
	switch (reply->kind) {
	case MILTER_QUARANTINE:
		note_quarantine(f, m, reply->text);
		return false;
	case MILTER_ADD_RECIPIENT:
	case MILTER_ADD_RECIPIENT_WITH_PARAMETERS:
		if (f->nrecipients++ >= CHANGE_RECIPIENTS_MAX)
			return false;
		f->decider = m->channel.address->name;
		ret->octets = reply->address;
		*ret_step = FILTERS_RECIPIENT;
		return true;
	default:
		write_change(f, m, &reply->change, ret);
		return true;
	}
}

/* Continues with the milter at `at`.  False: it has said all. */
static bool
listen_to(struct filters *f, struct filters_end *ret, enum filters_step *step)
{
	struct milter *m = &f->milters[f->at];
	struct milter_reply reply;
	struct refusal refusal;
	enum ruling ruling;

	do {
		ruling = milter_take_reply(m, &reply, &refusal);
		if (ruling != RULING_NONE || reply.kind == MILTER_CONTINUE) {
			ruling_follow_text(f, m, ruling, &refusal);
			return false;
		}
	} while (!take_reply(f, m, &reply, ret, step));
	return true;
}

/* Tells the next milter that is to see the mail.  False: there is none. */
static bool
tell_next(struct filters *f)
{
	struct refusal refusal;

	for (; f->at < f->milter_list.n; f->at++) {
		struct milter *m = &f->milters[f->at];
		enum ruling ruling;

		if (!ruling_is_awaited(f, m))
			continue;
		ruling = milter_tell_end(m, &f->told);
		if (ruling == RULING_NONE)
			return true;
		ruling_follow_text(f, m, ruling, &refusal);
	}
	return false;
}

enum filters_step
filters_conclude(struct filters *f, const struct envelope *e,
    const struct header *header, struct filters_end *ret, struct answer *answer)
{
	enum filters_step step;

	*ret = (struct filters_end){ .quarantine = NULL };
	if (f->stage == STAGE_TEXT)
		end_text(f, e, header);
	if (f->stage == STAGE_PREPENDED) {
		f->stage = STAGE_TELL;
		ret->octets = (struct span){ f->prepended, f->changes.len };
		if (f->changes.len > 0 && f->refusal.code == 0)
			return FILTERS_CHANGE;
	}
	for (;;) {
		if (f->refusal.code != 0)
			return refuse_mail(f, &f->refusal, answer);
		if (f->stage == STAGE_TELL && !tell_next(f)) {
			if (f->refusal.code != 0)
				continue;
			return accept_mail(f, ret);
		}
		f->stage = STAGE_LISTEN;
		if (listen_to(f, ret, &step))
			return step;
		f->stage = STAGE_TELL;
		f->at++;
	}
}
