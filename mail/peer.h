/*
 * The client as rows, trace lines and the log name it.
 */
#ifndef MAIL_PEER_H
#define MAIL_PEER_H

#include <stdbool.h>

#include "ip.h"

#define PEER_LOCAL "local"
/* A client whose address could not be read. */
#define PEER_UNKNOWN "unknown"

struct peer {
	char address[IP_TEXT_SIZE]; /* IPv4 or IPv6, or one of these */
	int port;                   /* 0: unknown, or local */
};

bool peer_is_local(const struct peer *p);
bool peer_has_address(const struct peer *p);
/* Is it a name that rows have in place of an address? */
bool peer_is_name(const char *text);

#endif
