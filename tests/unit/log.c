/*
 * What becomes of a client's octets in an entry of the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/utf8.h"
#include "../../server/log.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
	VALUE_MAX = 400,
};

/* The value as it stands in the entry; lent until the next call. */
static struct span
shown(struct span value)
{
	static struct log_entry e;

	log_begin(&e, LOG_REFUSED);
	log_text(&e, "command", value);
	cr_assert(e.nfields == 1);
	return e.fields[0].value;
}

static void
expect(const char *given, const char *want)
{
	struct span got = shown(span_of(given));

	cr_expect(got.len == strlen(want) && memcmp(got.p, want, got.len) == 0,
	    "want \"%s\", got \"%.*s\"", want, (int)got.len, got.p);
}

Test(log, shows_what_is_printable)
{
	expect("", "");
	expect("MAIL FROM:<a@b> \"x=y\"", "MAIL FROM:<a@b> \"x=y\"");
	expect("b\xC3\xBC"
	       "cher \xE2\x82\xAC \xF0\x9F\x98\x80",
	    "b\xC3\xBC"
	    "cher \xE2\x82\xAC \xF0\x9F\x98\x80");
}

Test(log, escapes_what_could_forge_an_entry)
{
	expect(
	    "a\nb\rc\td\x1B[2J\x7F\\", "a\\x0ab\\x0dc\\x09d\\x1b[2J\\x7f\\x5c");
	expect("\xC2\x9B"
	       "2J",
	    "\\xc2\\x9b2J"); /* CSI in one character */
}

Test(log, escapes_what_is_not_utf8)
{
	expect("\xFC", "\\xfc");
	expect("\xC0\xAF", "\\xc0\\xaf");
	expect("\xED\xA0\x80", "\\xed\\xa0\\x80");
	expect("\xE2\x82", "\\xe2\\x82");
	expect("\xF5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
}

Test(log, escapes_what_turns_the_writing_or_cannot_be_seen)
{
	static const char *const rows[] = {
		"\xC2\xAD",         /* U+00AD soft hyphen */
		"\xD8\x9C",         /* U+061C Arabic letter mark */
		"\xE1\xA0\x8E",     /* U+180E Mongolian vowel separator */
		"\xE2\x80\x8B",     /* U+200B zero width space */
		"\xE2\x80\x8F",     /* U+200F right-to-left mark */
		"\xE2\x80\xA8",     /* U+2028 line separator */
		"\xE2\x80\xA9",     /* U+2029 paragraph separator */
		"\xE2\x80\xAE",     /* U+202E right-to-left override */
		"\xE2\x81\xA0",     /* U+2060 word joiner */
		"\xE2\x81\xA6",     /* U+2066 left-to-right isolate */
		"\xE2\x81\xA9",     /* U+2069 pop isolate */
		"\xE3\x85\xA4",     /* U+3164 Hangul filler */
		"\xEE\x80\x80",     /* U+E000 private use */
		"\xEF\xBB\xBF",     /* U+FEFF byte order mark */
		"\xEF\xBF\xBF",     /* U+FFFF no character */
		"\xF0\x9F\xBF\xBE", /* U+1FFFE no character */
		"\xF3\xA0\x81\x81", /* U+E0041 tag */
		"\xF4\x80\x80\x80", /* U+100000 private use */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char want[32] = "";

		for (const char *p = rows[i]; *p; p++)
			snprintf(want + strlen(want),
			    sizeof want - strlen(want), "\\x%02x",
			    (unsigned)(unsigned char)*p);
		expect(rows[i], want);
	}
}

/* Wherever the cut falls, no character and no escape is cut in two. */
Test(log, cuts_a_value_between_characters)
{
	static const char *const rows[] = { "\xC3\xA4", "\xE2\x82\xAC",
		"\xF0\x9F\x98\x80", "\n", "\xE2\x80\xAE", "\xFF" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t before = 0; before < 16; before++) {
			size_t len = strlen(rows[i]), n = 0;
			size_t unit = shown(span_of(rows[i])).len;
			char value[3 * VALUE_MAX];
			struct span got;

			memset(value, 'x', before);
			for (n = before; n + len <= sizeof value; n += len)
				memcpy(value + n, rows[i], len);
			got = shown((struct span){ value, n });
			cr_expect(got.len <= VALUE_MAX &&
				      got.len + unit > VALUE_MAX &&
				      (got.len - before) % unit == 0 &&
				      utf8_is_printable(got),
			    "%zu before \"%s\": %zu octets", before, rows[i],
			    got.len);
		}
	}
}
