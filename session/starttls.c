/*
 * What comes behind STARTTLS in clear text may be from whoever could write to
 * the plain connection, so it is thrown away: here what has been read, and by
 * the handshake what has not, since that is no TLS.
 */
#include "starttls.h"

#include "auth.h"
#include "machine.h"

bool
starttls_is_inside(const struct session *s)
{
	return s->conf->in_tls || s->secured;
}

bool
starttls_is_offered(const struct session *s)
{
	return s->conf->starttls && !starttls_is_inside(s) &&
	       !(s->auth && auth_is_done(s->auth));
}

enum reply
starttls_run(struct session *s, struct span arg)
{
	(void)arg;
	if (!starttls_is_offered(s))
		return REPLY_BAD_SEQUENCE;
	s->in.len = 0;
	s->tls_due = true;
	return REPLY_START_TLS;
}

void
session_secured(struct session *s)
{
	s->tls_due = false;
	s->secured = true;
	s->line_len = 0;
	s->last = 0;
	transaction_forget(&s->mail);
}
