/*
 * Tables of inputs for each function of mail/address.h.  An input is copied to
 * a heap block of just its size before it is read, so that AddressSanitizer
 * sees an octet read behind it.  A path that is refused must leave what it
 * was given unchanged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/address.h"
#include "../../mail/dsn.h"
#include "../../mail/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal as a span; it may hold NUL. */
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

enum {
	STRICT = ADDRESS_STRICT,
	LENIENT = ADDRESS_LENIENT,
	BUF = 4096,
};

static const char *const result_names[] = {
	[ADDRESS_OK] = "OK",
	[ADDRESS_BAD_SYNTAX] = "BAD_SYNTAX",
	[ADDRESS_BAD_UTF8] = "BAD_UTF8",
	[ADDRESS_LOCAL_TOO_LONG] = "LOCAL_TOO_LONG",
	[ADDRESS_DOMAIN_TOO_LONG] = "DOMAIN_TOO_LONG",
	[ADDRESS_PATH_TOO_LONG] = "PATH_TOO_LONG",
};

static struct span
text_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

/* For messages: what is not printable as \xHH, and not all of a long one. */
static const char *
show(struct span text)
{
	static char buf[512];
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < sizeof buf - 5; i++) {
		unsigned char c = (unsigned char)text.p[i];

		n += (size_t)sprintf(
		    buf + n, c > 0x1F && c < 0x7F ? "%c" : "\\x%02X", c);
	}
	buf[n] = '\0';
	return buf;
}

/* An empty input ends at the end of its block, too. */
static struct span
lend(struct span text, char **ret_block)
{
	struct span copy = { NULL, text.len };

	*ret_block = malloc(text.len ? text.len : 1);
	cr_assert(ne(ptr, *ret_block, NULL));
	memcpy(*ret_block, text.p, text.len);
	copy.p = text.len ? *ret_block : *ret_block + 1;
	return copy;
}

static bool
is_within(struct span outer, struct span inner)
{
	return inner.p >= outer.p && inner.p <= outer.p + outer.len &&
	       inner.len <= (size_t)(outer.p + outer.len - inner.p);
}

static bool
is_same(struct span a, struct span b)
{
	return a.p == b.p && a.len == b.len;
}

static void
expect_text(struct span in, const char *what, struct span got, const char *want)
{
	bool equal = got.len == strlen(want) && !memcmp(got.p, want, got.len);
	char copy[512];

	strcpy(copy, show(in));
	cr_expect(equal, "\"%s\": want %s \"%s\", got \"%s\"", copy, what, want,
	    show(got));
}

/* What holds of a path whatever was in `in`, which `text` was before. */
static void
expect_sound_path(struct span in, struct span text, enum address_result result,
    const struct address_path *path)
{
	static const struct address_path untouched;
	bool sound;

	if (result != ADDRESS_OK)
		sound = is_same(in, text) &&
			!memcmp(path, &untouched, sizeof untouched);
	else
		sound =
		    text.p + text.len == in.p + in.len &&
		    (!text.len || *text.p == ' ' || *text.p == '\t') &&
		    is_within(in, path->mailbox) &&
		    is_within(path->mailbox, path->local) &&
		    is_within(path->mailbox, path->domain) &&
		    utf8_is_printable(path->mailbox) == (path->mailbox.len > 0);
	cr_expect(sound, "\"%s\": %s and *text or *ret is not as it must be",
	    show(in), result_names[result]);
}

static enum address_result
read_path(struct span in, int mode)
{
	struct address_path path;
	enum address_result result;
	struct span lent, text;
	char *block;

	memset(&path, 0, sizeof path);
	text = lent = lend(in, &block);
	result = address_read_path(&text, (enum address_mode)mode, &path);
	expect_sound_path(lent, text, result, &path);
	free(block);
	return result;
}

static void
expect_result(struct span in, int mode, enum address_result want)
{
	enum address_result got = read_path(in, mode);

	cr_expect(eq(int, (int)got, (int)want), "\"%s\" (%s): want %s, got %s",
	    show(in), mode == STRICT ? "strict" : "lenient", result_names[want],
	    result_names[got]);
}

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
	T(">"), T("< >"), T("<\t>"), T("<<>>"), T("<<a@b>>"), T("< a@b >"),
	T("< a@b>"), T("<a@b >"), T("<a @b>"), T("<a@ b>"),
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
	struct span in = text_of(row->in), text, lent;
	struct address_path path;
	enum address_result result;
	char *block, mailbox[BUF];

	snprintf(mailbox, sizeof mailbox, "%s%s%s", row->local,
	    *row->domain ? "@" : "", row->domain);
	memset(&path, 0, sizeof path);
	text = lent = lend(in, &block);
	result = address_read_path(&text, (enum address_mode)mode, &path);
	expect_sound_path(lent, text, result, &path);
	cr_expect(eq(int, (int)result, ADDRESS_OK), "\"%s\" (%s): got %s",
	    show(in), mode == STRICT ? "strict" : "lenient",
	    result_names[result]);
	if (result == ADDRESS_OK) {
		expect_text(in, "mailbox", path.mailbox, mailbox);
		expect_text(in, "local", path.local, row->local);
		expect_text(in, "domain", path.domain, row->domain);
		expect_text(in, "rest", text, row->rest);
		cr_expect(path.non_ascii ==
			      has_non_ascii(in, in.len - strlen(row->rest)),
		    "\"%s\": non_ascii", show(in));
	}
	free(block);
}

static void
expect_results(const struct span *rows, size_t n, enum address_result want)
{
	for (size_t i = 0; i < n; i++) {
		expect_result(rows[i], STRICT, want);
		expect_result(rows[i], LENIENT, want);
	}
}

Test(address, reads_paths_in_both_modes)
{
	for (size_t i = 0; i < COUNT(good_paths); i++) {
		expect_path(&good_paths[i], STRICT);
		expect_path(&good_paths[i], LENIENT);
	}
}

Test(address, reads_what_is_on_the_wire_in_lenient_mode_only)
{
	for (size_t i = 0; i < COUNT(lenient_paths); i++) {
		expect_path(&lenient_paths[i], LENIENT);
		expect_result(
		    text_of(lenient_paths[i].in), STRICT, ADDRESS_BAD_SYNTAX);
	}
}

Test(address, refuses_unclosed_path)
{
	expect_results(
	    unclosed_paths, COUNT(unclosed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address, refuses_octets_right_behind_path)
{
	expect_results(
	    followed_paths, COUNT(followed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address, refuses_malformed_paths_in_both_modes)
{
	expect_results(
	    malformed_paths, COUNT(malformed_paths), ADDRESS_BAD_SYNTAX);
}

Test(address, tells_bad_utf8_from_bad_syntax)
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

static char *
put(char *to, size_t n, const char *text)
{
	size_t len = strlen(text);

	for (; n; n--, to += len)
		memcpy(to, text, len);
	return to;
}

Test(address, knows_each_octet_of_each_place)
{
	for (size_t i = 0; i < COUNT(places); i++)
		for (int c = 0; c < 0x80; c++) {
			bool want = c && strchr(places[i].octets, c);
			char buf[BUF], *end = put(buf, 1, places[i].before);

			*end++ = (char)c;
			end = put(end, 1, places[i].after);
			expect_result((struct span){ buf, (size_t)(end - buf) },
			    places[i].mode,
			    want ? ADDRESS_OK : ADDRESS_BAD_SYNTAX);
		}
}

/* `n` octets of domain in labels of at most 50. */
static char *
put_domain(char *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*to++ = i % 51 == 50 && i < n - 1 ? '.' : 'd';
	return to;
}

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

Test(address, reports_which_limit_a_path_passed)
{
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char buf[BUF], *end = buf;

		*end++ = '<';
		if (lengths[i].route) {
			*end++ = '@';
			end = put_domain(end, lengths[i].route);
			*end++ = ':';
		}
		end = put(end, lengths[i].local, "l");
		*end++ = '@';
		end = put_domain(end, lengths[i].domain);
		*end++ = '>';
		expect_result((struct span){ buf, (size_t)(end - buf) }, STRICT,
		    lengths[i].want);
		/* Without the brackets it is as long. */
		expect_result((struct span){ buf + 1, (size_t)(end - buf) - 2 },
		    LENIENT, lengths[i].lenient);
		/* Where the syntax is wrong, too, the length is no matter. */
		expect_result((struct span){ buf, (size_t)(end - buf) - 1 },
		    STRICT, ADDRESS_BAD_SYNTAX);
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

Test(address, counts_octets_and_in_labels_characters)
{
	for (size_t i = 0; i < COUNT(fillings); i++) {
		char buf[BUF], *end = buf;

		end = put(end, 1, fillings[i].before);
		end = put(end, fillings[i].n, fillings[i].filler);
		end = put(end, 1, fillings[i].after);
		expect_result((struct span){ buf, (size_t)(end - buf) }, STRICT,
		    fillings[i].want);
	}
}

static bool
is_strict_domain(struct span text)
{
	return address_is_domain(text, ADDRESS_STRICT);
}

static bool
is_lenient_domain(struct span text)
{
	return address_is_domain(text, ADDRESS_LENIENT);
}

static void
expect_each(const struct span *rows, size_t n, bool (*is)(struct span),
    const char *what, bool want)
{
	for (size_t i = 0; i < n; i++) {
		char *block;
		bool got = is(lend(rows[i], &block));

		cr_expect(got == want, "\"%s\" is %s %s", show(rows[i]),
		    want ? "no" : "a", what);
		free(block);
	}
}

#define EXPECT_ALL(rows, is) expect_each(rows, COUNT(rows), is, #is, true)
#define EXPECT_NONE(rows, is) expect_each(rows, COUNT(rows), is, #is, false)

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
	T(""), T("["), T("[]"), T("]"), T("1.2.3.4"), T("[1.2.3.4"),
	T("1.2.3.4]"), T("[1.2.3.4]x"), T("[1.2.3.4] "), T(" [1.2.3.4]"),
	T("[1.2.3.4]]"), T("[[1.2.3.4]"), T("[1.2.3.4\0]"), T("example"),
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

Test(address, checks_address_literals)
{
	EXPECT_ALL(literals, address_is_literal);
	EXPECT_ALL(literals, is_strict_domain);
	EXPECT_NONE(bad_literals, address_is_literal);
}

Test(address, checks_domains)
{
	EXPECT_ALL(domains, is_strict_domain);
	EXPECT_ALL(domains, is_lenient_domain);
	EXPECT_ALL(lenient_domains, is_lenient_domain);
	EXPECT_NONE(lenient_domains, is_strict_domain);
	EXPECT_NONE(bad_domains, is_strict_domain);
	EXPECT_NONE(bad_domains, is_lenient_domain);
}

Test(address, refuses_domain_and_label_and_literal_that_are_too_long)
{
	char buf[BUF];

	put_domain(buf, 255);
	cr_expect(is_strict_domain((struct span){ buf, 255 }));
	put_domain(buf, 256);
	cr_expect(not(is_strict_domain((struct span){ buf, 256 })));
	memset(buf, 'a', 64);
	cr_expect(is_strict_domain((struct span){ buf, 63 }));
	cr_expect(not(is_strict_domain((struct span){ buf, 64 })));
	put(put(put(buf, 1, "[x:"), 251, "a"), 1, "]");
	cr_expect(address_is_literal((struct span){ buf, 255 }));
	put(put(put(buf, 1, "[x:"), 252, "a"), 1, "]");
	cr_expect(not(address_is_literal((struct span){ buf, 256 })));
}

/* clang-format off */
static const struct good_param {
	const char *in;
	const char *keyword, *value, *rest; /* `value` is NULL: without "=" */
} good_params[] = {
	{ "SMTPUTF8",           "SMTPUTF8", NULL,     "" },
	{ " SIZE=10",           "SIZE",     "10",     "" },
	{ "size=10 BODY=X",     "size",     "10",     " BODY=X" },
	{ " \t A=b\tC=d",       "A",        "b",      "\tC=d" },
	{ "A  ",                "A",        NULL,     "  " },
	{ "1=1",                "1",        "1",      "" },
	{ "X-Y-=z",             "X-Y-",     "z",      "" },
	{ "AUTH=<>",            "AUTH",     "<>",     "" },
	{ "A=!\"#;<>?@[\\]^~",  "A",        "!\"#;<>?@[\\]^~", "" },
	{ "ORCPT=utf-8;\xC3\xBC", "ORCPT",  "utf-8;\xC3\xBC", "" },
};

static const struct span bad_params[] = {
	T("="), T("=x"), T("-A"), T(" -A=b"), T("A="), T("A= b"), T("A=b=c"),
	T("A=b="), T("A_B"), T("A_B=c"), T("A,B"), T("A=\0"),
	T("A\0"), T("\0"), T("A=b\0"), T("A=\x7F"), T("A=b\x01"), T("A=b\r"),
	T("A=\x80"), T("A=b\xC3"), T("A=\xC3 b"), T("A=\xC2\x85"),
	T("A=\xED\xA0\x80"), T("\xC3\xBC=x"), T("A\xC3\xBC=x"), T("<a@b>"),
	T("A=b\n"), T("A=\xC0\xAF"),
};
/* clang-format on */

static void
expect_param(const struct good_param *row)
{
	struct span in = text_of(row->in), text, lent;
	struct address_param param;
	char *block;
	int result;

	memset(&param, 0, sizeof param);
	text = lent = lend(in, &block);
	result = address_read_param(&text, &param);
	cr_expect(eq(int, result, 1), "\"%s\"", show(in));
	if (result == 1) {
		expect_text(in, "keyword", param.keyword, row->keyword);
		expect_text(in, "rest", text, row->rest);
		cr_expect(eq(int, !param.value.p, !row->value),
		    "\"%s\": value.p", show(in));
		if (param.value.p && row->value)
			expect_text(in, "value", param.value, row->value);
		cr_expect(is_within(lent, text), "\"%s\"", show(in));
	}
	free(block);
}

Test(address, reads_esmtp_parameters)
{
	for (size_t i = 0; i < COUNT(good_params); i++)
		expect_param(&good_params[i]);
}

Test(address, refuses_malformed_parameters_and_leaves_them)
{
	static const struct address_param untouched;

	for (size_t i = 0; i < COUNT(bad_params); i++) {
		struct address_param param;
		struct span text, lent;
		char *block;

		memset(&param, 0, sizeof param);
		text = lent = lend(bad_params[i], &block);
		cr_expect(eq(int, address_read_param(&text, &param), -1),
		    "\"%s\"", show(bad_params[i]));
		cr_expect(
		    is_same(text, lent), "\"%s\": *text", show(bad_params[i]));
		cr_expect(eq(int, memcmp(&param, &untouched, sizeof param), 0),
		    "\"%s\": *ret", show(bad_params[i]));
		free(block);
	}
}

Test(address, reads_parameters_one_by_one_to_the_end)
{
	struct span text = text_of(" SIZE=10 \tBODY=8BITMIME SMTPUTF8 \t");
	struct address_param param;

	cr_expect(eq(int, address_read_param(&text, &param), 1));
	expect_text(text, "keyword", param.keyword, "SIZE");
	cr_expect(eq(int, address_read_param(&text, &param), 1));
	expect_text(text, "value", param.value, "8BITMIME");
	cr_expect(eq(int, address_read_param(&text, &param), 1));
	expect_text(text, "keyword", param.keyword, "SMTPUTF8");
	cr_expect(eq(int, address_read_param(&text, &param), 0));
	cr_expect(eq(int, address_read_param(&text, &param), 0));
	text = (struct span){ NULL, 0 };
	cr_expect(eq(int, address_read_param(&text, &param), 0));
}

Test(address, reads_parameters_behind_a_path)
{
	struct span text = text_of("<\"> SIZE=1\"@x> SIZE=2");
	struct address_param param;
	struct address_path path;

	cr_assert(eq(int, (int)address_read_path(&text, ADDRESS_STRICT, &path),
	    ADDRESS_OK));
	cr_assert(eq(int, address_read_param(&text, &param), 1));
	expect_text(text, "value", param.value, "2");
}

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

static const struct span utf8_texts[] = {
	T(" "), T("a"), T("~"), T("a b"), T("\xC2\xA0"), T("\xC3\xBC"),
	T("\xE2\x82\xAC uro"), T("\xF4\x8F\xBF\xBF"), T("\xEF\xBB\xBF" "a"),
};

static const struct span bad_utf8_texts[] = {
	T(""), T("\0"), T("a\0"), T("\t"), T("a\r"), T("a\nb"), T("\x1F"),
	T("\x7F"), T("\xC2\x80"), T("a\xC2\x9F"), T("\x80"), T("a\xFF"),
	T("\xC3"), T("a\xE2\x82"), T("\xF0\x9F\x93"), T("\xC0\x80"),
	T("\xE0\x80\xAF"), T("\xED\xA0\x80"), T("\xF4\x90\x80\x80"),
	T("\xF8\x88\x80\x80\x80"), T("\xC3\xC3\xBC"),
};
/* clang-format on */

Test(address, checks_xtext)
{
	EXPECT_ALL(xtexts, dsn_is_xtext);
	EXPECT_NONE(bad_xtexts, dsn_is_xtext);
}

Test(address, checks_orcpt_by_its_type)
{
	EXPECT_ALL(orcpts, dsn_is_orcpt);
	EXPECT_NONE(bad_orcpts, dsn_is_orcpt);
}

Test(address, checks_utf8_and_finds_controls)
{
	EXPECT_ALL(utf8_texts, utf8_is_printable);
	EXPECT_NONE(bad_utf8_texts, utf8_is_printable);
}

static void
read_as_anything(struct span in)
{
	struct address_param param;
	char *block;
	struct span lent = lend(in, &block), text = lent;

	read_path(in, STRICT);
	read_path(in, LENIENT);
	is_strict_domain(lent);
	is_lenient_domain(lent);
	address_is_literal(lent);
	dsn_is_xtext(lent);
	dsn_is_orcpt(lent);
	dsn_is_auth(lent);
	utf8_is_printable(lent);
	while (address_read_param(&text, &param) == 1)
		;
	cr_expect(is_within(lent, text), "\"%s\"", show(in));
	free(block);
}

/* Every prefix, and every octet replaced by each that may mean something. */
static void
read_parts_of(struct span in)
{
	static const char octets[] = "\0\t <>@\"\\.,:;[]=+-a\x80\xC3\xF4";
	char buf[BUF];

	memcpy(buf, in.p, in.len);
	for (size_t i = 0; i <= in.len; i++)
		read_as_anything((struct span){ buf, i });
	for (size_t i = 0; i < in.len; i++) {
		for (size_t j = 0; j < sizeof octets - 1; j++) {
			buf[i] = octets[j];
			read_as_anything((struct span){ buf, in.len });
		}
		buf[i] = in.p[i];
	}
}

Test(address, never_reads_behind_the_end)
{
	static const struct {
		const struct span *rows;
		size_t n;
	} tables[] = {
		{ literals, COUNT(literals) },
		{ domains, COUNT(domains) },
		{ lenient_domains, COUNT(lenient_domains) },
		{ xtexts, COUNT(xtexts) },
		{ orcpts, COUNT(orcpts) },
		{ utf8_texts, COUNT(utf8_texts) },
	};

	for (size_t i = 0; i < COUNT(good_paths); i++)
		read_parts_of(text_of(good_paths[i].in));
	for (size_t i = 0; i < COUNT(lenient_paths); i++)
		read_parts_of(text_of(lenient_paths[i].in));
	for (size_t i = 0; i < COUNT(good_params); i++)
		read_parts_of(text_of(good_params[i].in));
	for (size_t i = 0; i < COUNT(tables); i++)
		for (size_t j = 0; j < tables[i].n; j++)
			read_parts_of(tables[i].rows[j]);
}

Test(address, takes_no_input_at_all)
{
	struct span text = { NULL, 0 };
	struct address_path path;

	cr_expect(eq(int, (int)address_read_path(&text, ADDRESS_STRICT, &path),
	    ADDRESS_BAD_SYNTAX));
	cr_expect(eq(int, (int)address_read_path(&text, ADDRESS_LENIENT, &path),
	    ADDRESS_BAD_SYNTAX));
	cr_expect(not(is_strict_domain(text)));
	cr_expect(not(address_is_literal(text)));
	cr_expect(not(dsn_is_xtext(text)));
	cr_expect(not(dsn_is_orcpt(text)));
	cr_expect(not(utf8_is_printable(text)));
}

/* With time in the square of the length, one row would take hours. */
Test(address, takes_long_input_in_linear_time, .timeout = 60)
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
		end = put(put(buf, 1, rows[i].before), n, rows[i].filler);
		read_as_anything((struct span){ buf, (size_t)(end - buf) });
		free(buf);
	}
}
