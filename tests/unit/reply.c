/*
 * The lines of replies.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/reply.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char line[REPLY_LINE_MAX];

static void
expect_line(const struct reply_text *r, struct reply_values values, bool more,
    const char *want)
{
	size_t len;

	values.hostname = "mx.example";
	len = reply_write(line, sizeof line, r, &values, more);
	cr_expect(len == strlen(want) && memcmp(line, want, len) == 0,
	    "want \"%s\", got \"%.*s\"", want, (int)len, line);
}

Test(reply, fills_its_places)
{
	static const struct reply_text all = { 250, "2.0.0", "% # # @" };
	static const struct reply_text bare = { 220, NULL, "%" };

	expect_line(&all,
	    (struct reply_values){
		.numbers = { 0, UINT64_MAX }, .detail = "%#@" },
	    false, "250 2.0.0 mx.example 0 18446744073709551615 %#@\r\n");
	expect_line(
	    &bare, (struct reply_values){ 0 }, true, "220-mx.example\r\n");
}

Test(reply, leaves_out_a_detail_that_may_not_be_said)
{
	static const struct reply_text moved = { 551, NULL, "Try <@>\nMoved" };
	static const struct {
		const char *detail;
		bool utf8;
		const char *want;
	} rows[] = {
		{ "a@b", false, "551 Try <a@b>\r\n" },
		{ "a\r\n250 b", false, "551 Moved\r\n" },
		{ "a\r\n250 b", true, "551 Moved\r\n" },
		{ "\xc3\xa4@b", false, "551 Moved\r\n" },
		{ "\xc3\xa4@b", true, "551 Try <\xc3\xa4@b>\r\n" },
		{ "\xc3@b", true, "551 Moved\r\n" },
		{ "", true, "551 Moved\r\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		expect_line(&moved,
		    (struct reply_values){
			.detail = rows[i].detail, .utf8 = rows[i].utf8 },
		    false, rows[i].want);
}

Test(reply, is_cut_where_there_is_no_room)
{
	static const struct reply_text r = { 250, "2.0.0", "0123456789" };
	struct reply_values none = { 0 };
	char small[8];

	cr_expect(
	    reply_write(small, sizeof small, &r, &none, false) == sizeof small);
	cr_expect(memcmp(small, "250 2.0.", sizeof small) == 0);
	reply_write_text(small, sizeof small, &r, &none);
	cr_expect_str_eq(small, "0123456");
}
