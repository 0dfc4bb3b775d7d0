/*
 * The names of RFC 3848 and RFC 6531 s. 4.3.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/protocol.h"

static const struct {
	unsigned traits;
	const char *want;
} rows[] = {
	{ 0, "SMTP" },
	{ PROTOCOL_ESMTP, "ESMTP" },
	{ PROTOCOL_AUTH, "ESMTPA" },
	{ PROTOCOL_ESMTP | PROTOCOL_TLS, "ESMTPS" },
	{ PROTOCOL_ESMTP | PROTOCOL_TLS | PROTOCOL_AUTH, "ESMTPSA" },
	{ PROTOCOL_ESMTP | PROTOCOL_LMTP, "LMTP" },
	{ PROTOCOL_LMTP, "LMTP" },
	{ PROTOCOL_LMTP | PROTOCOL_AUTH, "LMTPA" },
	{ PROTOCOL_LMTP | PROTOCOL_TLS, "LMTPS" },
	{ PROTOCOL_LMTP | PROTOCOL_TLS | PROTOCOL_AUTH, "LMTPSA" },
	{ PROTOCOL_UTF8, "UTF8SMTP" },
	{ PROTOCOL_UTF8 | PROTOCOL_ESMTP, "UTF8SMTP" },
	{ PROTOCOL_UTF8 | PROTOCOL_AUTH, "UTF8SMTPA" },
	{ PROTOCOL_UTF8 | PROTOCOL_TLS, "UTF8SMTPS" },
	{ PROTOCOL_UTF8 | PROTOCOL_TLS | PROTOCOL_AUTH, "UTF8SMTPSA" },
	{ PROTOCOL_UTF8 | PROTOCOL_LMTP, "UTF8LMTP" },
	{ PROTOCOL_UTF8 | PROTOCOL_LMTP | PROTOCOL_AUTH, "UTF8LMTPA" },
	{ PROTOCOL_UTF8 | PROTOCOL_LMTP | PROTOCOL_TLS, "UTF8LMTPS" },
	{ PROTOCOL_UTF8 | PROTOCOL_LMTP | PROTOCOL_TLS | PROTOCOL_AUTH,
	    "UTF8LMTPSA" },
};

Test(protocol, has_a_name_for_each_set_of_traits)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *got = protocol_name(rows[i].traits);

		cr_expect(strcmp(got, rows[i].want) == 0, "%x: %s, not %s",
		    rows[i].traits, got, rows[i].want);
	}
}

Test(protocol, lists_each_name_once)
{
	size_t n = 0;

	for (; protocol_names[n]; n++) {
		for (size_t i = 0; i < n; i++)
			cr_expect(
			    strcmp(protocol_names[i], protocol_names[n]) != 0);
	}
	cr_expect(n == 17, "%zu names", n);
}

Test(protocol, finds_the_traits_of_each_name)
{
	for (size_t n = 0; protocol_names[n]; n++) {
		unsigned traits = protocol_traits(protocol_names[n]);

		cr_expect(protocol_name(traits) == protocol_names[n]);
	}
	cr_expect(protocol_traits("HTTP") == 0);
}
