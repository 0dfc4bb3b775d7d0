/* Times, and what is said of many of them. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stddef.h>

/* CLOCK_MONOTONIC. */
double sample_now_ms(void);

/* Sorts `n` values, for sample_quantile(). */
void sample_sort(double *values, size_t n);

/* The value that `part` (0 to 1) of the sorted ones do not exceed. */
double sample_quantile(const double *sorted, size_t n, double part);

#endif
