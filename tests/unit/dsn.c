/*
 * The values of ENVID and ORCPT (RFC 3461, RFC 6533).
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/dsn.h"
#include "../support/inputs.h"

/* clang-format off */
static const struct span xtexts[] = {
	T("a"), T("QQ314159"), T("!"), T("~"), T("*,<>-./\\\"@"), T("+2B"),
	T("a+20b+3D+FF"), T("+00"), T("+2B2"),
};

static const struct span bad_xtexts[] = {
	T(""), T("+"), T("+2"), T("a+"), T("a+2"), T("+2b"), T("+G0"),
	T("+ 2B"), T("++2B"), T("="), T("a=b"), T(" "), T("a b"), T("a\0"),
	T("\x7F"), T("\xC3\xBC"), T("a\t"), T("+0g"), T("+\xFF\xFF"),
};

static const struct span orcpts[] = {
	T("rfc822;a@b"), T("RFC822;a+2Bb@c"), T("x;y"), T("x;;"),
	T("x-400;!/C/x"), T("!#;x"), T("unknown;\\x{1}"),
	T("rfc822;\\"),
	/* RFC 6533 s. 3 */
	T("utf-8;a@b"), T("UTF-8;a@b"), T("utf-8;\xC3\xBC@\xE2\x82\xAC"),
	T("utf-8;\\x{FC}@x"), T("utf-8;\\x{fc}@x"), T("utf-8;a\\x{2B}b@c"),
	T("utf-8;\\x{20}"), T("utf-8;\\x{3D}"), T("utf-8;\\x{5C}"),
	T("utf-8;\\x{7F}"), T("utf-8;\\x{01}"), T("utf-8;\\x{09}"),
	T("utf-8;\\x{10}"), T("utf-8;\\x{19}"), T("utf-8;\\x{80}"),
	T("utf-8;\\x{FF}"), T("utf-8;\\x{100}"), T("utf-8;\\x{FFF}"),
	T("utf-8;\\x{1000}"), T("utf-8;\\x{D7FF}"), T("utf-8;\\x{E000}"),
	T("utf-8;\\x{FFFF}"), T("utf-8;\\x{10000}"), T("utf-8;\\x{FFFFF}"),
	T("utf-8;\\x{100000}"), T("utf-8;\\x{10FFFF}"),
	T("utf-8;\\x{4F8B}\xE4\xBE\x8B" "a@b"), T("utf-8;{}"),
};

static const struct span bad_orcpts[] = {
	T(""), T(";"), T("a@b"), T("rfc822"), T("rfc822;"), T(";a@b"),
	T("rfc822 ;a@b"), T("rfc822; a@b"), T("rfc.822;a@b"), T("rfc@822;a"),
	T("rfc822;a+b@c"), T("rfc822;a=b@c"), T("rfc822;\xC3\xBC"),
	T("rfc822;a\0"), T("rfc822\0;a"), T("\xC3\xBC;a"), T("rfc822:a@b"),
	T("utf-8;"), T("utf-8"), T("utf-8;a+2Bb@c"), T("utf-8;+"),
	T("utf-8;="), T("utf-8; "), T("utf-8;a\0"), T("utf-8;\x7F"),
	T("utf-8;\\"), T("utf-8;\\x"), T("utf-8;\\x{"), T("utf-8;\\x{20"),
	T("utf-8;\\x20"), T("utf-8;\\X{20}"), T("utf-8;\\{20}"),
	T("utf-8;\\\\"), T("utf-8;\\x{}"), T("utf-8;\\x{2}"),
	T("utf-8;\\x{00}"), T("utf-8;\\x{0A}"), T("utf-8;\\x{0D}"),
	T("utf-8;\\x{1A}"), T("utf-8;\\x{21}"), T("utf-8;\\x{41}"),
	T("utf-8;\\x{7E}"), T("utf-8;\\x{0FC}"), T("utf-8;\\x{0100}"),
	T("utf-8;\\x{00FC}"), T("utf-8;\\x{D800}"), T("utf-8;\\x{DFFF}"),
	T("utf-8;\\x{01000}"), T("utf-8;\\x{010000}"), T("utf-8;\\x{110000}"),
	T("utf-8;\\x{1000000}"), T("utf-8;\\x{100000020}"),
	T("utf-8;\\x{G0}"), T("utf-8;\\x{ 20}"), T("utf-8;\\x{20 }"),
	T("utf-8;\\x{20}}\\"), T("utf-8;\x80"), T("utf-8;a\xC3"),
	T("utf-8;\xED\xA0\x80"), T("utf-8;\xC2\x85"), T("utf-8;\xC0\xAF"),
};
/* clang-format on */

Test(dsn, checks_xtext)
{
	EXPECT_ALL(xtexts, dsn_is_xtext);
	EXPECT_NONE(bad_xtexts, dsn_is_xtext);
}

Test(dsn, checks_orcpt_by_its_type)
{
	EXPECT_ALL(orcpts, dsn_is_orcpt);
	EXPECT_NONE(bad_orcpts, dsn_is_orcpt);
}

Test(dsn, never_reads_behind_the_end)
{
	for (size_t i = 0; i < COUNT(xtexts); i++)
		input_read_parts_of(xtexts[i]);
	for (size_t i = 0; i < COUNT(orcpts); i++)
		input_read_parts_of(orcpts[i]);
}
