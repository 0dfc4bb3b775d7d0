/*
 * UTF-8 (RFC 3629), and which of its characters are printable.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

/* Octets of the multi-octet character in front of `text`; 0: there is none. */
size_t utf8_len(struct span text);
/*
 * The same without U+0080 to U+009F, which are control characters: the
 * UTF8-non-ascii of RFC 6531 s. 3.3 that this server takes.
 */
size_t utf8_visible_len(struct span text);
/*
 * Octets of the printable character in front of `text`: a blank, a visible one
 * of US-ASCII, or utf8_visible_len(); 0: there is none.
 */
size_t utf8_printable_len(struct span text);
/* Is it non-empty, and all of it printable? */
bool utf8_is_printable(struct span text);

#endif
