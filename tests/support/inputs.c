#include "inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/dsn.h"
#include "../../mail/utf8.h"

enum {
	STRICT = ADDRESS_STRICT,
	LENIENT = ADDRESS_LENIENT,
};

const char *const input_result_names[] = {
	[ADDRESS_OK] = "OK",
	[ADDRESS_BAD_SYNTAX] = "BAD_SYNTAX",
	[ADDRESS_BAD_UTF8] = "BAD_UTF8",
	[ADDRESS_LOCAL_TOO_LONG] = "LOCAL_TOO_LONG",
	[ADDRESS_DOMAIN_TOO_LONG] = "DOMAIN_TOO_LONG",
	[ADDRESS_PATH_TOO_LONG] = "PATH_TOO_LONG",
};

const char *
input_show(struct span text)
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
struct span
input_lend(struct span text, char **ret_block)
{
	struct span copy = { NULL, text.len };

	*ret_block = malloc(text.len ? text.len : 1);
	cr_assert(ne(ptr, *ret_block, NULL));
	memcpy(*ret_block, text.p, text.len);
	copy.p = text.len ? *ret_block : *ret_block + 1;
	return copy;
}

bool
input_is_within(struct span outer, struct span inner)
{
	return inner.p >= outer.p && inner.p <= outer.p + outer.len &&
	       inner.len <= (size_t)(outer.p + outer.len - inner.p);
}

bool
input_is_same(struct span a, struct span b)
{
	return a.p == b.p && a.len == b.len;
}

void
input_expect_text(
    struct span in, const char *what, struct span got, const char *want)
{
	bool equal = got.len == strlen(want) && !memcmp(got.p, want, got.len);
	char copy[512];

	strcpy(copy, input_show(in));
	cr_expect(equal, "\"%s\": want %s \"%s\", got \"%s\"", copy, what, want,
	    input_show(got));
}

void
input_expect_sound_path(struct span in, struct span text,
    enum address_result result, const struct address_path *path)
{
	static const struct address_path untouched;
	bool sound;

	if (result != ADDRESS_OK)
		sound = input_is_same(in, text) &&
			!memcmp(path, &untouched, sizeof untouched);
	else
		sound =
		    text.p + text.len == in.p + in.len &&
		    (!text.len || *text.p == ' ' || *text.p == '\t') &&
		    input_is_within(in, path->mailbox) &&
		    input_is_within(path->mailbox, path->local) &&
		    input_is_within(path->mailbox, path->domain) &&
		    utf8_is_printable(path->mailbox) == (path->mailbox.len > 0);
	cr_expect(sound, "\"%s\": %s and *text or *ret is not as it must be",
	    input_show(in), input_result_names[result]);
}

enum address_result
input_read_path(struct span in, int mode)
{
	struct address_path path;
	enum address_result result;
	struct span lent, text;
	char *block;

	memset(&path, 0, sizeof path);
	text = lent = input_lend(in, &block);
	result = address_read_path(&text, (enum address_mode)mode, &path);
	input_expect_sound_path(lent, text, result, &path);
	free(block);
	return result;
}

void
input_expect_result(struct span in, int mode, enum address_result want)
{
	enum address_result got = input_read_path(in, mode);

	cr_expect(eq(int, (int)got, (int)want), "\"%s\" (%s): want %s, got %s",
	    input_show(in), mode == STRICT ? "strict" : "lenient",
	    input_result_names[want], input_result_names[got]);
}

char *
input_put(char *to, size_t n, const char *text)
{
	size_t len = strlen(text);

	for (; n; n--, to += len)
		memcpy(to, text, len);
	return to;
}

char *
input_put_domain(char *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*to++ = i % 51 == 50 && i < n - 1 ? '.' : 'd';
	return to;
}

bool
input_is_strict_domain(struct span text)
{
	return address_is_domain(text, ADDRESS_STRICT);
}

bool
input_is_lenient_domain(struct span text)
{
	return address_is_domain(text, ADDRESS_LENIENT);
}

void
input_expect_each(const struct span *rows, size_t n, bool (*is)(struct span),
    const char *what, bool want)
{
	for (size_t i = 0; i < n; i++) {
		char *block;
		bool got = is(input_lend(rows[i], &block));

		cr_expect(got == want, "\"%s\" is %s %s", input_show(rows[i]),
		    want ? "no" : "a", what);
		free(block);
	}
}

void
input_read_as_anything(struct span in)
{
	struct address_param param;
	char *block;
	struct span lent = input_lend(in, &block), text = lent;

	input_read_path(in, STRICT);
	input_read_path(in, LENIENT);
	input_is_strict_domain(lent);
	input_is_lenient_domain(lent);
	dsn_is_xtext(lent);
	dsn_is_orcpt(lent);
	dsn_is_auth(lent);
	utf8_is_printable(lent);
	while (address_read_param(&text, &param) == 1) {
		/* Reading is all. */
	}
	cr_expect(input_is_within(lent, text), "\"%s\"", input_show(in));
	free(block);
}

void
input_read_parts_of(struct span in)
{
	static const char octets[] = "\0\t <>@\"\\.,:;[]=+-a\x80\xC3\xF4";
	char buf[INPUT_MAX];

	memcpy(buf, in.p, in.len);
	for (size_t i = 0; i <= in.len; i++)
		input_read_as_anything((struct span){ buf, i });
	for (size_t i = 0; i < in.len; i++) {
		for (size_t j = 0; j < sizeof octets - 1; j++) {
			buf[i] = octets[j];
			input_read_as_anything((struct span){ buf, in.len });
		}
		buf[i] = in.p[i];
	}
}
