/*
 * What the modules of archive.h share.
 */
#ifndef ARCHIVE_PRIVATE_H
#define ARCHIVE_PRIVATE_H

#include "../archive.h"
#include "../database.h"
#include "../store.h"

struct archive {
	const struct archive_conf *conf;
	struct store_conf store_conf;
	struct store *store;
	struct database *db; /* of the store */
	bool as_sent;        /* archive_read() follows no filter */
	enum verdict result;
};

/* Each keeps the cause and returns -1. */
int archive_fail(struct archive *a, const char *what, int rc);
int archive_fail_result(struct archive *a, enum verdict result);

/* Runs to the end.  Returns 0 or -1. */
int archive_run(struct archive *a, struct statement *s, const char *what);
/* The same for one integer; 0 for NULL or no row. */
int archive_run_integer(
    struct archive *a, struct statement *s, const char *what, int64_t *ret);

/* A copy of the column; NULL for NULL, or without memory. */
char *archive_column(struct statement *s, int column);
/* Moves `*after_id` on to the next id of a list; -1: it is not greater. */
int archive_move_on(struct archive *a, int64_t *after_id, int64_t id);

/* Does the mail match the filter, whose words are ignored?  1, 0 or -1. */
int archive_matches(
    struct archive *a, const struct archive_filter *f, int64_t id);

/*
 * Reads a field from the mail where the column may hold less of it; to be
 * freed.  NULL: the column is all that there is, or reading failed.
 */
char *archive_field(
    struct archive *a, int64_t id, const char *column, const char *name);

/* Applies what filters say of a mail (filter_change) to it; 0 or -1. */
int archive_follow(struct archive *a, struct archive_mail *m);

/*
 * Begins a transaction that writes.  Returns 0 or -1.  Nothing may wait before
 * archive_end(): sessions wait for the write lock.
 */
int archive_begin(struct archive *a);
/* Commits when `so_far` is not negative.  Returns it, or -1. */
int archive_end(struct archive *a, int so_far);

#endif
