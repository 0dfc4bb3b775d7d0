/*
 * An index of the words in mails (SQLite's FTS5), in a file of its own beside
 * the database: it can be dropped at any time, and smtpd knows nothing of it.
 */
#ifndef READER_ARCHIVE_SEARCH_H
#define READER_ARCHIVE_SEARCH_H

#include "../archive.h"

struct search;

/* Opens "<database>-words".  NULL: the archive has the cause. */
struct search *search_open(struct archive *a, bool make, bool anew);
void search_close(struct search *s);

/* The highest id that is in it; -1: failed. */
int64_t search_last_id(struct search *s);

struct search_words {
	const char *from;
	const char *to;
	const char *subject;
	const char *text;
};

/*
 * Between the two nobody else adds, and search_last_id() stays as it is.  Each
 * returns 0 or -1; what has failed is taken back by search_close().
 */
int search_begin(struct search *s);
int search_add(struct search *s, int64_t id, const struct search_words *words);
int search_end(struct search *s, int64_t last_id);

/*
 * Finds up to `max` mails for words of FTS5's query language, the best first.
 * Returns how many, or -1; ids of mails that are gone may be among them.
 */
int search_find(struct search *s, const char *query, int64_t *ret, int max);

#endif
