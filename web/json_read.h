/*
 * Each function reads JSON (RFC 8259) from the front of a span, which moves
 * on.  False: it does not stand there.
 */
#ifndef WEB_JSON_READ_H
#define WEB_JSON_READ_H

#include <stdbool.h>

#include "../mail/span.h"
#include "../mime/text.h"

void json_skip_blanks(struct span *s);
/* Takes this character, behind blanks. */
bool json_take(struct span *s, char c);
/* Adds what the string means. */
bool json_read_string(struct span *s, struct text *to);
/* Passes over any value. */
bool json_skip(struct span *s);
/* Adds a string, or another value as it is written; null adds nothing. */
bool json_read_value(struct span *s, struct text *to);

#endif
