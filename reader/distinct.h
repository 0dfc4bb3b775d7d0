/* A set of texts; the case of ASCII letters does not count. */
#ifndef READER_DISTINCT_H
#define READER_DISTINCT_H

#include <stdbool.h>

/* Starts as { 0 }. */
struct distinct {
	void *tree;
};

/*
 * Adds a text, which is borrowed until the reset.  True: it is new in the set.
 */
bool distinct_add(struct distinct *d, const char *text);
void distinct_reset(struct distinct *d);

#endif
