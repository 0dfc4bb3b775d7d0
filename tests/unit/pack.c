/*
 * The values of a message between session and writer (mail/pack.h).
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../mail/pack.h"

/* A message in a block of just its size, so that over-reads are seen. */
static struct unpack
open_copy(const struct pack *m, char **ret_block)
{
	*ret_block = malloc(m->len);
	memcpy(*ret_block, m->p, m->len);
	return (struct unpack){ .rest = { *ret_block, m->len } };
}

Test(pack, returns_what_was_put_in)
{
	char buf[64], *block;
	struct pack m = { .p = buf, .size = sizeof buf };
	struct unpack u;
	struct span text;

	pack_u8(&m, 7);
	pack_u32(&m, 0xfffffffe);
	pack_u64(&m, UINT64_MAX);
	pack_text(&m, "hi");
	pack_text(&m, "");
	pack_text(&m, NULL);
	cr_assert(!m.failed);

	u = open_copy(&m, &block);
	cr_assert_eq(unpack_u8(&u), 7);
	cr_assert_eq(unpack_u32(&u), 0xfffffffe);
	cr_assert_eq(unpack_u64(&u), UINT64_MAX);
	text = unpack_text(&u, 2, false);
	cr_assert(span_is(text, "hi"));
	text = unpack_text(&u, 2, false);
	cr_assert(text.p && text.len == 0);
	text = unpack_text(&u, 2, true);
	cr_assert_null(text.p);
	cr_assert(unpack_is_done(&u));
	free(block);
}

Test(pack, fails_where_there_is_no_room_and_stays_so)
{
	char buf[8];
	struct pack m = { .p = buf, .size = sizeof buf };

	pack_text(&m, "hello");
	cr_assert(m.failed);
	cr_assert_leq(m.len, sizeof buf);
	pack_u8(&m, 1);
	cr_assert(m.failed);
}

Test(pack, fails_at_every_cut)
{
	char buf[64], *block;
	struct pack m = { .p = buf, .size = sizeof buf };

	pack_u32(&m, 1);
	pack_u64(&m, 2);
	pack_text(&m, "abc");
	pack_u8(&m, 3);
	for (size_t len = 0; len < m.len; len++) {
		struct pack cut = { .p = buf, .len = len };
		struct unpack u = open_copy(&cut, &block);

		unpack_u32(&u);
		unpack_u64(&u);
		unpack_text(&u, 3, false);
		unpack_u8(&u);
		cr_assert(!unpack_is_done(&u), "cut at %zu", len);
		free(block);
	}
}

Test(pack, refuses_text_that_no_row_may_hold)
{
	static const struct {
		struct span text;
		size_t max;
	} cases[] = {
		{ { "a\nb", 3 }, 9 },
		{ { "a\0b", 3 }, 9 },
		{ { "\xff", 1 }, 9 },
		{ { "\x7f", 1 }, 9 },
		{ { "long", 4 }, 3 },
		{ { NULL, 0 }, 9 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char buf[64], *block;
		struct pack m = { .p = buf, .size = sizeof buf };
		struct unpack u;

		pack_span(&m, cases[i].text);
		u = open_copy(&m, &block);
		unpack_text(&u, cases[i].max, false);
		cr_assert(u.failed, "case %zu", i);
		free(block);
	}
}

Test(pack, counts_what_nobody_has_read)
{
	char buf[8];
	struct pack m = { .p = buf, .size = sizeof buf };
	struct unpack u;

	pack_u8(&m, 1);
	pack_u8(&m, 2);
	u = (struct unpack){ .rest = { buf, m.len } };
	unpack_u8(&u);
	cr_assert(!unpack_is_done(&u));
}
