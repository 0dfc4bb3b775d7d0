/*
 * What smtpdb-web reads of strangers by itself: lists of addresses, and JSON of
 * requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mime/text.h"
#include "../../web/addresses.h"
#include "../../web/body.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* clang-format off */
static const struct {
	const char *field;
	const char *want; /* "name <address>" each, "; " between */
} lists[] = {
	{ "ann@a.example",                         " <ann@a.example>" },
	{ "Ann <ann@a.example>",                   "Ann <ann@a.example>" },
	{ "\"Example, Ann\" <ann@a.example>",      "Example, Ann <ann@a.example>" },
	{ "\"A \\\"B\\\"\" <a@a>",                 "A \"B\" <a@a>" },
	{ "a@a, b@b",                              " <a@a>;  <b@b>" },
	{ "a@a,, ,b@b,",                           " <a@a>;  <b@b>" },
	{ "ann@a.example (Ann)",                   "Ann <ann@a.example>" },
	{ "(a (b) \\) c) ann@a.example",           "a (b) ) c <ann@a.example>" },
	{ "friends: a@a, B <b@b>;, c@c",           " <a@a>; B <b@b>;  <c@c>" },
	{ "undisclosed-recipients:;",              "" },
	{ "=?utf-8?q?J=C3=BCrgen?= <j@j>",         "J\xC3\xBCrgen <j@j>" },
	{ "ann @ a . example",                     " <ann@a.example>" },
	{ "Ann <ann@a.example",                    "Ann <ann@a.example>" },
	{ "\"Ann <ann@a.example>",                 " <Ann<ann@a.example>>" },
	{ "Ann",                                   " <Ann>" },
	{ "<>",                                    "" },
	{ "",                                      "" },
	{ "\r\n\t ",                               "" },
	{ "\\",                                    " <\\>" },
	{ "\"\\",                                  " <\\>" },
};
/* clang-format on */

/* In a block of its own, so that a sanitizer sees what is read behind it. */
static struct span
exact(const char *text, char **ret_block)
{
	size_t len = strlen(text);

	*ret_block = malloc(len + !len);
	memcpy(*ret_block, text, len);
	return (struct span){ *ret_block, len };
}

Test(web, reads_addresses_as_people_write_them)
{
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct addresses a = { 0 };
		struct text got = { 0 };
		char *block, *text;

		addresses_read(exact(lists[i].field, &block), &a);
		for (size_t k = 0; k < a.n; k++) {
			text_add(&got, span_of(k > 0 ? "; " : ""));
			text_add(&got, span_of(a.list[k].name));
			text_add(&got, span_of(" <"));
			text_add(&got, span_of(a.list[k].address));
			text_add(&got, span_of(">"));
		}
		text = text_take(&got);
		cr_expect_str_eq(
		    text, lists[i].want, "%s: \"%s\"", lists[i].field, text);
		free(text);
		free(block);
		addresses_reset(&a);
	}
}

Test(web, keeps_no_more_addresses_than_are_shown)
{
	struct addresses a = { 0 };
	struct text many = { 0 };

	for (int i = 0; i < ADDRESSES_MAX + 10; i++)
		text_add(&many, span_of("a@a,"));
	addresses_read((struct span){ many.p, many.len }, &a);
	cr_expect_eq(a.n, ADDRESSES_MAX);
	addresses_reset(&a);
	text_free(&many);
}

/* clang-format off */
static const struct {
	const char *json;
	const char *want; /* ids, read, search; NULL: it is no such object */
} bodies[] = {
	{ "",                                       " 0 -" },
	{ " \r\n",                                  " 0 -" },
	{ "{}",                                     " 0 -" },
	{ "{\"IDs\":[]}",                           " 0 -" },
	{ "{\"IDs\":null,\"Read\":true}",           " 1 -" },
	{ "{\"IDs\":[\"1\",\"22\"]}",               "1 22 ids 0 -" },
	{ "{ \"ids\" : [ \"1\" ] , \"x\":{\"y\":[1,\"]\"]} }", "1 ids 0 -" },
	{ "{\"IDs\":[\"x\",\"-1\",\"0\",\"1x\"]}",  "ids 0 -" },
	{ "{\"Search\":\"a\\\"\\u00fc\\ud83d\\ude00\\n\"}", " 0 a\"\xC3\xBC\xF0\x9F\x98\x80\n" },
	{ "{\"Search\":\"\\u0000\\ud83d\\uzzzz\"}", " 0 \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "{\"Search\":null}",                      " 0 -" },
	{ "[",                                      NULL },
	{ "{",                                      NULL },
	{ "{\"IDs\":[1]}",                          NULL },
	{ "{\"IDs\":[\"1\"",                        NULL },
	{ "{\"IDs\":[\"1\"]",                       NULL },
	{ "{\"IDs\":[\"1",                          NULL },
	{ "{\"Search\":\"a\\",                      NULL },
	{ "{\"Search\":\"a\\u12",                   NULL },
	{ "{\"x\":[[[[",                            NULL },
	{ "{\"x\":]}",                              NULL },
	{ "{\"x\"}",                                NULL },
	{ "{\"x\":1,}",                             NULL },
};
/* clang-format on */

Test(web, reads_ids_of_a_body_and_nothing_else)
{
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct body b = { 0 };
		char *block, got[256] = "";
		bool ok = body_read(&b, exact(bodies[i].json, &block));

		for (size_t k = 0; k < b.nids; k++)
			sprintf(got + strlen(got), "%s%lld", k > 0 ? " " : "",
			    (long long)b.ids[k]);
		sprintf(got + strlen(got), "%s%s %d %s", b.nids > 0 ? " " : "",
		    b.has_ids ? "ids" : "", b.read, b.search ? b.search : "-");
		cr_expect_eq(ok, bodies[i].want != NULL, "%s", bodies[i].json);
		if (ok && bodies[i].want)
			cr_expect_str_eq(got, bodies[i].want, "%s: \"%s\"",
			    bodies[i].json, got);
		free(block);
		body_reset(&b);
	}
}

Test(web, goes_no_deeper_than_it_says)
{
	struct body b = { 0 };
	struct text deep = { 0 };

	text_add(&deep, span_of("{\"x\":"));
	for (int i = 0; i < 100000; i++)
		text_add_char(&deep, '[');
	cr_expect_not(body_read(&b, (struct span){ deep.p, deep.len }));
	body_reset(&b);
	text_free(&deep);
}
