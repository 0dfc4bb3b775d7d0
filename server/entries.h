/*
 * The log entries of one session; each begins with the client.  smtpd(8) lists
 * their fields, log.c has their names.
 */
#ifndef ENTRIES_H
#define ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/envelope.h"
#include "../mail/peer.h"
#include "../session.h"

/* All zero to begin with, but for the peer, which is borrowed. */
struct entries {
	const struct peer *peer;
	unsigned refused, deferred; /* so many so far */
	/* The listener logs for all what is refused from here on. */
	bool is_crowded;
	/* Rows whose 250 is not yet sent: how many, and the last one. */
	unsigned unanswered;
	int64_t unanswered_id;
};

/*
 * A mail became row `id`; `again`: it was that row before (--dedupe).  `filter`
 * changed it or put it aside; NULL: none did.
 */
void entry_stored(struct entries *s, const struct envelope *e, int64_t id,
    bool again, const char *filter);
/*
 * The replies so far were sent; or could not be, for the client is gone.  Rows
 * whose 250 was lost with it stay; the client may send their mails again.
 */
void entry_sent(struct entries *s);
void entry_unsent(const struct entries *s);
/* A command or a mail that was refused; NULL where nothing is known. */
struct entry_refusal {
	struct span reply, command;
	const char *cause;   /* trouble of ours; else the client is at fault */
	const char *filter;  /* that decided so */
	const char *account; /* that the client tried to be, by AUTH; or "" */
};
/*
 * Only the first of each kind have an entry; how many more there were is told
 * at the end.
 */
void entry_refused(struct entries *s, const struct entry_refusal *r);
/* The client has proved to be the account. */
void entry_authenticated(
    const struct entries *s, const char *mechanism, const char *account);
/* The client went away in the middle of a mail. */
void entry_abandoned(const struct entries *s, const struct envelope *e);
void entry_ended(const struct entries *s, struct session_counts n);

#endif
