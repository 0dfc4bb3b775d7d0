/*
 * What becomes of MAIL, RCPT, VRFY and EXPN once the caller has answered the
 * question about them.  What they named is copied only now, so that refused
 * ones cost no memory; until then it stands in the line.
 */
#include <string.h>

#include "machine.h"

/* RFC 3848; RFC 6531 s. 4.3. */
static const char *
protocol_name(const struct session *s, bool smtputf8)
{
	if (smtputf8)
		return "UTF8SMTP";
	return s->esmtp ? "ESMTP" : "SMTP";
}

/* Copies what MAIL said into the envelope. */
static enum reply
begin_mail(struct session *s)
{
	const struct params *p = &s->query_params;
	struct envelope *e = &s->envelope;

	e->verb = s->mail_verb;
	e->protocol = protocol_name(s, p->smtputf8);
	e->helo = s->helo;
	e->smtputf8 = p->smtputf8;
	e->body_type = p->body_type;
	e->dsn_return = p->dsn_return;
	e->reverse_path = envelope_text(e, s->query.address);
	if (p->envelope_id.p)
		e->envelope_id = envelope_text(e, p->envelope_id);
	if (!e->reverse_path || (p->envelope_id.p && !e->envelope_id)) {
		session_abandon_mail(s);
		return REPLY_NO_MEMORY;
	}
	s->state = ST_MAIL;
	return REPLY_SENDER_OK;
}

/* One recipient for each mailbox; all of them or none. */
static enum reply
add_mailboxes(struct session *s, const struct session_answer *a,
    const struct recipient *to)
{
	struct envelope *e = &s->envelope;
	unsigned nbefore = e->nrecipients;
	struct recipient r = *to;

	for (unsigned i = 0; i < a->nmailboxes; i++) {
		r.mailbox = envelope_text(e, span_of(a->mailboxes[i]));
		if (!r.mailbox || envelope_add(e, &r) < 0) {
			e->nrecipients = nbefore;
			return REPLY_NO_MEMORY;
		}
	}
	if (a->nmailboxes == 0 && envelope_add(e, &r) < 0)
		return REPLY_NO_MEMORY;
	return REPLY_RECIPIENT_OK;
}

static enum reply
add_recipient(struct session *s, const struct session_answer *a)
{
	struct envelope *e = &s->envelope;
	const struct span *notify = &s->query_params.notify;
	const struct span *orcpt = &s->query_params.orcpt;
	struct recipient r = { .forward_path = NULL };
	enum reply id;

	r.forward_path = envelope_text(e, s->query.address);
	if (!r.forward_path)
		return REPLY_NO_MEMORY;
	if (notify->p && !(r.notify = envelope_text(e, *notify)))
		return REPLY_NO_MEMORY;
	if (orcpt->p && !(r.original_recipient = envelope_text(e, *orcpt)))
		return REPLY_NO_MEMORY;
	id = add_mailboxes(s, a, &r);
	if (id != REPLY_RECIPIENT_OK)
		return id;
	s->nrcpts++;
	s->state = ST_RCPT;
	return id;
}

/* Carries out what was asked about; the reply that is usual then. */
static enum reply
carry_out(struct session *s, const struct session_answer *a)
{
	switch (s->query.kind) {
	case SESSION_MAIL:
		return begin_mail(s);
	case SESSION_RCPT:
		return add_recipient(s, a);
	case SESSION_VRFY:
		return REPLY_CANNOT_VRFY;
	case SESSION_EXPN:
		return REPLY_NOT_IMPLEMENTED;
	}
	return REPLY_FAILED;
}

void
session_answer(struct session *s, const struct session_answer *a)
{
	enum reply id = reply_for(a->verdict);
	bool refused = id != REPLY_NONE || a->code >= 400;

	s->pending = SESSION_READ;
	if (!refused && (s->query.kind == SESSION_MAIL ||
			    s->query.kind == SESSION_RCPT || a->code == 0)) {
		id = carry_out(s, a);
		refused = replies[id].code >= 400;
	}
	if (refused && s->query.kind == SESSION_RCPT)
		session_note_recipient(
		    s, id != REPLY_NONE ? replies[id].code : a->code);

	/* Trouble of ours has the word. */
	if (a->code == 0 || (refused && id != REPLY_NONE)) {
		session_conclude(s, id);
		return;
	}
	session_say(s, &(struct reply_text){ a->code, a->enhanced, "@" },
	    (struct reply_values){ .detail = a->text }, a->more);
	session_check_errors(s, a->code);
	if (a->more) {
		s->query.line++;
		s->pending = SESSION_ASK;
	}
}
