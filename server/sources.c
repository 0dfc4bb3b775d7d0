#include "sources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Rows for sources that have no session, only crashes. */
	REMEMBERED = 256,
	REMEMBER_MS = 600 * 1000,
	/* The delay after the first crash; each further one doubles it. */
	DELAY_MS = 1000,
	DOUBLINGS_MAX = 8,
};

bool
sources_open(struct sources *s, size_t max_sessions)
{
	*s = (struct sources){ .max = max_sessions + REMEMBERED };
	s->rows = calloc(s->max, sizeof *s->rows);
	return s->rows != NULL;
}

void
sources_close(struct sources *s)
{
	free(s->rows);
	*s = (struct sources){ .rows = NULL };
}

/* Returns the row to give away first; `b` may be NULL. */
static struct source *
sooner(struct source *a, struct source *b)
{
	if (a->nsessions > 0)
		return b;
	return !b || a->delayed_until < b->delayed_until ? a : b;
}

struct source *
sources_find(struct sources *s, const struct ip *address, int64_t now)
{
	struct source *row = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct source *at = &s->rows[i];

		if (at->nsessions == 0 && at->delayed_until + REMEMBER_MS < now)
			at->delayed_until = 0;
		else if (memcmp(&at->ip, address, sizeof *address) == 0)
			return at;
		row = sooner(at, row);
	}
	if ((!row || row->delayed_until > 0) && s->n < s->max)
		row = &s->rows[s->n++];
	assert(row); /* there are more rows than sessions */
	*row = (struct source){ .ip = *address };
	return row;
}

void
source_note_crash(struct source *s, int64_t now)
{
	unsigned doublings =
	    s->ncrashes < DOUBLINGS_MAX ? s->ncrashes : DOUBLINGS_MAX;

	s->ncrashes++;
	s->delayed_until = now + ((int64_t)DELAY_MS << doublings);
}
