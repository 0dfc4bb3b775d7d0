/*
 * The tools of all grammars: they take octets from the front of a span, and
 * test classes of octets.  Those called `x_len` return how many octets the
 * element in front of a span takes, 0 if something else stands there.
 * <ctype.h> asks the locale, so it is not used.
 */
#ifndef SCAN_H
#define SCAN_H

#include <string.h>

#include "span.h"

static inline int
scan_octet(struct span in, size_t i)
{
	return i < in.len ? (unsigned char)in.p[i] : -1;
}

static inline void
scan_skip(struct span *in, size_t n)
{
	in->p += n;
	in->len -= n;
}

static inline bool
scan_take(struct span *in, int c)
{
	if (scan_octet(*in, 0) != c)
		return false;
	scan_skip(in, 1);
	return true;
}

static inline struct span
scan_since(struct span start, struct span now)
{
	return (struct span){ start.p, start.len - now.len };
}

static inline struct span
scan_run(struct span *in, size_t (*element_len)(struct span))
{
	struct span start = *in;
	size_t n;

	while ((n = element_len(*in)))
		scan_skip(in, n);
	return scan_since(start, *in);
}

static inline bool
scan_is_run(struct span text, size_t (*element_len)(struct span))
{
	return scan_run(&text, element_len).len && !text.len;
}

static inline bool
scan_is_between(int c, int min, int max)
{
	return c >= min && c <= max;
}

static inline bool
scan_is_digit(int c)
{
	return scan_is_between(c, '0', '9');
}

/* SP or TAB. */
static inline bool
scan_is_blank(int c)
{
	return c == ' ' || c == '\t';
}

/* What may stand between the words of a folded field. */
static inline bool
scan_is_space(int c)
{
	return scan_is_blank(c) || c == '\r' || c == '\n';
}

static inline int
scan_lower(int c)
{
	return scan_is_between(c, 'A', 'Z') ? c - 'A' + 'a' : c;
}

static inline bool
scan_is_let_dig(int c)
{
	return scan_is_digit(c) || scan_is_between(scan_lower(c), 'a', 'z');
}

/* Is it printable US-ASCII, and no blank? */
static inline bool
scan_is_graph(int c)
{
	return scan_is_between(c, 0x21, 0x7E);
}

static inline bool
scan_is_one_of(int c, const char *set)
{
	return memchr(set, c, strlen(set));
}

static inline bool
scan_equals(struct span text, const char *lower_case)
{
	size_t len = strlen(lower_case);

	for (size_t i = 0; i < len; i++)
		if (scan_lower(scan_octet(text, i)) != lower_case[i])
			return false;
	return text.len == len;
}

/* -1: it is no hexadecimal digit. */
static inline int
scan_hex_value(int c)
{
	if (scan_is_digit(c))
		return c - '0';
	c = scan_lower(c);
	return scan_is_between(c, 'a', 'f') ? c - 'a' + 10 : -1;
}

static inline size_t
scan_hex_digit_len(struct span in)
{
	return scan_hex_value(scan_octet(in, 0)) >= 0;
}

/* RFC 822's atom (s. 3.3) has the same characters. */
static inline size_t
scan_atext_len(struct span in)
{
	int c = scan_octet(in, 0);

	return scan_is_let_dig(c) || scan_is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

#endif
