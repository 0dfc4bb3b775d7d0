#include "poor.h"

#include <stdlib.h>

static unsigned left, nfailed;
static bool always;

void *poor_malloc(size_t size);
void *poor_calloc(size_t n, size_t size);
void *poor_realloc(void *p, size_t size);

void
poor_begin(unsigned n, bool for_good)
{
	left = n;
	always = for_good;
	nfailed = 0;
}

unsigned
poor_end(void)
{
	left = 0;
	return nfailed;
}

static bool
fails(void)
{
	if (left == 0 || --left > 0)
		return false;
	left = always ? 1 : 0;
	nfailed++;
	return true;
}

void *
poor_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *
poor_calloc(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

void *
poor_realloc(void *p, size_t size)
{
	return fails() ? NULL : realloc(p, size);
}
