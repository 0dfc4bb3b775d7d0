#include "peer.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

bool
peer_read_name(
    const struct sockaddr_storage *name, struct ip *ret, int *ret_port)
{
	const struct sockaddr_in *ipv4 = (const void *)name;
	const struct sockaddr_in6 *ipv6 = (const void *)name;

	switch (name->ss_family) {
	case AF_INET:
		*ret = ip_of_ipv4(&ipv4->sin_addr);
		*ret_port = ntohs(ipv4->sin_port);
		return true;
	case AF_INET6:
		*ret = ip_of_ipv6(&ipv6->sin6_addr);
		*ret_port = ntohs(ipv6->sin6_port);
		return true;
	default:
		return false;
	}
}

static bool
from_socket(int fd, struct peer *ret)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	struct ip ip;

	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0 ||
	    !peer_read_name(&name, &ip, &ret->port))
		return false;
	ip_write(&ip, ret->address);
	return true;
}

/* The variables are checked: they end up in rows and in mail headers. */
static bool
from_variables(
    const char *address_name, const char *port_name, struct peer *ret)
{
	const char *address = getenv(address_name);
	const char *port = getenv(port_name);
	long n = port ? strtol(port, NULL, 10) : 0;
	struct ip ip;

	if (!address || !ip_read(address, &ip))
		return false;
	ret->port = n > 0 && n <= 65535 ? (int)n : 0;
	ip_write(&ip, ret->address);
	return true;
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
