#include "xclient.h"

#include <stdlib.h>
#include <string.h>

#include "../mail/utf8.h"
#include "auth.h"
#include "machine.h"

enum {
	VALUE_SIZE = 256, /* of an attribute, with NUL */
};

enum attribute {
	NAME,
	ADDR,
	PORT,
	PROTO,
	HELO,
	LOGIN,
	DESTADDR,
	DESTPORT,
	IDENT,
	SOURCE,
	ATTRIBUTE__COUNT
};

enum command_of {
	XCLIENT = 1 << 0,
	XFORWARD = 1 << 1,
	BOTH = XCLIENT | XFORWARD,
};

static const struct {
	const char *name;
	enum command_of commands;
} attributes[ATTRIBUTE__COUNT] = {
	[NAME] = { "NAME", BOTH },
	[ADDR] = { "ADDR", BOTH },
	[PORT] = { "PORT", BOTH },
	[PROTO] = { "PROTO", BOTH },
	[HELO] = { "HELO", BOTH },
	[LOGIN] = { "LOGIN", XCLIENT },
	[DESTADDR] = { "DESTADDR", XCLIENT },
	[DESTPORT] = { "DESTPORT", XCLIENT },
	[IDENT] = { "IDENT", XFORWARD },
	[SOURCE] = { "SOURCE", XFORWARD },
};

struct xclient {
	enum command_of command;
	/* What the last command said, decoded; "" where that is not known. */
	bool is_said[ATTRIBUTE__COUNT];
	char text[ATTRIBUTE__COUNT][VALUE_SIZE];
	int port;
};

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* xtext (RFC 3461 s. 4), printable; false: it is neither, or too long. */
static bool
decode(struct span text, char ret[VALUE_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '+') {
			int high =
			    i + 2 < text.len ? hex_digit(text.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (len == VALUE_SIZE - 1)
			return false;
		ret[len++] = c;
	}
	ret[len] = '\0';
	return len == 0 || utf8_is_printable((struct span){ ret, len });
}

/* "" is 0, which is no port. */
static bool
read_port(const char *text, int *ret)
{
	*ret = 0;
	return text[0] == '\0' || span_port(span_of(text), ret);
}

/* What can be said of a value without asking the world. */
static bool
check(struct xclient *x, enum attribute at)
{
	char *text = x->text[at];
	int ignored;

	switch (at) {
	case ADDR:
	case DESTADDR: {
		struct span address = span_of(text);

		if (span_skip(&address, "IPV6:"))
			memmove(text, address.p, address.len + 1);
		return true;
	}
	case PORT:
		return read_port(text, &x->port);
	case DESTPORT:
		return read_port(text, &ignored);
	case PROTO:
		return span_is(span_of(text), "SMTP") ||
		       span_is(span_of(text), "ESMTP") ||
		       span_is(span_of(text), "LMTP");
	case HELO:
		return strlen(text) <= ADDRESS_DOMAIN_MAX;
	case SOURCE:
		return span_is(span_of(text), "LOCAL") ||
		       span_is(span_of(text), "REMOTE");
	case NAME:
	case LOGIN:
	case IDENT:
	case ATTRIBUTE__COUNT:
		break;
	}
	return true;
}

/* Takes "ADDR=192.0.2.1". */
static bool
take(struct xclient *x, struct span word)
{
	const char *equals = memchr(word.p, '=', word.len);
	struct span name = { word.p, 0 }, value;

	if (!equals)
		return false;
	name.len = (size_t)(equals - word.p);
	value = (struct span){ equals + 1, word.len - name.len - 1 };
	if (span_is(value, "[UNAVAILABLE]") || span_is(value, "[TEMPUNAVAIL]"))
		value.len = 0;
	else if (value.len == 0)
		return false;
	for (int i = 0; i < ATTRIBUTE__COUNT; i++) {
		if (!span_is(name, attributes[i].name) ||
		    !(attributes[i].commands & x->command))
			continue;
		if (x->is_said[i] || !decode(value, x->text[i]))
			return false;
		x->is_said[i] = true;
		return value.len == 0 || check(x, (enum attribute)i);
	}
	return false;
}

static enum reply
run(struct session *s, struct span arg, enum command_of command)
{
	struct xclient *x = s->xclient;

	memset(x, 0, sizeof *x);
	x->command = command;
	while (arg.len > 0) {
		if (!take(x, span_word(&arg)))
			return REPLY_XCLIENT_SYNTAX;
	}
	s->pending = SESSION_CLIENT;
	return REPLY_NONE;
}

enum reply
xclient_run(struct session *s, struct span arg)
{
	return run(s, arg, XCLIENT);
}

enum reply
xclient_run_forward(struct session *s, struct span arg)
{
	return run(s, arg, XFORWARD);
}

bool
session_offer_xclient(struct session *s, bool offered)
{
	if (offered && !s->xclient)
		s->xclient = calloc(1, sizeof *s->xclient);
	s->offers_xclient = offered && s->xclient;
	return s->offers_xclient == offered;
}

void
xclient_free(struct xclient *x)
{
	free(x);
}

struct session_client
session_client(const struct session *s)
{
	const struct xclient *x = s->xclient;

	return (struct session_client){
		.address = x->is_said[ADDR] ? x->text[ADDR] : NULL,
		.login = x->is_said[LOGIN] ? x->text[LOGIN] : NULL,
		.port = x->is_said[PORT] ? x->port : -1,
		.forwarded = x->command == XFORWARD,
	};
}

/* The front's own HELO or EHLO does not describe the client. */
static void
go_on(struct session *s)
{
	const char *helo = s->xclient->text[HELO];

	if (helo[0] != '\0')
		memcpy(s->mail.helo, helo, strlen(helo) + 1);
	session_reply(s, REPLY_OK);
}

/* The session begins again; a HELO that the front took need not come again. */
static void
begin_again(struct session *s)
{
	const struct xclient *x = s->xclient;
	bool esmtp = !span_is(span_of(x->text[PROTO]), "SMTP");

	s->mail.greeted = false;
	s->mail.helo[0] = '\0';
	s->mail.esmtp = x->is_said[PROTO] && esmtp;
	transaction_reset(&s->mail);
	if (x->text[HELO][0] != '\0')
		transaction_greet(&s->mail, span_of(x->text[HELO]), esmtp);
	session_greet(s);
}

void
session_take_client(struct session *s, enum reply refusal)
{
	s->pending = SESSION_READ;
	/* It was another client that said who it is. */
	if (refusal == REPLY_NONE && s->auth && s->xclient->is_said[ADDR])
		auth_forget(s->auth);
	if (refusal != REPLY_NONE)
		session_conclude(s, refusal);
	else if (s->xclient->command == XFORWARD)
		go_on(s);
	else
		begin_again(s);
}
