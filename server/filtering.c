#include "filtering.h"

#include <stdio.h>

#include "../mail/address.h"
#include "../mail/change.h"
#include "../mail/wire.h"
#include "../version.h"
#include "log.h"

bool
filtering_open(struct context *c)
{
	const struct options *o = c->options;
	const struct filters_conf conf = {
		.milters = o->milters,
		.policies = o->policies,
		.end_policies = o->end_policies,
		.accepts_by_default = o->milter_accepts,
		.timeout_sec = o->milter_timeout_sec,
		.hostname = o->hostname,
		.version = VERSION,
	};

	return filters_open(&conf, &c->filters);
}

static void
tell_trouble(struct context *c)
{
	const char *trouble = filters_trouble(c->filters);

	if (trouble)
		log_line(LOG_WARNING, "filter %s", trouble);
}

void
filtering_ask(struct context *c)
{
	const struct question *q = session_question(c->session);

	if (c->answer->verdict != VERDICT_OK || answer_refuses(c->answer))
		return;
	filters_ask(c->filters, &c->peer, &c->facts, q, c->answer);
	tell_trouble(c);
	if (answer_refuses(c->answer) && q->kind == QUESTION_RCPT)
		store_retract(c->store);
}

/* Reads what a filter calls a recipient.  False: it is none. */
static bool
read_recipient(struct span address, char *text, size_t size, struct span *ret)
{
	int len = snprintf(text, size, "<%.*s>", (int)address.len, address.p);
	struct span rest = { text, len > 0 ? (size_t)len : 0 };
	struct address_path path;

	if (rest.len >= size ||
	    address_read_path(&rest, ADDRESS_LENIENT, &path) != ADDRESS_OK)
		return false;
	*ret = path.mailbox;
	return path.mailbox.len > 0 && rest.len == 0;
}

/* It goes where the rows say, if they take it. */
static bool
add_recipient(struct context *c, struct span address)
{
	const struct envelope *e = session_envelope(c->session);
	char text[CHANGE_PATH_MAX + 3];
	const struct policy_asker asker = context_asker(c);
	struct question q = {
		.kind = QUESTION_RCPT,
		.sender = span_of(e->reverse_path),
		.nrecipients = e->nrecipients,
		.added = true,
	};

	if (!read_recipient(address, text, sizeof text, &q.address))
		return false;
	store_ask(c->store, &asker, &q, c->answer);
	return c->answer->verdict == VERDICT_OK && !answer_refuses(c->answer) &&
	       session_add_recipient(c->session, &q, c->answer);
}

/* What is appended behind a mail has an end. */
static bool
has_room(const struct context *c, uint64_t changes)
{
	return session_envelope(c->session)->size + changes <=
	       c->options->max_size + WIRE_CHANGES_ROOM;
}

bool
filtering_conclude(struct context *c, struct store_mail *mail)
{
	const struct envelope *e = session_envelope(c->session);
	enum filters_step step;
	struct filters_end said;

	while ((step = filters_conclude(c->filters, e, &c->header, &said,
		    c->answer)) < FILTERS_ACCEPT) {
		if (step == FILTERS_RECIPIENT) {
			if (!add_recipient(c, said.octets))
				log_line(LOG_WARNING,
				    "a filter adds what is no recipient here");
			continue;
		}
		mail->changes += said.octets.len;
		if (has_room(c, mail->changes))
			store_append(c->store, said.octets);
	}
	tell_trouble(c);
	mail->quarantine = said.quarantine;
	if (step == FILTERS_ACCEPT && has_room(c, mail->changes))
		return true;
	if (step == FILTERS_ACCEPT) {
		log_line(LOG_WARNING, "filters change too much of a mail");
		answer_clear(c->answer);
		answer_say(c->answer, REPLY_TOO_BIG, "");
	}
	session_refuse_mail(c->session, c->answer);
	return false;
}

const char *
filtering_decider(struct context *c)
{
	return c->filters ? filters_decider(c->filters) : NULL;
}
