/*
 * What the rows of the tables domain, mailbox, alias, quota, sender_rule,
 * client_rule and rate_limit say (schema.sql): who may send, where a recipient
 * goes, and what is answered if it may not be.  Read at each question, so that a
 * change counts from the next one on.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#include "mail/question.h"
#include "store.h"

/* Who asks, and when. */
struct policy_asker {
	const char *hostname; /* the domain of an address without one */
	const char *client_address;
	int64_t now; /* seconds since 1970 */
};

/*
 * Answers the question.  The verdict in the answer is VERDICT_OK when the rows
 * have decided; anything else is trouble of ours, store_error() has the cause.
 */
void policy_ask(struct store *st, const struct policy_asker *asker,
    const struct question *q, struct answer *ret);

/*
 * To be called before the questions of commands that have just come.  Which of
 * the tables have rows at all is looked up once for each of their bursts; only
 * where none had any at MAIL, RCPT believes that.  And after one question that
 * found the database locked for too long, the others of the burst are
 * VERDICT_BUSY at once.
 */
void policy_refresh(struct store *st);

#endif
