/*
 * Octets of any charset that mail has, as UTF-8, in pieces.
 *
 * Labels mean what the WHATWG Encoding Standard says, since that is what
 * senders' programs do: iso-8859-1 is windows-1252, shift_jis has the rows of
 * NEC and IBM.  A few labels that the standard leaves out, and that mail has,
 * are added.  A text without a known label is UTF-8, and each octet that is no
 * UTF-8 is windows-1252.
 *
 * No character vanishes: U+FFFD stands for NUL and for what cannot be
 * converted.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include <iconv.h>

#include "charset_table.h"
#include "text.h"

/* The label that a byte order mark stands for; empty: there is none. */
struct span charset_of_mark(struct span octets);

/* The character of an octet of windows-1252; U+FFFD: there is none. */
uint32_t charset_windows_1252(unsigned char octet);

enum {
	CHARSET_OUT_MAX = 4096,
};

/* Lives on a stack; private to charset.c and charset_shift.c. */
struct charset {
	struct sink to;
	bool more; /* the sink wants it */
	int kind;
	bool has_iconv;
	iconv_t iconv;
	char held[8]; /* the beginning of a character, or of an escape */
	size_t nheld;
	int set; /* the set that ISO-2022-JP or HZ has shifted to */
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
/* Ends the charset: what is held goes to the sink. */
bool charset_end(struct charset *c);
/* A sink whose pieces go to charset_put(). */
struct sink charset_sink(struct charset *c);

/*
 * Loads the converters of iconv for all charsets, and keeps them: for a
 * process that can open no files later.
 */
void charset_load(void);

#endif
