/*
 * What the reader of mail makes of octets that come in pieces, however they are
 * cut, and of what people type.  The values are those of tests/mime.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../find/query.h"
#include "../../mime/charset.h"
#include "../../mime/html.h"
#include "../../mime/transfer.h"
#include "../../reader/mbox.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/*
 * Charsets
 */

/* clang-format off */
static const struct {
	const char *label;
	struct span octets;
	const char *want;
} charsets[] = {
	{ "",             T("\xC3\xBC \xFC\xE2\x82"),               "\xC3\xBC \xC3\xBC\xC3\xA2\xE2\x80\x9A" },
	{ "utf-8",        T("\xEF\xBB\xBF" "a\xF0\x9F\x98\x80\xF0\x9F\x98"), "a\xF0\x9F\x98\x80\xEF\xBF\xBD" },
	{ "utf-8",        T("\xED\xA0\x80\xC0\xAF\0"),              "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "windows-1252", T("\x80\x81\xC3\xBC"),                    "\xE2\x82\xAC\xEF\xBF\xBD\xC3\x83\xC2\xBC" },
	{ "Shift_JIS",    T("\x93\xFA\x96{\x93"),                   "\xE6\x97\xA5\xE6\x9C\xAC\xEF\xBF\xBD" },
	{ "iso-2022-jp",  T("\033$BF|K\\\033(B a\033$BF|\n\033(I1"), "\xE6\x97\xA5\xE6\x9C\xAC a\xE6\x97\xA5\n\xEF\xBD\xB1" },
	{ "iso-2022-jp",  T("\033$BF\033(Bx\033(Zy"),                "Fx\033(Zy" },
	{ "hz-gb-2312",   T("~{VPND~}~~a~\nb~{VP\nc"),              "\xE4\xB8\xAD\xE6\x96\x87~ab\xE4\xB8\xAD\nc" },
	{ "gb18030",      T("\x82\x30\x82\x35\xD7\xD6\xD7"),         "\xE3\x92\xB2\xE5\xAD\x97\xEF\xBF\xBD" },
	{ "big5",         T("\x88\x62\x88\x66"),                    "\xC3\x8A\xCC\x84\xC3\x8A" },
	{ "utf-16be",     T("\xFE\xFF\xD8\x3D\xDE\x00\x00" "a\xD8"), "\xF0\x9F\x98\x80" "a\xEF\xBF\xBD" },
};
/* clang-format on */

Test(charset, makes_the_same_of_octets_however_they_are_cut)
{
	for (size_t i = 0; i < COUNT(charsets); i++) {
		struct span all = charsets[i].octets;

		for (size_t step = 1; step <= all.len; step++) {
			struct text text = { 0 };
			struct charset c;
			char *got;

			charset_begin(&c,
			    charset_find(span_of(charsets[i].label)),
			    sink_to_text(&text));
			for (size_t at = 0; at < all.len; at += step)
				charset_put(
				    &c, (struct span){ all.p + at,
					    all.len - at < step ? all.len - at
								: step });
			charset_end(&c);
			got = text_take(&text);
			cr_expect_str_eq(
			    got, charsets[i].want, "row %zu by %zu", i, step);
			free(got);
		}
	}
}

Test(charset, knows_labels_in_any_case_and_punctuation)
{
	cr_expect(charset_find(span_of("ISO_8859-1")) ==
		  charset_find(span_of("windows-1252")));
	cr_expect(
	    charset_find(span_of("'UTF 8'")) == charset_find(span_of("utf-8")));
	cr_expect(charset_find(span_of("cp-1251")));
	cr_expect_not(charset_find(span_of("")));
	cr_expect_not(charset_find(span_of("8859")));
	cr_expect_not(charset_find(span_of("../../x//TRANSLIT")));
	cr_expect_not(charset_find(
	    span_of("iso88591iso88591iso88591iso88591iso88591iso88591")));
}

static bool
put_once(void *arg, struct span piece)
{
	int *times = arg;

	(void)piece;
	++*times;
	return false;
}

Test(charset, stops_where_the_sink_wants_no_more)
{
	static const char much[100000];
	struct charset c;
	int times = 0;

	charset_begin(&c, NULL, (struct sink){ put_once, &times });
	cr_expect_not(charset_put(&c, (struct span){ much, sizeof much }));
	charset_end(&c);
	cr_expect(times <= 2, "%d times", times);
}

/*
 * HTML
 */

static const char html[] =
    "<p>T\xC3\xBC&uuml;&#252;;<ul><li>a<li>b<ol><li>c</ol></ul>"
    "<blockquote>q<pre>\nx\n  y</pre></blockquote><style>a</b</style>"
    "<!-- c --><a href='u&amp;v'>l</a><img alt=\"i>j\">&nonesuch; < &";
static const char html_text[] =
    "T\xC3\xBC\xC3\xBC\xC3\xBC;\n\n* a\n* b\n  1. c\n\n> q\n\n> x\n>   y\n\n"
    "l <u&v>[i>j]&nonesuch; < &\n";

Test(html, makes_the_same_of_octets_however_they_are_cut)
{
	size_t len = sizeof html - 1;

	for (size_t step = 2; step <= len; step++) {
		struct text text = { 0 };
		struct html *h = html_begin(sink_to_text(&text));
		struct sink to = html_sink(h);
		char *got;
		size_t n;

		for (size_t at = 0; at < len; at += n) {
			n = len - at < step ? len - at : step;
			/* A piece is whole characters. */
			while (at + n < len &&
			       ((unsigned char)html[at + n] & 0xC0) == 0x80)
				n--;
			sink_put(to, (struct span){ html + at, n });
		}
		html_end(h);
		got = text_take(&text);
		cr_expect_str_eq(got, html_text, "by %zu", step);
		free(got);
	}
}

/*
 * Encodings
 */

/* clang-format off */
static const struct {
	enum transfer way;
	struct span encoded;
	const char *want;
} encodings[] = {
	{ TRANSFER_BASE64, T("aGVsbG8="),              "hello" },
	{ TRANSFER_BASE64, T("aGVsbG8"),               "hello" },
	{ TRANSFER_BASE64, T("aGVs\r\nbG8=!aGk="),     "hellohi" },
	{ TRANSFER_BASE64, T("="),                     "" },
	{ TRANSFER_BASE64, T("a"),                     "" },
	{ TRANSFER_QUOTED_PRINTABLE, T("=C3=bc= \t\r\nx \t\ny="), "\xC3\xBCx\ny" },
	{ TRANSFER_QUOTED_PRINTABLE, T("=4 =ZZ =="),   "=4 =ZZ =" },
	{ TRANSFER_QUOTED_PRINTABLE, T("a  b  "),      "a  b  " },
	{ TRANSFER_Q, T("a_b=5Fc=_d"),                 "a b_c= d" },
	{ TRANSFER_UUENCODE, T("begin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\nx"), "hello" },
	{ TRANSFER_UUENCODE, T("begin 644 x\nM:&5L"),  "hel" },
	{ TRANSFER_NONE, T("a=20"),                    "a=20" },
};
/* clang-format on */

Test(transfer, decodes)
{
	for (size_t i = 0; i < COUNT(encodings); i++) {
		struct text text = { 0 };
		char *got;

		transfer_decode(encodings[i].way, encodings[i].encoded,
		    sink_to_text(&text));
		got = text_take(&text);
		cr_expect_str_eq(got, encodings[i].want, "row %zu", i);
		free(got);
	}
}

/*
 * mbox
 */

enum {
	NOON = 1735037664, /* 2024-12-24 10:54:24 UTC */
};

/* clang-format off */
static const struct {
	const char *line;
	const char *sender; /* NULL: the line begins no mail */
	int64_t date;
} from_lines[] = {
	{ "From a@b.example Tue Dec 24 10:54:24 2024\n",        "a@b.example", NOON },
	{ "From a@b.example Tue Dec 24 10:54:24 2024\r\n",      "a@b.example", NOON },
	{ "From a@b.example  Tue Dec 24 10:54:24 2024",         "a@b.example", NOON },
	{ "From a@b.example Tue Dec 24 10:54:24 +0000 2024\n",  "a@b.example", NOON },
	{ "From a@b.example Tue Dec 24 10:54:24 +0100 2024\n",  "a@b.example", NOON - 3600 },
	{ "From a@b.example Tue Dec 24 10:54:24 CET 2024\n",    "a@b.example", NOON - 3600 },
	{ "From a@b.example Tue Dec 24 10:54:24 EST 2024\n",    "a@b.example", NOON + 5 * 3600 },
	{ "From a@b.example Tue Dec 24 10:54:24 2024 -0330\n",  "a@b.example", NOON + 3 * 3600 + 1800 },
	{ "From a@b.example Tue Dec 24 10:54:24 2024 remote from x\n", "a@b.example", NOON },
	{ "From a@b.example Tue Dec 24 10:54 2024\n",           "a@b.example", NOON - 24 },
	{ "From a@b.example Sun Dec  1 10:54:24 2024\n",        "a@b.example", NOON - 23 * 86400 },
	{ "From a@b.example Tue, 24 Dec 2024 10:54:24 +0100\n", "a@b.example", NOON - 3600 },
	{ "From \"a b\"@c.example Tue Dec 24 10:54:24 2024\n",  "\"a b\"@c.example", NOON },
	{ "From \"Tue Dec\"@c Tue Dec 24 10:54:24 2024\n",      "\"Tue Dec\"@c", NOON },
	{ "From - Tue Dec 24 10:54:24 2024\n",                  "-", NOON },
	{ "From  Tue Dec 24 10:54:24 2024\n",                   "", NOON },
	{ "From a@b.example Thu Jan  1 00:00:00 1970\n",        "a@b.example", 0 },
	{ "From now on we close at noon.\n",                    NULL, 0 },
	{ "From Tue to Wed\n",                                  NULL, 0 },
	{ "From a@b.example\n",                                 NULL, 0 },
	{ "From a@b.example Tue Dec 24 25:54:24 2024\n",        NULL, 0 },
	{ "From a@b.example Tue Dec 32 10:54:24 2024\n",        NULL, 0 },
	{ "From a@b.example Tue Dec 24 10:54:24\n",             NULL, 0 },
	{ "From: a@b.example Tue Dec 24 10:54:24 2024\n",       NULL, 0 },
	{ ">From a@b.example Tue Dec 24 10:54:24 2024\n",       NULL, 0 },
	{ "from a@b.example Tue Dec 24 10:54:24 2024\n",        NULL, 0 },
	{ "From ",                                              NULL, 0 },
};
/* clang-format on */

Test(mbox, finds_sender_and_date)
{
	for (size_t i = 0; i < COUNT(from_lines); i++) {
		struct span sender;
		int64_t date;
		bool found =
		    mbox_read_from(span_of(from_lines[i].line), &sender, &date);

		cr_expect(
		    found == (from_lines[i].sender != NULL), "row %zu", i);
		if (!found || !from_lines[i].sender)
			continue;
		cr_expect(
		    sender.len == strlen(from_lines[i].sender) &&
			memcmp(sender.p, from_lines[i].sender, sender.len) == 0,
		    "row %zu: %.*s", i, (int)sender.len, sender.p);
		cr_expect(date == from_lines[i].date, "row %zu: %lld", i,
		    (long long)date);
	}
}

/*
 * Queries
 */

/* clang-format off */
static const struct {
	const char *words;
	const char *want;  /* with operators */
	const char *plain; /* without */
} queries[] = {
	{ "a b",                 "\"a\" AND \"b\"",                 "\"a\" AND \"b\"" },
	{ " a\t\"b c\" ",        "\"a\" AND \"b c\"",               "\"a\" AND \"b c\"" },
	{ "from:a@b",            "\"from\" : \"a@b\"",              "\"from\" : \"a@b\"" },
	{ "TO:\"a b\"",          "\"to\" : \"a b\"",                "\"to\" : \"a b\"" },
	{ "from: a http://x",    "\"from:\" AND \"a\" AND \"http://x\"", "\"from:\" AND \"a\" AND \"http://x\"" },
	{ "a* \"b c\"* *",       "\"a*\" * AND \"b c\" *",          "\"a*\" * AND \"b c\" *" },
	{ "it's \"open",         "\"it's\" AND \"open\"",           "\"it's\" AND \"open\"" },
	{ "a\"b",                "\"a\"\"b\"",                      "\"a\"\"b\"" },
	{ "a OR b NOT c",        "\"a\" OR \"b\" NOT \"c\"",        "\"a\" AND \"OR\" AND \"b\" AND \"NOT\" AND \"c\"" },
	{ "(a OR b) c",          "(\"a\" OR \"b\") AND \"c\"",      "\"(a\" AND \"OR\" AND \"b)\" AND \"c\"" },
	{ "or ORB",              "\"or\" AND \"ORB\"",              "\"or\" AND \"ORB\"" },
	{ "-- !",                "\"\"",                            "\"\"" },
	{ "",                    "\"\"",                            "\"\"" },
	{ "\xE4\xBC\x9A\xE8\xAD\xB0" "1", "\" \xE4\xBC\x9A  \xE8\xAD\xB0 1\"", "\" \xE4\xBC\x9A  \xE8\xAD\xB0 1\"" },
};
/* clang-format on */

Test(query, quotes_what_people_type)
{
	for (size_t i = 0; i < COUNT(queries); i++) {
		char *got = query_read(queries[i].words, true);
		char *plain = query_read(queries[i].words, false);

		cr_expect_str_eq(got, queries[i].want, "row %zu", i);
		cr_expect_str_eq(plain, queries[i].plain, "row %zu", i);
		free(got);
		free(plain);
	}
}
