#include "ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "span.h"

enum {
	BITS = 128,
	BITS_4 = 32,
	SOURCE_BITS = 64, /* of IPv6 */
	GROUPS = 8,       /* of 16 bits */
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

bool
ip_is_loopback(const struct ip *ip)
{
	static const struct ip one = { { [15] = 1 } };

	return memcmp(ip, &one, sizeof one) == 0 ||
	       (ip_nbits(ip) == 32 && ip->octets[12] == 127);
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

/*
 * Writing.  A session writes an address for each connection, so this does
 * without inet_ntop(3): that uses printf(3), whose pages alone are a tenth of a
 * session's.
 */

static char *
put_number(char *to, unsigned n, unsigned base)
{
	static const char digits[] = "0123456789abcdef";

	if (n >= base)
		to = put_number(to, n / base, base);
	*to++ = digits[n % base];
	return to;
}

static char *
put_ipv4(char *to, const unsigned char octets[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*to++ = '.';
		to = put_number(to, octets[i], 10);
	}
	return to;
}

static unsigned
group_of(const struct ip *ip, int i)
{
	return ip->octets[2 * i] * 256u + ip->octets[2 * i + 1];
}

/* The first of the longest runs of zeros (RFC 5952 s. 4.2); below 2: none. */
static int
find_zeros(const struct ip *ip, int *ret_first)
{
	int longest = 0;

	for (int i = 0; i < GROUPS; i++) {
		int n = 0;

		while (i + n < GROUPS && group_of(ip, i + n) == 0)
			n++;
		if (n > longest) {
			longest = n;
			*ret_first = i;
		}
		i += n;
	}
	return longest;
}

static char *
put_ipv6(char *to, const struct ip *ip)
{
	int first = GROUPS;
	int n = find_zeros(ip, &first);

	for (int i = 0; i < GROUPS; i++) {
		if (i == first && n >= 2) {
			*to++ = ':';
			i += n - 1;
			if (i == GROUPS - 1)
				*to++ = ':';
			continue;
		}
		if (i > 0)
			*to++ = ':';
		/* "::192.0.2.1" (RFC 4291 s. 2.5.5.1), as inet_ntop(3). */
		if (i == 6 && first == 0 && n == 6)
			return put_ipv4(to, ip->octets + 12);
		to = put_number(to, group_of(ip, i), 16);
	}
	return to;
}

void
ip_write(const struct ip *ip, char ret[IP_TEXT_SIZE])
{
	char *end;

	if (ip_nbits(ip) == BITS)
		end = put_ipv6(ret, ip);
	else
		end = put_ipv4(ret, ip->octets + sizeof mapped);
	*end = '\0';
}

void
ip_write_network(const struct ip *ip, unsigned bits, char ret[IP_TEXT_SIZE])
{
	struct ip prefix = ip_prefix(ip, bits);
	char *end;

	ip_write(&prefix, ret);
	end = ret + strlen(ret);
	*end++ = '/';
	*put_number(end, bits, 10) = '\0';
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
