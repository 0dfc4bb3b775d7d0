/*
 * The session's side of smtpd-tls (tls/), which stands between it and a client
 * that has begun TLS.
 */
#ifndef SECURE_H
#define SECURE_H

#include "../mail/facts.h"
#include "../mail/peer.h"
#include "connection.h"
#include "options.h"

/*
 * Has the client shake hands with smtpd-tls, at the other end of `*link`, which
 * is closed and set to -1.  From then on the connection is what the client says inside TLS,
 * and `*ret` has what was negotiated.  False: it is of no use any more; smtpd-tls
 * has logged why.
 */
bool secure_connection(struct connection *c, int *link, struct facts *ret);

/*
 * For a session of its own, before it is confined: a socket to a smtpd-tls that
 * is started when it is asked; -1: there will be none.  `conf` gets what the
 * session is to know of TLS.
 *
 * Where a program that has TLS already passes the clear text on (smtpd-tls(8),
 * sslserver), SSL_PROTOCOL, SSL_CIPHER and SSL_CLIENT_S_DN say what it is.
 */
int secure_prepare(const struct options *o, const struct connection *c,
    const struct peer *peer, struct session_conf *conf, struct facts *ret);

#endif
