/*
 * Writes replies.  A refusal is noted on its way, to be reported and counted.
 */
#include "machine.h"

/* Keeps the first refusal of a step; a 421 behind it only follows from it. */
static void
note_refusal(struct session *s, int code, size_t at)
{
	if (code >= 500)
		s->counts.errors++;
	else
		s->ndeferrals++;
	if (s->refused)
		return;
	s->refused = true;
	s->refused_code = code;
	s->refused_at = at;
	s->refused_len = s->out_len - at - 2; /* without CRLF */
}

static void
write_line(struct session *s, const struct reply_text *r,
    struct reply_values values, bool more)
{
	values.hostname = s->conf->hostname;
	s->out_len += reply_write(
	    s->out + s->out_len, sizeof s->out - s->out_len, r, &values, more);
}

void
session_say(struct session *s, const struct reply_text *r,
    struct reply_values values, bool more)
{
	size_t at = s->out_len;

	write_line(s, r, values, more);
	if (r->code >= 400)
		note_refusal(s, r->code, at);
}

void
session_reply(struct session *s, enum reply id)
{
	session_say(s, &replies[id], (struct reply_values){ 0 }, false);
}

void
session_reply_number(struct session *s, enum reply id, uint64_t number)
{
	session_say(s, &replies[id],
	    (struct reply_values){ .numbers = { number } }, false);
}

void
session_check_errors(struct session *s, int code)
{
	unsigned max_deferrals = s->conf->max_recipients * DEFERRALS_FACTOR;

	if (code == 421)
		s->closing = true;
	if (code < 400 || code == 421 ||
	    (s->counts.errors < s->conf->max_errors &&
		s->ndeferrals < max_deferrals))
		return;
	session_reply(s, REPLY_TOO_MANY_ERRORS);
	s->closing = true;
}

void
session_conclude(struct session *s, enum reply id)
{
	if (id == REPLY_NONE)
		return;
	session_reply(s, id);
	session_check_errors(s, replies[id].code);
}

/* One refused mail counts as one error, however often the verdict is said. */
void
session_give_verdict_text(
    struct session *s, const struct reply_text *r, struct reply_values values)
{
	s->verdict = *r;
	s->verdict_values = values;
	s->nverdicts = s->conf->lmtp ? s->mail.nrcpts - 1 : 0;
	session_say(s, r, values, false);
	if (s->nverdicts == 0)
		session_check_errors(s, r->code);
}

void
session_give_verdict(struct session *s, enum reply id, uint64_t row)
{
	session_give_verdict_text(
	    s, &replies[id], (struct reply_values){ .numbers = { row } });
}

void
session_repeat_verdict(struct session *s)
{
	write_line(s, &s->verdict, s->verdict_values, false);
	s->nverdicts--;
	if (s->nverdicts == 0)
		session_check_errors(s, s->verdict.code);
}

void
session_greet(struct session *s)
{
	session_reply(s, s->conf->lmtp ? REPLY_READY_LMTP : REPLY_READY);
}
