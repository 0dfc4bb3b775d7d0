/*
 * One function per production of the grammar.  Those called `x_len` know one
 * element: they say how many octets the element in front of a span takes, 0
 * if another stands there.  Those called `read_x` take what they know from
 * the front and leave the reader where they stopped, also when they fail;
 * that place tells bad UTF-8 from bad syntax.  No octet is looked at more
 * often than a fixed number of times, however long the input.
 *
 * Lengths are noted while reading and reported only when the syntax was
 * right: a client can shorten an address that is too long, but can do nothing
 * with the length of an address that is none.
 */
#include "address.h"

#include <stdint.h>
#include <string.h>

enum {
	LABEL_MAX = 63, /* RFC 1035 s. 2.3.4 */
	/*
	 * What counts is the A-label (RFC 5890 s. 2.3.2.1).  It is not made
	 * here, but "xn--" and one octet for each character is its least
	 * size (RFC 3492 s. 3), so that no label that fits is refused.
	 */
	ULABEL_MAX = LABEL_MAX - 4,
	IPV6_GROUPS = 8,
	/* "::" is at least two groups (RFC 5321 s. 4.1.3). */
	IPV6_GROUPS_BESIDE_GAP = IPV6_GROUPS - 2,
};

struct reader {
	struct span in; /* what is not read yet */
	enum address_mode mode;
	enum address_result limit; /* the first that was passed, or OK */
};

static int
octet(struct span in, size_t i)
{
	return i < in.len ? (unsigned char)in.p[i] : -1;
}

static void
skip(struct span *in, size_t n)
{
	in->p += n;
	in->len -= n;
}

static bool
take(struct span *in, int c)
{
	if (octet(*in, 0) != c)
		return false;
	skip(in, 1);
	return true;
}

static struct span
since(struct span start, struct span now)
{
	return (struct span){ start.p, start.len - now.len };
}

static struct span
read_run(struct span *in, size_t (*element_len)(struct span))
{
	struct span start = *in;
	size_t n;

	while ((n = element_len(*in)))
		skip(in, n);
	return since(start, *in);
}

static bool
is_run(struct span text, size_t (*element_len)(struct span))
{
	return read_run(&text, element_len).len && !text.len;
}

/* <ctype.h> asks the locale, so it is not used. */
static bool
is_between(int c, int min, int max)
{
	return c >= min && c <= max;
}

static bool
is_digit(int c)
{
	return is_between(c, '0', '9');
}

static int
lower(int c)
{
	return is_between(c, 'A', 'Z') ? c - 'A' + 'a' : c;
}

static bool
is_let_dig(int c)
{
	return is_digit(c) || is_between(lower(c), 'a', 'z');
}

/* What is printable in US-ASCII and no blank. */
static bool
is_graph(int c)
{
	return is_between(c, 0x21, 0x7E);
}

static bool
is_one_of(int c, const char *set)
{
	return memchr(set, c, strlen(set));
}

static bool
equals_nocase(struct span text, const char *lower_case)
{
	size_t len = strlen(lower_case);

	for (size_t i = 0; i < len; i++)
		if (lower(octet(text, i)) != lower_case[i])
			return false;
	return text.len == len;
}

/*
 * The syntax of RFC 3629 s. 4, from UTF8-2 on: what the first and the second
 * octet may be.  The second one keeps out overlong forms, surrogates and what
 * is above U+10FFFF.  All later ones are %x80-BF.
 */
/* clang-format off */
static const struct utf8_form {
	int first_min, first_max, second_min, second_max;
	size_t len;
} utf8_forms[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 },
	{ 0xE0, 0xE0, 0xA0, 0xBF, 3 },
	{ 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 },
	{ 0xEE, 0xEF, 0x80, 0xBF, 3 },
	{ 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 },
	{ 0xF4, 0xF4, 0x80, 0x8F, 4 },
};
/* clang-format on */

static bool
has_form(struct span in, const struct utf8_form *form)
{
	if (!is_between(octet(in, 0), form->first_min, form->first_max) ||
	    !is_between(octet(in, 1), form->second_min, form->second_max))
		return false;
	for (size_t i = 2; i < form->len; i++)
		if (!is_between(octet(in, i), 0x80, 0xBF))
			return false;
	return true;
}

static size_t
utf8_len(struct span in)
{
	for (size_t i = 0; i < sizeof utf8_forms / sizeof *utf8_forms; i++)
		if (has_form(in, &utf8_forms[i]))
			return utf8_forms[i].len;
	return 0;
}

/*
 * UTF8-non-ascii (RFC 6531 s. 3.3) without U+0080 to U+009F, which are
 * controls like those that the grammar keeps out of US-ASCII.
 */
static size_t
non_ascii_len(struct span in)
{
	if (octet(in, 0) == 0xC2 && octet(in, 1) < 0xA0)
		return 0;
	return utf8_len(in);
}

static enum address_result
fault_at(struct span in)
{
	if (octet(in, 0) >= 0x80 && !utf8_len(in))
		return ADDRESS_BAD_UTF8;
	return ADDRESS_BAD_SYNTAX;
}

size_t
address_printable_len(struct span in)
{
	int c = octet(in, 0);

	return c == ' ' || is_graph(c) ? 1 : non_ascii_len(in);
}

static size_t
blank_len(struct span in)
{
	return is_one_of(octet(in, 0), " \t");
}

static size_t
digit_len(struct span in)
{
	return is_digit(octet(in, 0));
}

static size_t
hex_digit_len(struct span in)
{
	int c = octet(in, 0);

	return is_digit(c) || is_between(lower(c), 'a', 'f');
}

static size_t
ldh_len(struct span in)
{
	return is_let_dig(octet(in, 0)) || octet(in, 0) == '-';
}

/* RFC 822's atom (s. 3.3) has the same characters. */
static size_t
ascii_atext_len(struct span in)
{
	int c = octet(in, 0);

	return is_let_dig(c) || is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

static size_t
atext_len(struct span in)
{
	return ascii_atext_len(in) ? 1 : non_ascii_len(in);
}

/* QcontentSMTP; a quoted pair holds US-ASCII only, also in RFC 6531. */
static size_t
qcontent_len(struct span in)
{
	int next = octet(in, 1);

	if (octet(in, 0) == '\\')
		return next == ' ' || is_graph(next) ? 2 : 0;
	return octet(in, 0) == '"' ? 0 : address_printable_len(in);
}

static size_t
dcontent_len(struct span in)
{
	int c = octet(in, 0);

	return is_graph(c) && !is_one_of(c, "[\\]");
}

static size_t
esmtp_value_len(struct span in)
{
	int c = octet(in, 0);

	return is_graph(c) && c != '=' ? 1 : non_ascii_len(in);
}

static void
check_limit(
    struct reader *r, size_t len, size_t max, enum address_result result)
{
	if (len > max && r->limit == ADDRESS_OK)
		r->limit = result;
}

static bool
read_dot_string(struct reader *r)
{
	size_t before = r->in.len;

	do {
		if (!read_run(&r->in, atext_len).len &&
		    r->mode == ADDRESS_STRICT)
			return false;
	} while (take(&r->in, '.'));
	return r->in.len < before;
}

/* It may be empty: RFC 5321 s. 4.1.2 has *QcontentSMTP. */
static bool
read_quoted_string(struct reader *r)
{
	if (!take(&r->in, '"'))
		return false;
	read_run(&r->in, qcontent_len);
	return take(&r->in, '"');
}

static bool
read_local(struct reader *r, struct span *ret)
{
	struct span start = r->in;

	if (octet(start, 0) == '"' ? !read_quoted_string(r)
				   : !read_dot_string(r))
		return false;
	*ret = since(start, r->in);
	check_limit(r, ret->len, ADDRESS_LOCAL_MAX, ADDRESS_LOCAL_TOO_LONG);
	return true;
}

static size_t
label_char_len(struct span in, enum address_mode mode)
{
	if (mode == ADDRESS_LENIENT && octet(in, 0) == '_')
		return 1;
	return ldh_len(in) ? 1 : non_ascii_len(in);
}

/* sub-domain, or RFC 6531's U-label, of which no more is asked. */
static bool
read_label(struct reader *r)
{
	struct span start = r->in;
	size_t chars = 0, max = LABEL_MAX, n;
	int last = '-';

	while ((n = label_char_len(r->in, r->mode))) {
		last = octet(r->in, 0);
		if (n > 1)
			max = ULABEL_MAX;
		chars++;
		skip(&r->in, n);
	}
	check_limit(r, chars, max, ADDRESS_DOMAIN_TOO_LONG);
	return octet(start, 0) != '-' && last != '-';
}

static bool
read_domain(struct reader *r)
{
	struct span start = r->in;

	do {
		if (!read_label(r))
			return false;
	} while (take(&r->in, '.'));
	check_limit(r, since(start, r->in).len, ADDRESS_DOMAIN_MAX,
	    ADDRESS_DOMAIN_TOO_LONG);
	return true;
}

static bool
read_snum(struct span *in)
{
	struct span digits = read_run(in, digit_len);
	int value = 0;

	if (digits.len < 1 || digits.len > 3)
		return false;
	for (size_t i = 0; i < digits.len; i++)
		value = value * 10 + octet(digits, i) - '0';
	return value <= 255;
}

static bool
is_ipv4(struct span in)
{
	for (int i = 0; i < 4; i++)
		if ((i && !take(&in, '.')) || !read_snum(&in))
			return false;
	return !in.len;
}

static bool
take_gap(struct span *in)
{
	if (octet(*in, 0) != ':' || octet(*in, 1) != ':')
		return false;
	skip(in, 2);
	return true;
}

/*
 * All four forms of IPv6-addr: groups with a ":" or once a "::" between them,
 * the last two of which may be written as an IPv4 address.
 */
static bool
is_ipv6(struct span in)
{
	bool gap = take_gap(&in);
	size_t groups = 0;

	while (in.len) {
		struct span rest = in;
		struct span hex = read_run(&rest, hex_digit_len);

		if (octet(rest, 0) == '.') {
			if (!is_ipv4(in))
				return false;
			groups += 2;
			break;
		}
		if (hex.len < 1 || hex.len > 4)
			return false;
		groups++;
		in = rest;
		if (!gap && take_gap(&in))
			gap = true;
		else if (in.len && (!take(&in, ':') || !in.len))
			return false;
	}
	return gap ? groups <= IPV6_GROUPS_BESIDE_GAP : groups == IPV6_GROUPS;
}

/*
 * General-address-literal would also match what is no IPv6 address behind
 * "IPv6:", but that tag is taken (RFC 5321 s. 4.1.3).
 */
static bool
is_tagged(struct span in)
{
	struct span tag = read_run(&in, ldh_len);

	if (!tag.len || tag.p[tag.len - 1] == '-' || !take(&in, ':'))
		return false;
	return equals_nocase(tag, "ipv6") ? is_ipv6(in) : in.len > 0;
}

static bool
read_literal(struct reader *r)
{
	struct span start = r->in, content;

	if (!take(&r->in, '['))
		return false;
	content = read_run(&r->in, dcontent_len);
	if (!is_ipv4(content) && !is_tagged(content))
		return false;
	if (!take(&r->in, ']'))
		return false;
	check_limit(r, since(start, r->in).len, ADDRESS_DOMAIN_MAX,
	    ADDRESS_DOMAIN_TOO_LONG);
	return true;
}

static bool
read_host(struct reader *r)
{
	return octet(r->in, 0) == '[' ? read_literal(r) : read_domain(r);
}

/* A-d-l and its ":"; unlike a mailbox it has no address literals. */
static bool
read_source_route(struct reader *r)
{
	do {
		if (!take(&r->in, '@') || !read_domain(r))
			return false;
	} while (take(&r->in, ','));
	return take(&r->in, ':');
}

static bool
read_mailbox(struct reader *r, struct address_path *ret)
{
	struct span start = r->in;

	if (!read_local(r, &ret->local))
		return false;
	ret->domain = since(r->in, r->in);
	if (take(&r->in, '@')) {
		ret->domain = r->in;
		if (!read_host(r))
			return false;
		ret->domain = since(ret->domain, r->in);
	}
	ret->mailbox = since(start, r->in);
	return true;
}

/* RFC 5321 s. 4.1.1.3 has "<Postmaster>" beside Forward-path. */
static bool
may_lack_domain(struct reader *r, struct span local, bool routed)
{
	return r->mode == ADDRESS_LENIENT ||
	       (!routed && equals_nocase(local, "postmaster"));
}

static bool
read_path(struct reader *r, struct address_path *ret)
{
	struct span start = r->in;
	bool open = take(&r->in, '<');
	bool routed = octet(r->in, 0) == '@';

	if (!open && r->mode == ADDRESS_STRICT)
		return false;
	ret->mailbox = ret->local = ret->domain = since(r->in, r->in);
	if (open && take(&r->in, '>'))
		return true;
	if (routed && !read_source_route(r))
		return false;
	if (!read_mailbox(r, ret))
		return false;
	if (!ret->domain.len && !may_lack_domain(r, ret->local, routed))
		return false;
	if (open && !take(&r->in, '>'))
		return false;
	/* A bare path is as long as the one that it stands for. */
	check_limit(r, since(start, r->in).len + (open ? 0 : strlen("<>")),
	    ADDRESS_PATH_MAX, ADDRESS_PATH_TOO_LONG);
	return true;
}

static bool
has_non_ascii(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (octet(text, i) >= 0x80)
			return true;
	return false;
}

enum address_result
address_read_path(
    struct span *text, enum address_mode mode, struct address_path *ret)
{
	struct reader r = { *text, mode, ADDRESS_OK };
	struct address_path path;
	struct span start;

	if (mode == ADDRESS_LENIENT)
		read_run(&r.in, blank_len);
	start = r.in;
	if (!read_path(&r, &path) || (r.in.len && !blank_len(r.in)))
		return fault_at(r.in);
	if (r.limit != ADDRESS_OK)
		return r.limit;
	path.non_ascii = has_non_ascii(since(start, r.in));
	*text = r.in;
	*ret = path;
	return ADDRESS_OK;
}

bool
address_is_domain(struct span text, enum address_mode mode)
{
	struct reader r = { text, mode, ADDRESS_OK };

	return read_host(&r) && !r.in.len && r.limit == ADDRESS_OK;
}

bool
address_is_literal(struct span text)
{
	struct reader r = { text, ADDRESS_STRICT, ADDRESS_OK };

	return read_literal(&r) && !r.in.len && r.limit == ADDRESS_OK;
}

int
address_read_param(struct span *text, struct address_param *ret)
{
	struct span in = *text, keyword, value = { NULL, 0 };

	read_run(&in, blank_len);
	if (!in.len) {
		*text = in;
		return 0;
	}
	keyword = read_run(&in, ldh_len);
	if (!keyword.len || keyword.p[0] == '-')
		return -1;
	if (take(&in, '=')) {
		value = read_run(&in, esmtp_value_len);
		if (!value.len)
			return -1;
	}
	if (in.len && !blank_len(in))
		return -1;
	*text = in;
	*ret = (struct address_param){ keyword, value };
	return 1;
}

/* xchar or hexchar, whose digits are upper case (RFC 3461 s. 4). */
static size_t
xtext_len(struct span in)
{
	int c = octet(in, 0);

	if (c != '+')
		return is_graph(c) && c != '=';
	for (size_t i = 1; i <= 2; i++)
		if (!is_one_of(octet(in, i), "0123456789ABCDEF"))
			return 0;
	return 3;
}

bool
address_is_xtext(struct span text)
{
	return is_run(text, xtext_len);
}

/*
 * HEXPOINT (RFC 6533 s. 3): the characters that cannot stand for themselves,
 * but not NUL, CR and LF, in as few digits as they take and two at least.
 */
/* clang-format off */
static const struct {
	size_t digits;
	uint32_t min, max;
} hexpoints[] = {
	{ 2, 0x01,     0x09 },
	{ 2, 0x10,     0x19 },
	{ 2, 0x20,     0x20 },
	{ 2, '+',      '+' },
	{ 2, '=',      '=' },
	{ 2, '\\',     '\\' },
	{ 2, 0x7F,     0xFF },
	{ 3, 0x100,    0xFFF },
	{ 4, 0x1000,   0xD7FF },
	{ 4, 0xE000,   0xFFFF },
	{ 5, 0x10000,  0xFFFFF },
	{ 6, 0x100000, 0x10FFFF },
};
/* clang-format on */

static bool
is_hexpoint(struct span hex)
{
	uint32_t value = 0;

	for (size_t i = 0; i < hex.len; i++) {
		int c = lower(octet(hex, i));

		value *= 16;
		value += is_digit(c) ? c - '0' : c - 'a' + 10;
	}
	for (size_t i = 0; i < sizeof hexpoints / sizeof *hexpoints; i++)
		if (hex.len == hexpoints[i].digits &&
		    value >= hexpoints[i].min && value <= hexpoints[i].max)
			return true;
	return false;
}

/* EmbeddedUnicodeChar: the case of "x" matters, that of the digits does not. */
static size_t
embedded_char_len(struct span in)
{
	struct span start = in;

	if (!take(&in, '\\') || !take(&in, 'x') || !take(&in, '{'))
		return 0;
	if (!is_hexpoint(read_run(&in, hex_digit_len)) || !take(&in, '}'))
		return 0;
	return since(start, in).len;
}

/* utf-8-addr-unitext, of which utf-8-addr-xtext is the US-ASCII part. */
static size_t
unitext_len(struct span in)
{
	int c = octet(in, 0);

	if (c == '\\')
		return embedded_char_len(in);
	return is_graph(c) && !is_one_of(c, "+=") ? 1 : non_ascii_len(in);
}

bool
address_is_orcpt(struct span text)
{
	struct span type = read_run(&text, ascii_atext_len);

	if (!type.len || !take(&text, ';'))
		return false;
	return is_run(
	    text, equals_nocase(type, "utf-8") ? unitext_len : xtext_len);
}

bool
address_is_utf8(struct span text)
{
	return is_run(text, address_printable_len);
}
