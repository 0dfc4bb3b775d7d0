/*
 * Texts for whoever parses addresses, parameters and their values: tables of
 * them, and what holds of every input.  A text is copied to a heap block of
 * just its size before it is read, so that AddressSanitizer sees an octet read
 * behind it.
 */
#ifndef INPUTS_H
#define INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "../../mail/address.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal as a span; it may hold NUL. */
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

enum {
	INPUT_MAX = 4096, /* octets of what is put together */
};

extern const char *const input_result_names[]; /* of enum address_result */

/* For messages: `text` escaped, and not all of a long one; lent. */
const char *input_show(struct span text);

/* The copy; `*ret_block` is to be freed. */
struct span input_lend(struct span text, char **ret_block);

bool input_is_within(struct span outer, struct span inner);
bool input_is_same(struct span a, struct span b);

/* Writes `text` `n` times; returns the end. */
char *input_put(char *to, size_t n, const char *text);
/* `n` octets of domain in labels of at most 50. */
char *input_put_domain(char *to, size_t n);

/* Fails the test where `got`, which is `what` of `in`, is not `want`. */
void input_expect_text(
    struct span in, const char *what, struct span got, const char *want);

/*
 * What holds of a path whatever was in `in`, which `text` was before: one that
 * is refused leaves all as it was.
 */
void input_expect_sound_path(struct span in, struct span text,
    enum address_result result, const struct address_path *path);
/* Reads a path and holds it to that; `mode` is an enum address_mode. */
enum address_result input_read_path(struct span in, int mode);
void input_expect_result(struct span in, int mode, enum address_result want);

bool input_is_strict_domain(struct span text);
bool input_is_lenient_domain(struct span text);

/* Whether `is` says `want` of each row. */
void input_expect_each(const struct span *rows, size_t n,
    bool (*is)(struct span), const char *what, bool want);
#define EXPECT_ALL(rows, is) input_expect_each(rows, COUNT(rows), is, #is, true)
#define EXPECT_NONE(rows, is)                                                  \
	input_expect_each(rows, COUNT(rows), is, #is, false)

/* By every function, whatever the text is meant to be. */
void input_read_as_anything(struct span in);
/*
 * The same for every prefix of it, and with every octet replaced by each that
 * may mean something.
 */
void input_read_parts_of(struct span in);

#endif
