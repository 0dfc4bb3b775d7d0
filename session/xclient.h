/*
 * XCLIENT and XFORWARD (Postfix's XCLIENT_README and XFORWARD_README): a front
 * that is trusted says who its client is.  With XCLIENT the session begins again
 * as if that had connected; with XFORWARD it goes on, for the mails to come.
 */
#ifndef XCLIENT_H
#define XCLIENT_H

#include "../mail/reply.h"
#include "../session.h"

/* What EHLO announces, and the commands know. */
#define XCLIENT_KEYWORD                                                        \
	"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
#define XFORWARD_KEYWORD "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"

/* NULL: a session that has never offered it. */
struct xclient;

void xclient_free(struct xclient *x);

/* The commands; see command.c. */
enum reply xclient_run(struct session *s, struct span arg);
enum reply xclient_run_forward(struct session *s, struct span arg);

#endif
