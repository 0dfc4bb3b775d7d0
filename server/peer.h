/*
 * Finds out who is at the other end of the connection.
 */
#ifndef PEER_H
#define PEER_H

#include <sys/socket.h>

#include <stdbool.h>

#include "../mail/ip.h"
#include "../mail/peer.h"

/*
 * Finds it by getpeername(), else in the variables of a UCSPI server
 * (TCPREMOTEIP, TCPREMOTEPORT), else in REMOTE_ADDR and REMOTE_PORT, as PID 1
 * sets them.  Who has nothing of these is local; but where there is something
 * that cannot be read, or a socket of a network without a name, the client is
 * a stranger, PEER_UNKNOWN.  IPv4 in IPv6 (RFC 4291 s. 2.5.5.2) is IPv4.
 */
void peer_find(int fd, struct peer *ret);

/* What accept() has written.  False: it is no IP address. */
bool peer_read_name(
    const struct sockaddr_storage *name, struct ip *ret, int *ret_port);

#endif
