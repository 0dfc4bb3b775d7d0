#include "peer.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
from_ipv6(const struct in6_addr *address, struct peer *ret)
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		return inet_ntop(AF_INET, address->s6_addr + 12, ret->address,
		    sizeof ret->address);
	return inet_ntop(AF_INET6, address, ret->address, sizeof ret->address);
}

static bool
from_socket(int fd, struct peer *ret)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
		struct sockaddr_storage room;
	} name;
	socklen_t len = sizeof name;

	if (getpeername(fd, &name.any, &len) < 0)
		return false;
	switch (name.any.sa_family) {
	case AF_INET:
		ret->port = ntohs(name.ipv4.sin_port);
		return inet_ntop(AF_INET, &name.ipv4.sin_addr, ret->address,
		    sizeof ret->address);
	case AF_INET6:
		ret->port = ntohs(name.ipv6.sin6_port);
		return from_ipv6(&name.ipv6.sin6_addr, ret);
	default:
		return false;
	}
}

/* The variables are checked: they end up in rows and in mail headers. */
static bool
from_variables(
    const char *address_name, const char *port_name, struct peer *ret)
{
	const char *address = getenv(address_name);
	const char *port = getenv(port_name);
	struct in6_addr ipv6;
	struct in_addr ipv4;
	long n = port ? strtol(port, NULL, 10) : 0;

	if (!address)
		return false;
	ret->port = n > 0 && n <= 65535 ? (int)n : 0;
	if (inet_pton(AF_INET, address, &ipv4) == 1)
		return inet_ntop(
		    AF_INET, &ipv4, ret->address, sizeof ret->address);
	return inet_pton(AF_INET6, address, &ipv6) == 1 &&
	       from_ipv6(&ipv6, ret);
}

void
peer_find(int fd, struct peer *ret)
{
	if (from_socket(fd, ret) ||
	    from_variables("TCPREMOTEIP", "TCPREMOTEPORT", ret) ||
	    from_variables("REMOTE_ADDR", "REMOTE_PORT", ret))
		return;
	strcpy(ret->address, PEER_LOCAL);
	ret->port = 0;
}
