/*
 * A list of networks, as an option has it, and who is in it.
 */
#ifndef NETWORKS_H
#define NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

#include "peer.h"
#include "span.h"

enum {
	NETWORKS_MAX = 64,
};

struct networks {
	struct network {
		struct ip ip; /* without the bits behind the network's */
		unsigned bits;
	} rows[NETWORKS_MAX];
	size_t n;
	bool local; /* PEER_LOCAL is in it */
};

/*
 * Adds "192.0.2.0/24,2001:db8::1,local".  False: that is no such list, or there
 * are too many.
 */
bool networks_add(struct networks *n, const char *list);
bool networks_are_none(const struct networks *n);
bool networks_have(const struct networks *n, const struct peer *who);

/* The peers that may say who their client is. */
struct fronts {
	struct networks proxy;   /* by a PROXY header before the greeting */
	struct networks xclient; /* by XCLIENT */
};

/* What one of these peers says. */
struct fronted {
	struct peer client;
	/* The peer speaks for this client now, and later for others. */
	bool forwarded;
	/* The account that the client has proved it is; p is NULL: not said. */
	struct span login;
};

/* `f` may be NULL: nobody is. */
bool fronts_have(const struct fronts *f, const struct peer *who);

#endif
