/* Words that people search for, and words of an index. */
#ifndef QUERY_H
#define QUERY_H

#include "../mime/text.h"

/*
 * Adds the text with each character for itself of those scripts that have no
 * blanks between words, so that any run of them is found.
 */
void query_split(struct span text, struct text *to);

/*
 * The query of FTS5, to be freed, for
 *
 *	word "some words" from:word to: subject: text: beginning*
 *
 * all of which must be there.  With operators also OR, NOT and parentheses.
 * Whatever stands in a word, nothing is an error; who makes nonsense of
 * operators gets one from FTS5.
 */
char *query_read(const char *words, bool operators);

#endif
