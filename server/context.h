/*
 * One client that is served: what smtpd.c and the modules of server/ that carry
 * out the events of its session all work with.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "../mail/auth.h"
#include "../mail/facts.h"
#include "../mail/header.h"
#include "../mail/peer.h"
#include "../mail/question.h"
#include "../policy.h"
#include "../session.h"
#include "../store.h"
#include "connection.h"
#include "entries.h"
#include "options.h"
#include "record.h"

struct context {
	const struct options *options;
	struct connection *connection;
	struct session *session;
	struct store *store;
	struct record *record;   /* NULL: none is kept */
	struct filters *filters; /* filters.h; NULL: there are none */

	struct peer peer;    /* who has connected, and then the client */
	struct peer speaker; /* the same, or who forwards the client's mails */
	struct facts facts;  /* of the client, beside its address */
	struct entries entries;

	/* Sockets to smtpd-tls and smtpd-auth; -1: there is none. */
	int tls, auth;
	char mechanism[AUTH_MECHANISM_MAX + 1]; /* of the last AUTH */
	char tried[FACT_SIZE]; /* whom it was refused to be; "": nobody */

	struct header header;  /* of the mail begun */
	struct answer *answer; /* to the last question, or room for one */
};

/* Who asks the rows now: the client, by what is known of it. */
struct policy_asker context_asker(const struct context *c);

#endif
