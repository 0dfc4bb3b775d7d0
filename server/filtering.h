/*
 * What a session does with filters.h: where its answers, its mail and its log
 * entries meet them.  All functions but filtering_open() are for a session that
 * has filters.
 */
#ifndef FILTERING_H
#define FILTERING_H

#include "../filters.h"
#include "context.h"

/* Connects to what the options name.  False: no memory. */
bool filtering_open(struct context *c);

/*
 * Asks about the session's question, which the rows have answered; that may
 * become a refusal.
 */
void filtering_ask(struct context *c);

/*
 * The end of the mail.  True: it is to be stored, and `mail` says what filters
 * have done to it.  False: the session has refused it.
 */
bool filtering_conclude(struct context *c, struct store_mail *mail);

/* As filters_decider(), also without filters. */
const char *filtering_decider(struct context *c);

#endif
