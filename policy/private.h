/*
 * What the files of the policy share: policy.c puts a question to those that
 * decide it (client.c, sender.c, quota.c, rate.c, recipient.c, name.c), count.c
 * counts what was stored, use.c says which tables have rows, lookup.c looks into
 * them.  Nobody else includes this, but for store.c, which counts.
 */
#ifndef POLICY_PRIVATE_H
#define POLICY_PRIVATE_H

#include "../database/store_private.h"
#include "../mail/ip.h"
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

/*
 * Statements run one after the other on one database.  The first error is kept
 * in `rc`, and from then on nothing is found, so only who began looks at it.
 */
struct lookup {
	struct store *st;
	int rc; /* SQLITE_OK, or the first error */
};

/* The statement, to be ended; NULL: an error. */
sqlite3_stmt *lookup_begin(struct lookup *l, enum sql which);
/* Bind the parameter of that name.  `text` is borrowed until the end. */
void lookup_bind(
    struct lookup *l, sqlite3_stmt *s, const char *name, struct span text);
void lookup_bind_integer(
    struct lookup *l, sqlite3_stmt *s, const char *name, int64_t n);
/* Is there another row? */
bool lookup_step(struct lookup *l, sqlite3_stmt *s);
/* NULL is fine. */
void lookup_end(struct lookup *l, sqlite3_stmt *s);
/* Runs a statement that answers no rows, and ends it. */
void lookup_run(struct lookup *l, sqlite3_stmt *s);
/* The statement at its first row for this key; NULL: there is none. */
sqlite3_stmt *lookup_find(struct lookup *l, enum sql which, const char *key);
/* The text in this column of the row; "" for NULL. */
const char *lookup_text(sqlite3_stmt *row, int column);

/* One question, while it is being decided. */
struct decision {
	struct lookup lookup;
	const struct policy_asker *asker;
	const struct question *q;
	struct answer *answer;
};

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
    char ret[ANSWER_ADDRESS_SIZE]);

/*
 * The parts of a decision.  Each writes its refusal, and the row that it is of,
 * into the answer.
 */
void policy_decide_client(struct decision *d);
void policy_decide_sender(struct decision *d);
void policy_decide_quota(struct decision *d);
void policy_decide_rates(struct decision *d);
void policy_decide_recipient(struct decision *d, struct span address);
void policy_decide_vrfy(struct decision *d);
void policy_decide_expn(struct decision *d);

/*
 * Does a rule of this key decide, either way?  `which` finds it, and has key,
 * whether it allows, code, enhanced code and text in its columns.
 */
bool policy_try_rule(
    struct decision *d, enum sql which, const char *table, const char *key);
/* Would `more` be over the limit in this column, of which the next is used? */
bool policy_exceeds(sqlite3_stmt *row, int column, uint64_t more);
/* Does a mail of this size fit on the disk?  Nobody's word that it will. */
enum verdict policy_check_disk(struct store *st, uint64_t size);
/* Is there any domain?  Else everybody is taken. */
bool policy_is_selective(struct lookup *l);

/* What a client's mails are counted by. */
void policy_write_client(const char *address, char ret[IP_TEXT_SIZE]);
/* By what rate_limit limits: "client", "sender", "total". */
enum {
	POLICY_NSCOPES = 3,
};
extern const char *const policy_scopes[POLICY_NSCOPES];

/* Which tables are used (enum policy_use); SQLITE_OK or the error. */
int policy_read_use(struct store *st, int *ret_used);
/* The same in a transaction that is to write a mail, before it does. */
int policy_look(struct store *st, int *ret_used);
/*
 * Counts the mail that has become row `id`, in its transaction: for mailboxes,
 * the database's quota, and the rates of clients that were asked about.
 * SQLITE_OK or the error.
 */
int policy_count(
    struct store *st, const struct store_mail *m, int64_t id, int used);

#endif
