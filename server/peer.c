#include "peer.h"

#include <net/if.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "../mail/span.h"

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

/* The result of looking in one place. */
enum finding {
	FOUND_NOTHING,
	FOUND_UNIX,     /* a socket whose other end has no address */
	FOUND_STRANGER, /* a client whose address cannot be read */
	FOUND_ADDRESS,
};

static enum finding
from_socket(int fd, struct peer *ret)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	int family = AF_UNSPEC;
	struct ip ip;

	if (getpeername(fd, (struct sockaddr *)&name, &len) == 0 &&
	    peer_read_name(&name, &ip, &ret->port)) {
		ip_write(&ip, ret->address);
		return FOUND_ADDRESS;
	}
	len = sizeof family;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return FOUND_NOTHING;
	/* A socket of a network has no name once the other end is gone. */
	return family == AF_UNIX ? FOUND_UNIX : FOUND_STRANGER;
}

/*
 * Splits "[address]" or "[address]:port" (RFC 3986 s. 3.2.2), with or without a
 * tag (RFC 5321 s. 4.1.3).  False: it is neither.
 */
static bool
open_brackets(struct span *text, struct span *ret_port)
{
	const char *end = memchr(text->p, ']', text->len);
	const char *stop = text->p + text->len;

	if (!end || (end + 1 < stop && end[1] != ':'))
		return false;
	if (end + 1 < stop)
		*ret_port = (struct span){ end + 2, (size_t)(stop - end - 2) };
	text->len = (size_t)(end - text->p);
	span_skip(text, "[");
	span_skip(text, "IPv6:");
	return true;
}

/* Splits "192.0.2.1:25"; "::ffff:192.0.2.1" has its dots at the end. */
static void
cut_port(struct span *text, struct span *ret_port)
{
	const char *colon = memrchr(text->p, ':', text->len);
	const char *stop = text->p + text->len;

	if (!colon || memchr(colon, '.', (size_t)(stop - colon)) ||
	    !memchr(text->p, '.', text->len))
		return;
	*ret_port = (struct span){ colon + 1, (size_t)(stop - colon - 1) };
	text->len = (size_t)(colon - text->p);
}

/* Removes what programs write around an address. */
static bool
read_address(const char *given, struct ip *ret, struct span *ret_port)
{
	struct span text = span_trim(span_of(given));
	char address[IP_TEXT_SIZE + IF_NAMESIZE];

	if (text.len > 0 && text.p[0] == '[') {
		if (!open_brackets(&text, ret_port))
			return false;
	} else {
		cut_port(&text, ret_port);
	}
	if (text.len >= sizeof address)
		return false;
	memcpy(address, text.p, text.len);
	address[text.len] = '\0';
	address[strcspn(address, "%")] = '\0'; /* a zone (RFC 4007 s. 11) */
	return ip_read(address, ret);
}

/*
 * How systemd names a client by AF_UNIX: by the path of its socket, or who it
 * is ("PID 1/UID 0").
 */
static bool
names_unix_peer(const char *address)
{
	return *address == '/' || *address == '@' ||
	       strncmp(address, "PID ", 4) == 0;
}

/* Checks the variables, since they go into rows and header fields. */
static enum finding
from_variables(
    const char *address_name, const char *port_name, struct peer *ret)
{
	const char *address = getenv(address_name);
	const char *given_port = getenv(port_name);
	struct span port = span_of("");
	struct ip ip;

	if (!address)
		return FOUND_NOTHING;
	if (!read_address(address, &ip, &port))
		return names_unix_peer(address) ? FOUND_UNIX : FOUND_STRANGER;
	if (given_port)
		port = span_of(given_port);
	ret->port = 0;
	span_port(span_trim(port), &ret->port);
	ip_write(&ip, ret->address);
	return FOUND_ADDRESS;
}

void
peer_find(int fd, struct peer *ret)
{
	static const char *const names[][2] = {
		{ "TCPREMOTEIP", "TCPREMOTEPORT" },
		{ "REMOTE_ADDR", "REMOTE_PORT" },
	};
	enum finding found = from_socket(fd, ret);
	bool is_unix = found == FOUND_UNIX;
	bool is_stranger = found == FOUND_STRANGER;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (found == FOUND_ADDRESS)
			return;
		found = from_variables(names[i][0], names[i][1], ret);
		is_stranger |= found == FOUND_STRANGER;
		is_stranger |= found == FOUND_UNIX && !is_unix;
	}
	if (found == FOUND_ADDRESS)
		return;
	strcpy(ret->address, is_stranger ? PEER_UNKNOWN : PEER_LOCAL);
	ret->port = 0;
}

bool
peer_is_of_network(int fd)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof family;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 &&
	       family != AF_UNIX;
}
