/*
 *	version 1    PROXY TCP4 192.0.2.1 198.51.100.1 4000 25 CR LF
 *
 *	version 2    0   12 octets of signature
 *	             12  version, command
 *	             13  family, transport
 *	             14  length of what follows
 *	             16  addresses and ports, as the family has them
 *	                 then any number of: type, length (2 octets), value
 */
#include "proxy.h"

#include <stdint.h>
#include <string.h>

#include "../mail/span.h"

enum {
	V1_MAX = 107, /* with CRLF */
	SIGNATURE_LEN = 12,
	V2_LEN = 16, /* of the part that each has */
	TLV_LEN = 3, /* type and length */
	TLV_CRC32C = 3,
	CRC_LEN = 4,

	VERSION_2 = 2,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	TRANSPORT_STREAM = 1,
};

enum family {
	FAMILY_NONE,
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_UNIX,
	FAMILY__COUNT
};

/* No line of text can begin with it, and PROXY is no command of SMTP. */
static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
static const char keyword[] = "PROXY ";

static struct span
whole(const struct proxy_header *h)
{
	return (struct span){ (const char *)h->octets, h->len };
}

static unsigned
read_u16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Does it begin so, as far as it has come? */
static bool
may_begin(const struct proxy_header *h, const char *with, size_t len)
{
	return memcmp(h->octets, with, h->len < len ? h->len : len) == 0;
}

static bool
is_v2(const struct proxy_header *h)
{
	return h->len >= SIGNATURE_LEN &&
	       may_begin(h, signature, SIGNATURE_LEN);
}

static enum proxy_state
look_at_line(const struct proxy_header *h, size_t *ret_wanted)
{
	bool has_cr = h->octets[h->len - 1] == '\r';

	if (h->len >= 2 && h->octets[h->len - 1] == '\n')
		return h->octets[h->len - 2] == '\r' ? PROXY_WHOLE : PROXY_BAD;
	*ret_wanted = has_cr ? 1 : 2;
	return h->len + *ret_wanted <= V1_MAX ? PROXY_MORE : PROXY_BAD;
}

enum proxy_state
proxy_look(const struct proxy_header *h, size_t *ret_wanted)
{
	size_t len = V2_LEN;

	if (!may_begin(h, signature, SIGNATURE_LEN) &&
	    !may_begin(h, keyword, sizeof keyword - 1))
		return PROXY_BAD;
	if (h->len < SIGNATURE_LEN) {
		*ret_wanted = SIGNATURE_LEN - h->len;
		return PROXY_MORE;
	}
	if (!is_v2(h))
		return look_at_line(h, ret_wanted);
	if (h->len >= V2_LEN)
		len += read_u16(h->octets + 14);
	if (len > PROXY_MAX)
		return PROXY_BAD;
	*ret_wanted = len - h->len;
	return *ret_wanted > 0 ? PROXY_MORE : PROXY_WHOLE;
}

/*
 * Version 1
 */

/* Words are parted by one blank; there is none in front, nor at the end. */
static struct span
next_word(struct span *text)
{
	const char *blank = memchr(text->p, ' ', text->len);
	struct span word = { text->p,
		blank ? (size_t)(blank - text->p) : text->len };
	size_t taken = word.len + (blank != NULL);

	text->p += taken;
	text->len -= taken;
	return word;
}

static bool
read_address(struct span word, bool is_ipv6, char ret[IP_TEXT_SIZE])
{
	char text[IP_TEXT_SIZE];
	struct ip ip;

	if (word.len >= sizeof text ||
	    (memchr(word.p, ':', word.len) != NULL) != is_ipv6)
		return false;
	memcpy(text, word.p, word.len);
	text[word.len] = '\0';
	if (!ip_read(text, &ip))
		return false;
	ip_write(&ip, ret);
	return true;
}

static enum proxy_client
read_line(struct span line, struct peer *ret)
{
	struct span protocol;
	char other[IP_TEXT_SIZE];
	int other_port;
	bool is_ipv6;

	line.len -= 2; /* CRLF */
	next_word(&line);
	protocol = next_word(&line);
	if (span_is(protocol, "UNKNOWN"))
		return PROXY_ITSELF;
	is_ipv6 = span_is(protocol, "TCP6");
	if (!is_ipv6 && !span_is(protocol, "TCP4"))
		return PROXY_MALFORMED;
	if (!read_address(next_word(&line), is_ipv6, ret->address) ||
	    !read_address(next_word(&line), is_ipv6, other) ||
	    !span_port(next_word(&line), &ret->port) ||
	    !span_port(next_word(&line), &other_port) || line.len > 0 ||
	    line.p[-1] == ' ')
		return PROXY_MALFORMED;
	return PROXY_CLIENT;
}

/*
 * Version 2
 */

/* CRC-32C (RFC 3720 s. 12.1) of the header, where its own value counts as 0. */
static uint32_t
checksum(const struct proxy_header *h, size_t at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < h->len; i++) {
		bool is_own = i >= at && i < at + CRC_LEN;

		crc ^= is_own ? 0 : h->octets[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
	}
	return ~crc;
}

/* Looks at what follows the addresses; only a checksum says anything to us. */
static bool
check_rest(const struct proxy_header *h, size_t at)
{
	while (at < h->len) {
		size_t value = at + TLV_LEN, len;

		if (h->len - at < TLV_LEN)
			return false;
		len = read_u16(h->octets + at + 1);
		if (len > h->len - value)
			return false;
		if (h->octets[at] == TLV_CRC32C) {
			uint32_t crc = checksum(h, value);
			unsigned char want[CRC_LEN] = { crc >> 24 & 0xff,
				crc >> 16 & 0xff, crc >> 8 & 0xff, crc & 0xff };

			if (len != CRC_LEN ||
			    memcmp(h->octets + value, want, CRC_LEN) != 0)
				return false;
		}
		at = value + len;
	}
	return true;
}

static void
take_address(enum family family, const unsigned char *from, struct peer *ret)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;
	struct ip ip;

	if (family == FAMILY_UNIX) {
		*ret = (struct peer){ .address = PEER_UNKNOWN };
		return;
	}
	if (family == FAMILY_IPV4) {
		memcpy(&ipv4, from, sizeof ipv4);
		ip = ip_of_ipv4(&ipv4);
		ret->port = (int)read_u16(from + 8); /* behind two of 4 */
	} else {
		memcpy(&ipv6, from, sizeof ipv6);
		ip = ip_of_ipv6(&ipv6);
		ret->port = (int)read_u16(from + 32); /* behind two of 16 */
	}
	ip_write(&ip, ret->address);
}

static enum proxy_client
read_octets(const struct proxy_header *h, struct peer *ret)
{
	static const size_t lengths[FAMILY__COUNT] = {
		[FAMILY_IPV4] = 12,
		[FAMILY_IPV6] = 36,
		[FAMILY_UNIX] = 216,
	};
	unsigned version = h->octets[12] >> 4, command = h->octets[12] & 15;
	unsigned family = h->octets[13] >> 4, transport = h->octets[13] & 15;

	if (version != VERSION_2 || command > COMMAND_PROXY)
		return PROXY_MALFORMED;
	if (command == COMMAND_LOCAL)
		return PROXY_ITSELF;
	if (family >= FAMILY__COUNT || transport > TRANSPORT_STREAM ||
	    h->len - V2_LEN < lengths[family] ||
	    !check_rest(h, V2_LEN + lengths[family]))
		return PROXY_MALFORMED;
	if (family == FAMILY_NONE || transport != TRANSPORT_STREAM)
		return PROXY_ITSELF;
	take_address((enum family)family, h->octets + V2_LEN, ret);
	return PROXY_CLIENT;
}

enum proxy_client
proxy_read(const struct proxy_header *h, struct peer *ret)
{
	struct peer found = { .port = 0 };
	enum proxy_client client =
	    is_v2(h) ? read_octets(h, &found) : read_line(whole(h), &found);

	if (client == PROXY_CLIENT)
		*ret = found;
	return client;
}
