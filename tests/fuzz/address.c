/*
 * The grammars of mail/address.h and the header of mail/header.h, over the
 * same octets: each function is held to its contract, the two modes to each
 * other, and the header whole to the header cut.
 */
#include "../../mail/address.h"
#include "../../mail/dsn.h"
#include "../../mail/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "../../mail/header.h"
#include "fuzz.h"

static bool
is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/*
 * Paths
 */

static void
check_path(struct span input, struct span rest, enum address_mode mode,
    const struct address_path *path)
{
	struct span m = path->mailbox, l = path->local, d = path->domain;

	fuzz_promise(fuzz_is_within(rest, input) && fuzz_is_within(m, input) &&
			 fuzz_is_within(l, m) && fuzz_is_within(d, m),
	    "what is returned points into the input");
	fuzz_promise(rest.len == 0 || *rest.p == ' ' || *rest.p == '\t',
	    "a blank or the end follows a path");
	fuzz_promise(
	    m.len <= ADDRESS_PATH_MAX && d.len <= ADDRESS_DOMAIN_MAX &&
		(mode == ADDRESS_LENIENT || l.len <= ADDRESS_LOCAL_MAX),
	    "the limits of RFC 5321 hold");
	fuzz_promise_of(m.len == 0 ? l.len + d.len == 0
			: d.len > 0
			    ? m.len == l.len + 1 + d.len && m.p[l.len] == '@'
			    : m.len == l.len,
	    "a mailbox is its two parts: ", m);
	fuzz_promise_of(m.len == 0 || utf8_is_printable(m),
	    "a mailbox is printable UTF-8: ", m);
	for (size_t i = 0; i < m.len; i++)
		fuzz_promise_of(path->non_ascii || !(m.p[i] & 0x80),
		    "non_ascii says so: ", m);
}

/* "<mailbox>", read in the same mode, is that mailbox. */
static void
check_again(enum address_mode mode, const struct address_path *path)
{
	char text[ADDRESS_PATH_MAX + 2];
	struct span again = { text, path->mailbox.len + 2 };
	struct address_path twice;

	text[0] = '<';
	if (path->mailbox.len > 0)
		memcpy(text + 1, path->mailbox.p, path->mailbox.len);
	text[again.len - 1] = '>';
	if (again.len > ADDRESS_PATH_MAX)
		return; /* it had no brackets */
	fuzz_promise_of(address_read_path(&again, mode, &twice) == ADDRESS_OK &&
			    is_same(path->mailbox, twice.mailbox) &&
			    is_same(path->local, twice.local),
	    "a mailbox in brackets is itself: ", path->mailbox);
}

static bool
read_path(struct span input, enum address_mode mode, struct address_path *ret)
{
	struct address_path path = { .non_ascii = true }, untouched = path;
	struct span rest = input;

	if (address_read_path(&rest, mode, &path) != ADDRESS_OK) {
		fuzz_promise(rest.p == input.p && rest.len == input.len &&
				 memcmp(&path, &untouched, sizeof path) == 0,
		    "what is refused changes nothing");
		return false;
	}
	check_path(input, rest, mode, &path);
	check_again(mode, &path);
	*ret = path;
	return true;
}

static void
fuzz_paths(struct span input)
{
	struct address_path strict, lenient;

	if (!read_path(input, ADDRESS_STRICT, &strict)) {
		read_path(input, ADDRESS_LENIENT, &lenient);
		return;
	}
	fuzz_promise_of(read_path(input, ADDRESS_LENIENT, &lenient) &&
			    is_same(strict.mailbox, lenient.mailbox),
	    "what is strictly right is right: ", input);
}

/*
 * The rest of the grammar
 */

static void
fuzz_words(struct span input)
{
	size_t len = utf8_printable_len(input);
	bool all = true;

	fuzz_promise(len <= 4 && len <= input.len, "a character has 4 octets");
	for (struct span rest = input; rest.len > 0 && all;) {
		size_t n = utf8_printable_len(rest);

		all = n > 0;
		rest.p += n;
		rest.len -= n;
	}
	fuzz_promise_of(utf8_is_printable(input) == (all && input.len > 0),
	    "text is printable as its characters are: ", input);
	if (address_is_domain(input, ADDRESS_STRICT))
		fuzz_promise_of(address_is_domain(input, ADDRESS_LENIENT),
		    "what is strictly right is right: ", input);
	if (address_is_domain(input, ADDRESS_STRICT) && input.p[0] == '[')
		fuzz_promise_of(input.p[input.len - 1] == ']',
		    "a literal stands in brackets: ", input);
	if (dsn_is_xtext(input))
		fuzz_promise_of(
		    utf8_is_printable(input), "xtext is printable: ", input);
	if (dsn_is_orcpt(input))
		fuzz_promise_of(
		    utf8_is_printable(input), "ORCPT is printable: ", input);
}

static void
fuzz_params(struct span input)
{
	struct span rest = input;
	struct address_param param;
	size_t before = rest.len + 1;
	int result;

	while ((result = address_read_param(&rest, &param)) > 0) {
		fuzz_promise(rest.len < before, "a parameter takes octets");
		before = rest.len;
		fuzz_promise(fuzz_is_within(param.keyword, input) &&
				 fuzz_is_within(param.value, input) &&
				 param.keyword.len > 0,
		    "a parameter points into the input");
		fuzz_promise_of(!param.value.p || param.value.len == 0 ||
				    utf8_is_printable(param.value),
		    "a value is printable UTF-8: ", param.value);
	}
	if (result < 0)
		fuzz_promise(rest.len > 0 && fuzz_is_within(rest, input),
		    "what is no parameter stays");
}

/*
 * Headers
 */

/* `step` 0: whole. */
static void
read_header(struct span input, size_t step, struct header *ret)
{
	uint64_t size = 0;

	memset(ret, 0, sizeof *ret);
	header_start(ret);
	while (input.len > 0) {
		struct span piece = input;

		if (step > 0 && step < piece.len)
			piece.len = step;
		fuzz_promise(
		    !header_is_over(ret) || size == 0 || size == ret->size,
		    "what follows a header changes nothing");
		size = header_is_over(ret) ? ret->size : 0;
		header_feed(ret, piece);
		input.p += piece.len;
		input.len -= piece.len;
	}
	header_end(ret);
}

static void
fuzz_header(struct span input)
{
	static struct header whole, cut;

	read_header(input, 0, &whole);
	fuzz_promise(whole.size <= input.len, "a header is a part of the mail");
	for (size_t step = 1; step < 4; step += 2) {
		read_header(input, step, &cut);
		fuzz_promise(cut.size == whole.size, "one length of all cuts");
		for (int i = 0; i < HEADER__COUNT; i++)
			fuzz_promise(
			    whole.has[i] == cut.has[i] &&
				(!cut.has[i] ||
				    strcmp(whole.value[i], cut.value[i]) == 0),
			    "one value of all cuts");
	}
	for (int i = 0; i < HEADER__COUNT; i++) {
		struct span value = span_of(whole.has[i] ? whole.value[i] : "");

		fuzz_promise(
		    value.len <= HEADER_VALUE_MAX, "a value has its limit");
		fuzz_promise_of(value.len == 0 || utf8_is_printable(value),
		    "a value is printable UTF-8: ", value);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = fuzz_copy((struct span){ (const char *)data, len });
	struct span input = { copy, len };

	fuzz_paths(input);
	fuzz_words(input);
	fuzz_params(input);
	fuzz_header(input);
	free(copy);
	return 0;
}
