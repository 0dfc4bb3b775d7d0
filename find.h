/*
 * Search as people know it: which words of a mail are in archive.h's index, and
 * what words ask for.  smtpdb and smtpdb-web find the same.
 */
#ifndef FIND_H
#define FIND_H

#include "archive.h"

/*
 * Adds to the index, in one transaction, up to `pages` times ARCHIVE_PAGE mails
 * behind those that are in it, whoever added them: several processes index no
 * mail twice.  Returns how many mails there were, or -1.
 */
int find_index_some(struct archive *a, struct search *s, int pages);

/*
 * Calls search_find() for words as smtpdb(1) describes them.  Words that make
 * no sense with operators are searched without them.
 */
int find_words(struct search *s, const char *words,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max);

#endif
