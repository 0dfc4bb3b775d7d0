/*
 * HELO, EHLO and LHLO, and which extensions a session offers.
 */
#ifndef HELLO_H
#define HELLO_H

#include "../mail/reply.h"
#include "../session.h"

/* Offered only if the settings say so. */
enum {
	FLAG_RFC821 = 1 << 0, /* SEND, SOML, SAML (RFC 5321 s. F.6) */
	FLAG_VRFY = 1 << 1,   /* VRFY and EXPN ask the policy */
	FLAG_SMTP = 1 << 2,   /* one of the two */
	FLAG_LMTP = 1 << 3,
	FLAG_AUTH = 1 << 4,
	FLAG_MECHANISMS = 1 << 5, /* some of AUTH, here and now */
	FLAG_TLS = 1 << 6,        /* STARTTLS, announced or not */
	FLAG_STARTTLS = 1 << 7,   /* it is announced */
	FLAG_IN_TLS = 1 << 8,
	FLAG_XCLIENT = 1 << 9,
};

/* Is all of `flags` offered? */
bool hello_offers(const struct session *s, int flags);

/* What a mail comes by (RFC 3848), TLS and AUTH aside. */
const char *hello_protocol(const struct session *s, bool smtputf8);

/* The commands; see command.c.  hello_ehlo() is LHLO's as well. */
enum reply hello_helo(struct session *s, struct span arg);
enum reply hello_ehlo(struct session *s, struct span arg);

#endif
