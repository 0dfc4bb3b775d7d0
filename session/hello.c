/*
 * HELO and EHLO.  The keywords of EHLO's reply are a table.
 */
#include "hello.h"

#include "../mail/protocol.h"
#include "../mail/utf8.h"
#include "auth.h"
#include "machine.h"
#include "starttls.h"
#include "xclient.h"

enum values {
	VALUES_NONE,
	VALUES_SIZE,
	VALUES_LIMITS,
	VALUES_MECHANISMS,
};

/* clang-format off */
static const struct {
	const char *text; /* as in struct reply_text */
	enum values values;
	int flags;
} keywords[] = {
	{ "PIPELINING",          VALUES_NONE,   0 },           /* RFC 2920 */
	{ "SIZE #",              VALUES_SIZE,   0 },           /* RFC 1870 */
	{ "8BITMIME",            VALUES_NONE,   0 },           /* RFC 6152 */
	{ "SMTPUTF8",            VALUES_NONE,   0 },           /* RFC 6531 */
	{ "ENHANCEDSTATUSCODES", VALUES_NONE,   0 },           /* RFC 2034 */
	{ "CHUNKING",            VALUES_NONE,   0 },           /* RFC 3030 */
	{ "BINARYMIME",          VALUES_NONE,   0 },           /* RFC 3030 */
	{ "DSN",                 VALUES_NONE,   0 },           /* RFC 3461 */
	{ "LIMITS RCPTMAX=# MAILMAX=#",
	                         VALUES_LIMITS, 0 },           /* RFC 9422 */
	{ "STARTTLS",            VALUES_NONE,   FLAG_STARTTLS }, /* RFC 3207 */
	{ "REQUIRETLS",          VALUES_NONE,   FLAG_IN_TLS }, /* RFC 8689 */
	{ "AUTH @",              VALUES_MECHANISMS,
	                                         FLAG_MECHANISMS },
	{ "SEND",                VALUES_NONE,   FLAG_RFC821 }, /* RFC 5321 s. F.6 */
	{ "SOML",                VALUES_NONE,   FLAG_RFC821 },
	{ "SAML",                VALUES_NONE,   FLAG_RFC821 },
	{ "EXPN",                VALUES_NONE,   FLAG_VRFY },   /* RFC 5321 s. 4.1.1.7 */
	{ XCLIENT_KEYWORD,       VALUES_NONE,   FLAG_XCLIENT },
	{ XFORWARD_KEYWORD,      VALUES_NONE,   FLAG_XCLIENT },
	{ "HELP",                VALUES_NONE,   0 },           /* RFC 5321 s. 4.1.1.8 */
};
/* clang-format on */

static const size_t nkeywords = sizeof keywords / sizeof *keywords;

/* A session may begin anew at any time (RFC 5321 s. 4.1.4). */
static enum reply
take_helo(struct session *s, struct span name, bool esmtp)
{
	if (s->conf->strict) {
		if (!address_is_domain(name, ADDRESS_STRICT))
			return REPLY_HELO_SYNTAX;
	} else {
		name = span_word(&name);
	}
	if (name.len > ADDRESS_DOMAIN_MAX ||
	    (name.len > 0 && !utf8_is_printable(name)))
		return REPLY_HELO_SYNTAX;

	transaction_greet(&s->mail, name, esmtp);
	return REPLY_HELO;
}

enum reply
hello_helo(struct session *s, struct span arg)
{
	return take_helo(s, arg, false);
}

static struct reply_values
values_of(const struct session *s, enum values values)
{
	switch (values) {
	case VALUES_NONE:
		break;
	case VALUES_SIZE:
		return (
		    struct reply_values){ .numbers = { s->conf->max_size } };
	case VALUES_LIMITS:
		return (struct reply_values){
			.numbers = { s->conf->max_recipients, MAILS_MAX }
		};
	case VALUES_MECHANISMS:
		return (struct reply_values){ .detail = auth_offered(s->auth) };
	}
	return (struct reply_values){ .numbers = { 0 } };
}

bool
hello_offers(const struct session *s, int flags)
{
	return (!(flags & FLAG_RFC821) || s->conf->rfc821) &&
	       (!(flags & FLAG_VRFY) || s->conf->vrfy) &&
	       (!(flags & FLAG_SMTP) || !s->conf->lmtp) &&
	       (!(flags & FLAG_LMTP) || s->conf->lmtp) &&
	       (!(flags & FLAG_XCLIENT) || s->offers_xclient) &&
	       (!(flags & FLAG_AUTH) || s->auth) &&
	       (!(flags & FLAG_TLS) || s->conf->starttls) &&
	       (!(flags & FLAG_STARTTLS) || starttls_is_offered(s)) &&
	       (!(flags & FLAG_IN_TLS) || starttls_is_inside(s)) &&
	       (!(flags & FLAG_MECHANISMS) ||
		   (s->auth && auth_offered(s->auth)));
}

/* The first keyword offered from `i` on; `nkeywords`: there is none. */
static size_t
next_keyword(const struct session *s, size_t i)
{
	while (i < nkeywords && !hello_offers(s, keywords[i].flags))
		i++;
	return i;
}

enum reply
hello_ehlo(struct session *s, struct span arg)
{
	enum reply id = take_helo(s, arg, true);
	struct reply_text line = { .code = 250, .text = "%" };
	struct reply_values values = { .numbers = { 0 } };
	size_t next;

	if (id != REPLY_HELO)
		return id;
	for (size_t i = next_keyword(s, 0); i < nkeywords; i = next) {
		session_say(s, &line, values, true);
		line.text = keywords[i].text;
		values = values_of(s, keywords[i].values);
		next = next_keyword(s, i + 1);
	}
	session_say(s, &line, values, false);
	return REPLY_NONE;
}

const char *
hello_protocol(const struct session *s, bool smtputf8)
{
	bool in_tls = s->mail.esmtp && starttls_is_inside(s);
	bool has_account = (s->mail.esmtp || smtputf8) && s->auth &&
			   s->conf->auth == SESSION_AUTH_ASK &&
			   auth_is_done(s->auth);

	return protocol_name(
	    (s->mail.esmtp ? PROTOCOL_ESMTP : 0) |
	    (s->conf->lmtp ? PROTOCOL_LMTP : 0) | (in_tls ? PROTOCOL_TLS : 0) |
	    (has_account ? PROTOCOL_AUTH : 0) | (smtputf8 ? PROTOCOL_UTF8 : 0));
}
