/*
 * How long addresses may be, and that long ones take no long time.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/dsn.h"
#include "../../mail/utf8.h"
#include "../support/inputs.h"

enum {
	STRICT = ADDRESS_STRICT,
	LENIENT = ADDRESS_LENIENT,
};

/* clang-format off */
static const struct {
	size_t local, domain, route;
	enum address_result want, lenient;
} lengths[] = {
	{ 64, 1,   0,   ADDRESS_OK, ADDRESS_OK },
	{ 65, 1,   0,   ADDRESS_LOCAL_TOO_LONG, ADDRESS_OK },
	{ 1,  252, 0,   ADDRESS_OK, ADDRESS_OK },
	{ 1,  253, 0,   ADDRESS_PATH_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 1,  255, 0,   ADDRESS_PATH_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 1,  256, 0,   ADDRESS_DOMAIN_TOO_LONG, ADDRESS_DOMAIN_TOO_LONG },
	{ 64, 189, 0,   ADDRESS_OK, ADDRESS_OK },
	{ 64, 190, 0,   ADDRESS_PATH_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 65, 256, 0,   ADDRESS_LOCAL_TOO_LONG, ADDRESS_DOMAIN_TOO_LONG },
	{ 253, 1,  0,   ADDRESS_LOCAL_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 252, 1,  0,   ADDRESS_LOCAL_TOO_LONG, ADDRESS_OK },
	{ 64, 87,  100, ADDRESS_OK, ADDRESS_OK },
	{ 64, 88,  100, ADDRESS_PATH_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 1,  1,   249, ADDRESS_OK, ADDRESS_OK },
	{ 1,  1,   250, ADDRESS_PATH_TOO_LONG, ADDRESS_PATH_TOO_LONG },
	{ 1,  1,   256, ADDRESS_DOMAIN_TOO_LONG, ADDRESS_DOMAIN_TOO_LONG },
};
/* clang-format on */

Test(address_limits, reports_which_limit_a_path_passed)
{
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char buf[INPUT_MAX], *end = buf;

		*end++ = '<';
		if (lengths[i].route) {
			*end++ = '@';
			end = input_put_domain(end, lengths[i].route);
			*end++ = ':';
		}
		end = input_put(end, lengths[i].local, "l");
		*end++ = '@';
		end = input_put_domain(end, lengths[i].domain);
		*end++ = '>';
		input_expect_result((struct span){ buf, (size_t)(end - buf) },
		    STRICT, lengths[i].want);
		/* Without the brackets it is as long. */
		input_expect_result(
		    (struct span){ buf + 1, (size_t)(end - buf) - 2 }, LENIENT,
		    lengths[i].lenient);
		/* Where the syntax is wrong, too, the length is no matter. */
		input_expect_result(
		    (struct span){ buf, (size_t)(end - buf) - 1 }, STRICT,
		    ADDRESS_BAD_SYNTAX);
	}
}

/* clang-format off */
static const struct {
	const char *before;
	size_t n;
	const char *filler, *after;
	enum address_result want;
} fillings[] = {
	{ "<a@",        63,  "l",        ".x>",  ADDRESS_OK },
	{ "<a@",        64,  "l",        ".x>",  ADDRESS_DOMAIN_TOO_LONG },
	{ "<a@x.",      64,  "l",        ">",    ADDRESS_DOMAIN_TOO_LONG },
	/* U-labels: what cannot be 63 octets as an A-label */
	{ "<a@",        59,  "\xC3\xBC", ">",    ADDRESS_OK },
	{ "<a@",        60,  "\xC3\xBC", ">",    ADDRESS_DOMAIN_TOO_LONG },
	/* the quotes count, and so do both octets of a pair or a character */
	{ "<\"",        62,  "l",        "\"@x>", ADDRESS_OK },
	{ "<\"",        63,  "l",        "\"@x>", ADDRESS_LOCAL_TOO_LONG },
	{ "<\"",        31,  "\\\"",     "\"@x>", ADDRESS_OK },
	{ "<\"",        32,  "\\\"",     "\"@x>", ADDRESS_LOCAL_TOO_LONG },
	{ "<",          32,  "\xC3\xBC", "@x>",  ADDRESS_OK },
	{ "<",          33,  "\xC3\xBC", "@x>",  ADDRESS_LOCAL_TOO_LONG },
	{ "<a@[x:",     251, "l",        "]>",   ADDRESS_PATH_TOO_LONG },
	{ "<a@[x:",     252, "l",        "]>",   ADDRESS_DOMAIN_TOO_LONG },
	{ "<",          65,  "l",        "@x>y", ADDRESS_BAD_SYNTAX },
	{ "<",          65,  "l",        "@\xFF>", ADDRESS_BAD_UTF8 },
	{ "<@a",        127, ",@a",      ":b@c>", ADDRESS_PATH_TOO_LONG },
};
/* clang-format on */

Test(address_limits, counts_octets_and_in_labels_characters)
{
	for (size_t i = 0; i < COUNT(fillings); i++) {
		char buf[INPUT_MAX], *end = buf;

		end = input_put(end, 1, fillings[i].before);
		end = input_put(end, fillings[i].n, fillings[i].filler);
		end = input_put(end, 1, fillings[i].after);
		input_expect_result((struct span){ buf, (size_t)(end - buf) },
		    STRICT, fillings[i].want);
	}
}

Test(address_limits, refuses_domain_and_label_and_literal_that_are_too_long)
{
	char buf[INPUT_MAX];

	input_put_domain(buf, 255);
	cr_expect(input_is_strict_domain((struct span){ buf, 255 }));
	input_put_domain(buf, 256);
	cr_expect(not(input_is_strict_domain((struct span){ buf, 256 })));
	memset(buf, 'a', 64);
	cr_expect(input_is_strict_domain((struct span){ buf, 63 }));
	cr_expect(not(input_is_strict_domain((struct span){ buf, 64 })));
	input_put(input_put(input_put(buf, 1, "[x:"), 251, "a"), 1, "]");
	cr_expect(input_is_strict_domain((struct span){ buf, 255 }));
	input_put(input_put(input_put(buf, 1, "[x:"), 252, "a"), 1, "]");
	cr_expect(not(input_is_strict_domain((struct span){ buf, 256 })));
}

Test(address_limits, takes_no_input_at_all)
{
	struct span text = { NULL, 0 };
	struct address_path path;

	cr_expect(eq(int, (int)address_read_path(&text, ADDRESS_STRICT, &path),
	    ADDRESS_BAD_SYNTAX));
	cr_expect(eq(int, (int)address_read_path(&text, ADDRESS_LENIENT, &path),
	    ADDRESS_BAD_SYNTAX));
	cr_expect(not(input_is_strict_domain(text)));
	cr_expect(not(dsn_is_xtext(text)));
	cr_expect(not(dsn_is_orcpt(text)));
	cr_expect(not(utf8_is_printable(text)));
}

/* With time in the square of the length, one row would take hours. */
Test(address_limits, takes_long_input_in_linear_time, .timeout = 600)
{
	static const struct {
		const char *before, *filler;
	} rows[] = {
		{ "<", "a" },
		{ "<", "." },
		{ "<", "<" },
		{ "<\"", "\\\"" },
		{ "<a@", "b." },
		{ "<a@b", "-" },
		{ "<@a", ",@a" },
		{ "<a@[", "1" },
		{ "[IPv6:1", ":1" },
		{ "[IPv6:", ":" },
		{ "[", "a-" },
		{ "", " " },
		{ "", "\xC3\xBC" },
		{ "", "+2B" },
		{ "utf-8;\\x{", "1" },
		{ "utf-8;", "\\x{20}" },
		{ "A=", "b" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = 1 << 20;
		char *buf = malloc(n * strlen(rows[i].filler) + 64), *end;

		cr_assert(ne(ptr, buf, NULL));
		end = input_put(
		    input_put(buf, 1, rows[i].before), n, rows[i].filler);
		input_read_as_anything(
		    (struct span){ buf, (size_t)(end - buf) });
		free(buf);
	}
}
