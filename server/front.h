/*
 * What stands between a session and its client: a connection, and perhaps a
 * proxy that says whose connection it hands on.
 */
#ifndef FRONT_H
#define FRONT_H

#include "../mail/facts.h"
#include "../mail/peer.h"
#include "../session.h"
#include "../store.h"
#include "connection.h"
#include "options.h"

/* What a session is told when its connection has nothing more to read. */
enum session_end front_end_of(enum connection_result why);

struct front {
	const struct options *options; /* its lists, and the host name */
	struct connection *connection;
	struct store *store;
	struct session *session;
	struct facts *facts;
	struct peer *peer;   /* who has connected, and then the client */
	struct peer speaker; /* the same, or who forwards the client's mails */
};

/*
 * If the peer is a proxy, reads the header that it begins with, puts its client
 * in the place of the peer, and tells the store.  XCLIENT is offered to who may
 * use it.  False: there is no header; the peer was told, and the log, unless it
 * is gone without a word.
 */
bool front_learn_client(struct front *f);

/*
 * Does the same with what XCLIENT or XFORWARD said, and answers the session.
 * Whether it may say so again is decided by the new client, as it is in the
 * writer.
 */
void front_take_client(struct front *f);

#endif
