#include "base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* -1: it is none. */
static int
value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool
base64_is(struct span text)
{
	size_t len = text.len;

	if (len % 4 != 0)
		return false;
	for (int i = 0; i < 2 && len > 0 && text.p[len - 1] == '='; i++)
		len--;
	for (size_t i = 0; i < len; i++) {
		if (value_of(text.p[i]) < 0)
			return false;
	}
	return true;
}

size_t
base64_read(struct span text, char *ret)
{
	unsigned bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len && text.p[i] != '='; i++) {
		bits = bits << 6 | (unsigned)value_of(text.p[i]);
		if (i % 4 != 0)
			ret[n++] = (char)(bits >> (6 - i % 4 * 2) & 0xFF);
	}
	ret[n] = '\0';
	return n;
}

size_t
base64_write(struct span octets, char *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < octets.len; i += 3) {
		size_t left = octets.len - i;
		unsigned bits = (unsigned)(unsigned char)octets.p[i] << 16;

		if (left > 1)
			bits |= (unsigned)(unsigned char)octets.p[i + 1] << 8;
		if (left > 2)
			bits |= (unsigned char)octets.p[i + 2];
		ret[n++] = digits[bits >> 18];
		ret[n++] = digits[bits >> 12 & 63];
		ret[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		ret[n++] = left > 2 ? digits[bits & 63] : '=';
	}
	ret[n] = '\0';
	return n;
}
