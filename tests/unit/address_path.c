/*
 * Paths, and the octets that may stand in each place of one.  A path that is
 * refused must leave what it was given unchanged.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/inputs.h"

enum {
	STRICT = ADDRESS_STRICT,
	LENIENT = ADDRESS_LENIENT,
};

/* clang-format off */
static const struct good_path {
	const char *in;
	const char *local, *domain, *rest;
} good_paths[] = {
	{ "<>",                     "",         "",            "" },
	{ "<> SIZE=10",             "",         "",            " SIZE=10" },
	{ "<a@b>",                  "a",        "b",           "" },
	{ "<a@b>\tSIZE=10",         "a",        "b",           "\tSIZE=10" },
	{ "<Fred.Foo+bar@x.ORG> X", "Fred.Foo+bar", "x.ORG",   " X" },
	{ "<a@b> <c@d>",            "a",        "b",           " <c@d>" },
	{ "<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~", "x", "" },
	{ "<-a-@x>",                "-a-",      "x",           "" },
	/* s. 4.1.1.3: without a domain, whatever the case */
	{ "<postmaster>",           "postmaster", "",          "" },
	{ "<PostMaster> X",         "PostMaster", "",          " X" },
	{ "<postmaster@x>",         "postmaster", "x",         "" },
	/* Quoted-string */
	{ "<\"\"@x>",               "\"\"",     "x",           "" },
	{ "<\" \"@x>",              "\" \"",    "x",           "" },
	{ "<\"a b\"@x>",            "\"a b\"",  "x",           "" },
	{ "<\"a@b\"@x>",            "\"a@b\"",  "x",           "" },
	{ "<\"a>b\"@x> X",          "\"a>b\"",  "x",           " X" },
	{ "<\"<>\"@x>",             "\"<>\"",   "x",           "" },
	{ "<\"a@b> ORCPT=x\"@c>",   "\"a@b> ORCPT=x\"", "c",   "" },
	{ "<\".a..\"@x>",           "\".a..\"", "x",           "" },
	{ "<\"\\\"\"@x>",           "\"\\\"\"", "x",           "" },
	{ "<\"\\\\\"@x>",           "\"\\\\\"", "x",           "" },
	{ "<\"\\ \\a\\>\"@x>",      "\"\\ \\a\\>\"", "x",      "" },
	/* Domain */
	{ "<a@b.c.d>",              "a",        "b.c.d",       "" },
	{ "<a@1.2.3.4>",            "a",        "1.2.3.4",     "" },
	{ "<a@127>",                "a",        "127",         "" },
	{ "<a@b-c.d--e.0-0>",       "a",        "b-c.d--e.0-0", "" },
	{ "<a@xn--bcher-kva.ch>",   "a",        "xn--bcher-kva.ch", "" },
	/* address-literal */
	{ "<a@[192.0.2.1]>",        "a",        "[192.0.2.1]", "" },
	{ "<a@[IPv6:::1]> X",       "a",        "[IPv6:::1]",  " X" },
	{ "<a@[x-y:b>@c]>",         "a",        "[x-y:b>@c]",  "" },
	/* A-d-l */
	{ "<@a:b@c>",               "b",        "c",           "" },
	{ "<@a,@b.c,@d:e@f> X",     "e",        "f",           " X" },
	{ "<@a:\"b:@c\"@d>",        "\"b:@c\"", "d",           "" },
	{ "<@a:b@[192.0.2.1]>",     "b",        "[192.0.2.1]", "" },
	/* RFC 6531 s. 3.3 */
	{ "<\xC3\xBC@x>",           "\xC3\xBC", "x",           "" },
	{ "<\"\xC3\xBC\"@x>",       "\"\xC3\xBC\"", "x",       "" },
	{ "<a@\xC3\xBC>",           "a",        "\xC3\xBC",    "" },
	{ "<a@b-\xE2\x82\xAC.c> X", "a", "b-\xE2\x82\xAC.c",   " X" },
	{ "<\xF0\x9F\x93\xA7@x>",   "\xF0\x9F\x93\xA7", "x",   "" },
	{ "<@\xC3\xBC:a@b>",        "a",        "b",           "" },
	{ "<a@b> \xC3\xBC",         "a",        "b",  " \xC3\xBC" },
	/* the ends of the ranges of RFC 3629 s. 4 */
	{ "<\xC2\xA0@x>",           "\xC2\xA0", "x",           "" },
	{ "<\xDF\xBF@x>",           "\xDF\xBF", "x",           "" },
	{ "<\xE0\xA0\x80@x>",       "\xE0\xA0\x80", "x",       "" },
	{ "<\xEC\xBF\xBF@x>",       "\xEC\xBF\xBF", "x",       "" },
	{ "<\xED\x9F\xBF@x>",       "\xED\x9F\xBF", "x",       "" },
	{ "<\xEE\x80\x80@x>",       "\xEE\x80\x80", "x",       "" },
	{ "<\xEF\xBF\xBF@x>",       "\xEF\xBF\xBF", "x",       "" },
	{ "<\xF0\x90\x80\x80@x>",   "\xF0\x90\x80\x80", "x",   "" },
	{ "<\xF3\xBF\xBF\xBF@x>",   "\xF3\xBF\xBF\xBF", "x",   "" },
	{ "<\xF4\x8F\xBF\xBF@x>",   "\xF4\x8F\xBF\xBF", "x",   "" },
};

/* What strict mode refuses. */
static const struct good_path lenient_paths[] = {
	{ " <a@b>",                 "a",        "b",           "" },
	{ " \t <a@b> X",            "a",        "b",           " X" },
	{ " <>",                    "",         "",            "" },
	{ "< a@b >",                "a",        "b",           "" },
	{ "<\t a@b>",               "a",        "b",           "" },
	{ "<@x:a@b > X",            "a",        "b",           " X" },
	{ "a@b",                    "a",        "b",           "" },
	{ " a@b\tX",                "a",        "b",           "\tX" },
	{ "philip",                 "philip",   "",            "" },
	{ " philip",                "philip",   "",            "" },
	{ " philip@x SIZE=10",      "philip",   "x",           " SIZE=10" },
	{ "\"a b\"@x y",            "\"a b\"",  "x",           " y" },
	{ "a@[192.0.2.1] X",        "a",        "[192.0.2.1]", " X" },
	{ "@a,@b:c@d X",            "c",        "d",           " X" },
	{ "\xC3\xBC",               "\xC3\xBC", "",            "" },
	{ "<philip>",               "philip",   "",            "" },
	{ "<postmasters>",          "postmasters", "",         "" },
	{ "<\"a b\"> X",            "\"a b\"",  "",            " X" },
	{ "<\"postmaster\">",       "\"postmaster\"", "",      "" },
	{ "<@a:postmaster>",        "postmaster", "",          "" },
	{ "<local.@x>",             "local.",   "x",           "" },
	{ "<.local@x>",             ".local",   "x",           "" },
	{ "<a..b@x>",               "a..b",     "x",           "" },
	{ "<a@b_c>",                "a",        "b_c",         "" },
	{ "<a@_b._.c_>",            "a",        "_b._.c_",     "" },
	/* names */
	{ "Ann <a@b>",              "a",        "b",           "" },
	{ " Ann Lee <a@b> X",       "a",        "b",           " X" },
	{ "Ann<a@b>\tX",            "a",        "b",           "\tX" },
	{ "\"Lee, Ann\" <a@b>",     "a",        "b",           "" },
	{ "\"Lee <x@y> \\\" Ann\"<a@b>", "a",  "b",           "" },
	{ "\"a@b\" <a@b>",          "a",        "b",           "" },
	{ "a@b <a@b>",              "a",        "b",           "" },
	{ "Lee, Ann (2nd floor) <a@b>", "a",    "b",           "" },
	{ "=?utf-8?q?=C3=BC?= <a@b>", "a",      "b",           "" },
	{ "Ann <> X",               "",         "",            " X" },
	{ "Ann <@a,@b:c@d>",        "c",        "d",           "" },
	{ "a@b AUTH=<>",            "a",        "b",           " AUTH=<>" },
	{ "a@b AUTH=x <c@d>",       "a",        "b",           " AUTH=x <c@d>" },
};

static const struct span unclosed_paths[] = {
	T(""), T(" "), T("<"), T("<a"), T("<a@"), T("<a@b"), T("<a@b "),
	T("<\""), T("<\"a"), T("<\"a>"), T("<\"a\\\">"), T("<\"a@b>"),
	T("<\"a\""), T("<\"a\"@"), T("<a@[1.2.3.4"), T("<a@[1.2.3.4>"),
	T("<a@["), T("<@a"), T("<@a:"), T("<@a:b@c"), T("<@a,"), T("<a@b X>"),
};

static const struct span followed_paths[] = {
	T("<a@b>x"), T("<a@b>>"), T("<a@b><c@d>"), T("<>x"), T("<>>"),
	T("<a@b>,<c@d>"), T("<a@b>\r"), T("<a@b>\n"), T("<a@b>\0"),
	T("<a@b>\xC3\xBC"), T("<postmaster>@x"), T("<postmaster>x"),
	T("<a@[1.2.3.4]x>"), T("<a@[1.2.3.4].x>"), T("<a@b>SIZE=10"),
	T("<a@b>\v"),
};

/* Of no use in lenient mode either. */
static const struct span malformed_paths[] = {
	T(">"), T("< >"), T("<\t>"), T("<<>>"), T("<<a@b>>"), T("< a@b"),
	T("< @b>"), T("< a@b c>"), T("<a @b>"), T("<a@ b>"),
	T("a@b>"), T("a@b,c@d"), T("a@b<c@d>"), T("AUTH=<>"), T("Ann <a@b"),
	T("Ann <<a@b>>"), T("\"Ann <a@b>"), T("Ann <a b@c>"),
	T("Ann\r <a@b>"),
	/* local part */
	T("<@>"), T("<@b>"), T("<a b@x>"), T("<a@b@c>"), T("<a,b@x>"),
	T("<a:b@x>"), T("<a;b@x>"), T("<(a)b@x>"), T("<a[b@x>"), T("<a\\b@x>"),
	T("<a\"b\"@x>"), T("<\"a\"b@x>"), T("<\"a\".b@x>"), T("<\"a\"\"b\"@x>"),
	T("<a.\"b\"@x>"), T("<\"a\"b\"@x>"), T("<\"@x>"), T("<\"\"\"@x>"),
	T("<\"\\\"@x>"), T("<\"\\\xC3\xBC\"@x>"), T("<\"\\\t\"@x>"),
	T("<\"\\\0\"@x>"), T("<a\0@x>"), T("<\"a\0\"@x>"), T("<\0>"),
	T("<\"a\r\nb\"@x>"), T("<\"\t\"@x>"), T("<\"\x7F\"@x>"), T("<\x7F@x>"),
	/* domain */
	T("<a@>"), T("<a@.>"), T("<a@.b>"), T("<a@b.>"), T("<a@b..c>"),
	T("<a@-b>"), T("<a@b->"), T("<a@->"), T("<a@b.-c>"), T("<a@b-.c>"),
	T("<a@\xC3\xBC->"), T("<a@-\xC3\xBC>"), T("<a@b c>"), T("<a@b!c>"),
	T("<a@b\0>"), T("<a@\"b\">"), T("<a@b,c>"), T("<a@b:c>"), T("<a@b/c>"),
	/* address literal */
	T("<a@[]>"), T("<a@[1.2.3.4>]"), T("<a@[[1.2.3.4]]>"),
	T("<a@x[1.2.3.4]>"), T("<a@[1.2.3.256]>"), T("<a@[IPv6:1::2::3]>"),
	T("<a@[ 1.2.3.4]>"), T("<a@[x:\xC3\xBC]>"), T("<a@1.2.3.4]>"),
	/* source route */
	T("<@:a@b>"), T("<@a,:b@c>"), T("<@a;@b:c@d>"), T("<@a @b:c@d>"),
	T("<@a,b:c@d>"), T("<@a, @b:c@d>"), T("<@a@b:c@d>"), T("<,@a:b@c>"),
	T("<@a:>"), T("<@a:@b>"), T("<@a:@b:c@d>"), T("<@a.:b@c>"), T("<:a@b>"),
	T("<@a\"b\"@c>"), T("<@a!b@c>"),
	T("<@[192.0.2.1]:a@b>"), T("<@a,@[192.0.2.1]:b@c>"), T("<@a:b@c:d>"),
	/* domains that look like others, or like none */
	T("<a@b\xE2\x80\x8B" "c>"), T("<a@b\xE2\x81\xA0" "c>"),
	T("<a@\xEF\xBB\xBF" "b>"), T("<a@b\xC2\xAD" "c>"), T("<a@b\xC2\xA0>"),
	T("<a@b\xE2\x80\xAE" "c>"), T("<a@b.\xE3\x80\x80>"),
	T("<a@b\xE3\x80\x82" "c>"), T("<a@b\xEF\xBC\xA0" "c>"),
	T("<a@b\xEE\x80\x80>"), T("<a@b\xEF\xBF\xBD>"), T("<a@b\xEF\xBF\xBE>"),
	T("<a@b\xF4\x8F\xBF\xBF>"), T("<a@b\xEF\xB8\x8F>"),
	T("<@b\xE2\x80\x8B:a@c>"), T("<a@b\xE2\x80\x8D" "c>"),
	T("<a@\xE2\x80\x8C" "c>"),
	/* C1 controls are UTF-8, but have no place */
	T("<\xC2\x80@x>"), T("<\"\xC2\x85\"@x>"), T("<a@b\xC2\x9F>"),
};

static const struct span bad_utf8_paths[] = {
	T("<\x80@x>"), T("<a\xBF@x>"), T("<\"\x80\"@x>"), T("<a@\x80>"),
	T("<a@b.c\xFF>"), T("<@\xFF:a@b>"), T("<a@[\xFF]>"), T("<a@b>\xFF"),
	/* overlong */
	T("<\xC0\xAF@x>"), T("<\xC1\xBF@x>"), T("<\xE0\x9F\xBF@x>"),
	T("<\xF0\x8F\xBF\xBF@x>"),
	/* surrogates, and over U+10FFFF */
	T("<\xED\xA0\x80@x>"), T("<\xED\xBF\xBF@x>"),
	T("<\xF4\x90\x80\x80@x>"), T("<\xF5\x80\x80\x80@x>"), T("<\xFE@x>"),
	/* cut short, by the end or by another character */
	T("<\xC3"), T("<\xE2\x82"), T("<\xF0\x9F\x93"), T("<\xF0\x9F"),
	T("<a@\xE2\x82"), T("<\xC3@x>"), T("<\xE2\x82@x>"), T("<\"\xC3\"@x>"),
	T("<\xF0\x9F\x93\xC3\xBC@x>"), T("<\xE2\x82\x2C@x>"), T("<\xC2"),
};
/* clang-format on */

static bool
has_non_ascii(struct span text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text.p[i] & 0x80)
			return true;
	return false;
}

static void
expect_path(const struct good_path *row, int mode)
{
	struct span in = span_of(row->in), text, lent;
	struct address_path path;
	enum address_result result;
	char *block, mailbox[INPUT_MAX];

	snprintf(mailbox, sizeof mailbox, "%s%s%s", row->local,
	    *row->domain ? "@" : "", row->domain);
	memset(&path, 0, sizeof path);
	text = lent = input_lend(in, &block);
	result = address_read_path(&text, (enum address_mode)mode, &path);
	input_expect_sound_path(lent, text, result, &path);
	cr_expect(eq(int, (int)result, ADDRESS_OK), "\"%s\" (%s): got %s",
	    input_show(in), mode == STRICT ? "strict" : "lenient",
	    input_result_names[result]);
	if (result == ADDRESS_OK) {
		input_expect_text(in, "mailbox", path.mailbox, mailbox);
		input_expect_text(in, "local", path.local, row->local);
		input_expect_text(in, "domain", path.domain, row->domain);
		input_expect_text(in, "rest", text, row->rest);
		cr_expect(path.non_ascii ==
			      has_non_ascii(in, in.len - strlen(row->rest)),
		    "\"%s\": non_ascii", input_show(in));
	}
	free(block);
}

static void
expect_results(const struct span *rows, size_t n, enum address_result want)
{
	for (size_t i = 0; i < n; i++) {
		input_expect_result(rows[i], STRICT, want);
		input_expect_result(rows[i], LENIENT, want);
	}
}

Test(address_path, reads_paths_in_both_modes)
{
	for (size_t i = 0; i < COUNT(good_paths); i++) {
		expect_path(&good_paths[i], STRICT);
		expect_path(&good_paths[i], LENIENT);
	}
}

Test(address_path, reads_what_is_on_the_wire_in_lenient_mode_only)
{
	for (size_t i = 0; i < COUNT(lenient_paths); i++) {
		expect_path(&lenient_paths[i], LENIENT);
		input_expect_result(
		    span_of(lenient_paths[i].in), STRICT, ADDRESS_BAD_SYNTAX);
	}
}

Test(address_path, refuses_unclosed_path)
{
	expect_results(
	    unclosed_paths, COUNT(unclosed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address_path, refuses_octets_right_behind_path)
{
	expect_results(
	    followed_paths, COUNT(followed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address_path, refuses_malformed_paths_in_both_modes)
{
	expect_results(
	    malformed_paths, COUNT(malformed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address_path, tells_bad_utf8_from_bad_syntax)
{
	expect_results(bad_utf8_paths, COUNT(bad_utf8_paths), ADDRESS_BAD_UTF8);
}

/* clang-format off */
#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define NO_ALNUM "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/* Which octets of US-ASCII may stand in between. */
static const struct {
	const char *before, *after;
	int mode;
	const char *octets;
} places[] = {
	{ "<a",      "b@x>",   STRICT,  ALNUM "!#$%&'*+-/=?^_`{|}~." },
	{ "<",       "@x>",    STRICT,  ALNUM "!#$%&'*+-/=?^_`{|}~" },
	{ "<",       "@x>",    LENIENT, ALNUM "!#$%&'*+-/=?^_`{|}~." },
	{ "<\"a",    "b\"@x>", STRICT,  ALNUM " !#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" },
	{ "<\"\\",   "\"@x>",  STRICT,  ALNUM " " NO_ALNUM },
	{ "<a@b",    "c>",     STRICT,  ALNUM "-." },
	{ "<a@b",    "c>",     LENIENT, ALNUM "-._" },
	{ "<a@",     "b>",     STRICT,  ALNUM },
	{ "<a@",     ">",      LENIENT, ALNUM "_" },
	{ "<a@[x:b", "c]>",    STRICT,  ALNUM "!\"#$%&'()*+,-./:;<=>?@^_`{|}~" },
	{ "<a@[",    ":b]>",   STRICT,  ALNUM },
	{ "<a@b>",   "",       STRICT,  " \t" },
	{ "",        "<a@b>",  LENIENT, ALNUM " \t!#$%&'()*+,-./:;?[\\]^_`{|}~" },
};
/* clang-format on */

Test(address_path, knows_each_octet_of_each_place)
{
	for (size_t i = 0; i < COUNT(places); i++)
		for (int c = 0; c < 0x80; c++) {
			bool want = c && strchr(places[i].octets, c);
			char buf[INPUT_MAX],
			    *end = input_put(buf, 1, places[i].before);

			*end++ = (char)c;
			end = input_put(end, 1, places[i].after);
			input_expect_result(
			    (struct span){ buf, (size_t)(end - buf) },
			    places[i].mode,
			    want ? ADDRESS_OK : ADDRESS_BAD_SYNTAX);
		}
}

Test(address_path, never_reads_behind_the_end)
{
	for (size_t i = 0; i < COUNT(good_paths); i++)
		input_read_parts_of(span_of(good_paths[i].in));
	for (size_t i = 0; i < COUNT(lenient_paths); i++)
		input_read_parts_of(span_of(lenient_paths[i].in));
}
