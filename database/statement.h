/*
 * The SQL of the store: each statement is prepared when it is first wanted, and
 * kept.  Part of the store; nobody else includes this.
 */
#ifndef STATEMENT_H
#define STATEMENT_H

#include <stdint.h>

#include <sqlite3.h>

struct store;

enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_NEXT_ID,
	SQL_DATA_VERSION,
	SQL_INSERT_MESSAGE,
	SQL_INSERT_RECIPIENT,
	SQL_BEGIN_READ,
	SQL_POLICY_USED,
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
	SQL_QUOTA,
	SQL_RATES,
	SQL_RATES_RCPT,
	SQL_COUNT_RATE,
	SQL_BEGIN_RATE,
	SQL_PURGE_RATES,
	SQL_COUNT_MAILBOX,
	SQL_COUNT_MAILBOXES,
	SQL_COUNT_QUOTA,
	SQL_CANDIDATES,
	SQL_RECIPIENTS,
	SQL__COUNT
};

/*
 * The prepared statement, made when first wanted and kept until the close;
 * NULL: it cannot be made, see sqlite3_extended_errcode().
 */
sqlite3_stmt *statement_prepared(struct store *st, enum sql which);
/* Runs a statement that has no parameters; SQLITE_OK or the error. */
int statement_run(struct store *st, enum sql which);
/* The same, for the one integer that it answers. */
int statement_run_integer(struct store *st, enum sql which, int64_t *ret);

/* The number of the parameter of that name; 0: there is none. */
int statement_parameter(sqlite3_stmt *q, const char *name);
/* Bind the parameter of that name; `text` is borrowed.  SQLITE_OK or the error. */
int statement_bind_text(sqlite3_stmt *q, const char *name, const char *text);
int statement_bind_integer(sqlite3_stmt *q, const char *name, int64_t n);

/* Before the database is closed. */
void statement_finalize_all(struct store *st);

#endif
