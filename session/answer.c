/*
 * What becomes of MAIL, RCPT, VRFY and EXPN once the caller has answered the
 * question about them.  What they named is copied only now, so that refused
 * ones cost no memory; until then it stands in the line.
 */
#include <string.h>

#include "machine.h"

static enum reply
begin_mail(struct session *s)
{
	if (!question_begin_mail(&s->question, &s->envelope)) {
		session_abandon_mail(s);
		return REPLY_NO_MEMORY;
	}
	s->state = ST_MAIL;
	return REPLY_NONE;
}

static enum reply
add_recipient(struct session *s, const struct answer *a)
{
	if (!question_add_recipient(&s->question, a, &s->envelope))
		return REPLY_NO_MEMORY;
	s->nrcpts++;
	s->state = ST_RCPT;
	return REPLY_NONE;
}

/* Carries out what was asked about; REPLY_NONE, or trouble. */
static enum reply
carry_out(struct session *s, const struct answer *a)
{
	switch (s->question.kind) {
	case QUESTION_MAIL:
		return begin_mail(s);
	case QUESTION_RCPT:
		return add_recipient(s, a);
	case QUESTION_VRFY:
	case QUESTION_EXPN:
		break;
	}
	return REPLY_NONE;
}

void
session_say_member(struct session *s)
{
	const char *member = answer_next_mailbox(s->list, s->member);
	const char *next = answer_next_mailbox(s->list, member);
	struct reply_values values = { .detail = member,
		.utf8 = s->utf8_reply };

	session_say(s, &replies[REPLY_MEMBER], values, next != NULL);
	s->member = member;
	if (!next)
		s->list = NULL;
}

void
session_answer(struct session *s, const struct answer *a)
{
	/* What is said where the answer says nothing. */
	static const enum reply usual[] = {
		[QUESTION_MAIL] = REPLY_SENDER_OK,
		[QUESTION_RCPT] = REPLY_RECIPIENT_OK,
		[QUESTION_VRFY] = REPLY_CANNOT_VRFY,
		[QUESTION_EXPN] = REPLY_NOT_IMPLEMENTED,
	};
	enum question_kind kind = s->question.kind;
	struct reply_text said = answer_reply(a);
	struct reply_values values = { .detail = a->detail,
		.utf8 = s->utf8_reply };
	enum reply trouble = reply_for(a->verdict);

	s->pending = SESSION_READ;
	if (trouble == REPLY_NONE && said.code < 400)
		trouble = carry_out(s, a);
	if (trouble != REPLY_NONE)
		said = replies[trouble];
	else if (said.code == 0 && kind == QUESTION_EXPN && a->nmailboxes > 0) {
		s->list = a;
		s->member = NULL;
		return;
	} else if (said.code == 0) {
		said = replies[usual[kind]];
	}
	if (kind == QUESTION_RCPT)
		session_note_recipient(s, (unsigned)said.code);
	session_say(s, &said, values, false);
	session_check_errors(s, said.code);
}
