/*
 * What store.c (how a mail becomes a row) and database.c (the connection: open,
 * make, migrate; statements; errors) share.  Nobody else includes this.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <limits.h>
#include <stdbool.h>

#include <sqlite3.h>

#include "store.h"

enum {
	STORE_ERROR_MAX = 512,
};

enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_NEXT_ID,
	SQL_DATA_VERSION,
	SQL_INSERT_MESSAGE,
	SQL_INSERT_RECIPIENT,
	SQL__COUNT
};

struct store {
	const struct store_conf *conf;
	char folder[PATH_MAX]; /* of the file itself, links resolved */
	sqlite3 *db;           /* NULL: not open */
	sqlite3 *guard;        /* see database_begin_guard(); NULL: not open */
	int turnstile;
	sqlite3_stmt *stmts[SQL__COUNT];
	int log_pages;                /* in the log after our last commit */
	int checkpointed_pages;       /* in it at our last checkpoint */
	int64_t checkpointed_version; /* PRAGMA data_version then */
	struct spool *spool;
	enum store_result spooled; /* trouble while appending */
	bool poisoned;             /* the log may have holes, marked or not */
	char error[STORE_ERROR_MAX];
};

/*
 * Fills in `folder`.  A link's database, its log and its lock are where the
 * link leads.
 */
enum store_result database_find_folder(struct store *st);

/* Opens, makes or migrates the database and sets the connection up. */
enum store_result database_open(struct store *st);
/* Closes it; nothing happens where it is not open. */
void database_close(struct store *st);

/* Passes the turnstile; leave with turnstile_leave(). */
enum store_result database_enter(struct store *st);

/*
 * Keeps everybody from committing, foreign writers included, while this
 * connection checkpoints: a second connection holds the write lock, which the
 * first one must not.
 */
enum store_result database_begin_guard(struct store *st);
void database_end_guard(struct store *st);

/*
 * The prepared statement, made when first wanted and kept until the close;
 * NULL: it cannot be made, see sqlite3_extended_errcode().
 */
sqlite3_stmt *database_statement(struct store *st, enum sql which);
/* Runs a statement that has no parameters; SQLITE_OK or the error. */
int database_run(struct store *st, enum sql which);
/* The same, for the one integer that it answers. */
int database_run_integer(struct store *st, enum sql which, int64_t *ret);

/* Each keeps the cause for store_error() and returns the result. */
__attribute__((format(printf, 3, 4))) enum store_result database_fail(
    struct store *st, enum store_result result, const char *format, ...);
/* `what` was tried, `error` is its errno. */
enum store_result database_fail_errno(
    struct store *st, const char *what, int error);
/* `what` was tried, `rc` is what SQLite's last call on it returned. */
enum store_result database_fail_sqlite(
    struct store *st, const char *what, int rc);

#endif
