/*
 * Octets go through up to three stages: the shifts of ISO-2022-JP and HZ
 * become 8-bit octets; iconv makes UTF-8 of what is neither that nor
 * windows-1252; and give() lets through only text.
 */
#include "charset_shift.h"

#include <errno.h>
#include <string.h>

enum {
	KINDS_MAX = 128, /* that are loaded at once */
	IN_MAX = 1024,   /* octets that go into iconv at once */
	OUT_MAX = 4096,
};

/* What windows-1252 has where ISO 8859-1 has controls; 0: nothing. */
static const uint16_t windows_1252[32] = {
	0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, /* 80 */
	0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,      /* 88 */
	0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, /* 90 */
	0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178, /* 98 */
};

struct span
charset_of_mark(struct span octets)
{
	static const struct {
		const char *mark, *label;
	} marks[] = {
		{ "\xEF\xBB\xBF", "utf-8" },
		{ "\xFE\xFF", "utf-16be" },
		{ "\xFF\xFE", "utf-16le" },
	};

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		size_t len = strlen(marks[i].mark);

		if (octets.len >= len &&
		    memcmp(octets.p, marks[i].mark, len) == 0)
			return span_of(marks[i].label);
	}
	return span_of("");
}

/*
 * The last stage
 */

/* Drops a byte order mark at the start, which is none of the text. */
static void
skip_mark(struct charset *c, struct span *utf8)
{
	if (c->begun || utf8->len == 0)
		return;
	c->begun = true;
	span_skip(utf8, "\xEF\xBB\xBF");
}

static bool
flush(struct charset *c)
{
	size_t len = c->nout;

	c->nout = 0;
	c->more = c->more && sink_put(c->to, (struct span){ c->out, len });
	return c->more;
}

static bool
add(struct charset *c, struct span utf8)
{
	if (utf8.len > sizeof c->out - c->nout && !flush(c))
		return false;
	if (utf8.len > sizeof c->out) {
		c->more = c->more && sink_put(c->to, utf8);
		return c->more;
	}
	if (utf8.len > 0)
		memcpy(c->out + c->nout, utf8.p, utf8.len);
	c->nout += utf8.len;
	return true;
}

/* Gives whole characters of UTF-8, but U+FFFD for NUL. */
static bool
give(struct charset *c, struct span utf8)
{
	skip_mark(c, &utf8);
	while (utf8.len > 0) {
		const char *nul = memchr(utf8.p, '\0', utf8.len);
		size_t len = nul ? (size_t)(nul - utf8.p) : utf8.len;

		if (!add(c, (struct span){ utf8.p, len }))
			return false;
		if (nul && !add(c, span_of(TEXT_REPLACEMENT)))
			return false;
		utf8.p += len + (nul != NULL);
		utf8.len -= len + (nul != NULL);
	}
	return true;
}

static bool
give_code(struct charset *c, uint32_t code)
{
	char utf8[4];
	struct span character = { utf8,
		text_encode(code != 0 ? code : 0xFFFD, utf8) };

	skip_mark(c, &character);
	return add(c, character);
}

/*
 * UTF-8 and windows-1252
 */

uint32_t
charset_windows_1252(unsigned char octet)
{
	uint32_t code = octet;

	if (octet >= 0x80 && octet < 0xA0)
		code = windows_1252[octet - 0x80];
	return code ? code : 0xFFFD;
}

static bool
give_1252(struct charset *c, unsigned char octet)
{
	return give_code(c, charset_windows_1252(octet));
}

/* The octets from the start that can be given as they are. */
static size_t
plain_len(const struct charset *c, struct span octets)
{
	size_t len = 0;

	while (len < octets.len) {
		struct span rest = { octets.p + len, octets.len - len };
		uint32_t code;
		size_t n;

		if ((unsigned char)*rest.p < 0x80) {
			len++;
			continue;
		}
		if (c->kind == CHARSET_WINDOWS_1252)
			break;
		n = text_read(rest, &code);
		if (code == TEXT_NONE)
			break;
		len += n;
	}
	return len;
}

/*
 * Gives what is no UTF-8; returns its octets, 0 where more must come to tell.
 */
static size_t
give_other(struct charset *c, struct span octets, bool *ret_more)
{
	uint32_t code;
	size_t len = text_read(octets, &code);

	*ret_more = true;
	if (c->kind != CHARSET_WINDOWS_1252 && text_is_cut(octets))
		return 0;
	if (c->kind == CHARSET_UTF8) {
		*ret_more = give_code(c, 0xFFFD);
		return len;
	}
	*ret_more = give_1252(c, (unsigned char)*octets.p);
	return 1;
}

/* Returns the octets that were taken; the rest begin a character. */
static size_t
put_utf8(struct charset *c, struct span octets, bool *ret_more)
{
	size_t at = 0;

	*ret_more = true;
	while (at < octets.len && *ret_more) {
		struct span rest = { octets.p + at, octets.len - at };
		size_t len = plain_len(c, rest);

		*ret_more = give(c, (struct span){ rest.p, len });
		at += len;
		if (len == rest.len || !*ret_more)
			break;
		rest.p += len;
		rest.len -= len;
		len = give_other(c, rest, ret_more);
		if (len == 0)
			break;
		at += len;
	}
	return at;
}

/*
 * iconv
 */

/* Some converters keep a letter back until they know what follows. */
static bool
flush_iconv(struct charset *c)
{
	char out[64];
	char *to = out;
	size_t room = sizeof out;

	iconv(c->iconv, NULL, NULL, &to, &room);
	return give(c, (struct span){ out, sizeof out - room });
}

/* As put_utf8(). */
static size_t
put_iconv(struct charset *c, struct span octets, bool *ret_more)
{
	char out[OUT_MAX];
	char *in = (char *)octets.p;
	size_t in_len = octets.len;

	*ret_more = true;
	while (in_len > 0 && *ret_more) {
		char *to = out;
		size_t room = sizeof out;
		int error =
		    iconv(c->iconv, &in, &in_len, &to, &room) == (size_t)-1
			? errno
			: 0;

		*ret_more = give(c, (struct span){ out, sizeof out - room });
		if (error == EINVAL)
			break;
		if (error == EILSEQ && c->kind == CHARSET_COMPOSED)
			*ret_more = flush_iconv(c);
		if (error == EILSEQ && *ret_more) {
			*ret_more = give_code(c, 0xFFFD);
			in++;
			in_len--;
		}
	}
	return octets.len - in_len;
}

/*
 * Shifts
 */

static bool
put_shifted(struct charset *c, struct span octets)
{
	struct text eight_bit = { 0 };
	bool more = true;

	for (size_t i = 0; i < octets.len; i++) {
		if (c->kind == CHARSET_JIS)
			charset_add_jis(c, octets.p[i], &eight_bit);
		else
			charset_add_hz(c, octets.p[i], &eight_bit);
	}
	if (put_iconv(c, (struct span){ eight_bit.p, eight_bit.len }, &more) <
		eight_bit.len &&
	    more)
		more = give_code(c, 0xFFFD);
	text_free(&eight_bit);
	return more;
}

/*
 * In pieces
 */

void
charset_begin(
    struct charset *c, const struct charset_kind *kind, struct sink to)
{
	c->to = to;
	c->more = true;
	c->has_iconv = c->begun = false;
	c->nheld = c->nout = 0;
	c->set = SET_ASCII;
	c->kind = kind ? (int)kind->way : CHARSET_LENIENT;
	if (!kind || !kind->iconv)
		return;
	c->iconv = iconv_open("UTF-8", kind->iconv);
	c->has_iconv = (intptr_t)c->iconv != -1;
	if (!c->has_iconv) /* a C library may lack some */
		c->kind = CHARSET_LENIENT;
}

static size_t
put_some(struct charset *c, struct span octets, bool *ret_more)
{
	return c->kind == CHARSET_ICONV || c->kind == CHARSET_COMPOSED
		   ? put_iconv(c, octets, ret_more)
		   : put_utf8(c, octets, ret_more);
}

/* One octet more of the character that is held. */
static bool
put_held(struct charset *c, char octet)
{
	struct span held = { c->held, c->nheld + 1 };
	bool more = true;
	size_t taken;

	c->held[c->nheld++] = octet;
	taken = put_some(c, held, &more);
	if (taken == 0 && c->nheld == sizeof c->held) {
		more = give_code(c, 0xFFFD); /* no character is longer */
		taken = c->nheld;
	}
	c->nheld -= taken;
	memmove(c->held, c->held + taken, c->nheld);
	return more;
}

static bool
put_whole(struct charset *c, struct span octets)
{
	bool more = true;

	for (; c->nheld > 0 && octets.len > 0 && more; octets.len--)
		more = put_held(c, *octets.p++);
	while (octets.len > 0 && more) {
		size_t len = octets.len < IN_MAX ? octets.len : IN_MAX;
		size_t taken =
		    put_some(c, (struct span){ octets.p, len }, &more);

		if (taken == 0)
			break;
		octets.p += taken;
		octets.len -= taken;
	}
	for (; octets.len > 0 && more; octets.len--)
		more = put_held(c, *octets.p++);
	return more;
}

bool
charset_put(struct charset *c, struct span octets)
{
	bool more = true;

	if (c->kind != CHARSET_JIS && c->kind != CHARSET_HZ)
		return put_whole(c, octets);
	while (octets.len > 0 && more) {
		size_t len = octets.len < IN_MAX ? octets.len : IN_MAX;

		more = put_shifted(c, (struct span){ octets.p, len });
		octets.p += len;
		octets.len -= len;
	}
	return more;
}

bool
charset_end(struct charset *c)
{
	bool more = true;

	if (c->has_iconv) {
		more = flush_iconv(c);
		iconv_close(c->iconv);
		c->has_iconv = false;
	}
	if (c->kind != CHARSET_LENIENT && c->nheld > 0)
		more = more && give_code(c, 0xFFFD);
	for (size_t i = 0; c->kind == CHARSET_LENIENT && i < c->nheld; i++)
		more = more && give_1252(c, (unsigned char)c->held[i]);
	c->nheld = 0;
	return flush(c) && more;
}

static bool
put(void *arg, struct span piece)
{
	return charset_put(arg, piece);
}

struct sink
charset_sink(struct charset *c)
{
	return (struct sink){ put, c };
}

void
charset_load(void)
{
	/* iconv keeps the converters that are open loaded. */
	static iconv_t kept[KINDS_MAX];
	const struct charset_kind *kind;

	for (size_t i = 0; i < KINDS_MAX && (kind = charset_nth(i)); i++) {
		if (kind->iconv)
			kept[i] = iconv_open("UTF-8", kind->iconv);
	}
	(void)kept;
}
