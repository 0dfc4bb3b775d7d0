/*
 * The client as rows, trace lines and the log name it.
 */
#ifndef MAIL_PEER_H
#define MAIL_PEER_H

#include <stdbool.h>

#include "ip.h"

#define PEER_LOCAL "local"

struct peer {
	char address[IP_TEXT_SIZE]; /* IPv4 or IPv6, or "local" */
	int port;                   /* 0: unknown, or local */
};

bool peer_is_local(const struct peer *p);

#endif
