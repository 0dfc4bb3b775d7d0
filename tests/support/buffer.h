/*
 * Octets that grow, for tests: no memory is a crash.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include "../../mail/span.h"

/* All zero is an empty one. */
struct buffer {
	char *p;
	size_t len, cap;
};

void buffer_add(struct buffer *b, struct span octets);
/* Removes `len` octets from the front. */
void buffer_shift(struct buffer *b, size_t len);
/* Forgets the octets and keeps the memory. */
void buffer_clear(struct buffer *b);
/* `b` may be filled anew. */
void buffer_free(struct buffer *b);

/* Lent until the buffer changes. */
struct span buffer_span(const struct buffer *b);

/*
 * Takes the line in front, CRLF included, and lends it without.  False: there
 * is no whole line.
 */
bool buffer_take_line(struct buffer *b, struct buffer *ret_line);

#endif
