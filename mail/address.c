/*
 * One function per production of the grammar.  Those called `x_len` return how
 * many octets the element in front of a span takes, 0 if another stands there.
 * Those called `read_x` take an element and leave the reader where they
 * stopped, also when they fail; that place tells bad UTF-8 from bad syntax.
 * Each octet is read a fixed number of times at most, however long the input.
 *
 * The reader notes lengths and reports one only if the syntax is right: a
 * client can shorten an address that is too long, but the length of what is no
 * address tells it nothing.
 */
#include "address.h"

#include <string.h>

#include "codepoint.h"
#include "scan.h"
#include "utf8.h"

enum {
	LABEL_MAX = 63, /* RFC 1035 s. 2.3.4 */
	/*
	 * The limit is that of the A-label (RFC 5890 s. 2.3.2.1), which has
	 * "xn--" and one octet or more per character (RFC 3492 s. 3).  So no
	 * label that fits is refused.
	 */
	ULABEL_MAX = LABEL_MAX - 4,
	IPV6_GROUPS = 8,
	/* "::" is at least two groups (RFC 5321 s. 4.1.3). */
	IPV6_GROUPS_BESIDE_GAP = IPV6_GROUPS - 2,
};

struct reader {
	struct span in; /* not read yet */
	enum address_mode mode;
	enum address_result limit; /* the first one exceeded, or OK */
};

static enum address_result
fault_at(struct span in)
{
	if (scan_octet(in, 0) >= 0x80 && !utf8_len(in))
		return ADDRESS_BAD_UTF8;
	return ADDRESS_BAD_SYNTAX;
}

static size_t
blank_len(struct span in)
{
	return scan_is_one_of(scan_octet(in, 0), " \t");
}

static size_t
digit_len(struct span in)
{
	return scan_is_digit(scan_octet(in, 0));
}

static size_t
ldh_len(struct span in)
{
	return scan_is_let_dig(scan_octet(in, 0)) || scan_octet(in, 0) == '-';
}

static size_t
atext_len(struct span in)
{
	return scan_atext_len(in) ? 1 : utf8_visible_len(in);
}

/* QcontentSMTP; a quoted pair is US-ASCII, in RFC 6531 too. */
static size_t
qcontent_len(struct span in)
{
	int next = scan_octet(in, 1);

	if (scan_octet(in, 0) == '\\')
		return next == ' ' || scan_is_graph(next) ? 2 : 0;
	return scan_octet(in, 0) == '"' ? 0 : utf8_printable_len(in);
}

static size_t
dcontent_len(struct span in)
{
	int c = scan_octet(in, 0);

	return scan_is_graph(c) && !scan_is_one_of(c, "[\\]");
}

static size_t
esmtp_value_len(struct span in)
{
	int c = scan_octet(in, 0);

	return scan_is_graph(c) && c != '=' ? 1 : utf8_visible_len(in);
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
		if (!scan_run(&r->in, atext_len).len &&
		    r->mode == ADDRESS_STRICT)
			return false;
	} while (scan_take(&r->in, '.'));
	return r->in.len < before;
}

/* The string may be empty: RFC 5321 s. 4.1.2 has *QcontentSMTP. */
static bool
read_quoted_string(struct reader *r)
{
	if (!scan_take(&r->in, '"'))
		return false;
	scan_run(&r->in, qcontent_len);
	return scan_take(&r->in, '"');
}

static bool
read_local(struct reader *r, struct span *ret)
{
	struct span start = r->in;

	if (scan_octet(start, 0) == '"' ? !read_quoted_string(r)
					: !read_dot_string(r))
		return false;
	*ret = scan_since(start, r->in);
	if (r->mode == ADDRESS_STRICT)
		check_limit(
		    r, ret->len, ADDRESS_LOCAL_MAX, ADDRESS_LOCAL_TOO_LONG);
	return true;
}

/* `*code` is the character before, and becomes this one. */
static size_t
label_char_len(struct span in, enum address_mode mode, uint32_t *code)
{
	uint32_t before = *code;
	size_t n = 1;

	*code = in.len ? (unsigned char)*in.p : 0;
	if (ldh_len(in) || (mode == ADDRESS_LENIENT && *code == '_'))
		return 1;
	n = utf8_visible_len(in);
	if (!n)
		return 0;
	*code = codepoint_of((struct span){ in.p, n });
	return codepoint_is_in_domain(*code, before) ? n : 0;
}

/*
 * sub-domain, or RFC 6531's U-label, of which no more is asked than that it can
 * be seen.
 */
static bool
read_label(struct reader *r)
{
	struct span start = r->in;
	size_t chars = 0, max = LABEL_MAX, n;
	uint32_t code = 0;
	int last = '-';

	while ((n = label_char_len(r->in, r->mode, &code))) {
		last = scan_octet(r->in, 0);
		if (n > 1)
			max = ULABEL_MAX;
		chars++;
		scan_skip(&r->in, n);
	}
	check_limit(r, chars, max, ADDRESS_DOMAIN_TOO_LONG);
	return scan_octet(start, 0) != '-' && last != '-';
}

static bool
read_domain(struct reader *r)
{
	struct span start = r->in;

	do {
		if (!read_label(r))
			return false;
	} while (scan_take(&r->in, '.'));
	check_limit(r, scan_since(start, r->in).len, ADDRESS_DOMAIN_MAX,
	    ADDRESS_DOMAIN_TOO_LONG);
	return true;
}

static bool
read_snum(struct span *in)
{
	struct span digits = scan_run(in, digit_len);
	int value = 0;

	if (digits.len < 1 || digits.len > 3)
		return false;
	for (size_t i = 0; i < digits.len; i++)
		value = value * 10 + scan_octet(digits, i) - '0';
	return value <= 255;
}

static bool
is_ipv4(struct span in)
{
	for (int i = 0; i < 4; i++)
		if ((i && !scan_take(&in, '.')) || !read_snum(&in))
			return false;
	return !in.len;
}

static bool
take_gap(struct span *in)
{
	if (scan_octet(*in, 0) != ':' || scan_octet(*in, 1) != ':')
		return false;
	scan_skip(in, 2);
	return true;
}

/*
 * All four forms of IPv6-addr: groups with ":" between them, or "::" once,
 * where the last two groups may be an IPv4 address.
 */
static bool
is_ipv6(struct span in)
{
	bool gap = take_gap(&in);
	size_t groups = 0;

	while (in.len) {
		struct span rest = in;
		struct span hex = scan_run(&rest, scan_hex_digit_len);

		if (scan_octet(rest, 0) == '.') {
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
		else if (in.len && (!scan_take(&in, ':') || !in.len))
			return false;
	}
	return gap ? groups <= IPV6_GROUPS_BESIDE_GAP : groups == IPV6_GROUPS;
}

/*
 * The tag "IPv6" is taken, so text behind it is an IPv6 address or nothing,
 * though General-address-literal would match (RFC 5321 s. 4.1.3).
 */
static bool
is_tagged(struct span in)
{
	struct span tag = scan_run(&in, ldh_len);

	if (!tag.len || tag.p[tag.len - 1] == '-' || !scan_take(&in, ':'))
		return false;
	return scan_equals(tag, "ipv6") ? is_ipv6(in) : in.len > 0;
}

static bool
read_literal(struct reader *r)
{
	struct span start = r->in, content;

	if (!scan_take(&r->in, '['))
		return false;
	content = scan_run(&r->in, dcontent_len);
	if (!is_ipv4(content) && !is_tagged(content))
		return false;
	if (!scan_take(&r->in, ']'))
		return false;
	check_limit(r, scan_since(start, r->in).len, ADDRESS_DOMAIN_MAX,
	    ADDRESS_DOMAIN_TOO_LONG);
	return true;
}

static bool
read_host(struct reader *r)
{
	return scan_octet(r->in, 0) == '[' ? read_literal(r) : read_domain(r);
}

/* A-d-l and its ":"; unlike a mailbox it has no address literals. */
static bool
read_source_route(struct reader *r)
{
	do {
		if (!scan_take(&r->in, '@') || !read_domain(r))
			return false;
	} while (scan_take(&r->in, ','));
	return scan_take(&r->in, ':');
}

static bool
read_mailbox(struct reader *r, struct address_path *ret)
{
	struct span start = r->in;

	if (!read_local(r, &ret->local))
		return false;
	ret->domain = scan_since(r->in, r->in);
	if (scan_take(&r->in, '@')) {
		ret->domain = r->in;
		if (!read_host(r))
			return false;
		ret->domain = scan_since(ret->domain, r->in);
	}
	ret->mailbox = scan_since(start, r->in);
	return true;
}

/* RFC 5321 s. 4.1.1.3 has "<Postmaster>" beside Forward-path. */
static bool
may_lack_domain(struct reader *r, struct span local, bool routed)
{
	return r->mode == ADDRESS_LENIENT ||
	       (!routed && scan_equals(local, "postmaster"));
}

/* Inside the brackets, as a template may leave them: "< a@b >". */
static void
skip_blanks(struct reader *r)
{
	if (r->mode == ADDRESS_LENIENT)
		scan_run(&r->in, blank_len);
}

static bool
read_path(struct reader *r, struct address_path *ret)
{
	struct span start = r->in;
	bool open = scan_take(&r->in, '<'), routed;

	if (!open && r->mode == ADDRESS_STRICT)
		return false;
	ret->mailbox = scan_since(r->in, r->in);
	ret->local = ret->domain = ret->mailbox;
	if (open && scan_take(&r->in, '>'))
		return true;
	if (open)
		skip_blanks(r);
	routed = scan_octet(r->in, 0) == '@';
	if (routed && !read_source_route(r))
		return false;
	if (!read_mailbox(r, ret))
		return false;
	if (!ret->domain.len && !may_lack_domain(r, ret->local, routed))
		return false;
	if (open)
		skip_blanks(r);
	if (open && !scan_take(&r->in, '>'))
		return false;
	/* A bare path is as long as the one that it stands for. */
	check_limit(r, scan_since(start, r->in).len + (open ? 0 : strlen("<>")),
	    ADDRESS_PATH_MAX, ADDRESS_PATH_TOO_LONG);
	return true;
}

static bool
has_non_ascii(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (scan_octet(text, i) >= 0x80)
			return true;
	return false;
}

/* Where the quoted string that `in` begins with ends; `in.len`: it does not. */
static size_t
quoted_len(struct span in)
{
	for (size_t i = 1; i < in.len; i++) {
		if (scan_octet(in, i) == '"')
			return i + 1;
		if (scan_octet(in, i) == '\\')
			i++;
	}
	return in.len;
}

/*
 * Skips what programs put in front of an address, "Name <a@b>", though no RFC
 * has a place for it.  "a@b KEYWORD=<c>" has no name, and "a@b KEYWORD <c>" may
 * have none: a name that is not set apart by a blank or quotation mark has no
 * "=" and no "@", another one not both.
 */
static void
skip_name(struct span *in)
{
	bool is_apart = true, has_equals = false, has_at = false;
	size_t n;

	for (size_t i = 0; i < in->len && scan_octet(*in, i) != '>'; i += n) {
		int c = scan_octet(*in, i);
		struct span rest = { in->p + i, in->len - i };

		if (c == '<') {
			if (is_apart ? !has_equals || !has_at
				     : !has_equals && !has_at)
				*in = rest;
			return;
		}
		n = c == '"'          ? quoted_len(rest)
		    : blank_len(rest) ? 1
				      : utf8_printable_len(rest);
		if (!n)
			return;
		is_apart = c == '"' || blank_len(rest);
		has_equals |= c == '=';
		has_at |= c == '@';
	}
}

enum address_result
address_read_path(
    struct span *text, enum address_mode mode, struct address_path *ret)
{
	struct reader r = { *text, mode, ADDRESS_OK };
	struct address_path path;
	struct span start;

	if (mode == ADDRESS_LENIENT) {
		scan_run(&r.in, blank_len);
		skip_name(&r.in);
	}
	start = r.in;
	if (!read_path(&r, &path) || (r.in.len && !blank_len(r.in)))
		return fault_at(r.in);
	if (r.limit != ADDRESS_OK)
		return r.limit;
	path.non_ascii = has_non_ascii(scan_since(start, r.in));
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

int
address_read_param(struct span *text, struct address_param *ret)
{
	struct span in = *text, keyword, value = { NULL, 0 };

	scan_run(&in, blank_len);
	if (!in.len) {
		*text = in;
		return 0;
	}
	keyword = scan_run(&in, ldh_len);
	if (!keyword.len || keyword.p[0] == '-')
		return -1;
	if (scan_take(&in, '=')) {
		value = scan_run(&in, esmtp_value_len);
		if (!value.len)
			return -1;
	}
	if (in.len && !blank_len(in))
		return -1;
	*text = in;
	*ret = (struct address_param){ keyword, value };
	return 1;
}
