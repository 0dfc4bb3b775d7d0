#include "distinct.h"

#include <search.h>
#include <stddef.h>
#include <strings.h>

static int
compare(const void *a, const void *b)
{
	return strcasecmp(a, b);
}

/* Without memory a text counts as new. */
bool
distinct_add(struct distinct *d, const char *text)
{
	const char *const *found = tsearch(text, &d->tree, compare);

	return !found || *found == text;
}

static void
keep(void *text)
{
	(void)text; /* is borrowed */
}

void
distinct_reset(struct distinct *d)
{
	tdestroy(d->tree, keep);
	d->tree = NULL;
}
