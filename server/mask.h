/*
 * Masks in the lines of AUTH what proves who a client is, so that a recorded
 * session has no password, and still gets the same answers when it is played
 * again.
 */
#ifndef MASK_H
#define MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "../mail/span.h"

enum {
	/* A mask can be so much longer than what it stands for. */
	MASK_ROOM = 32,
};

/* Begins as { 0 }. */
struct mask {
	bool is_plain;    /* the mechanism of the last AUTH is PLAIN */
	bool is_response; /* the next line is no command, but a response */
	bool is_inside;   /* a line is not at its end, and masked */
};

/* Is this a command or a response of AUTH? */
bool mask_is_of_auth(const struct mask *m, struct span line);
/*
 * Copies the octets of a line, or of a part of one, up to its LF if it has one.
 * Base64 becomes other base64, and what is none becomes "!".  Returns the
 * octets in `ret`, which has room for those and MASK_ROOM more.
 */
size_t mask_line(struct mask *m, struct span line, char *ret);

#endif
