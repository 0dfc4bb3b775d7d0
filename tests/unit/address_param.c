/*
 * Parameters of MAIL and RCPT.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/inputs.h"

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
	struct span in = span_of(row->in), text, lent;
	struct address_param param;
	char *block;
	int result;

	memset(&param, 0, sizeof param);
	text = lent = input_lend(in, &block);
	result = address_read_param(&text, &param);
	cr_expect(eq(int, result, 1), "\"%s\"", input_show(in));
	if (result == 1) {
		input_expect_text(in, "keyword", param.keyword, row->keyword);
		input_expect_text(in, "rest", text, row->rest);
		cr_expect(eq(int, !param.value.p, !row->value),
		    "\"%s\": value.p", input_show(in));
		if (param.value.p && row->value)
			input_expect_text(in, "value", param.value, row->value);
		cr_expect(
		    input_is_within(lent, text), "\"%s\"", input_show(in));
	}
	free(block);
}

Test(address_param, reads_esmtp_parameters)
{
	for (size_t i = 0; i < COUNT(good_params); i++)
		expect_param(&good_params[i]);
}

Test(address_param, refuses_malformed_parameters_and_leaves_them)
{
	static const struct address_param untouched;

	for (size_t i = 0; i < COUNT(bad_params); i++) {
		struct address_param param;
		struct span text, lent;
		char *block;

		memset(&param, 0, sizeof param);
		text = lent = input_lend(bad_params[i], &block);
		cr_expect(eq(int, address_read_param(&text, &param), -1),
		    "\"%s\"", input_show(bad_params[i]));
		cr_expect(input_is_same(text, lent), "\"%s\": *text",
		    input_show(bad_params[i]));
		cr_expect(eq(int, memcmp(&param, &untouched, sizeof param), 0),
		    "\"%s\": *ret", input_show(bad_params[i]));
		free(block);
	}
}

Test(address_param, reads_parameters_one_by_one_to_the_end)
{
	struct span text = span_of(" SIZE=10 \tBODY=8BITMIME SMTPUTF8 \t");
	struct address_param param;

	cr_expect(eq(int, address_read_param(&text, &param), 1));
	input_expect_text(text, "keyword", param.keyword, "SIZE");
	cr_expect(eq(int, address_read_param(&text, &param), 1));
	input_expect_text(text, "value", param.value, "8BITMIME");
	cr_expect(eq(int, address_read_param(&text, &param), 1));
	input_expect_text(text, "keyword", param.keyword, "SMTPUTF8");
	cr_expect(eq(int, address_read_param(&text, &param), 0));
	cr_expect(eq(int, address_read_param(&text, &param), 0));
	text = (struct span){ NULL, 0 };
	cr_expect(eq(int, address_read_param(&text, &param), 0));
}

Test(address_param, reads_parameters_behind_a_path)
{
	struct span text = span_of("<\"> SIZE=1\"@x> SIZE=2");
	struct address_param param;
	struct address_path path;

	cr_assert(eq(int, (int)address_read_path(&text, ADDRESS_STRICT, &path),
	    ADDRESS_OK));
	cr_assert(eq(int, address_read_param(&text, &param), 1));
	input_expect_text(text, "value", param.value, "2");
}

Test(address_param, never_reads_behind_the_end)
{
	for (size_t i = 0; i < COUNT(good_params); i++)
		input_read_parts_of(span_of(good_params[i].in));
}
