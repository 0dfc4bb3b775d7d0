/*
 * Which fields stand in the header section of a mail (RFC 5322 s. 2.2), seen
 * as it streams by.
 */
#ifndef HEADER_H
#define HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

enum header_field {
	HEADER_DATE,
	HEADER_FROM,
	HEADER_MESSAGE_ID,
	HEADER__COUNT
};

struct header {
	bool has[HEADER__COUNT];

	/* Private to header.c. */
	int at;
	char name[16]; /* of the field being read; long enough to tell */
	size_t name_len;
};

/* Starts a mail. */
void header_start(struct header *h);
/* Takes the next octets of it, however they are cut. */
void header_feed(struct header *h, struct span data);

#endif
