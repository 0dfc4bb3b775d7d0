#include "ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "span.h"

enum {
	BITS = 128,
	BITS_4 = 32,
	SOURCE_BITS = 64, /* of IPv6 */
};

/* The octets in front of an IPv4 address in IPv6. */
static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

struct ip
ip_of_ipv4(const struct in_addr *address)
{
	struct ip ip;

	memcpy(ip.octets, mapped, sizeof mapped);
	memcpy(ip.octets + sizeof mapped, address, sizeof *address);
	return ip;
}

struct ip
ip_of_ipv6(const struct in6_addr *address)
{
	struct ip ip;

	memcpy(ip.octets, address, sizeof ip.octets);
	return ip;
}

bool
ip_read(const char *text, struct ip *ret)
{
	struct ip ip;

	memcpy(ip.octets, mapped, sizeof mapped);
	if (inet_pton(AF_INET, text, ip.octets + sizeof mapped) != 1 &&
	    inet_pton(AF_INET6, text, ip.octets) != 1)
		return false;
	*ret = ip;
	return true;
}

unsigned
ip_nbits(const struct ip *ip)
{
	return memcmp(ip->octets, mapped, sizeof mapped) == 0 ? BITS_4 : BITS;
}

struct ip
ip_prefix(const struct ip *ip, unsigned bits)
{
	struct ip prefix = *ip;

	bits += BITS - ip_nbits(ip);
	for (unsigned i = 0; i < sizeof prefix.octets; i++) {
		unsigned kept = bits > i * 8 ? bits - i * 8 : 0;

		if (kept < 8)
			prefix.octets[i] &= (unsigned char)(0xff00 >> kept);
	}
	return prefix;
}

struct ip
ip_source(const struct ip *ip)
{
	return ip_nbits(ip) == BITS ? ip_prefix(ip, SOURCE_BITS) : *ip;
}

void
ip_write(const struct ip *ip, char ret[IP_TEXT_SIZE])
{
	if (ip_nbits(ip) == BITS)
		inet_ntop(AF_INET6, ip->octets, ret, IP_TEXT_SIZE);
	else
		inet_ntop(
		    AF_INET, ip->octets + sizeof mapped, ret, IP_TEXT_SIZE);
}

void
ip_write_network(const struct ip *ip, unsigned bits, char ret[IP_TEXT_SIZE])
{
	struct ip prefix = ip_prefix(ip, bits);
	size_t len;

	ip_write(&prefix, ret);
	len = strlen(ret);
	snprintf(ret + len, IP_TEXT_SIZE - len, "/%u", bits);
}

void
ip_write_source(const struct ip *ip, char ret[IP_TEXT_SIZE])
{
	if (ip_nbits(ip) == BITS)
		ip_write_network(ip, SOURCE_BITS, ret);
	else
		ip_write(ip, ret);
}

bool
ip_read_network(const char *text, struct ip *ret, unsigned *ret_bits)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT_SIZE];
	unsigned most;
	uint64_t bits;
	struct ip ip;

	if (!slash)
		slash = text + strlen(text);
	if ((size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ip_read(address, &ip))
		return false;
	most = strchr(address, ':') ? BITS : BITS_4;
	bits = most;
	if (*slash && (!span_number(span_of(slash + 1), &bits) || bits > most))
		return false;
	/* Of "::ffff:192.0.2.0/120", what stands before IPv4. */
	if (most > ip_nbits(&ip))
		bits = bits > BITS - BITS_4 ? bits - (BITS - BITS_4) : 0;
	*ret = ip_prefix(&ip, (unsigned)bits);
	*ret_bits = (unsigned)bits;
	return true;
}
