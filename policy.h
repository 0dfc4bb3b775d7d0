/*
 * What the rows of the tables domain, mailbox, alias, quota, sender_rule,
 * client_rule and rate_limit say (schema.sql): who may send, where a recipient
 * goes, and what is answered if it may not be.  Read at each question, so that a
 * change counts from the next one on.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/span.h"
#include "store.h"

enum {
	/* Mailboxes that one recipient can go to. */
	POLICY_MAILBOXES_MAX = 100,
	/* A local part of 64 octets, "@", a domain of 255, and NUL. */
	POLICY_ADDRESS_SIZE = 321,
	POLICY_TEXT_SIZE = 420,
};

struct policy_query {
	const char *hostname; /* the domain of an address without one */
	const char *client_address;
	/*
	 * The reverse-path of the mail; or the recipient; or what VRFY or EXPN
	 * ask for, in or without angle brackets.
	 */
	struct span address;
	struct span sender;   /* the reverse-path, for a recipient */
	uint64_t size;        /* SIZE= of the mail, in octets; 0: not given */
	unsigned nrecipients; /* the mail has already */
	int64_t now;          /* seconds since 1970 */
	bool utf8;            /* the reply may hold UTF-8 (RFC 6531 s. 3.3) */
};

struct policy_answer {
	/* 0: nothing against it, and nothing to say but the usual. */
	int code;
	char enhanced[12];
	char text[POLICY_TEXT_SIZE]; /* one line, printable */
	/* Where a recipient or a list goes; none: as asked. */
	char mailbox[POLICY_MAILBOXES_MAX][POLICY_ADDRESS_SIZE];
	unsigned nmailboxes;
	/* The row that decided: its table ("": none), and its key. */
	const char *table;
	char key[POLICY_ADDRESS_SIZE];
};

/*
 * May this client send from this reverse-path?  VERDICT_OK when `*ret` says it;
 * anything else is trouble of ours, store_error() has the cause.
 */
enum verdict policy_mail(
    struct store *st, const struct policy_query *q, struct policy_answer *ret);
/* May this be a recipient, and where does it go? */
enum verdict policy_rcpt(
    struct store *st, const struct policy_query *q, struct policy_answer *ret);
/* What VRFY is told; code 0: it cannot be verified. */
enum verdict policy_vrfy(
    struct store *st, const struct policy_query *q, struct policy_answer *ret);
/* What EXPN is told: a refusal, or code 0 and the list's mailboxes. */
enum verdict policy_expn(
    struct store *st, const struct policy_query *q, struct policy_answer *ret);

/* "<mailbox>", or what may be said in its place; lent until the next call. */
const char *policy_shown(const char *mailbox, bool utf8);

/*
 * To be called before the questions of commands that have just come.  Which of
 * the tables have rows at all is looked up once for each of their bursts; only
 * where none had any at MAIL, RCPT believes that.  And after one question that
 * found the database locked for too long, the others of the burst are
 * VERDICT_BUSY at once.
 */
void policy_refresh(struct store *st);

#endif
