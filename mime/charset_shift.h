/*
 * The charsets that shift from one set of characters to another by escapes, as
 * octets of 8 bits without shifts, which iconv takes.
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
 * Adds what the octet becomes: of ISO-2022-JP (RFC 1468, 1554), EUC-JP; of HZ
 * (RFC 1843), GB 2312.
 */
void charset_add_jis(struct charset *c, char octet, struct text *to);
void charset_add_hz(struct charset *c, char octet, struct text *to);

#endif
