/*
 * Makes octets of 8 bits without shifts, which iconv takes, from charsets that
 * shift between sets of characters by escapes.
 */
#ifndef CHARSET_SHIFT_H
#define CHARSET_SHIFT_H

#include "charset.h"

/* The sets that they shift to. */
enum {
	SET_ASCII,
	SET_KATAKANA, /* JIS X 0201 */
	SET_DOUBLE,   /* JIS X 0208, GB 2312 */
	SET_JIS_0212,
};

/*
 * Adds what the octet becomes: ISO-2022-JP (RFC 1468, 1554) becomes EUC-JP,
 * and HZ (RFC 1843) becomes GB 2312.
 */
void charset_add_jis(struct charset *c, char octet, struct text *to);
void charset_add_hz(struct charset *c, char octet, struct text *to);

#endif
