/*
 * What the files of the policy share.  policy.c puts a question to those that
 * decide it: client.c, sender.c, account.c, quota.c, rate.c, recipient.c and name.c.
 * count.c counts what was stored, use.c says which tables have rows, lookup.c
 * runs their statements, of which statement.c has the SQL.
 */
#ifndef POLICY_PRIVATE_H
#define POLICY_PRIVATE_H

#include "../database.h"
#include "../mail/ip.h"
#include "../policy.h"

/* Which tables are used (enum policy_use), as one look is for several. */
struct policy_looks {
	bool busy;    /* a question of this burst has waited in vain */
	bool looked;  /* `used` is of this burst */
	bool counted; /* `to_count` is of this transaction */
	int used;
	int to_count;
};

enum {
	POLICY_NSCOPES = 3, /* of rate_limit, for mails */
};

struct policy {
	struct database *db;
	struct policy_looks *looks, own;
	bool asked;  /* so the mails of this client are counted */
	int limited; /* scopes with a rate_limit, at the last MAIL */
	int64_t window_ends[POLICY_NSCOPES]; /* of those: 0, none is open */
	int used; /* at the last question; -1: there was none */
};

/* The tables that have or had rows, according to sqlite_sequence. */
enum policy_use {
	POLICY_DOMAINS = 1 << 0,
	POLICY_CLIENT_RULES = 1 << 1,
	POLICY_SENDER_RULES = 1 << 2,
	POLICY_RATES = 1 << 3,
	POLICY_QUOTA = 1 << 4,
	POLICY_MAILBOXES = 1 << 5,
	POLICY_ACCOUNTS = 1 << 6,
	POLICY_NOT_KNOWN = 1 << 7, /* somebody emptied sqlite_sequence, */
	POLICY_ALL = (1 << 8) - 1, /* so any table may have rows */
};

/* All SQL, in statement.c. */
enum policy_sql {
	SQL_DOMAIN_USED,
	SQL_DOMAIN,
	SQL_DOMAIN_CLOSED,
	SQL_MAILBOX,
	SQL_ALIAS,
	SQL_NAMES,
	SQL_LISTS,
	SQL_CLIENT_RULE,
	SQL_NETWORKS,
	SQL_SENDER_RULE,
	SQL_ACCOUNT_ADDRESSES,
	SQL_QUOTA,
	SQL_RATES,
	SQL_RATES_RCPT,
	SQL_COUNT_RATE,
	SQL_BEGIN_RATE,
	SQL_COUNT_MAILBOX,
	SQL_COUNT_MAILBOXES,
	SQL_COUNT_QUOTA,
	SQL_PURGE_RATES,
	SQL__COUNT
};

extern const char *const policy_sql[SQL__COUNT];

/*
 * Statements that run one after the other on one database.  `rc` keeps the
 * first error; from then on no row is found.  So only the caller who began
 * checks it, at the end.
 */
struct lookup {
	struct policy *policy;
	int rc; /* DATABASE_OK, or the first error */
};

/* Gets a statement, for lookup_end().  NULL: an error. */
struct statement *lookup_begin(struct lookup *l, enum policy_sql which);
/* Bind the parameter of that name.  `text` is borrowed until the end. */
void lookup_bind(struct statement *s, const char *name, struct span text);
void lookup_bind_integer(struct statement *s, const char *name, int64_t n);
/* Is there another row? */
bool lookup_step(struct statement *s);
/* NULL is fine. */
void lookup_end(struct lookup *l, struct statement *s);
/* Runs a statement that returns no rows, and ends it. */
void lookup_run(struct lookup *l, struct statement *s);
/* Finds the first row for this key, for lookup_end().  NULL: there is none. */
struct statement *lookup_find(
    struct lookup *l, enum policy_sql which, const char *key);
/* The text in this column of the row; "" for NULL. */
const char *lookup_text(struct statement *row, int column);

/* A question that is being decided. */
struct decision {
	struct lookup lookup;
	const struct policy_asker *asker;
	const struct question *q;
	struct answer *answer;
};

/* An address in the two parts that are looked up. */
struct policy_address {
	char local[256]; /* without quotes */
	size_t local_len;
	struct span domain; /* as given, or the host name if none was */
	bool has_domain;
};

/* False: no row can have this address. */
bool policy_read_address(
    struct span text, const char *hostname, struct policy_address *ret);
/* Writes "local@domain" as rows have it.  False: it is too long for one. */
bool policy_join(const char *local, size_t local_len, const char *domain,
    char ret[ANSWER_ADDRESS_SIZE]);

/*
 * The parts of a decision.  Each writes into the answer what it says and the
 * row that says it.
 */
void policy_decide_client(struct decision *d);
void policy_decide_sender(struct decision *d);
void policy_decide_account(struct decision *d);
void policy_decide_quota(struct decision *d);
void policy_decide_rates(struct decision *d);
void policy_decide_recipient(struct decision *d, struct span address);
void policy_decide_vrfy(struct decision *d);
void policy_decide_expn(struct decision *d);

/*
 * Does a rule with this key decide, either way?  The columns of `which` are
 * key, allow, code, enhanced, text and authenticated.
 */
bool policy_try_rule(struct decision *d, enum policy_sql which,
    const char *table, const char *key);
bool policy_is_authenticated(const struct policy_asker *asker);
/* Must the client authenticate first? */
bool policy_lacks_account(
    const struct policy_asker *asker, const struct question *q);
/*
 * Would `more` exceed the limit in this column?  The next column has what is
 * used.
 */
bool policy_exceeds(struct statement *row, int column, uint64_t more);
/* Does a mail of this size fit on the disk now?  No room is reserved. */
enum verdict policy_check_disk(struct policy *p, uint64_t size);
/* Is there any domain?  Without one, every recipient is accepted. */
bool policy_is_selective(struct lookup *l);

/* Writes the key that a client's mails are counted by. */
void policy_write_client(const char *address, char ret[IP_TEXT_SIZE]);
/* "client", "sender", "total". */
extern const char *const policy_scopes[POLICY_NSCOPES];

/* Looks up which tables are used (enum policy_use); DATABASE_OK or the error. */
int policy_read_use(struct policy *p, int *ret_used);

#endif
