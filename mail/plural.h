/*
 * Counts in what people read.
 */
#ifndef PLURAL_H
#define PLURAL_H

#include <stdint.h>

/* The ending of a word for so many things: "s", or nothing for one. */
const char *plural(int64_t n);

#endif
