#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_promise_of(bool kept, const char *promise, struct span octets)
{
	if (kept)
		return;
	fprintf(stderr, "broken promise: %s", promise);
	for (size_t i = 0; i < octets.len && i < 400; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		fprintf(stderr, c < 0x20 || c >= 0x7f ? "\\x%02X" : "%c", c);
	}
	fputc('\n', stderr);
	abort();
}

void
fuzz_promise(bool kept, const char *promise)
{
	fuzz_promise_of(kept, promise, (struct span){ NULL, 0 });
}

char *
fuzz_copy(struct span octets)
{
	char *copy = malloc(octets.len > 0 ? octets.len : 1);

	if (!copy)
		abort();
	if (octets.len > 0)
		memcpy(copy, octets.p, octets.len);
	return copy;
}

char *
fuzz_string(struct span octets)
{
	char *copy =
	    octets.len > 0 ? strndup(octets.p, octets.len) : strdup("");

	if (!copy)
		abort();
	return copy;
}

bool
fuzz_is_within(struct span inner, struct span outer)
{
	uintptr_t from = (uintptr_t)outer.p, at = (uintptr_t)inner.p;

	return inner.len == 0 || (inner.len <= outer.len && at >= from &&
				     at - from <= outer.len - inner.len);
}
