/*
 * Octets that a peer sent, lent by the function that filled in the span.  Any
 * octet may occur, and no NUL ends them.  A `char *` in this program is valid
 * text that ends in NUL.
 */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *p;
	size_t len;
};

/* The text of a string, without its NUL. */
struct span span_of(const char *text);

/* Is it this word, whatever the case of the letters of US-ASCII? */
bool span_is(struct span text, const char *word);

/* Moves `*text` behind `prefix`, whatever its case.  False: it is not there. */
bool span_skip(struct span *text, const char *prefix);

/* Without the blanks (SP, TAB) at both ends. */
struct span span_trim(struct span text);

/* Cuts the first word off `*text`, which is trimmed before and after. */
struct span span_word(struct span *text);

/*
 * Reads 1 to 20 digits and nothing else, as in SIZE= (RFC 1870 s. 4) and BDAT
 * (RFC 3030 s. 2).  A number of more than 64 bits becomes UINT64_MAX.
 */
bool span_number(struct span text, uint64_t *ret);
/* Reads the number of a port, in 1 to 5 digits. */
bool span_port(struct span text, int *ret);

#endif
