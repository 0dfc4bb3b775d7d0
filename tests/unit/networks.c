/*
 * Lists of networks, and who is in them.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/networks.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool
has(const struct networks *n, const char *address)
{
	struct peer who = { .port = 0 };

	strcpy(who.address, address);
	return networks_have(n, &who);
}

/* clang-format off */
static const struct {
	const char *list, *address;
	bool want;
} rows[] = {
	{ "192.0.2.1",               "192.0.2.1",           true },
	{ "192.0.2.1",               "192.0.2.2",           false },
	{ "192.0.2.0/24",            "192.0.2.255",         true },
	{ "192.0.2.77/24",           "192.0.2.255",         true },
	{ "192.0.2.0/24",            "192.0.3.0",           false },
	{ "10.0.0.0/8,192.0.2.0/24", "192.0.2.1",           true },
	{ "10.0.0.0/8, 192.0.2.1",   "192.0.2.1",           true },
	{ "::ffff:192.0.2.1",        "192.0.2.1",           true },
	{ "0.0.0.0/0",               "192.0.2.1",           true },
	{ "0.0.0.0/0",               "2001:db8::1",         false },
	{ "::/0",                    "2001:db8::1",         true },
	{ "::/0",                    "192.0.2.1",           false },
	{ "2001:db8::/32",           "2001:db8:ffff::1",    true },
	{ "2001:db8::/32",           "2001:db9::",          false },
	{ "local",                   PEER_LOCAL,            true },
	{ "192.0.2.1,local",         PEER_LOCAL,            true },
	{ "local",                   "192.0.2.1",           false },
	{ "0.0.0.0/0,::/0",          PEER_LOCAL,            false },
	{ "0.0.0.0/0,::/0,local",    PEER_UNKNOWN,          false },
};
/* clang-format on */

Test(networks, know_who_is_in_them)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct networks n = { .n = 0 };

		cr_assert(networks_add(&n, rows[i].list), "%s", rows[i].list);
		cr_expect(has(&n, rows[i].address) == rows[i].want, "%s: %s",
		    rows[i].list, rows[i].address);
	}
}

Test(networks, are_none_at_first_and_grow)
{
	struct networks n = { .n = 0 };

	cr_expect(networks_are_none(&n));
	cr_expect(!has(&n, "192.0.2.1"));
	cr_expect(networks_add(&n, "192.0.2.1"));
	cr_expect(networks_add(&n, "192.0.2.2"));
	cr_expect(!networks_are_none(&n));
	cr_expect(has(&n, "192.0.2.1"));
	cr_expect(has(&n, "192.0.2.2"));
}

Test(networks, take_nothing_else)
{
	static const char *const wrong[] = { "", ",", "192.0.2.1,", "192.0.2",
		"192.0.2.1/33", "2001:db8::/129", "mx.example", "192.0.2.1/",
		"192.0.2.1 192.0.2.2", "unknown",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/128" };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct networks n = { .n = 0 };

		cr_expect(!networks_add(&n, wrong[i]), "%s", wrong[i]);
	}
}

Test(networks, have_a_limit)
{
	struct networks n = { .n = 0 };

	for (int i = 0; i < NETWORKS_MAX; i++)
		cr_assert(networks_add(&n, "192.0.2.1"));
	cr_expect(!networks_add(&n, "192.0.2.1"));
	cr_expect(networks_add(&n, "local"));
}

Test(networks, are_of_two_kinds_of_fronts)
{
	struct fronts f = { .proxy = { .n = 0 } };
	struct peer who = { .address = "192.0.2.1" };

	cr_expect(!fronts_have(NULL, &who));
	cr_expect(!fronts_have(&f, &who));
	cr_expect(networks_add(&f.xclient, "192.0.2.1"));
	cr_expect(fronts_have(&f, &who));
}
