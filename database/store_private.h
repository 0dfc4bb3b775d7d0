/*
 * What the modules of the store share: store.c (how a mail becomes a row),
 * database.c (the connection, and errors), statement.c, migrate.c, dedupe.c,
 * policy*.c, sync.c and wal.c.  Of the others only reader/archive*.c, smtpdb's
 * way to the same rows, includes this.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <limits.h>
#include <stdbool.h>

#include <sqlite3.h>

#include "../store.h"
#include "statement.h"
#include "synced.h"
#include "turnstile.h"

enum {
	STORE_ERROR_MAX = 512,
};

struct store {
	const struct store_conf *conf;
	char folder[PATH_MAX]; /* of the file itself, links resolved */
	sqlite3 *db;           /* NULL: not open */
	sqlite3 *guard;        /* see database_begin_guard(); NULL: not open */
	int turnstile;
	struct synced *synced; /* NULL: cannot be shared */
	sqlite3_file *log;     /* our own descriptor of it (sync.c) */
	uint32_t log_file;     /* see struct log_end */
	struct log_end end;    /* of what is to be synced, if `has_end` */
	bool has_end;
	sqlite3_stmt *stmts[SQL__COUNT];
	int log_pages;                /* in the log after our last commit */
	int checkpointed_pages;       /* in it at our last checkpoint */
	int64_t checkpointed_version; /* PRAGMA data_version then */
	bool was_big;       /* the last commit took its mail from a file */
	bool was_known;     /* the last commit found its row (dedupe.c) */
	bool policy_asked;  /* so the mails of this client are counted */
	bool policy_busy;   /* a question of this burst has waited in vain */
	bool policy_looked; /* policy_used is of this burst */
	int policy_limited; /* scopes with a rate_limit, at the last MAIL */
	int policy_used;    /* see policy_private.h; -1: not yet known */
	struct spool *spool;
	enum verdict spooled;      /* trouble while appending */
	bool is_ahead;             /* see store_open_ahead() */
	bool poisoned;             /* the log may have holes, marked or not */
	bool is_in[SYNCED__COUNT]; /* between wal_begin() and wal_end() */
	char error[STORE_ERROR_MAX];
};

/*
 * Fills in `folder`.  A link's database, its log and its lock are where the
 * link leads.
 */
enum verdict database_find_folder(struct store *st);

/* Opens, makes or migrates the database and sets the connection up. */
enum verdict database_open(struct store *st);
/* Closes it; nothing happens where it is not open. */
void database_close(struct store *st);

/*
 * Is there room on the disk to lead a database of version 1 on?  Trying it
 * without would fill the disk, for each client anew.
 */
enum verdict migrate_check_room(struct store *st);
/*
 * Leads a database of version 1 to `schema`, that of version 2, within the
 * transaction begun.  SQLITE_OK or the error.
 */
int migrate_from_1(sqlite3 *db, const char *schema);

/*
 * Looks for the row that the mail begun was made before; 0: there is none.
 * SQLITE_OK or the error.
 */
int dedupe_find(struct store *st, const struct store_mail *m, int64_t next_id,
    int64_t *ret);

/* Passes the turnstile; leave with wal_leave().  See wal_enter(). */
enum verdict database_enter(struct store *st);

/*
 * Keeps everybody from committing, foreign writers included, while this
 * connection checkpoints: a second connection holds the write lock, which the
 * first one must not.
 */
enum verdict database_begin_guard(struct store *st);
void database_end_guard(struct store *st);

/*
 * What SQLite has open, by SQLITE_FCNTL_FILE_POINTER (the database) or
 * SQLITE_FCNTL_JOURNAL_POINTER (its log); NULL: it has not.
 */
sqlite3_file *database_file(sqlite3 *db, int which);
/* Syncs what was written to it; a NULL has failed.  SQLITE_OK or the error. */
int database_sync_file(sqlite3_file *file);

/* Each keeps the cause for store_error() and returns the result. */
__attribute__((format(printf, 3, 4))) enum verdict database_fail(
    struct store *st, enum verdict result, const char *format, ...);
/* `what` was tried, `error` is its errno. */
enum verdict database_fail_errno(struct store *st, const char *what, int error);
/* `what` was tried, `rc` is what SQLite's last call on it returned. */
enum verdict database_fail_sqlite(struct store *st, const char *what, int rc);

#endif
