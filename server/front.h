/*
 * What stands between a session and its client: a connection, and perhaps a
 * proxy that says whose connection it hands on.
 */
#ifndef FRONT_H
#define FRONT_H

#include "../mail/networks.h"
#include "../session.h"
#include "../store.h"
#include "connection.h"

/* What a session is told when its connection has nothing more to read. */
enum session_end front_end_of(enum connection_result why);

/*
 * If the peer is a proxy, reads the header that it begins with, puts its client
 * in the place of the peer, and tells the store.  False: there is none; the peer
 * was told, and the log, unless it is gone without a word.
 */
bool front_learn_client(const struct fronts *f, struct connection *c,
    struct store *st, const char *hostname, struct peer *peer);

#endif
