/*
 * The archive as pages and APIs see it: lists with the newest first, search,
 * what was read, and how much there is without counting it each time.
 */
#ifndef WEB_MAILS_H
#define WEB_MAILS_H

#include <stdbool.h>
#include <stdint.h>

#include "../archive.h"
#include "letter.h"

enum {
	MAILS_FOUND_MAX =
	    1000,           /* by a search: the newest of those that match */
	MAILS_BRIEFS = 512, /* briefs that are remembered */
	MAILS_CONSUMER_MAX = 80,
};

struct mails {
	const char *path;
	bool read_only;
	struct archive_conf conf;
	struct archive *archive;
	struct search *index; /* NULL: not opened yet */
	/* What was counted, and what the archive was then. */
	int64_t version, last_id, count, counted_up_to;
	int64_t cost_us;     /* of counting */
	int64_t count_at_ms; /* the next count, not before that */
	bool is_count_old;
	/* How many mails `done_by` has read, and after how many changes. */
	int64_t changes, done, done_at;
	char done_by[MAILS_CONSUMER_MAX];
	struct brief briefs[MAILS_BRIEFS];
};

/* 0, or -1: mails_error() says why. */
int mails_open(struct mails *m, const char *path, bool read_only);
void mails_close(struct mails *m);
const char *mails_error(const struct mails *m);

/* Has anything changed since the last call?  Cheap. */
bool mails_have_changed(struct mails *m);
/* Does some of the work that is left for idle times.  True: there is more. */
bool mails_tidy(struct mails *m);

/*
 * How many mails there are, and how many of them this consumer has not read.
 * If counting takes long, deletions by others show a moment later.
 */
int mails_count(struct mails *m, int64_t *ret);
int mails_unread(struct mails *m, const char *consumer, int64_t *ret);
int mails_last_id(struct mails *m, int64_t *ret);

/* Which mails to find, the newest first; 0 and NULL say nothing. */
struct mails_query {
	const char
	    *words;     /* as smtpdb search has them, and is:unread, is:read */
	int64_t before; /* only ids below it */
	int64_t start;  /* how many are passed over */
	int64_t limit;  /* up to MAILS_FOUND_MAX */
	const char *consumer; /* who reads */
};

struct mails_found {
	int64_t ids[MAILS_FOUND_MAX];
	size_t n;      /* of this page */
	int64_t total; /* that match; for a search up to MAILS_FOUND_MAX */
	int64_t not_indexed; /* how many new mails were not searched */
};

int mails_find(
    struct mails *m, const struct mails_query *q, struct mails_found *ret);

/* Valid until the next call; NULL: gone, or it failed. */
const struct brief *mails_brief(struct mails *m, int64_t id);
bool mails_is_read(struct mails *m, const char *consumer, int64_t id);

/* Nothing happens where it is read-only. */
int mails_mark(struct mails *m, const char *consumer, const int64_t *ids,
    size_t n, bool read);
int mails_delete(struct mails *m, const int64_t *ids, size_t n);
int mails_delete_all(struct mails *m);

#endif
