/*
 * What policy.c (the questions), policy_rcpt.c (where a recipient goes),
 * policy_rate.c (how much may come) and policy_use.c (which tables are used)
 * share.  Nobody else includes this, but for store.c, which counts.
 */
#ifndef POLICY_PRIVATE_H
#define POLICY_PRIVATE_H

#include "../database/store_private.h"
#include "../mail/reply.h"
#include "../policy.h"

/* Tables that have or had rows, as the page of sqlite_sequence tells. */
enum policy_use {
	POLICY_DOMAINS = 1 << 0,
	POLICY_CLIENT_RULES = 1 << 1,
	POLICY_SENDER_RULES = 1 << 2,
	POLICY_RATES = 1 << 3,
	POLICY_QUOTA = 1 << 4,
	POLICY_MAILBOXES = 1 << 5,
	POLICY_NOT_KNOWN = 1 << 6, /* somebody has emptied that page, */
	POLICY_ALL = (1 << 7) - 1, /* and all are to be looked at */
};

/* Fills `ret`; `detail` is what the text has a place for, else "". */
void policy_say(struct policy_answer *ret, const struct policy_query *q,
    enum reply what, const char *detail);
/* Notes the row that decides. */
void policy_note(struct policy_answer *ret, const char *table, const char *key);

/*
 * Binds a text and takes a step: SQLITE_ROW, SQLITE_DONE or an error.  The
 * caller resets the statement.
 */
int policy_find(sqlite3_stmt *q, const char *key);

/* A local part and the names of its domain, ready to be looked up. */
struct policy_address {
	char local[256]; /* without quotes */
	size_t local_len;
	struct span domain; /* as given, or `hostname` if there was none */
	bool has_domain;
};

/* False: it is none that could be looked up. */
bool policy_read_address(
    struct span text, const char *hostname, struct policy_address *ret);
/* "local@domain" as rows have it; false: too long for one. */
bool policy_join(const char *local, size_t local_len, const char *domain,
    char ret[POLICY_ADDRESS_SIZE]);

/* Would `more` be over the limit in this column, of which the next is used? */
bool policy_exceeds(sqlite3_stmt *q, int column, uint64_t more);

/* The parts of the questions; SQLITE_OK or the error. */
/* Is there any domain?  Else everybody is taken. */
int policy_is_selective(struct store *st, bool *ret);
int policy_resolve(struct store *st, const struct policy_query *q,
    struct span address, struct policy_answer *ret);
/* At RCPT, `nrecipients` with this one; at MAIL 0. */
int policy_check_rates(struct store *st, const struct policy_query *q,
    struct span sender, unsigned nrecipients, struct policy_answer *ret);

/* Which tables are used (enum policy_use); SQLITE_OK or the error. */
int policy_read_use(struct store *st, int *ret_used);
/* The same in a transaction that is to write a mail, before it does. */
int policy_look(struct store *st, int *ret_used);
/*
 * Counts the mail that has become row `id`, in its transaction: for mailboxes,
 * the database's quota, and the rates of clients that were asked about.
 */
int policy_count(
    struct store *st, const struct store_mail *m, int64_t id, int used);

#endif
