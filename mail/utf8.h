/*
 * UTF-8 (RFC 3629), and what of it may be printed.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

/* Octets of the character of more than one that `text` begins with, or 0. */
size_t utf8_len(struct span text);
/*
 * The same for UTF8-non-ascii (RFC 6531 s. 3.3) without U+0080 to U+009F, which
 * are controls like those that the grammar keeps out of US-ASCII.
 */
size_t utf8_visible_len(struct span text);
/*
 * Octets of the printable character that `text` begins with: a blank, a
 * visible one of US-ASCII, or utf8_visible_len(); 0 if there is none.
 */
size_t utf8_printable_len(struct span text);
/* Is it non-empty, and all of it printable? */
bool utf8_is_printable(struct span text);

#endif
