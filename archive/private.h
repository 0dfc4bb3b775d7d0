/*
 * What the modules of archive.h and their like share: the store below, and
 * statements that are made, run and dropped.  Nobody else includes this.
 */
#ifndef READER_ARCHIVE_PRIVATE_H
#define READER_ARCHIVE_PRIVATE_H

#include <sqlite3.h>

#include "../archive.h"
#include "../database/store_private.h"

enum {
	ARCHIVE_KEPT = 8,
};

struct archive {
	const struct archive_conf *conf;
	struct store_conf store_conf;
	struct store *store;
	enum verdict result;
	/*
	 * Statements at rest, to be used again: to make one costs as much as to
	 * read a mail.  The one that has rested longest goes first.
	 */
	sqlite3_stmt *kept[ARCHIVE_KEPT];
};

/* Each keeps the cause and returns -1. */
int archive_fail(struct archive *a, const char *what, int rc);
int archive_fail_result(struct archive *a, enum verdict result);

/* NULL when it cannot be made; the cause is kept. */
sqlite3_stmt *archive_prepare(struct archive *a, const char *sql);
/* Ends every statement of archive_prepare().  The code of its last step. */
int archive_finish(struct archive *a, sqlite3_stmt *q);
/* Drops those at rest: the store below may close the database. */
void archive_forget(struct archive *a);
/* Runs to the end.  Returns 0 or -1, and drops the statement. */
int archive_run(struct archive *a, sqlite3_stmt *q, const char *what);
/* The one integer that it answers (0 for none or NULL), and the same. */
int archive_run_integer(
    struct archive *a, sqlite3_stmt *q, const char *what, int64_t *ret);

/* Binds by name; a parameter that the statement lacks is no error. */
void archive_bind_text(sqlite3_stmt *q, const char *name, const char *text);
void archive_bind_integer(sqlite3_stmt *q, const char *name, int64_t n);

/* A copy of the column; NULL for NULL, or without memory. */
char *archive_column(sqlite3_stmt *q, int column);

/*
 * Makes SQL's field(id, column, name): the column, or the mail's field of that
 * name where the column says less.  Returns a code of SQLite.
 */
int archive_define_field(struct archive *a);

/*
 * A transaction that writes, within the turnstile.  Returns 0, or -1 when it
 * was not begun.  Nothing between the two may wait.
 */
int archive_begin(struct archive *a);
/* Commits when `so_far` is not negative.  Returns it, or -1. */
int archive_end(struct archive *a, int so_far);

#endif
