/*
 * The text after DATA.  This finds its end, removes the stuffed dots (RFC 5321
 * s. 4.5.2) and notes a bare CR or LF, the last also in the text of BDAT.  It
 * works on the piece at hand, a line at a time, and copies nothing.
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>

#include "../mail/span.h"

enum body_line_ends {
	BODY_CRLF, /* a network peer: only CRLF ends a line */
	BODY_ANY,  /* a file: LF alone ends one too, and becomes CRLF */
};

struct body {
	enum body_line_ends line_ends;
	int at;       /* position in the line, private to body.c */
	bool bare_cr; /* a CR without LF was seen */
	bool bare_lf; /* a LF without CR was seen (never with BODY_ANY) */
};

/* Begins the text of a mail. */
void body_start(struct body *b, enum body_line_ends line_ends);

enum body_result {
	BODY_MORE, /* `*input` is used up */
	BODY_DATA, /* `*ret` holds octets of the mail; call again */
	BODY_END,  /* the final dot was read; `*input` is what follows it */
};

/*
 * Takes octets from the front of `*input` up to the next thing to report.
 * With BODY_DATA, `*ret` points into the input or to a constant.  A bare CR or
 * LF is text, and so is the dot beside it: with BODY_CRLF only CRLF.CRLF ends
 * the mail.
 */
enum body_result body_next(
    struct body *b, struct span *input, struct span *ret);

/*
 * Searches the next octets of a text from BDAT for the first bare CR or LF.
 * body_start() begins such a text too.
 */
void body_look(struct body *b, struct span data);

/* Was there a bare CR or LF?  To be asked at the end of the text. */
bool body_is_bare(const struct body *b);

#endif
