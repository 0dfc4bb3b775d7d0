/*
 * What is UTF-8, and has no control characters.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/utf8.h"
#include "../support/inputs.h"

/* clang-format off */
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

Test(utf8, checks_utf8_and_finds_controls)
{
	EXPECT_ALL(utf8_texts, utf8_is_printable);
	EXPECT_NONE(bad_utf8_texts, utf8_is_printable);
}

Test(utf8, never_reads_behind_the_end)
{
	for (size_t i = 0; i < COUNT(utf8_texts); i++)
		input_read_parts_of(utf8_texts[i]);
}
