/*
 * Mails that are handed on: no variant of the end of DATA that was published as
 * SMTP smuggling ends one, or begins a line that does.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../reader/line_ends.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/* clang-format off */
static const struct {
	struct span mail;
	struct span smtp; /* what goes into DATA */
	struct span lf;   /* to sendmail, and into an mbox */
	const char *told;
} rows[] = {
	{ T(""),                    T(""),                         T(""),               "" },
	{ T("a"),                   T("a"),                        T("a"),              "" },
	{ T("a\r\nb\r\n"),          T("a\r\nb\r\n"),               T("a\nb\n"),         "" },
	{ T("a\r\n.\r\nb"),         T("a\r\n..\r\nb"),             T("a\n.\nb"),        "" },
	{ T("."),                   T(".."),                       T("."),              "" },
	{ T("..a\r\n"),             T("...a\r\n"),                 T("..a\n"),          "" },
	{ T("a\n.\nb"),             T("a\r\n..\r\nb"),             T("a\n.\nb"),        "2l" },
	{ T("a\n.\r\nb"),           T("a\r\n..\r\nb"),             T("a\n.\nb"),        "1l1c" },
	{ T("a\r\n.\nb"),           T("a\r\n..\r\nb"),             T("a\n.\nb"),        "1c1l" },
	{ T("a\r.\rb"),             T("a\r\n..\r\nb"),             T("a\n.\nb"),        "2r" },
	{ T("a\r.\r\nb"),           T("a\r\n..\r\nb"),             T("a\n.\nb"),        "1r1c" },
	{ T("a\r\n.\rb"),           T("a\r\n..\r\nb"),             T("a\n.\nb"),        "1c1r" },
	{ T("a\r\n.\r\r\nb"),       T("a\r\n..\r\n\r\nb"),         T("a\n.\n\nb"),      "1c1r1c" },
	{ T("a\r\r\n.\r\r\nb"),     T("a\r\n\r\n..\r\n\r\nb"),     T("a\n\n.\n\nb"),    "1r1c1r1c" },
	{ T("a\n\r.\n\rb"),         T("a\r\n\r\n..\r\n\r\nb"),     T("a\n\n.\n\nb"),    "1l1r1l1r" },
	{ T("a\n\n.\n\nb"),         T("a\r\n\r\n..\r\n\r\nb"),     T("a\n\n.\n\nb"),    "4l" },
	{ T("a\r\n\0.\r\nb"),       T("a\r\n\0..\r\nb"),           T("a\n\0.\nb"),      "" },
	{ T("a\n\0\0.\0\nb"),       T("a\r\n\0\0..\0\r\nb"),       T("a\n\0\0.\0\nb"),  "2l" },
	{ T("a\r\n\0b.\r\n"),       T("a\r\n\0b.\r\n"),           T("a\n\0b.\n"),      "" },
	{ T("a\r\n .\r\n"),         T("a\r\n .\r\n"),             T("a\n .\n"),        "" },
	{ T("a\r\n.\r"),           T("a\r\n..\r\n"),             T("a\n.\n"),         "1c1r" },
	{ T("\r\r\n\n"),           T("\r\n\r\n\r\n"),            T("\n\n\n"),         "1r1c1l" },
};
/* clang-format on */

static void
check(size_t row, struct text *got, struct span want)
{
	cr_expect(got->len == want.len &&
		      (want.len == 0 || memcmp(got->p, want.p, want.len) == 0),
	    "row %zu: %.*s", row, (int)got->len, got->p ? got->p : "");
	text_free(got);
}

Test(line_ends, become_those_of_the_next_host)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text smtp = { 0 }, lf = { 0 };
		bool at_start = true;

		line_convert_to_smtp(
		    rows[i].mail, &at_start, sink_to_text(&smtp));
		line_convert(rows[i].mail, "\n", sink_to_text(&lf));
		check(i, &smtp, rows[i].smtp);
		check(i, &lf, rows[i].lf);
	}
}

Test(line_ends, are_told_and_brought_back)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text told = { 0 }, back = { 0 };
		struct span ends;

		line_ends_tell(rows[i].mail, &told);
		ends = span_of(told.p ? told.p : "");
		cr_expect_str_eq(ends.p, rows[i].told, "row %zu", i);
		if (ends.len > 0) {
			cr_expect(
			    line_ends_bring_back(rows[i].lf, ends, &back));
			check(i, &back, rows[i].mail);
		}
		text_free(&told);
	}
}

Test(line_ends, are_not_brought_back_where_they_do_not_fit)
{
	static const char *const told[] = { "", "1c", "3c", "2", "2x", "c",
		"0c2c", "1c1c1c", "-2c", "99999999999999999999999c" };

	for (size_t i = 0; i < COUNT(told); i++) {
		struct text back = { 0 };

		cr_expect_not(line_ends_bring_back((struct span)T("a\nb\n"),
				  span_of(told[i]), &back),
		    "%s", told[i]);
		text_free(&back);
	}
}

Test(line_ends, keep_in_mind_where_a_piece_has_ended)
{
	struct text smtp = { 0 };
	bool at_start = true;

	line_convert_to_smtp(
	    (struct span)T("a"), &at_start, sink_to_text(&smtp));
	line_convert_to_smtp(
	    (struct span)T(".\r\n"), &at_start, sink_to_text(&smtp));
	line_convert_to_smtp(
	    (struct span)T(".\r\n"), &at_start, sink_to_text(&smtp));
	check(0, &smtp, (struct span)T("a.\r\n..\r\n"));
}
