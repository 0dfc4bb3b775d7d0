/*
 * The session's side of smtpd-tls (tls/), which stands between it and a client
 * that has begun TLS.
 */
#ifndef SECURE_H
#define SECURE_H

#include "context.h"

/*
 * Has the client shake hands with smtpd-tls, and closes the socket to it.  From
 * then on the connection is what the client says inside TLS, and the facts have
 * what was negotiated.  False: the connection is of no use any more; smtpd-tls
 * has logged why.
 */
bool secure_connection(struct context *c);

/*
 * For a session of its own, before it is confined: makes the socket to a
 * smtpd-tls that is started when it is asked.  `conf` gets what the session is
 * to know of TLS.
 *
 * Where a program that has TLS already passes the clear text on (smtpd-tls(8),
 * sslserver), SSL_PROTOCOL, SSL_CIPHER and SSL_CLIENT_S_DN say what it is.
 */
void secure_prepare(struct context *c, struct session_conf *conf);

#endif
