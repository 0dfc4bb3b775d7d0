/*
 * The header section of a mail (RFC 5322 s. 2.2), read as it streams by: its
 * length, and the first of each field that people look for.
 *
 * The section ends with an empty line or a line of blanks, or before the first
 * line that is no field, unless a field that is usual in mail follows that.  A
 * byte order mark, blanks and an mbox's "From " line may stand in front of it.
 */
#ifndef HEADER_H
#define HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

enum header_field {
	HEADER_FROM,
	HEADER_TO,
	HEADER_SUBJECT,
	HEADER_DATE,
	HEADER_MESSAGE_ID,
	HEADER__COUNT
};

enum {
	HEADER_VALUE_MAX = 998, /* octets of a field that are kept */
};

struct header {
	/*
	 * Unfolded, without blanks around it, otherwise as sent; "?" stands
	 * for what is neither UTF-8 nor printable.  Valid where `has` is true.
	 */
	char value[HEADER__COUNT][HEADER_VALUE_MAX + 1];
	bool has[HEADER__COUNT];
	/* Octets of the header section and the empty line that ends it. */
	uint64_t size;
	bool is_plain; /* fields only, and an empty line ended it */

	/* Private to header.c. */
	int at;
	int field;         /* the one that is kept; HEADER__COUNT: none */
	size_t len;        /* octets of it that are kept */
	bool has_cr;       /* the last octet was a CR, which is not kept yet */
	char name[16];     /* of the field begun, long enough to tell */
	size_t name_len;   /* with the blanks behind it */
	size_t name_end;   /* without them */
	bool is_name;      /* so far */
	bool is_blank;     /* the line, so far */
	bool was_blank;    /* the line before */
	uint64_t line_len; /* octets since the last line end */
	uint64_t text_len; /* of the line before, which is no field; or 0 */
};

/* Starts a mail. */
void header_start(struct header *h);
/* Takes the next octets; how they are cut carries no meaning. */
void header_feed(struct header *h, struct span data);
/* Is the section over?  Later octets change nothing. */
bool header_is_over(const struct header *h);
/* Ends the mail, and a section that no empty line ended. */
void header_end(struct header *h);

/* Starts as { section }, the first `size` octets of a mail. */
struct header_fields {
	struct span rest;
	bool begun;
};

/*
 * Reads the next field.  The value is as sent, with its line ends.  An mbox's
 * "From " line has the name "From_"; a line that is no field has none.  False:
 * no line is left.
 */
bool header_next(
    struct header_fields *f, struct span *ret_name, struct span *ret_value);
/* Cuts the next line off, with the lines that continue it. */
struct span header_take_field(struct span *rest);

#endif
