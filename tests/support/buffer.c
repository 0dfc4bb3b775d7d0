#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SIZE = 256
};

void
buffer_add(struct buffer *b, struct span octets)
{
	size_t cap = b->cap ? b->cap : FIRST_SIZE;

	while (cap - b->len < octets.len)
		cap *= 2;
	if (cap > b->cap) {
		b->p = realloc(b->p, cap);
		if (!b->p)
			abort();
		b->cap = cap;
	}
	if (octets.len > 0)
		memcpy(b->p + b->len, octets.p, octets.len);
	b->len += octets.len;
}

void
buffer_shift(struct buffer *b, size_t len)
{
	b->len -= len;
	if (b->len > 0)
		memmove(b->p, b->p + len, b->len);
}

void
buffer_clear(struct buffer *b)
{
	b->len = 0;
}

void
buffer_free(struct buffer *b)
{
	free(b->p);
	*b = (struct buffer){ .p = NULL };
}

struct span
buffer_span(const struct buffer *b)
{
	return (struct span){ b->p ? b->p : "", b->len };
}

bool
buffer_take_line(struct buffer *b, struct buffer *ret_line)
{
	struct span all = buffer_span(b);
	const char *end = memmem(all.p, all.len, "\r\n", 2);

	if (!end)
		return false;
	buffer_clear(ret_line);
	buffer_add(ret_line, (struct span){ all.p, (size_t)(end - all.p) });
	buffer_shift(b, ret_line->len + 2);
	return true;
}
