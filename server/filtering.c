#include "filtering.h"

#include <stdio.h>

#include "../clock.h"
#include "../mail/address.h"
#include "../mail/change.h"
#include "../mail/wire.h"
#include "../policy.h"
#include "../version.h"
#include "log.h"

bool
filtering_open(struct filtering *f)
{
	const struct options *o = f->options;
	const struct filters_conf conf = {
		.milters = o->milters,
		.policies = o->policies,
		.end_policies = o->end_policies,
		.accepts_by_default = o->milter_accepts,
		.timeout_sec = o->milter_timeout_sec,
		.hostname = o->hostname,
		.version = VERSION,
	};

	return filters_open(&conf, &f->filters);
}

static void
tell_trouble(struct filtering *f)
{
	const char *trouble = filters_trouble(f->filters);

	if (trouble)
		log_line(LOG_WARNING, "filter %s", trouble);
}

void
filtering_ask(struct filtering *f)
{
	const struct question *q = session_question(f->session);

	if (f->answer->verdict != VERDICT_OK || answer_refuses(f->answer))
		return;
	filters_ask(f->filters, f->peer, f->facts, q, f->answer);
	tell_trouble(f);
	if (answer_refuses(f->answer) && q->kind == QUESTION_RCPT)
		store_retract(f->store);
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
add_recipient(struct filtering *f, struct span address)
{
	const struct envelope *e = session_envelope(f->session);
	char text[CHANGE_PATH_MAX + 3];
	const struct policy_asker asker = {
		.hostname = f->options->hostname,
		.client_address = f->peer->address,
		.now = clock_us() / 1000000,
	};
	struct question q = {
		.kind = QUESTION_RCPT,
		.sender = span_of(e->reverse_path),
		.nrecipients = e->nrecipients,
		.added = true,
	};

	if (!read_recipient(address, text, sizeof text, &q.address))
		return false;
	store_ask(f->store, &asker, &q, f->answer);
	return f->answer->verdict == VERDICT_OK && !answer_refuses(f->answer) &&
	       session_add_recipient(f->session, &q, f->answer);
}

/* What is appended behind a mail has an end. */
static bool
has_room(const struct filtering *f, uint64_t changes)
{
	return session_envelope(f->session)->size + changes <=
	       f->options->max_size + WIRE_CHANGES_ROOM;
}

bool
filtering_conclude(struct filtering *f, struct store_mail *mail)
{
	const struct envelope *e = session_envelope(f->session);
	enum filters_step step;
	struct filters_end said;

	while ((step = filters_conclude(f->filters, e, f->header, &said,
		    f->answer)) < FILTERS_ACCEPT) {
		if (step == FILTERS_RECIPIENT) {
			if (!add_recipient(f, said.octets))
				log_line(LOG_WARNING,
				    "a filter adds what is no recipient here");
			continue;
		}
		mail->changes += said.octets.len;
		if (has_room(f, mail->changes))
			store_append(f->store, said.octets);
	}
	tell_trouble(f);
	mail->quarantine = said.quarantine;
	if (step == FILTERS_ACCEPT && has_room(f, mail->changes))
		return true;
	if (step == FILTERS_ACCEPT) {
		log_line(LOG_WARNING, "filters change too much of a mail");
		answer_clear(f->answer);
		answer_say(f->answer, REPLY_TOO_BIG, "");
	}
	session_refuse_mail(f->session, f->answer);
	return false;
}

const char *
filtering_decider(struct filtering *f)
{
	return f->filters ? filters_decider(f->filters) : NULL;
}
