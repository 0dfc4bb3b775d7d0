/* The text of a field, with its encoded words (RFC 2047, 2231 s. 5). */
#ifndef WORDS_H
#define WORDS_H

#include "text.h"

/*
 * Adds the text as UTF-8 without line ends (RFC 5322 s. 2.2.3), NUL and byte
 * order mark.  Encoded words count wherever they stand, also within quotes.
 * Each is decoded by itself, but the octets of neighbours in one charset are
 * converted together: some senders cut characters in two.
 */
void words_decode(struct span value, struct text *to);

#endif
