/*
 * Base64 (RFC 4648 s. 4) of short texts: with its padding, and without anything
 * between its characters.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>

#include "span.h"

enum {
	BASE64_LINE_MAX = 12288, /* of AUTH (RFC 4954 s. 4), without CRLF */
	/* What such a line stands for, and a NUL. */
	BASE64_TEXT_SIZE = BASE64_LINE_MAX / 4 * 3 + 1,
};

/* Is it base64?  "" is, too. */
bool base64_is(struct span text);

/*
 * Writes the octets that `text` stands for, which base64_is(), and a NUL behind
 * them.  Returns how many they are: three for four characters at most.
 */
size_t base64_read(struct span text, char *ret);

/*
 * Writes the characters and a NUL; four for three octets, or part of three.
 * Returns how many they are.
 */
size_t base64_write(struct span octets, char *ret);

#endif
