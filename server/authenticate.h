/*
 * The session's side of smtpd-auth (auth/), which checks who its client is.
 */
#ifndef AUTHENTICATE_H
#define AUTHENTICATE_H

#include "../mail/auth.h"
#include "../mail/facts.h"
#include "../mail/peer.h"
#include "../session.h"
#include "connection.h"
#include "options.h"
#include "record.h"

struct authenticator {
	int link; /* to smtpd-auth; -1: there is none */
	const struct options *options;
	const struct peer *peer;
	struct facts *facts;   /* the account is added to these */
	struct record *record; /* NULL: there is none */
	char mechanism[AUTH_MECHANISM_MAX + 1];
	char tried[FACT_SIZE]; /* whom the last AUTH was refused to be; or "" */
};

/*
 * For a session of its own, before it is confined: a socket to a smtpd-auth
 * that is started when it is asked; -1: there will be none.
 */
int authenticate_prepare(const struct options *o, const struct peer *peer);

/*
 * Has the session offer what may be said here and now: passwords only inside
 * TLS or on this machine, unless --auth-insecure; to be called again when TLS
 * has begun.
 */
void authenticate_offer(const struct authenticator *a, struct session *s);

/* Carries out SESSION_AUTHENTICATE, and logs whom the client proved to be. */
void authenticate(
    struct authenticator *a, struct session *s, struct connection *c);

#endif
