/*
 * Which characters beyond US-ASCII can be seen, and which a domain may have.
 * IDNA (RFC 5892, UTS #46) forbids more.  Refused here are those that nobody
 * can see, that are no characters, or that stand for US-ASCII which no domain
 * has: a name with one of them is not the name that it looks like.
 */
#ifndef CODEPOINT_H
#define CODEPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "span.h"

/* The code point whose UTF-8, which must be valid, is all of `text`. */
uint32_t codepoint_of(struct span text);

/* May it stand in a label, behind `before` (0: at its beginning)? */
bool codepoint_is_in_domain(uint32_t code, uint32_t before);

/*
 * May a log or a terminal show it?  Not controls, what changes the direction of
 * writing (so that "gpj.exe" reads "exe.jpg"), the line ends of Unicode, and
 * what nobody can see.
 */
bool codepoint_is_visible(uint32_t code);
/*
 * Octets of the character in front of `text` if it is printable (utf8.h) and
 * visible; 0: it is not.
 */
size_t codepoint_visible_len(struct span text);
/* Are all characters printable and visible?  True of "". */
bool codepoint_are_visible(struct span text);

#endif
