/*
 * Who is at the other end of the connection.
 */
#ifndef PEER_H
#define PEER_H

#include <netinet/in.h>

#include <stdbool.h>

struct peer {
	char address[INET6_ADDRSTRLEN]; /* IPv4 or IPv6, or "local" */
	int port;                       /* 0: unknown, or local */
};

/*
 * Finds it by getpeername(), else in the variables of a UCSPI server
 * (TCPREMOTEIP, TCPREMOTEPORT), else in REMOTE_ADDR and REMOTE_PORT, as PID 1
 * sets them; else it is local.  IPv4 in IPv6 (RFC 4291 s. 2.5.5.2) is IPv4.
 */
void peer_find(int fd, struct peer *ret);

bool peer_is_local(const struct peer *p);

#endif
