/*
 *	          HELO         MAIL         RCPT          DATA
 *	ST_START ------> ST_IDLE ----> ST_MAIL ----> ST_RCPT ----> ST_DATA
 *	                   ^                            |             |
 *	                   |                       BDAT |             | final dot
 *	                   |                            v             v
 *	                   |              ST_CHUNKS <-> ST_CHUNK -> SESSION_STORE
 *	                   |                       BDAT      LAST     |
 *	                   +------------------------------------------+
 *
 * session_next() does one step at a time, in this order: it reports a refusal,
 * has the caller do what a command needs, sends the output when that is nearly
 * full or the input is used up, and only then reads on.  So pipelined commands
 * are answered in order and in one write (RFC 2920 s. 3.2).
 */
#include "session/machine.h"

#include <stdlib.h>
#include <string.h>

#include "session/auth.h"
#include "session/line.h"
#include "session/xclient.h"

struct session *
session_new(const struct session_conf *conf)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	if ((conf->auth != SESSION_AUTH_NONE && !(s->auth = auth_new(conf))) ||
	    !session_offer_xclient(s, conf->xclient)) {
		session_free(s);
		return NULL;
	}
	s->conf = conf;
	s->pending = SESSION_READ;
	session_greet(s);
	return s;
}

void
session_free(struct session *s)
{
	if (!s)
		return;
	xclient_free(s->xclient);
	auth_free(s->auth);
	transaction_free(&s->mail);
	free(s);
}

/*
 * The mail
 */

/* Lends `data` to the caller, unless the mail can no longer be stored. */
static void
take_text(struct session *s, struct span data)
{
	if (!transaction_take(&s->mail, data.len, s->conf->max_size))
		return;
	s->data = data;
	s->pending = SESSION_BODY;
}

static void
refuse_mail(struct session *s, enum reply id)
{
	session_give_verdict(s, id, 0);
	transaction_reset(&s->mail);
}

/* The text is whole. */
static void
complete_mail(struct session *s)
{
	s->mail.envelope.bare_line_ends = body_is_bare(&s->body);
	s->pending = SESSION_STORE;
}

static void
read_text(struct session *s)
{
	struct span data;

	switch (body_next(&s->body, &s->in, &data)) {
	case BODY_MORE:
		break;
	case BODY_DATA:
		take_text(s, data);
		break;
	case BODY_END:
		if (s->conf->strict && s->body.bare_lf)
			refuse_mail(s, REPLY_BARE_LF);
		else if (s->conf->strict && s->body.bare_cr)
			refuse_mail(s, REPLY_BARE_CR);
		else if (s->mail.dropped)
			refuse_mail(s, REPLY_TOO_BIG);
		else
			complete_mail(s);
		return;
	}
	if (s->conf->strict && (s->body.bare_lf || s->body.bare_cr)) {
		transaction_drop(&s->mail);
		s->pending = SESSION_READ;
	}
}

/*
 * A chunk out of place leaves the mail begun as it was.  BDAT LAST ends the
 * mail all the same: a client that does not wait goes on with the next mail.
 */
static void
refuse_chunk(struct session *s)
{
	s->mail.state = s->chunk_from;
	if (s->chunk_last)
		transaction_reset(&s->mail);
	session_conclude(s, s->chunk_reply);
}

static void
end_chunk(struct session *s)
{
	if (s->chunk_reply != REPLY_NONE) {
		refuse_chunk(s);
	} else if (s->mail.dropped && s->chunk_last) {
		refuse_mail(s, REPLY_TOO_BIG);
	} else if (s->mail.dropped) {
		transaction_reset(&s->mail);
		session_conclude(s, REPLY_TOO_BIG);
	} else if (s->chunk_last) {
		complete_mail(s);
	} else {
		s->mail.state = ST_CHUNKS;
		session_reply_number(s, REPLY_CHUNK_OK, s->chunk_size);
	}
}

static void
read_chunk(struct session *s)
{
	struct span data = s->in;

	if (data.len > s->chunk_left)
		data.len = (size_t)s->chunk_left;
	s->in.p += data.len;
	s->in.len -= data.len;
	s->chunk_left -= data.len;
	if (s->chunk_reply != REPLY_NONE)
		return;
	if (!transaction_is_binary(&s->mail))
		body_look(&s->body, data);
	take_text(s, data);
}

/*
 * The caller's answers.  The envelope copies an address only once it is
 * accepted, so a refused one costs no memory; until then it stands in the line.
 */

/* Begins the mail, or adds the recipient.  REPLY_NONE or REPLY_NO_MEMORY. */
static enum reply
carry_out(struct session *s, const struct answer *a)
{
	switch (s->question.kind) {
	case QUESTION_MAIL:
		return transaction_begin(&s->mail, &s->question);
	case QUESTION_RCPT:
		return transaction_add(&s->mail, &s->question, a);
	case QUESTION_VRFY:
	case QUESTION_EXPN:
		break;
	}
	return REPLY_NONE;
}

static void
say_member(struct session *s)
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
	/* For an answer that has no reply of its own. */
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
		transaction_note_rcpt(&s->mail, said.code);
	session_say(s, &said, values, false);
	session_check_errors(s, said.code);
}

static void
read_command(struct session *s)
{
	if (!line_read(s))
		return;
	s->counts.commands++;
	session_conclude(s, command_run(s));
}

/*
 * The machine
 */

enum session_event
session_next(struct session *s)
{
	enum session_event event;

	for (;;) {
		if (s->refused) {
			s->refused = false;
			return SESSION_REPORT;
		}
		if (s->mail.must_drop) {
			s->mail.must_drop = false;
			return SESSION_DROP;
		}
		event = s->pending;
		if (event == SESSION_BODY)
			/* no function reports on it */
			s->pending = SESSION_READ;
		if (event != SESSION_READ)
			return event;

		if (s->out_len > sizeof s->out - OUTPUT_RESERVE)
			return SESSION_WRITE;
		if (s->list) {
			say_member(s);
			continue;
		}
		if (s->nverdicts > 0) {
			session_repeat_verdict(s);
			continue;
		}
		if (s->tls_due)
			return s->out_len > 0 ? SESSION_WRITE
					      : SESSION_START_TLS;
		if (s->closing)
			return s->out_len > 0 ? SESSION_WRITE : SESSION_CLOSE;

		/* A chunk of no octets ends without input. */
		if (s->mail.state == ST_CHUNK && s->chunk_left == 0)
			end_chunk(s);
		else if (s->in.len == 0)
			return s->out_len > 0 ? SESSION_WRITE : SESSION_READ;
		else if (s->mail.state == ST_DATA)
			read_text(s);
		else if (s->mail.state == ST_CHUNK)
			read_chunk(s);
		else if (auth_is_reading(s->auth))
			auth_read(s);
		else
			read_command(s);
	}
}

void
session_feed(struct session *s, const char *buf, size_t len)
{
	s->in.p = buf;
	s->in.len = len;
}

void
session_end(struct session *s, enum session_end why)
{
	static const enum reply reply_of[] = {
		[SESSION_EOF] = REPLY_NONE,
		[SESSION_TIMEOUT] = REPLY_TIMEOUT,
		[SESSION_EXPIRED] = REPLY_EXPIRED,
		[SESSION_CROWDED] = REPLY_TOO_MANY_CONNECTIONS,
		[SESSION_SHUTDOWN] = REPLY_SHUTDOWN,
	};

	s->in.len = 0;
	s->line_len = 0;
	s->tls_due = false;
	s->pending = SESSION_READ;
	transaction_reset(&s->mail);
	if (reply_of[why] != REPLY_NONE && !s->closing)
		session_reply(s, reply_of[why]);
	s->closing = true;
}

struct span
session_output(const struct session *s)
{
	return (struct span){ s->out, s->out_len };
}

void
session_sent(struct session *s, size_t len)
{
	s->out_len -= len;
	memmove(s->out, s->out + len, s->out_len);
}

const struct question *
session_question(const struct session *s)
{
	return &s->question;
}

struct span
session_body(const struct session *s)
{
	return s->data;
}

const struct envelope *
session_envelope(const struct session *s)
{
	return &s->mail.envelope;
}

void
session_stored(struct session *s, enum verdict verdict, int64_t id)
{
	if (verdict == VERDICT_OK) {
		s->counts.mails++;
		s->counts.recipients += s->mail.envelope.nrecipients;
		s->counts.octets += s->mail.envelope.size;
		s->njunk = s->ndeferrals = 0;
		session_give_verdict(s, REPLY_STORED, (uint64_t)id);
	} else {
		session_give_verdict(s, reply_for(verdict), 0);
	}
	s->mail.envelope.size = 0; /* so transaction_reset() drops no text */
	transaction_reset(&s->mail);
	s->pending = SESSION_READ;
}

void
session_refuse_mail(struct session *s, const struct answer *a)
{
	struct reply_text said = answer_reply(a);
	struct reply_values values = { .detail = a->detail };

	session_give_verdict_text(s, &said, values);
	transaction_reset(&s->mail);
	s->mail.must_drop = true; /* also of a mail without text */
	s->pending = SESSION_READ;
}

bool
session_add_recipient(
    struct session *s, const struct question *q, const struct answer *a)
{
	return question_add_recipient(q, a, &s->mail.envelope);
}

bool
session_has_mail(const struct session *s)
{
	/* A chunk without a mail is read, too. */
	return s->mail.envelope.reverse_path != NULL;
}

bool
session_has_text(const struct session *s)
{
	enum transaction_state at = s->mail.state;

	return at == ST_DATA || at == ST_CHUNK || at == ST_CHUNKS;
}

struct session_refusal
session_refusal(const struct session *s)
{
	return (struct session_refusal){
		.code = s->refused_code,
		.command = line_to_show((struct span){ s->line, s->line_len }),
		.reply = { s->out + s->refused_at, s->refused_len },
	};
}

struct session_counts
session_counts(const struct session *s)
{
	return s->counts;
}
