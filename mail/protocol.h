/*
 * How a mail came, as rows and Received lines name it (RFC 3848; RFC 6531
 * s. 4.3).
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

enum protocol_trait {
	PROTOCOL_ESMTP = 1 << 0, /* EHLO; the others imply it */
	PROTOCOL_AUTH = 1 << 1,
	PROTOCOL_TLS = 1 << 2,
	PROTOCOL_LMTP = 1 << 3,
	PROTOCOL_UTF8 = 1 << 4,
};

/* All names, and NULL. */
extern const char *const protocol_names[];

/* The name for a set of traits, out of that list. */
const char *protocol_name(unsigned traits);
/* The traits of a name; of one that is not in the list, those of "SMTP". */
unsigned protocol_traits(const char *name);

#endif
