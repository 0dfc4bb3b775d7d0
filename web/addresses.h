/* Lists of addresses in header fields (RFC 5322 s. 3.4), as people write them. */
#ifndef WEB_ADDRESSES_H
#define WEB_ADDRESSES_H

#include <stddef.h>

#include "../mail/span.h"

enum {
	ADDRESSES_MAX = 1000, /* of one field; the rest is left out */
};

/* Starts as { 0 }. */
struct addresses {
	struct address {
		char *name;    /* decoded, never NULL */
		char *address; /* "ann@a.example", never NULL */
	} * list;
	size_t n;
};

/*
 * Adds the addresses of a field's value, as it stands in the mail.  Any text
 * is accepted.
 */
void addresses_read(struct span value, struct addresses *to);
void addresses_add(struct addresses *to, const char *name, const char *address);
/* Is the address among them?  Its case does not count. */
int addresses_have(const struct addresses *a, const char *address);
void addresses_reset(struct addresses *a);

#endif
