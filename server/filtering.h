/*
 * What a session does with filters.h: where its answers, its mail and its log
 * entries meet them.  All functions but filtering_open() are for a session that
 * has filters.
 */
#ifndef FILTERING_H
#define FILTERING_H

#include <stdbool.h>

#include "../filters.h"
#include "../session.h"
#include "../store.h"
#include "options.h"

/* What it works with, lent by the caller for the session. */
struct filtering {
	struct filters *filters; /* NULL: there are none */
	const struct options *options;
	const struct peer *peer;
	const struct facts *facts;
	struct session *session;
	struct store *store;
	const struct header *header; /* of the mail begun */
	struct answer *answer;       /* to the last question, or room for one */
};

/* Connects to what the options name.  False: no memory. */
bool filtering_open(struct filtering *f);

/*
 * Asks about the session's question, which the rows have answered; that may
 * become a refusal.
 */
void filtering_ask(struct filtering *f);

/*
 * The end of the mail.  True: it is to be stored, and `mail` says what filters
 * have done to it.  False: the session has refused it.
 */
bool filtering_conclude(struct filtering *f, struct store_mail *mail);

/* As filters_decider(), also without filters. */
const char *filtering_decider(struct filtering *f);

#endif
