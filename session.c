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
 * session_next() does one step at a time, in this order: say what was refused,
 * have the caller do what a command needs, send what there is when the output
 * is nearly full or the input used up, and only then read on.  So pipelined
 * commands are answered in order and in one write (RFC 2920 s. 3.2).
 */
#include "session/machine.h"

#include <stdlib.h>
#include <string.h>

struct session *
session_new(const struct session_conf *conf)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->conf = conf;
	s->state = ST_START;
	s->pending = SESSION_READ;
	session_reply(s, REPLY_READY);
	return s;
}

void
session_free(struct session *s)
{
	if (!s)
		return;
	envelope_free(&s->envelope);
	free(s);
}

/*
 * Output
 */

/* Keeps the first refusal of a step: a 421 after it is only its consequence. */
static void
note_refusal(struct session *s, int code, size_t at)
{
	if (code >= 500)
		s->counts.errors++;
	if (s->refused)
		return;
	s->refused = true;
	s->refused_code = code;
	s->refused_at = at;
	s->refused_len = s->out_len - at - 2; /* without CRLF */
}

void
session_say(struct session *s, const struct reply_text *r,
    struct reply_values values, bool more)
{
	size_t at = s->out_len;

	values.hostname = s->conf->hostname;
	s->out_len +=
	    reply_write(s->out + at, sizeof s->out - at, r, &values, more);
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
	if (code == 421)
		s->closing = true;
	if (code < 500 || s->counts.errors < s->conf->max_errors)
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

/*
 * The mail
 */

static void
drop_text(struct session *s)
{
	if (s->envelope.size > 0 && !s->dropped)
		s->must_drop = true;
	if (s->pending == SESSION_BODY)
		s->pending = SESSION_READ;
	s->dropped = true;
}

void
session_abandon_mail(struct session *s)
{
	drop_text(s);
	envelope_reset(&s->envelope);
	s->announced_size = 0;
	s->nrcpts = 0;
	s->deferred_recipient = s->refused_recipient = false;
	s->dropped = false;
	s->state = s->greeted ? ST_IDLE : ST_START;
}

/* Lends `data` to the caller, unless the mail is beyond saving. */
static void
take_text(struct session *s, struct span data)
{
	if (s->dropped)
		return;
	s->data = data;
	s->envelope.size += data.len;
	if (s->envelope.size > s->conf->max_size)
		drop_text(s);
	else
		s->pending = SESSION_BODY;
}

static void
refuse_mail(struct session *s, enum reply id)
{
	session_abandon_mail(s);
	session_conclude(s, id);
}

bool
session_is_binary(const struct session *s)
{
	return strcmp(s->envelope.body_type, "BINARYMIME") == 0;
}

/* The text is whole. */
static void
complete_mail(struct session *s)
{
	s->envelope.bare_line_ends = body_is_bare(&s->body);
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
		else if (s->dropped)
			refuse_mail(s, REPLY_TOO_BIG);
		else
			complete_mail(s);
		return;
	}
	if (s->conf->strict && !s->dropped &&
	    (s->body.bare_lf || s->body.bare_cr))
		drop_text(s);
}

/*
 * Out of place, a chunk leaves the mail begun as it was.  The last one ends it:
 * the next command of a client that did not wait may be another mail's.
 */
static void
refuse_chunk(struct session *s)
{
	s->state = s->chunk_from;
	if (s->chunk_last)
		session_abandon_mail(s);
	session_conclude(s, s->chunk_reply);
}

static void
end_chunk(struct session *s)
{
	if (s->chunk_reply != REPLY_NONE)
		refuse_chunk(s);
	else if (s->dropped)
		refuse_mail(s, REPLY_TOO_BIG);
	else if (s->chunk_last)
		complete_mail(s);
	else {
		s->state = ST_CHUNKS;
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
	if (!session_is_binary(s))
		body_look(&s->body, data);
	take_text(s, data);
}

/*
 * Command lines
 */

/* Is the line complete, now that `taken` ends in LF? */
static bool
ends_line(const struct session *s, struct span taken)
{
	char before = taken.len > 1 ? taken.p[taken.len - 2] : s->last;

	return before == '\r' || s->conf->any_line_end;
}

/* Answers once, and reads on up to the end of the line. */
static void
refuse_line(struct session *s, enum reply why)
{
	bool is_first = !s->line_refused;

	s->line_refused = true;
	if (!s->closing)
		session_conclude(
		    s, command_refuse(s, is_first ? why : REPLY_NONE));
}

/* Keeps what fits. */
static void
append_to_line(struct session *s, struct span text)
{
	size_t room = sizeof s->line - s->line_len;
	size_t len = text.len < room ? text.len : room;

	memcpy(s->line + s->line_len, text.p, len);
	s->line_len += len;
	if (len < text.len && !s->line_over) {
		s->line_over = true;
		refuse_line(s, REPLY_LINE_TOO_LONG);
	}
}

static void
begin_line(struct session *s)
{
	if (!s->in_line)
		s->line_refused = false;
	s->in_line = true;
	s->line_over = false;
	s->line_len = 0;
}

/*
 * Puts the next line together; true when it is whole, its end removed.  It
 * stays until the next one begins.  A bare LF is answered at once and begins
 * no command: what follows it is only looked at for a BDAT.
 */
static bool
read_line(struct session *s)
{
	struct span taken = s->in;
	const char *lf = memchr(taken.p, '\n', taken.len);
	bool is_end;

	if (!s->in_line || s->last == '\n')
		begin_line(s);
	if (lf)
		taken.len = (size_t)(lf + 1 - taken.p);
	is_end = lf && ends_line(s, taken);
	s->in_line = !is_end;
	s->last = taken.p[taken.len - 1];
	s->in.p += taken.len;
	s->in.len -= taken.len;
	append_to_line(s, taken);
	if (!lf)
		return false;

	if (s->line[s->line_len - 1] == '\n')
		s->line_len--;
	if (is_end && s->line_len > 0 && s->line[s->line_len - 1] == '\r')
		s->line_len--;
	if (!is_end || s->line_refused)
		refuse_line(s, REPLY_LF_ALONE);
	return is_end && !s->line_refused;
}

static void
read_command(struct session *s)
{
	if (!read_line(s))
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
		if (s->must_drop) {
			s->must_drop = false;
			return SESSION_DROP;
		}
		event = s->pending;
		if (event == SESSION_BODY)
			s->pending = SESSION_READ; /* needs no answer */
		if (event != SESSION_READ)
			return event;

		if (s->out_len > sizeof s->out - OUTPUT_RESERVE)
			return SESSION_WRITE;
		if (s->list) {
			session_say_member(s);
			continue;
		}
		if (s->closing)
			return s->out_len > 0 ? SESSION_WRITE : SESSION_CLOSE;

		/* A chunk of no octets ends without input. */
		if (s->state == ST_CHUNK && s->chunk_left == 0)
			end_chunk(s);
		else if (s->in.len == 0)
			return s->out_len > 0 ? SESSION_WRITE : SESSION_READ;
		else if (s->state == ST_DATA)
			read_text(s);
		else if (s->state == ST_CHUNK)
			read_chunk(s);
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
		[SESSION_SHUTDOWN] = REPLY_SHUTDOWN,
	};

	s->in.len = 0;
	s->line_len = 0;
	s->pending = SESSION_READ;
	session_abandon_mail(s);
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

void
session_note_recipient(struct session *s, unsigned code)
{
	if (code >= 500)
		s->refused_recipient = true;
	else if (code >= 400)
		s->deferred_recipient = true;
}

struct span
session_body(const struct session *s)
{
	return s->data;
}

const struct envelope *
session_envelope(const struct session *s)
{
	return &s->envelope;
}

void
session_stored(struct session *s, enum verdict verdict, int64_t id)
{
	if (verdict == VERDICT_OK) {
		s->counts.mails++;
		s->counts.recipients += s->envelope.nrecipients;
		s->counts.octets += s->envelope.size;
		session_reply_number(s, REPLY_STORED, (uint64_t)id);
	} else {
		session_conclude(s, reply_for(verdict));
	}
	s->envelope.size = 0; /* the caller has nothing left to drop */
	session_abandon_mail(s);
	s->pending = SESSION_READ;
}

bool
session_has_mail(const struct session *s)
{
	return s->state != ST_START && s->state != ST_IDLE;
}

struct session_refusal
session_refusal(const struct session *s)
{
	return (struct session_refusal){
		.code = s->refused_code,
		.command = { s->line, s->line_len },
		.reply = { s->out + s->refused_at, s->refused_len },
	};
}

struct session_counts
session_counts(const struct session *s)
{
	return s->counts;
}
