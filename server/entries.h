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

/*
 * A mail became row `id`; `again`: it was that row before (--dedupe).  `filter`
 * changed it or put it aside; NULL: none did.
 */
void entry_stored(const struct peer *peer, const struct envelope *e, int64_t id,
    bool again, const char *filter);
/* So many a session has had, from 0; private to entries.c but for its size. */
struct entry_refusals {
	unsigned refused, deferred;
};
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
void entry_refused(const struct peer *peer, struct entry_refusals *n,
    const struct entry_refusal *r);
/* The client has proved to be the account. */
void entry_authenticated(
    const struct peer *peer, const char *mechanism, const char *account);
/* The client went away in the middle of a mail. */
void entry_abandoned(const struct peer *peer, const struct envelope *e);
/*
 * The client was gone before the 250 of so many messages.  Their rows stay; the
 * client may send them again.
 */
void entry_unanswered(
    const struct peer *peer, int64_t last_id, unsigned messages);
void entry_ended(const struct peer *peer, const struct entry_refusals *refusals,
    struct session_counts n);

#endif
