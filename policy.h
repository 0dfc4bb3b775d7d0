/*
 * What the rows of the tables domain, mailbox, alias, quota, sender_rule,
 * client_rule and rate_limit say (schema.sql): who may send, where a recipient
 * goes, and what a refusal says.  Each question reads the rows anew, so a
 * change counts from the next question on.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/envelope.h"
#include "mail/question.h"

struct database;
struct policy;

/*
 * What the rows of this database say to one client; it must outlive the policy.
 * NULL: no memory.
 */
struct policy *policy_new(struct database *db);
/*
 * The same for another client at the same time.  It shares with `first`, which
 * must outlive it, what policy_refresh() and policy_begin() end.
 */
struct policy *policy_beside(struct policy *first);
/* Moves it beside another `first`, in whose database it counts from then on. */
void policy_move_beside(struct policy *p, struct policy *first);
void policy_free(struct policy *p);

/* Who asks, and when. */
struct policy_asker {
	const char *hostname; /* the domain of an address without one */
	const char *client_address;
	int64_t now;         /* seconds since 1970 */
	const char *account; /* proved by AUTH; NULL or "": none */
	bool auth_required;  /* nobody else may send */
};

/*
 * Answers the question.  The answer's verdict is VERDICT_OK if the rows
 * decided; anything else is trouble of ours, and database_error() has the cause.
 */
void policy_ask(struct policy *p, const struct policy_asker *asker,
    const struct question *q, struct answer *ret);

/*
 * To be called once per read of a client's commands (RFC 2920).  The questions
 * of that group share one look at which tables have rows; RCPT trusts a look
 * that found none at MAIL in any group.  If one question finds the database
 * locked for too long, the others of the group are VERDICT_BUSY at once.
 */
void policy_refresh(struct policy *p);
/* Had none of the tables a row at the last MAIL? */
bool policy_is_open(const struct policy *p);

/*
 * Counting.  policy_begin() is called when a transaction begins that stores
 * mails; in it, policy_look() before and policy_count() after each mail.  These
 * return DATABASE_OK (0) or the error.
 */
struct policy_mail {
	const struct envelope *envelope;
	const char *client_address;
	int64_t received_at; /* microseconds since 1970 */
	int64_t id;          /* the row */
};

void policy_begin(struct policy *p);
int policy_look(struct policy *p);
/*
 * Counts for mailboxes, for the quota, and for the rates of clients that were
 * asked about.
 */
int policy_count(struct policy *p, const struct policy_mail *m);

#endif
