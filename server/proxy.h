/*
 * The header by which a proxy says whose connection it hands on: version 1, a
 * line of text, and version 2, octets (HAProxy's specification).  No I/O: the
 * caller reads so many octets as it is told, so none behind the header is taken
 * from whoever comes next, be it SMTP or TLS.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stddef.h>

#include "../mail/peer.h"

enum {
	/*
	 * Version 1 has 107 octets at most.  Of version 2, 232 and what a proxy
	 * adds: names and certificates, hundreds of octets as a rule.
	 */
	PROXY_MAX = 4096,
};

struct proxy_header {
	unsigned char octets[PROXY_MAX];
	size_t len; /* octets that have come */
};

enum proxy_state {
	PROXY_MORE,  /* it has at least `*ret_wanted` octets more */
	PROXY_WHOLE, /* it may still be malformed */
	PROXY_BAD,   /* it is none, or too long */
};

enum proxy_state proxy_look(const struct proxy_header *h, size_t *ret_wanted);

enum proxy_client {
	PROXY_CLIENT,    /* `*ret` is the client */
	PROXY_ITSELF,    /* LOCAL, UNKNOWN: the proxy speaks for nobody */
	PROXY_MALFORMED, /* the header, or its checksum */
};

/*
 * Reads a whole header.  A client that reached the proxy by AF_UNIX has no
 * address: PEER_UNKNOWN, since what is local there need not be so here.
 */
enum proxy_client proxy_read(const struct proxy_header *h, struct peer *ret);

#endif
