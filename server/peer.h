/*
 * Who is at the other end of the connection.
 */
#ifndef PEER_H
#define PEER_H

#include <sys/socket.h>

#include <stdbool.h>

#include "../mail/ip.h"
#include "../mail/peer.h"

/*
 * Finds the client by getpeername(), or in the variables of a UCSPI server
 * (TCPREMOTEIP, TCPREMOTEPORT), or in REMOTE_ADDR and REMOTE_PORT, which PID 1
 * sets.  A client with none of these is local.  A client whose variables cannot
 * be read, or whose socket of a network has no name, is a stranger,
 * PEER_UNKNOWN.  IPv4 in IPv6 (RFC 4291 s. 2.5.5.2) is IPv4.
 */
void peer_find(int fd, struct peer *ret);

/* Is it a socket, of more than this machine? */
bool peer_is_of_network(int fd);

/* Reads what accept() wrote.  False: it is no IP address. */
bool peer_read_name(
    const struct sockaddr_storage *name, struct ip *ret, int *ret_port);

#endif
