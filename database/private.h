/*
 * What the modules of database/ share.  Each uses only those before it: error.c,
 * lockfile.c, statement.c, shorthand.c, blob.c, vfs.c, index.c, beside.c;
 * heal.c; wal.c; version.c; open.c; transaction.c, checkpoint.c, copy.c;
 * about.c.
 */
#ifndef DATABASE_PRIVATE_H
#define DATABASE_PRIVATE_H

#include <sys/stat.h>

#include <limits.h>

#include <sqlite3.h>

#include "../database.h"

enum {
	DATABASE_ERROR_MAX = 512,
	/* At rest or taken: three times what a session uses. */
	STATEMENTS_MAX = 64,
};

struct statement {
	sqlite3_stmt *q; /* NULL: none, or it could not be made */
	size_t len;      /* of its text */
	int rc;          /* the first error since it was taken */
	int parameter;   /* the one bound last */
	bool taken;
	unsigned long last_use;
};

struct database {
	const char *path;
	int wait_ms;
	char folder[PATH_MAX];  /* of the file itself, links resolved; or "" */
	sqlite3 *sqlite;        /* NULL: not open */
	sqlite3 *guard;         /* see checkpoint.c; NULL: not open */
	int lock;               /* the lock file; -1: not open */
	bool is_for_reading;    /* see copy.c */
	bool is_frozen;         /* and nobody has it open */
	struct stat frozen;     /* the file then */
	int64_t times_followed; /* that this was over, and it was opened anew */
	bool is_beside;         /* as database_new_to_read() says */
	bool is_inside;         /* the write lock is ours */
	bool was_marked;        /* when we came in, and is not healed */
	int wal_pages;          /* in the WAL after our last commit */
	int copied_pages;       /* in it at our last checkpoint */
	int64_t copied_version; /* PRAGMA data_version then */
	struct statement statements[STATEMENTS_MAX];
	unsigned long uses; /* of statements */
	char error[DATABASE_ERROR_MAX];
};

/* error.c */

/* As database_fail_code(), for another connection. */
enum verdict error_on(
    struct database *db, sqlite3 *sqlite, const char *what, int rc);
/*
 * What SQLite has open, by SQLITE_FCNTL_FILE_POINTER (the database) or
 * SQLITE_FCNTL_JOURNAL_POINTER (its WAL); NULL: it has not.
 */
sqlite3_file *error_file(sqlite3 *sqlite, int which);

/* statement.c */

/* Runs statements that are needed once, without keeping them. */
int statement_exec(struct database *db, const char *sql);
/*
 * To be called before the database is closed.  Statements that are taken fail
 * from then on.
 */
void statement_drop_all(struct database *db);

/* vfs.c */

/*
 * The VFS of connections that write, which gathers what SQLite writes piece by
 * piece; made over SQLite's default when it is first asked for.  NULL, which
 * means that default to SQLite: there is no memory for it.
 */
const char *vfs_name(void);

/* beside.c */

/*
 * Checks what stands where SQLite has its files, as database_open_beside()
 * does.
 */
enum verdict beside_check(struct database *db);
/* And the database itself, which may be a folder, or a device. */
enum verdict beside_check_file(struct database *db, const struct stat *is);

/* heal.c */

/* Heals the WAL and what counts as copied of it, under the write lock. */
enum verdict heal_wal(struct database *db);

/* wal.c */

/* To be called before the first database is opened. */
void wal_watch(void);
/*
 * Take the write lock, and leave it.  wal_enter() heals if it finds the mark;
 * wal_enter_raw() does not, for a database that is being made or closed.
 */
enum verdict wal_enter(struct database *db);
enum verdict wal_enter_raw(struct database *db, int wait_ms);
void wal_leave(struct database *db);
/*
 * Stand around all that may sync: they set the mark, and clear it unless a sync
 * failed.  Any verdict but VERDICT_OK: the mark could not be set.
 */
enum verdict wal_begin_sync(struct database *db);
void wal_end_sync(struct database *db);

/* copy.c */

/* Opens a frozen database anew if somebody has changed it or has it open. */
enum verdict copy_follow(struct database *db);

/* version.c */

/*
 * Is it ours, and of which version?  0: it has no content.
 */
enum verdict version_read(struct database *db, int64_t *ret_version);
bool version_is_present(int64_t version);
/* Makes the tables, or updates them, under the write lock. */
enum verdict version_make(struct database *db);

#endif
