/* The table that says which charset a label means. */
#ifndef CHARSET_TABLE_H
#define CHARSET_TABLE_H

#include "../mail/span.h"

enum charset_way {
	CHARSET_LENIENT, /* UTF-8; what is no UTF-8 is windows-1252 */
	CHARSET_UTF8,
	CHARSET_WINDOWS_1252,
	CHARSET_JIS, /* ISO-2022-JP, by way of EUC-JP */
	CHARSET_HZ,  /* by way of EUC-CN */
	CHARSET_ICONV,
	CHARSET_COMPOSED, /* iconv, which waits for a mark behind a letter */
};

struct charset_kind {
	enum charset_way way;
	const char *iconv; /* its name for iconv; NULL: needs no iconv */
};

/* NULL: the label is not known.  Case and punctuation do not count. */
const struct charset_kind *charset_find(struct span label);

/* All kinds, from 0 on; NULL: there are no more. */
const struct charset_kind *charset_nth(size_t i);

#endif
