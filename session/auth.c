/*
 *	       AUTH         334                 a line
 *	idle ----------> (the caller) ------> reading ------> (the caller) ...
 *	  ^                   |                  |                 |
 *	  +-------------------+------------------+-----------------+
 *	      235: done for good; 4yz, 5yz; "*"
 */
#include "auth.h"

#include <stdlib.h>
#include <string.h>

#include "../mail/utf8.h"
#include "machine.h"

/* A mechanism, for SESSION_AUTH_CLAIM. */
struct claim {
	const char *name;
	/* A challenge before each response; the first has the name in it. */
	const char *challenges[2];
	bool (*read_name)(struct span response, struct span *ret);
};

struct auth {
	struct auth_step step; /* lent to the caller */
	const char *offered;
	bool is_reading;
	bool is_done;

	/* SESSION_AUTH_CLAIM */
	const struct claim *claim;
	unsigned nresponses;
	char claimed[AUTH_NAME_MAX + 1];

	/* The response on its way, and its line end. */
	size_t len;
	bool is_over; /* it is too long; only its beginning is kept */
	char last;    /* the octet before */
	char line[BASE64_LINE_MAX + 2];
};

/*
 * Claims
 */

static bool
read_login(struct span text, struct span *ret)
{
	*ret = text;
	return true;
}

/* name SP digest (RFC 2195 s. 2) */
static bool
read_cram(struct span text, struct span *ret)
{
	while (text.len > 0 && text.p[text.len - 1] != ' ')
		text.len--;
	*ret = text;
	if (text.len == 0)
		return false;
	ret->len--;
	return true;
}

static const struct claim claims[] = {
	{ "PLAIN", { "" }, auth_read_plain },
	{ "LOGIN", { "Username:", "Password:" }, read_login },
	{ "CRAM-MD5", { "<1@smtpd>" }, read_cram },
};

static const char all_claims[] = "PLAIN LOGIN CRAM-MD5";

static const struct claim *
find_claim(struct span name)
{
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		if (span_is(name, claims[i].name))
			return &claims[i];
	}
	return NULL;
}

/* Keeps the name in the response.  False: there is none. */
static bool
keep_claimed(struct auth *a, struct span response)
{
	char text[BASE64_TEXT_SIZE];
	struct span all = { text, base64_read(response, text) }, name;

	if (!a->claim->read_name(all, &name) || name.len == 0 ||
	    name.len > AUTH_NAME_MAX || !utf8_is_printable(name))
		return false;
	memcpy(a->claimed, name.p, name.len);
	a->claimed[name.len] = '\0';
	return true;
}

/* Answers a response in the place of the caller; p NULL: none has come yet. */
static void
take_claim(struct session *s, struct span response)
{
	struct auth *a = s->auth;
	const char *challenge = NULL;
	char base64[32];

	if (response.p) {
		if (a->nresponses == 0 && !keep_claimed(a, response)) {
			a->claimed[0] = '\0';
			session_auth_answer(s, AUTH_REFUSED, span_of(""));
			return;
		}
		a->nresponses++;
	}
	if (a->nresponses < sizeof a->claim->challenges / sizeof(char *))
		challenge = a->claim->challenges[a->nresponses];
	if (challenge) {
		base64_write(span_of(challenge), base64);
		session_auth_answer(s, AUTH_MORE, span_of(base64));
	} else {
		session_auth_answer(s, AUTH_DONE, span_of(""));
	}
}

/*
 * The exchange
 */

/* `mechanism` begins with this one; one that is not there goes on. */
static void
pass_on(struct session *s, struct span mechanism, struct span response)
{
	struct auth *a = s->auth;

	a->is_reading = false;
	if (s->conf->auth == SESSION_AUTH_CLAIM) {
		if (mechanism.p)
			a->claim = find_claim(mechanism);
		take_claim(s, response);
		return;
	}
	a->step = (struct auth_step){ mechanism, response };
	s->pending = SESSION_AUTHENTICATE;
}

void
session_auth_answer(
    struct session *s, enum auth_result result, struct span challenge)
{
	static const enum reply reply_of[] = {
		[AUTH_MORE] = REPLY_AUTH_MORE,
		[AUTH_DONE] = REPLY_AUTH_DONE,
		[AUTH_REFUSED] = REPLY_AUTH_REFUSED,
		[AUTH_MALFORMED] = REPLY_AUTH_MALFORMED,
		[AUTH_TOO_OFTEN] = REPLY_AUTH_TOO_OFTEN,
		[AUTH_TROUBLE] = REPLY_AUTH_TROUBLE,
	};
	char text[AUTH_CHALLENGE_MAX + 1];

	s->pending = SESSION_READ;
	if (result == AUTH_MORE && challenge.len >= sizeof text)
		result = AUTH_TROUBLE;
	if (result != AUTH_MORE) {
		s->auth->is_done = result == AUTH_DONE;
		session_conclude(s, reply_of[result]);
		return;
	}
	memcpy(text, challenge.p, challenge.len);
	text[challenge.len] = '\0';
	s->auth->is_reading = true;
	s->auth->len = 0;
	s->auth->last = '\0';
	s->auth->is_over = false;
	session_say(s, &replies[REPLY_AUTH_MORE],
	    (struct reply_values){ .detail = text }, false);
}

/* Takes a whole response, without its line end. */
static void
take_response(struct session *s, struct span line)
{
	struct auth *a = s->auth;
	enum reply refusal = REPLY_NONE;

	if (a->is_over)
		refusal = REPLY_AUTH_TOO_LONG;
	else if (line.len == 1 && *line.p == '*')
		refusal = REPLY_AUTH_CANCELLED;
	else if (!base64_is(line))
		refusal = REPLY_AUTH_MALFORMED;
	if (refusal == REPLY_NONE) {
		pass_on(s, (struct span){ NULL, 0 }, line);
		return;
	}
	a->is_reading = false;
	a->claimed[0] = '\0';
	session_conclude(s, refusal);
}

/*
 * A bare LF does not end a response, so nothing behind it is run as a command;
 * nor is it base64.
 */
void
auth_read(struct session *s)
{
	struct auth *a = s->auth;
	const char *lf = memchr(s->in.p, '\n', s->in.len);
	size_t taken = lf ? (size_t)(lf + 1 - s->in.p) : s->in.len;
	size_t room = sizeof a->line - a->len;
	size_t kept = taken < room ? taken : room;
	char before = taken > 1 ? s->in.p[taken - 2] : a->last;

	memcpy(a->line + a->len, s->in.p, kept);
	a->len += kept;
	a->is_over |= kept < taken;
	a->last = s->in.p[taken - 1];
	s->in.p += taken;
	s->in.len -= taken;
	s->last = a->last;
	if (!lf || (before != '\r' && !s->conf->any_line_end))
		return;
	if (!a->is_over)
		a->len -= before == '\r' ? 2 : 1;
	a->is_over |= a->len > BASE64_LINE_MAX;
	take_response(s, (struct span){ a->line, a->len });
}

/*
 * The command
 */

/* Finds the word in the list, which is returned as it stands there. */
static struct span
find_offered(const char *list, struct span name)
{
	struct span rest = span_of(list);

	while (rest.len > 0) {
		struct span word = span_word(&rest);
		char text[AUTH_MECHANISM_MAX + 1] = "";

		if (word.len <= AUTH_MECHANISM_MAX)
			memcpy(text, word.p, word.len);
		if (name.len > 0 && span_is(name, text))
			return word;
	}
	return (struct span){ NULL, 0 };
}

/* Mechanisms that clients try although nobody should offer them any more. */
static bool
is_weak(struct span name)
{
	static const char *const names[] = { "CRAM-MD5", "DIGEST-MD5", "NTLM",
		"ANONYMOUS" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (span_is(name, names[i]))
			return true;
	}
	return false;
}

enum reply
auth_begin(struct session *s, struct span arg)
{
	struct auth *a = s->auth;
	struct span name = span_word(&arg), mechanism;

	if (a->is_done)
		return REPLY_AUTH_ALREADY;
	if (!a->offered)
		return REPLY_AUTH_NEEDS_TLS;
	mechanism = find_offered(a->offered, name);
	if (!mechanism.p)
		return is_weak(name) ? REPLY_AUTH_WEAK : REPLY_AUTH_UNKNOWN;
	if (arg.len == 0)
		arg.p = NULL; /* no initial response, */
	else if (span_is(arg, "="))
		arg = span_of(""); /* and an empty one */
	else if (!base64_is(arg))
		return REPLY_AUTH_MALFORMED;
	a->claimed[0] = '\0';
	a->nresponses = 0;
	pass_on(s, mechanism, arg);
	return REPLY_NONE;
}

/*
 * The rest
 */

struct auth *
auth_new(const struct session_conf *conf)
{
	struct auth *a = calloc(1, sizeof *a);

	if (a)
		a->offered = conf->auth == SESSION_AUTH_CLAIM
				 ? all_claims
				 : conf->auth_mechanisms;
	return a;
}

void
auth_free(struct auth *a)
{
	free(a);
}

const char *
auth_offered(const struct auth *a)
{
	return a->offered;
}

bool
auth_is_reading(const struct auth *a)
{
	return a && a->is_reading;
}

const char *
auth_claimed(const struct auth *a)
{
	return a->claimed;
}

bool
auth_is_done(const struct auth *a)
{
	return a->is_done;
}

void
auth_forget(struct auth *a)
{
	a->is_done = false;
	a->claimed[0] = '\0';
}

void
session_offer_auth(struct session *s, const char *mechanisms)
{
	if (s->conf->auth == SESSION_AUTH_ASK)
		s->auth->offered = mechanisms;
}

struct auth_step
session_auth_step(const struct session *s)
{
	return s->auth->step;
}
