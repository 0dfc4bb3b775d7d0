/*
 * XCLIENT (Postfix's XCLIENT_README): a front that is trusted says who its
 * client is, and the session begins again as if that had connected.
 */
#ifndef XCLIENT_H
#define XCLIENT_H

#include "../mail/reply.h"
#include "../session.h"

/* What EHLO announces, and the command knows. */
#define XCLIENT_KEYWORD                                                        \
	"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"

/* NULL: a session that has never offered it. */
struct xclient;

void xclient_free(struct xclient *x);

/* The command; see command.c. */
enum reply xclient_run(struct session *s, struct span arg);

#endif
