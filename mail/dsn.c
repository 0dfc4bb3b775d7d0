#include "dsn.h"

#include <stdint.h>

#include "scan.h"
#include "utf8.h"

/* xchar or hexchar, whose digits are upper case (RFC 3461 s. 4). */
static size_t
xtext_len(struct span in)
{
	int c = scan_octet(in, 0);

	if (c != '+')
		return scan_is_graph(c) && c != '=';
	for (size_t i = 1; i <= 2; i++)
		if (!scan_is_one_of(scan_octet(in, i), "0123456789ABCDEF"))
			return 0;
	return 3;
}

bool
dsn_is_xtext(struct span text)
{
	return scan_is_run(text, xtext_len);
}

/*
 * HEXPOINT (RFC 6533 s. 3): the characters that cannot stand for themselves,
 * without NUL, CR and LF, each in as few digits as it takes, and two at least.
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

	for (size_t i = 0; i < hex.len; i++)
		value = value * 16 + scan_hex_value(scan_octet(hex, i));
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

	if (!scan_take(&in, '\\') || !scan_take(&in, 'x') ||
	    !scan_take(&in, '{'))
		return 0;
	if (!is_hexpoint(scan_run(&in, scan_hex_digit_len)) ||
	    !scan_take(&in, '}'))
		return 0;
	return scan_since(start, in).len;
}

/* utf-8-addr-unitext, of which utf-8-addr-xtext is the US-ASCII part. */
static size_t
unitext_len(struct span in)
{
	int c = scan_octet(in, 0);

	if (c == '\\')
		return embedded_char_len(in);
	return scan_is_graph(c) && !scan_is_one_of(c, "+=")
		   ? 1
		   : utf8_visible_len(in);
}

bool
dsn_is_auth(struct span text)
{
	return dsn_is_xtext(text) || scan_is_run(text, unitext_len);
}

bool
dsn_is_orcpt(struct span text)
{
	struct span type = scan_run(&text, scan_atext_len);

	if (!type.len || !scan_take(&text, ';'))
		return false;
	return scan_is_run(
	    text, scan_equals(type, "utf-8") ? unitext_len : xtext_len);
}
