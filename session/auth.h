/*
 * AUTH (RFC 4954): the command, and the responses behind it, which are lines
 * but no commands.  With SESSION_AUTH_ASK the caller checks them; with
 * SESSION_AUTH_CLAIM this accepts anything as a claim.
 */
#ifndef AUTH_H
#define AUTH_H

#include "../mail/base64.h"
#include "../mail/reply.h"
#include "../session.h"

/* NULL: a session that knows no AUTH. */
struct auth;

struct auth *auth_new(const struct session_conf *conf);
void auth_free(struct auth *a);

/* What EHLO announces; NULL: nothing is offered here and now. */
const char *auth_offered(const struct auth *a);
/* Is the next line of the client a response?  NULL is fine. */
bool auth_is_reading(const struct auth *a);
/* Who the client claims to be, unchecked; "": it claims nothing. */
const char *auth_claimed(const struct auth *a);
bool auth_is_done(const struct auth *a);
/* Both are no more: the client is another one. */
void auth_forget(struct auth *a);

/* Takes octets from the input up to the end of a response. */
void auth_read(struct session *s);

/* The command; see command.c. */
enum reply auth_begin(struct session *s, struct span arg);

#endif
