/*
 * Search: which words of a mail go into the index of archive.h, and how the
 * words of a person become a query.  smtpdb and smtpdb-web share it, so they
 * find the same.
 */
#ifndef FIND_H
#define FIND_H

#include "archive.h"

/*
 * Adds up to `pages` times ARCHIVE_PAGE mails to the index, in one transaction
 * that begins behind the last mail that any process has added: none is indexed
 * twice.  Returns how many mails there were, or -1.
 */
int find_index_some(struct archive *a, struct search *s, int pages);

/*
 * Calls search_find() for words as smtpdb(1) describes them.  Where FTS5
 * refuses the query, operators are searched as words.
 */
int find_words(struct search *s, const char *words,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max);

#endif
