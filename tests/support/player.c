#include "player.h"

#include <stdlib.h>
#include <string.h>

#include "../../mail/base64.h"
#include "../../mail/ip.h"

enum {
	/* More events than this for one octet, and it will never end. */
	EVENTS_PER_OCTET = 16,
	EVENTS_FIRST = 256,
};

const char *const play_cut_names[PLAY__COUNT] = {
	[PLAY_BURSTS] = "bursts",
	[PLAY_OCTETS] = "octets",
	[PLAY_LINE_ENDS] = "line ends",
};

struct player {
	struct session *session;
	enum play_cut cut;
	bool lmtp;
	const char *mechanisms;
	const char *broken;
	bool ended, closed;
	bool secured; /* by what is being sent */

	struct play_world world;

	struct answer *answer; /* lent to the session; NULL: none is */
	struct mails mails;
	struct buffer body; /* appended, not yet stored */
	uint64_t octets;    /* of the stored mails */
	unsigned nrcpts;    /* of the stored mails */

	struct buffer output; /* sent, not yet taken */
	struct buffer reply;  /* the line being sent */
	int reply_code;       /* of a multi-line reply begun; or 0 */
	int reported;         /* code of a refusal whose reply is to come */
	unsigned nerrors;     /* 5yz replies */
};

static void
broken(struct player *p, const char *promise)
{
	if (!p->broken)
		p->broken = promise;
}

static void
expect(struct player *p, bool kept, const char *promise)
{
	if (!kept)
		broken(p, promise);
}

/*
 * What the server sends
 */

static int
code_of(struct span line)
{
	int code = 0;

	for (size_t i = 0; i < 3; i++) {
		if (i >= line.len || line.p[i] < '0' || line.p[i] > '9')
			return 0;
		code = code * 10 + line.p[i] - '0';
	}
	return code;
}

/* `line` is one line of a reply with its LF (RFC 5321 s. 4.2, 4.5.3.1.5). */
static void
check_reply_line(struct player *p, struct span line)
{
	int code = code_of(line);
	bool more = line.len > 3 && line.p[3] == '-';

	/* A challenge may be longer (RFC 4954 s. 4). */
	expect(p,
	    line.len <= REPLY_LINE_MAX ||
		(code == 334 && line.len <= AUTH_CHALLENGE_MAX + 6),
	    "a reply line is too long");
	expect(p, line.len >= 6 && line.p[line.len - 2] == '\r',
	    "a reply line ends in CRLF");
	expect(p, code >= 200 && code < 600, "a reply begins with a code");
	expect(p, more || (line.len > 3 && line.p[3] == ' '),
	    "a blank or a hyphen follows the code");
	for (size_t i = 0; i + 2 < line.len; i++)
		expect(p, line.p[i] >= 0x20 && line.p[i] < 0x7f,
		    "a reply is printable");
	expect(p, !p->reply_code || p->reply_code == code,
	    "all lines of a reply have one code");

	p->reply_code = more ? code : 0;
	if (!more && code >= 500)
		p->nerrors++;
	if (code == p->reported)
		p->reported = 0;
}

static void
take_output(struct player *p, struct span sent)
{
	buffer_add(&p->output, sent);
	while (sent.len > 0) {
		const char *lf = memchr(sent.p, '\n', sent.len);
		struct span piece = sent;

		if (lf)
			piece.len = (size_t)(lf + 1 - sent.p);
		buffer_add(&p->reply, piece);
		if (lf) {
			check_reply_line(p, buffer_span(&p->reply));
			buffer_clear(&p->reply);
		}
		sent.p += piece.len;
		sent.len -= piece.len;
	}
}

static void
do_write(struct player *p)
{
	struct span out = session_output(p->session);

	if (out.len == 0) {
		broken(p, "SESSION_WRITE has something to send");
		return;
	}
	switch (p->cut) {
	case PLAY_BURSTS:
	case PLAY__COUNT:
		break;
	case PLAY_OCTETS:
		out.len = 1;
		break;
	case PLAY_LINE_ENDS:
		out.len = (out.len + 1) / 2;
		break;
	}
	take_output(p, out);
	session_sent(p->session, out.len);
}

static void
do_report(struct player *p)
{
	struct session_refusal r = session_refusal(p->session);

	expect(p, r.code >= 400 && r.code < 600, "a refusal is 4yz or 5yz");
	expect(p, code_of(r.reply) == r.code, "a refusal quotes its reply");
	expect(p, r.reply.len > 4 && !memchr(r.reply.p, '\n', r.reply.len),
	    "a refusal quotes one line");
	p->reported = r.code;
}

/*
 * What the server asks for
 */

/* It is lent no longer. */
static void
free_answer(struct player *p)
{
	free(p->answer);
	p->answer = NULL;
}

/* An empty one. */
static void
make_answer(struct player *p)
{
	free_answer(p);
	p->answer = malloc(sizeof *p->answer);
	if (!p->answer)
		abort();
	answer_clear(p->answer);
}

static void
do_ask(struct player *p)
{
	const struct question *q = session_question(p->session);

	make_answer(p);
	expect(p, !p->ended, "no question after the end");
	expect(p, q->kind == QUESTION_MAIL || q->address.len > 0,
	    "what is asked about has a name");
	if (p->world.answer)
		p->world.answer(p->world.context, q, p->answer);
	session_answer(p->session, p->answer);
}

static bool
is_offered(const struct player *p, struct span mechanism)
{
	struct span rest = span_of(p->mechanisms ? p->mechanisms : "");

	while (rest.len > 0) {
		struct span word = span_word(&rest);

		if (word.p == mechanism.p && word.len == mechanism.len)
			return true;
	}
	return false;
}

static void
do_authenticate(struct player *p)
{
	struct auth_step step = session_auth_step(p->session);
	enum auth_result result = AUTH_DONE;
	struct span challenge = { "", 0 };

	expect(p, !p->ended, "no response after the end");
	expect(p, step.mechanism.p || step.response.p,
	    "an exchange goes on with a response");
	expect(p, !step.mechanism.p || is_offered(p, step.mechanism),
	    "a mechanism is one that is offered");
	expect(p,
	    step.response.len <= BASE64_LINE_MAX && base64_is(step.response),
	    "a response is base64");
	if (p->world.authenticate)
		result = p->world.authenticate(p->world.context, &challenge);
	session_auth_answer(p->session, result, challenge);
}

/* As the program with --xclient=local does it: a client of a network may not. */
static void
do_client(struct player *p)
{
	struct session_client said = session_client(p->session);
	struct ip ip;
	bool is_ip = said.address && ip_read(said.address, &ip);
	bool is_none = !said.address || said.address[0] == '\0';

	expect(p, !p->ended, "no client after the end");
	expect(p, !session_has_mail(p->session), "no client within a mail");
	if (!said.forwarded && (is_ip || (said.address && is_none)))
		session_offer_xclient(p->session, false);
	session_take_client(
	    p->session, is_ip || is_none ? REPLY_NONE : REPLY_XCLIENT_SYNTAX);
}

static void
do_body(struct player *p)
{
	struct span data = session_body(p->session);

	expect(p, !p->ended, "no text after the end");
	expect(p, data.len > 0, "SESSION_BODY has octets");
	buffer_add(&p->body, data);
}

static void
do_store(struct player *p)
{
	const struct envelope *e = session_envelope(p->session);
	enum verdict verdict = VERDICT_OK;

	expect(p, !p->ended, "no mail after the end");
	expect(p, e->size == p->body.len, "the size is that of the text");
	expect(p, e->nrecipients > 0, "a mail has a recipient");
	expect(p,
	    e->verb && e->protocol && e->helo && e->reverse_path &&
		e->body_type,
	    "the envelope is complete");
	if (p->world.refuse) {
		make_answer(p);
		if (p->world.refuse(p->world.context, p->answer)) {
			session_refuse_mail(p->session, p->answer);
			return;
		}
	}
	if (p->world.store)
		verdict = p->world.store(p->world.context);
	if (!p->broken && verdict == VERDICT_OK) {
		mails_copy(&p->mails, e, buffer_span(&p->body));
		p->octets += e->size;
		p->nrcpts += e->nrecipients;
	}
	buffer_clear(&p->body);
	session_stored(p->session, verdict, (int64_t)p->mails.nmails);
}

/*
 * The machine
 */

static void
do_close(struct player *p)
{
	struct session_counts n = session_counts(p->session);

	p->closed = true;
	free_answer(p);
	expect(p, session_next(p->session) == SESSION_CLOSE,
	    "nothing comes after SESSION_CLOSE");
	expect(p, p->reply.len == 0 && p->reply_code == 0,
	    "the last reply is whole");
	expect(p, p->reported == 0, "a refusal that is reported is sent");
	expect(p,
	    n.mails == p->mails.nmails && n.octets == p->octets &&
		n.recipients == p->nrcpts,
	    "the stored mails are counted");
	expect(p, p->lmtp ? n.errors <= p->nerrors : n.errors == p->nerrors,
	    "the 5yz replies are counted, those to one mail once");
}

/* Carries events out until there is nothing to do without more input. */
static void
run(struct player *p, size_t input_len)
{
	/* A reply of some octets may be sent octet by octet. */
	size_t left = EVENTS_FIRST + input_len * EVENTS_PER_OCTET;

	while (!p->broken) {
		enum session_event event = session_next(p->session);

		if (event != SESSION_WRITE && left-- == 0)
			broken(p, "the machine comes to rest");
		switch (event) {
		case SESSION_READ:
			free_answer(p);
			expect(p, !p->ended, "nothing is read after the end");
			expect(p,
			    !session_has_mail(p->session) ||
				session_envelope(p->session)->reverse_path,
			    "a mail begun has a sender");
			expect(p,
			    p->body.len == 0 ||
				(session_has_mail(p->session) &&
				    session_has_text(p->session)),
			    "text is that of a mail begun");
			return;
		case SESSION_WRITE:
			do_write(p);
			break;
		case SESSION_ASK:
			do_ask(p);
			break;
		case SESSION_AUTHENTICATE:
			do_authenticate(p);
			break;
		case SESSION_CLIENT:
			do_client(p);
			break;
		case SESSION_BODY:
			do_body(p);
			break;
		case SESSION_STORE:
			do_store(p);
			break;
		case SESSION_START_TLS:
			expect(p, p->reply.len == 0, "220 is sent before TLS");
			session_secured(p->session);
			p->secured = true;
			break;
		case SESSION_DROP:
			buffer_clear(&p->body);
			break;
		case SESSION_REPORT:
			do_report(p);
			break;
		case SESSION_CLOSE:
			do_close(p);
			return;
		}
	}
}

void
player_free(struct player *p)
{
	if (!p)
		return;
	session_free(p->session);
	free_answer(p);
	mails_free(&p->mails);
	buffer_free(&p->body);
	buffer_free(&p->output);
	buffer_free(&p->reply);
	free(p);
}

struct player *
player_new(const struct session_conf *conf, enum play_cut cut,
    const struct play_world *world)
{
	struct player *p = calloc(1, sizeof *p);

	if (!p)
		abort();
	p->cut = cut;
	p->lmtp = conf->lmtp;
	p->mechanisms = conf->auth_mechanisms;
	if (world)
		p->world = *world;
	p->session = session_new(conf);
	if (!p->session) {
		player_free(p);
		return NULL;
	}
	run(p, 0);
	return p;
}

static size_t
piece_len(enum play_cut cut, struct span octets)
{
	size_t len = 0;

	switch (cut) {
	case PLAY_BURSTS:
	case PLAY__COUNT:
		return octets.len;
	case PLAY_OCTETS:
		return 1;
	case PLAY_LINE_ENDS:
		while (len < octets.len && octets.p[len] != '\r' &&
		       octets.p[len] != '\n')
			len++;
		return len < octets.len ? len + 1 : len;
	}
	return octets.len;
}

static void
feed(struct player *p, struct span piece)
{
	char *copy = malloc(piece.len);

	if (!copy)
		abort();
	memcpy(copy, piece.p, piece.len);
	session_feed(p->session, copy, piece.len);
	run(p, piece.len);
	free(copy);
}

/* What was pipelined behind STARTTLS gets lost with the plain connection. */
void
player_send(struct player *p, struct span octets)
{
	p->secured = false;
	while (octets.len > 0 && !p->closed && !p->broken && !p->secured) {
		struct span piece = { octets.p, piece_len(p->cut, octets) };

		feed(p, piece);
		octets.p += piece.len;
		octets.len -= piece.len;
	}
}

void
player_end(struct player *p, enum session_end why)
{
	if (p->closed || p->broken)
		return;
	p->ended = true;
	session_end(p->session, why);
	run(p, 0);
	expect(p, p->closed, "the session ends when it is ended");
}

bool
player_closed(const struct player *p)
{
	return p->closed;
}

bool
player_secured(const struct player *p)
{
	return p->secured;
}

struct buffer *
player_output(struct player *p)
{
	return &p->output;
}

const struct mails *
player_mails(const struct player *p)
{
	return &p->mails;
}

const char *
player_broken(const struct player *p)
{
	return p->broken;
}
