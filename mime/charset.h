/*
 * Octets of any charset that mail has, as UTF-8, in pieces.
 *
 * Labels mean what the WHATWG Encoding Standard says, since that is what
 * senders' programs do: iso-8859-1 is windows-1252, shift_jis has the rows of
 * NEC and IBM.  A few that it leaves out, and that mail has, are added.  A text
 * without a label that is known is UTF-8, and each octet of it that is not is
 * windows-1252.
 *
 * No character vanishes: what cannot be converted, and NUL, is U+FFFD.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include <iconv.h>

#include "charset_table.h"
#include "text.h"

/* The label that a byte order mark stands for; empty: there is none. */
struct span charset_of_mark(struct span octets);

/* What the octet means there; U+FFFD: nothing. */
uint32_t charset_windows_1252(unsigned char octet);

enum {
	CHARSET_OUT_MAX = 4096,
};

/* On a stack; private to charset.c and charset_shift.c. */
struct charset {
	struct sink to;
	bool more; /* the sink wants it */
	int kind;
	bool has_iconv;
	iconv_t iconv;
	char held[8]; /* the beginning of a character, or of an escape */
	size_t nheld;
	int set; /* of ISO-2022-JP and HZ: which one is shifted to */
	bool begun;
	size_t nout;
	char out[CHARSET_OUT_MAX];
};

/*
 * `kind` is of charset_find(), and may be NULL.  Every charset that is begun
 * must be ended.
 */
void charset_begin(
    struct charset *c, const struct charset_kind *kind, struct sink to);
/* Each piece that the sink gets is whole characters. */
bool charset_put(struct charset *c, struct span octets);
/* What is held is given to the sink. */
bool charset_end(struct charset *c);
/* One that charset_put() fills. */
struct sink charset_sink(struct charset *c);

/*
 * Loads all that iconv has for them, and keeps it: for who can open no files
 * later.
 */
void charset_load(void);

#endif
