#include "transfer.h"

#include <string.h>

#include "../mail/scan.h"

enum {
	PIECE_MAX = 16 * 1024,
};

/* Collects what is decoded. */
struct out {
	struct sink to;
	bool more;
	size_t len;
	char piece[PIECE_MAX];
};

static void
flush(struct out *o)
{
	if (o->more)
		o->more = sink_put(o->to, (struct span){ o->piece, o->len });
	o->len = 0;
}

static void
add(struct out *o, unsigned octet)
{
	if (o->len == sizeof o->piece)
		flush(o);
	o->piece[o->len++] = (char)octet;
}

enum transfer
transfer_find(struct span name)
{
	static const struct {
		const char *name;
		enum transfer way;
	} names[] = {
		{ "base64", TRANSFER_BASE64 },
		{ "quoted-printable", TRANSFER_QUOTED_PRINTABLE },
		{ "x-uuencode", TRANSFER_UUENCODE },
		{ "uuencode", TRANSFER_UUENCODE },
		{ "x-uue", TRANSFER_UUENCODE },
	};
	size_t len = 0;

	/* Quotation marks may stand around it, and other things behind it. */
	span_skip(&name, "\"");
	while (len < name.len && !strchr(" \t\r\n;(\"", name.p[len]))
		len++;
	name.len = len;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (span_is(name, names[i].name))
			return names[i].way;
	}
	return TRANSFER_NONE;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * "=" ends a group of four, wherever it stands: several encoded texts may
 * follow each other, and the last may lack it.
 */
static void
decode_base64(struct span in, struct out *o)
{
	unsigned bits = 0;
	int nbits = 0;

	for (size_t i = 0; i < in.len && o->more; i++) {
		int value = base64_value(in.p[i]);

		if (in.p[i] == '=')
			nbits = 0;
		if (value < 0)
			continue;
		bits = bits << 6 | (unsigned)value;
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		add(o, bits >> nbits & 0xFF);
	}
}

/* The octet that "=XX" is, or -1. */
static int
quoted_octet(struct span in)
{
	int high = in.len > 2 ? scan_hex_value(in.p[1]) : -1;
	int low = in.len > 2 ? scan_hex_value(in.p[2]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Octets of blanks and the line end behind them; 0: no line ends there. */
static size_t
line_end_len(struct span in)
{
	size_t len = 0;

	while (len < in.len && (in.p[len] == ' ' || in.p[len] == '\t'))
		len++;
	if (len + 1 < in.len && in.p[len] == '\r' && in.p[len + 1] == '\n')
		return len + 2;
	if (len < in.len && in.p[len] == '\n')
		return len + 1;
	return len == in.len ? len : 0;
}

static void
add_all(struct out *o, struct span octets)
{
	for (size_t i = 0; i < octets.len; i++)
		add(o, (unsigned char)octets.p[i]);
}

/*
 * A run of blanks is none of the text where a line ends (RFC 2045 s. 6.7).  It
 * is read at once, so that a long run takes no more time than other text.
 */
static size_t
take_blanks(struct span in, struct out *o)
{
	size_t len = 0, end;

	while (len < in.len && (in.p[len] == ' ' || in.p[len] == '\t'))
		len++;
	end = line_end_len((struct span){ in.p + len, in.len - len });
	if (end == 0)
		add_all(o, (struct span){ in.p, len });
	return len;
}

static void
decode_quoted(struct span in, struct out *o)
{
	while (in.len > 0 && o->more) {
		size_t len = 1;
		int octet = -1;

		if (*in.p == '=') {
			struct span rest = { in.p + 1, in.len - 1 };

			octet = quoted_octet(in);
			len = octet >= 0 ? 3 : 1 + line_end_len(rest);
			/* "=" at the end of all, or of a line: nothing. */
			if (octet >= 0)
				add(o, (unsigned)octet);
			else if (len == 1 && rest.len > 0)
				add(o, '=');
		} else if (*in.p == ' ' || *in.p == '\t') {
			len = take_blanks(in, o);
		} else {
			add(o, (unsigned char)*in.p);
		}
		in.p += len;
		in.len -= len;
	}
}

static void
decode_q(struct span in, struct out *o)
{
	while (in.len > 0 && o->more) {
		int octet = *in.p == '=' ? quoted_octet(in) : -1;
		size_t len = octet >= 0 ? 3 : 1;

		if (octet < 0)
			octet = *in.p == '_' ? ' ' : (unsigned char)*in.p;
		add(o, (unsigned)octet);
		in.p += len;
		in.len -= len;
	}
}

/*
 * A line: its first octet, less 32, is how many octets it has; each other one,
 * less 32, is six bits of them.
 */
static void
decode_uu_line(struct span line, struct out *o)
{
	unsigned n = line.len > 0 ? (unsigned)(*line.p - ' ') & 0x3F : 0;
	unsigned bits = 0;
	int nbits = 0;

	for (size_t i = 1; n > 0 && i < line.len; i++) {
		bits = bits << 6 |
		       (((unsigned char)line.p[i] - (unsigned)' ') & 0x3F);
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		add(o, bits >> nbits & 0xFF);
		n--;
	}
}

static void
decode_uu(struct span in, struct out *o)
{
	bool begun = false;

	while (in.len > 0 && o->more) {
		const char *lf = memchr(in.p, '\n', in.len);
		struct span line = { in.p, lf ? (size_t)(lf - in.p) : in.len };
		struct span rest = line;

		in.p += line.len + (lf != NULL);
		in.len -= line.len + (lf != NULL);
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (begun && span_is(line, "end"))
			return;
		if (begun)
			decode_uu_line(line, o);
		else
			begun = span_skip(&rest, "begin ");
	}
}

bool
transfer_decode(enum transfer way, struct span encoded, struct sink to)
{
	struct out o;

	o.to = to;
	o.more = true;
	o.len = 0;
	switch (way) {
	case TRANSFER_NONE:
		return sink_put(to, encoded);
	case TRANSFER_BASE64:
		decode_base64(encoded, &o);
		break;
	case TRANSFER_QUOTED_PRINTABLE:
		decode_quoted(encoded, &o);
		break;
	case TRANSFER_Q:
		decode_q(encoded, &o);
		break;
	case TRANSFER_UUENCODE:
		decode_uu(encoded, &o);
		break;
	}
	flush(&o);
	return o.more;
}
