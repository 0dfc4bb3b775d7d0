/*
 * IP addresses and networks, as they are read and written.
 */
#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/ip.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* clang-format off */
static const struct {
	const char *text;
	const char *want; /* NULL: it is none */
} networks[] = {
	{ "192.0.2.77/24",           "192.0.2.0/24" },
	{ "192.0.2.77/23",           "192.0.2.0/23" },
	{ "192.0.3.77/23",           "192.0.2.0/23" },
	{ "192.0.2.77",              "192.0.2.77/32" },
	{ "192.0.2.77/0",            "0.0.0.0/0" },
	{ "2001:DB8:0:0::1/32",      "2001:db8::/32" },
	{ "2001:db8::ff/121",        "2001:db8::80/121" },
	{ "2001:db8::1",             "2001:db8::1/128" },
	{ "::/0",                    "::/0" },
	/* IPv4 in IPv6 is IPv4, also where it is a network. */
	{ "::ffff:192.0.2.77/120",   "192.0.2.0/24" },
	{ "::ffff:c000:24d",         "192.0.2.77/32" },
	{ "",                        NULL },
	{ "/24",                     NULL },
	{ "192.0.2.0/",              NULL },
	{ "192.0.2.0/33",            NULL },
	{ "192.0.2.0/-1",            NULL },
	{ "192.0.2.0/24/24",         NULL },
	{ "192.0.2/24",              NULL },
	{ "192.0.2.0/0x8",           NULL },
	{ "2001:db8::/129",          NULL },
	{ "2001:db8::/18446744073709551616", NULL },
	{ "local",                   NULL },
	{ "mx.example",              NULL },
	{ "2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:1", NULL },
};
/* clang-format on */

Test(ip, reads_a_network_without_the_bits_behind_its_prefix)
{
	for (size_t i = 0; i < COUNT(networks); i++) {
		char got[IP_TEXT_SIZE] = "";
		unsigned bits = 0;
		struct ip ip;

		if (ip_read_network(networks[i].text, &ip, &bits))
			ip_write_network(&ip, bits, got);
		cr_assert_str_eq(got, networks[i].want ? networks[i].want : "",
		    "%s: \"%s\"", networks[i].text, got);
	}
}

Test(ip, writes_what_a_client_is_counted_by)
{
	static const char *const rows[][2] = {
		{ "192.0.2.77", "192.0.2.77" },
		{ "::ffff:192.0.2.77", "192.0.2.77" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char got[IP_TEXT_SIZE];
		struct ip ip;

		cr_assert(ip_read(rows[i][0], &ip));
		ip_write_source(&ip, got);
		cr_assert_str_eq(got, rows[i][1]);
	}
}

Test(ip, counts_neighbours_in_ipv6_as_one_client)
{
	struct ip a, b, c, one, other, third;

	cr_assert(ip_read("2001:db8:1:2::1", &a));
	cr_assert(ip_read("2001:db8:1:2:ffff::1", &b));
	cr_assert(ip_read("2001:db8:1:3::1", &c));
	one = ip_source(&a);
	other = ip_source(&b);
	third = ip_source(&c);
	cr_assert_eq(memcmp(&one, &other, sizeof one), 0);
	cr_assert_neq(memcmp(&one, &third, sizeof one), 0);
}

/* Where runs of zeros may be, in each of the 256 ways. */
Test(ip, writes_addresses_as_the_c_library_does)
{
	static const unsigned char others[] = { 0x01, 0x0f, 0x10, 0xff };

	for (unsigned zeros = 0; zeros < 256 * COUNT(others); zeros++) {
		unsigned char other = others[zeros / 256];
		char want[INET6_ADDRSTRLEN], got[IP_TEXT_SIZE];
		struct in6_addr address = { { { 0 } } };
		struct ip ip;

		for (unsigned i = 0; i < 16; i++) {
			if (zeros & (1u << (i / 2)))
				continue;
			address.s6_addr[i] = i % 2 == 0 && other < 0x10
						 ? 0
						 : (unsigned char)(other + i);
		}
		if (IN6_IS_ADDR_V4MAPPED(&address))
			continue;
		inet_ntop(AF_INET6, &address, want, sizeof want);
		ip = ip_of_ipv6(&address);
		ip_write(&ip, got);
		cr_assert_str_eq(got, want);
		inet_ntop(AF_INET, address.s6_addr + 12, want, sizeof want);
		ip = ip_of_ipv4((const void *)(address.s6_addr + 12));
		ip_write(&ip, got);
		cr_assert_str_eq(got, want);
	}
}
