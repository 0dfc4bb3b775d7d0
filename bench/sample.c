#include "sample.h"

#include <stdlib.h>
#include <time.h>

double
sample_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
sample_sort(double *values, size_t n)
{
	qsort(values, n, sizeof *values, compare);
}

double
sample_quantile(const double *sorted, size_t n, double part)
{
	size_t at = (size_t)((double)n * part);

	return sorted[at < n ? at : n - 1];
}
