/*
 * Domains and address literals, without a path around them.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/inputs.h"

/* clang-format off */
static const struct span literals[] = {
	T("[0.0.0.0]"), T("[255.255.255.255]"), T("[001.02.3.000]"),
	T("[x:y]"), T("[0:1]"), T("[x-1:!\"#^_~]"), T("[-x:y]"),
	T("[IPv4:1.2.3.4]"), T("[x::]"),
	/* full */
	T("[IPv6:1:2:3:4:5:6:7:8]"), T("[ipv6:0001:ABCD:ef01:0:0:0:0:FFFF]"),
	T("[IPV6:0:0:0:0:0:0:0:0]"),
	/* compressed, at least two groups */
	T("[IPv6:::]"), T("[IPv6:1::]"), T("[IPv6:::8]"), T("[IPv6:1::8]"),
	T("[IPv6:2001:db8::1]"), T("[IPv6:1:2:3:4:5:6::]"),
	T("[IPv6:::3:4:5:6:7:8]"), T("[IPv6:1:2:3::6:7:8]"),
	/* with IPv4 at the end */
	T("[IPv6:1:2:3:4:5:6:1.2.3.4]"), T("[IPv6:::1.2.3.4]"),
	T("[IPv6:::ffff:192.0.2.1]"), T("[IPv6:1::1.2.3.4]"),
	T("[IPv6:1:2:3:4::1.2.3.4]"), T("[IPv6:::1:2:3:4:1.2.3.4]"),
};

static const struct span bad_literals[] = {
	T(""), T("["), T("[]"), T("]"), T("[1.2.3.4"),
	T("1.2.3.4]"), T("[1.2.3.4]x"), T("[1.2.3.4] "), T(" [1.2.3.4]"),
	T("[1.2.3.4]]"), T("[[1.2.3.4]"), T("[1.2.3.4\0]"),
	T("[1.2.3]"), T("[1.2.3.]"), T("[.2.3.4]"), T("[1.2.3.4.]"),
	T("[1.2.3.4.5]"), T("[1..3.4]"), T("[1.2.3.256]"), T("[1.2.3.999]"),
	T("[1.2.3.0001]"), T("[1.2.3.1000]"), T("[1.2.3.-4]"),
	T("[1.2.3.a]"), T("[0x1.2.3.4]"), T("[12345]"),
	T("[x:]"), T("[:x]"), T("[x-:y]"), T("[-:y]"), T("[x_:y]"),
	T("[x.y:z]"), T("[xy]"), T("[x:y z]"), T("[x:y\\z]"), T("[x:y[z]"),
	T("[x:\xC3\xBC]"), T("[x:\x7F]"), T("[2001:db8::g]x"), T("[::1]"),
	T("[IPv6]"), T("[IPv6:]"), T("[IPv6::]"), T("[IPv6::1]"),
	T("[IPv6:1]"), T("[IPv6:1:2:3:4:5:6:7]"), T("[IPv6:1:2:3:4:5:6:7:]"),
	T("[IPv6:1:2:3:4:5:6:7:8:9]"), T("[IPv6:1:2:3:4:5:6:7:8:]"),
	T("[IPv6::1:2:3:4:5:6:7:8]"), T("[IPv6:12345::]"), T("[IPv6:::12345]"),
	T("[IPv6:g::]"), T("[IPv6:1::2::3]"), T("[IPv6:1:::2]"),
	T("[IPv6::::]"), T("[IPv6:::1:]"), T("[IPv6:1::2:]"), T("[IPv6: ::1]"),
	T("[IPv6:::1%eth0]"), T("[IPv6:fe80::/10]"),
	/* "::" for one group or none */
	T("[IPv6:1:2:3:4:5:6:7::]"), T("[IPv6:::2:3:4:5:6:7:8]"),
	T("[IPv6:1:2:3::5:6:7:8]"), T("[IPv6:1:2:3:4::5:6:7:8]"),
	T("[IPv6:1:2:3:4:5::1.2.3.4]"), T("[IPv6:::1:2:3:4:5:1.2.3.4]"),
	T("[IPv6:1.2.3.4]"), T("[IPv6:1.2.3.4::]"), T("[IPv6:::1.2.3.4:1]"),
	T("[IPv6:::1.2.3]"), T("[IPv6:::1.2.3.256]"), T("[IPv6:::.1.2.3]"),
	T("[IPv6:::a.2.3.4]"), T("[IPv6:1:2:3:4:5:1.2.3.4]"),
	T("[IPv6:1:2:3:4:5:6:7:1.2.3.4]"), T("[IPv6:::1.2.3.4.5]"),
	T("[IPv6:::1.2.3.4::]"),
};

static const struct span domains[] = {
	T("a"), T("1"), T("localhost"), T("a.b"), T("a-b.c--d"), T("1.2.3.4"),
	T("x1.2y"), T("EXAMPLE.org"), T("xn--bcher-kva"), T("b\xC3\xBC" "cher"),
	T("\xE4\xBE\x8B.\xE6\xB5\x8B\xE8\xAF\x95"), T("[192.0.2.1]"),
	T("[IPv6:::1]"), T("[x:y]"),
};

static const struct span lenient_domains[] = {
	T("_"), T("a_b"), T("_a"), T("a_.b"), T("DESKTOP_1.local"),
};

static const struct span bad_domains[] = {
	T(""), T("."), T("a."), T(".a"), T("a..b"), T("-"), T("-a"), T("a-"),
	T("a.-b"), T("a-.b"), T(" a"), T("a "), T("a b"), T("a\tb"), T("a\0"),
	T("a@b"), T("<a>"), T("a:25"), T("a/b"), T("*.a"), T("\x80"),
	T("a\xC3"), T("\xC0\xAF"), T("\xC2\x85"), T("[1.2.3.4"), T("[1.2.3]"),
	T("[1.2.3.4].a"), T("a.[1.2.3.4]"), T("\"a\""), T("a\r"), T("a\x7F"),
};
/* clang-format on */

Test(address_domain, checks_address_literals)
{
	EXPECT_ALL(literals, input_is_strict_domain);
	EXPECT_NONE(bad_literals, input_is_strict_domain);
}

Test(address_domain, checks_domains)
{
	EXPECT_ALL(domains, input_is_strict_domain);
	EXPECT_ALL(domains, input_is_lenient_domain);
	EXPECT_ALL(lenient_domains, input_is_lenient_domain);
	EXPECT_NONE(lenient_domains, input_is_strict_domain);
	EXPECT_NONE(bad_domains, input_is_strict_domain);
	EXPECT_NONE(bad_domains, input_is_lenient_domain);
}

Test(address_domain, never_reads_behind_the_end)
{
	for (size_t i = 0; i < COUNT(literals); i++)
		input_read_parts_of(literals[i]);
	for (size_t i = 0; i < COUNT(domains); i++)
		input_read_parts_of(domains[i]);
	for (size_t i = 0; i < COUNT(lenient_domains); i++)
		input_read_parts_of(lenient_domains[i]);
}
