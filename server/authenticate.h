/*
 * The session's side of smtpd-auth (auth/), which checks who its client is.
 */
#ifndef AUTHENTICATE_H
#define AUTHENTICATE_H

#include "context.h"

/*
 * For a session of its own, before it is confined: makes the socket to a
 * smtpd-auth that is started when it is asked.
 */
void authenticate_prepare(struct context *c);

/*
 * Has the session offer what may be said here and now: passwords only inside
 * TLS or on this machine, unless --auth-insecure; to be called again when TLS
 * has begun.
 */
void authenticate_offer(const struct context *c);

/*
 * Carries out SESSION_AUTHENTICATE, adds whom the client proved to be to its
 * facts, and logs that.
 */
void authenticate(struct context *c);

#endif
