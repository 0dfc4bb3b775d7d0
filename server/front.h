/*
 * What stands between a session and its client: a connection, and perhaps a
 * proxy that says whose connection it hands on.
 */
#ifndef FRONT_H
#define FRONT_H

#include "context.h"

/*
 * If the peer is a proxy: reads the header that it begins with, puts its client
 * in the place of the peer, and tells the store.  Offers XCLIENT to a peer that
 * may use it.  False: there is no header; the peer was told and the log has it,
 * unless the peer left without a word.
 */
bool front_learn_client(struct context *c);

/*
 * Does the same with what XCLIENT or XFORWARD said, and answers the session.
 * The new client decides whether another XCLIENT is allowed, as it does in the
 * writer.
 */
void front_take_client(struct context *c);

/* Ends the session, for its connection has nothing more to read. */
void front_lose_client(struct context *c, enum connection_result why);

#endif
