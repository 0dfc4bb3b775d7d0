/*
 * Counts in what people read.
 */
#include "plural.h"

const char *
plural(int64_t n)
{
	return n == 1 ? "" : "s";
}
