/* Which texts have come before, in any case of ASCII. */
#ifndef READER_DISTINCT_H
#define READER_DISTINCT_H

#include <stdbool.h>

/* Starts as { 0 }. */
struct distinct {
	void *tree;
};

/* True: it is the first of its kind.  Borrows the text until the reset. */
bool distinct_add(struct distinct *d, const char *text);
void distinct_reset(struct distinct *d);

#endif
