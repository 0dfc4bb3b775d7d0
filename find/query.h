/* Words that people search for, and words of an index. */
#ifndef QUERY_H
#define QUERY_H

#include "../mime/text.h"

/*
 * Adds the text.  Each character of a script without blanks between words
 * stands for itself, between blanks, so that any run of them is found.
 */
void query_split(struct span text, struct text *to);

/*
 * The query of FTS5, to be freed, for
 *
 *	word "some words" from:word to: subject: text: beginning*
 *
 * all of which must be there.  With `operators` also AND, OR, NOT and
 * parentheses.  Anything may stand in a word; FTS5 refuses only operators that
 * make no sense.
 */
char *query_read(const char *words, bool operators);

#endif
