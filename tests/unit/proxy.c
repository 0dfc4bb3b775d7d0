/*
 * The PROXY header: which octets are taken for it, and what it says.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/span.h"
#include "../../server/proxy.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\0\2\1\xc6\x33\x64\1\x0f\xa0\0\x19"
#define IPV6                                                                   \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                               \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x0f\xa0\0\x19"
#define OCTETS(text)                                                           \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/* Feeds no more than is asked for; returns what was taken, or SIZE_MAX. */
static size_t
feed(struct proxy_header *h, struct span octets)
{
	size_t wanted, taken = 0;
	enum proxy_state state;

	h->len = 0;
	while ((state = proxy_look(h, &wanted)) == PROXY_MORE) {
		cr_assert(wanted > 0);
		if (wanted > octets.len - taken)
			wanted = octets.len - taken;
		if (wanted == 0)
			return SIZE_MAX;
		memcpy(h->octets + h->len, octets.p + taken, wanted);
		h->len += wanted;
		taken += wanted;
	}
	return state == PROXY_WHOLE ? taken : SIZE_MAX;
}

/* A copy of the exact size, so that reading beyond it is seen. */
static enum proxy_client
read_header(struct span octets, struct peer *ret)
{
	struct proxy_header *h = malloc(sizeof *h);
	enum proxy_client client = PROXY_MALFORMED;

	strcpy(ret->address, "untouched");
	if (feed(h, octets) == octets.len)
		client = proxy_read(h, ret);
	free(h);
	return client;
}

/* clang-format off */
static const struct {
	struct span octets;
	const char *address;
	int port;
} clients[] = {
	{ OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"), "192.0.2.1", 4000 },
	{ OCTETS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255", 65535 },
	{ OCTETS("PROXY TCP6 2001:db8::1 2001:db8::2 4000 25\r\n"), "2001:db8::1", 4000 },
	{ OCTETS("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 0 25\r\n"), "192.0.2.1", 0 },
	{ OCTETS("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
	{ OCTETS(V2 "\x21\x11\0\x0c" IPV4), "192.0.2.1", 4000 },
	{ OCTETS(V2 "\x21\x21\0\x24" IPV6), "2001:db8::1", 4000 },
	/* Behind the addresses: type, length, value. */
	{ OCTETS(V2 "\x21\x11\0\x12" IPV4 "\1\0\0\x20\0\0"), "192.0.2.1", 4000 },
	{ OCTETS(V2 "\x21\x11\0\x14" IPV4 "\1\0\5smtp."), "192.0.2.1", 4000 },
	/* The checksum is that of what stands here, with zeros in its place. */
	{ OCTETS(V2 "\x21\x11\0\x13" IPV4 "\3\0\4\x1e\xd1\xa4\xac"), "192.0.2.1", 4000 },
};

static const struct span itself[] = {
	OCTETS("PROXY UNKNOWN\r\n"),
	OCTETS("PROXY UNKNOWN whatever it is\r\n"),
	OCTETS("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"),
	OCTETS(V2 "\x20\0\0\0"),
	OCTETS(V2 "\x20\x11\0\x0c" IPV4),
	OCTETS(V2 "\x20\xff\0\2xy"),
	OCTETS(V2 "\x21\0\0\0"),
	OCTETS(V2 "\x21\0\0\3\4\0\0"),
	OCTETS(V2 "\x21\x10\0\x0c" IPV4),
};

static const struct span malformed[] = {
	OCTETS("PROXY \r\n      \r\n"),
	OCTETS("PROXY TCP4\r\n  \r\n"),
	OCTETS("PROXY TCP5 192.0.2.1 198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY TCP4 2001:db8::1 2001:db8::2 4000 25\r\n"),
	OCTETS("PROXY TCP6 192.0.2.1 198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 \r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 25 \r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 25 1\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1  198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY  TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1\t198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 99999999999999999999\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 -1 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.256 198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 mx.example 4000 25\r\n"),
	OCTETS("PROXY TCP6 fe80::1%lo ::1 4000 25\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\n"),
	OCTETS("PROXY TCP4 192.0.2.1\r198.51.100.1 4000 25\r\n"),
	OCTETS("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"), /* 108 */
	OCTETS("EHLO client.example\r\n"),
	OCTETS("proxy TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"),
	OCTETS("\r\n\r\n\0\r\nQUIT\r\n\r\n\r\n"),
	OCTETS(V2 "\x11\x11\0\x0c" IPV4),              /* version */
	OCTETS(V2 "\x22\x11\0\x0c" IPV4),              /* command */
	OCTETS(V2 "\x21\x41\0\x0c" IPV4),              /* family */
	OCTETS(V2 "\x21\x12\0\x0c" IPV4),              /* datagrams */
	OCTETS(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\1\x0f\xa0\0"),
	OCTETS(V2 "\x21\x21\0\x0c" IPV4),              /* IPv6 needs 36 */
	OCTETS(V2 "\x21\x31\0\x0c" IPV4),              /* a path needs 108 */
	OCTETS(V2 "\x21\x11\0\x0d" IPV4 "\1"),
	OCTETS(V2 "\x21\x11\0\x0f" IPV4 "\1\0\1"),
	OCTETS(V2 "\x21\x11\0\x10" IPV4 "\1\xff\xff."),
	OCTETS(V2 "\x21\x11\0\x13" IPV4 "\3\0\4\x1e\xd1\xa4\xad"), /* checksum */
	OCTETS(V2 "\x21\x11\0\x12" IPV4 "\3\0\3\x1e\xd1\xa4"),
	OCTETS(V2 "\x21\x11\x10\0" IPV4),              /* 4096 behind the 16 */
};
/* clang-format on */

Test(proxy, tells_the_client)
{
	for (size_t i = 0; i < COUNT(clients); i++) {
		struct peer peer;

		cr_expect(read_header(clients[i].octets, &peer) == PROXY_CLIENT,
		    "row %zu", i);
		cr_expect(strcmp(peer.address, clients[i].address) == 0 &&
			      peer.port == clients[i].port,
		    "row %zu: %s, %d", i, peer.address, peer.port);
	}
}

Test(proxy, may_speak_for_nobody)
{
	for (size_t i = 0; i < COUNT(itself); i++) {
		struct peer peer;

		cr_expect(read_header(itself[i], &peer) == PROXY_ITSELF,
		    "row %zu", i);
		cr_expect(strcmp(peer.address, "untouched") == 0);
	}
}

Test(proxy, is_taken_only_when_well_formed)
{
	for (size_t i = 0; i < COUNT(malformed); i++) {
		struct peer peer;

		cr_expect(read_header(malformed[i], &peer) == PROXY_MALFORMED,
		    "row %zu", i);
		cr_expect(strcmp(peer.address, "untouched") == 0);
	}
}

Test(proxy, names_no_address_for_a_client_by_af_unix)
{
	static char octets[16 + 216] = V2 "\x21\x31\0\xd8/run/mail.sock";
	struct peer peer;

	cr_expect(read_header((struct span){ octets, sizeof octets }, &peer) ==
		  PROXY_CLIENT);
	cr_expect(strcmp(peer.address, PEER_UNKNOWN) == 0, "%s", peer.address);
}

/* Whatever comes behind, SMTP or TLS, is for somebody else to read. */
Test(proxy, takes_no_octet_behind_it)
{
	static char octets[600];
	struct proxy_header h;

	for (size_t i = 0; i < COUNT(clients); i++) {
		struct span one = clients[i].octets;

		memcpy(octets, one.p, one.len);
		memcpy(octets + one.len, "\r\nEHLO\n", 7);
		cr_expect(
		    feed(&h, (struct span){ octets, one.len + 7 }) == one.len,
		    "row %zu", i);
	}
}

Test(proxy, is_not_there_before_its_last_octet)
{
	struct proxy_header h;

	for (size_t i = 0; i < COUNT(clients); i++) {
		for (size_t len = 0; len < clients[i].octets.len; len++)
			cr_expect(feed(&h, (struct span){ clients[i].octets.p,
					       len }) == SIZE_MAX,
			    "row %zu, %zu octets", i, len);
	}
}
