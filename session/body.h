/*
 * The text after DATA: finds its end, takes the dots out (RFC 5321 s. 4.5.2)
 * and notices line ends that are none, the last also in the text of BDAT.  Works
 * on whatever piece of it is at hand, in steps of a line, and copies nothing.
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>

#include "../mail/span.h"

enum body_line_ends {
	BODY_CRLF, /* a network peer: only CRLF ends a line */
	BODY_ANY,  /* an editor's file: LF alone does too, and becomes CRLF */
};

struct body {
	enum body_line_ends line_ends;
	int at;       /* position in the line, private to body.c */
	bool bare_cr; /* a CR without LF was seen */
	bool bare_lf; /* a LF without CR was seen (never with BODY_ANY) */
};

/* Starts a mail: `at` the beginning of its first line. */
void body_start(struct body *b, enum body_line_ends line_ends);

enum body_result {
	BODY_MORE, /* `*input` is used up */
	BODY_DATA, /* `*ret` holds octets of the mail; call again */
	BODY_END,  /* the final dot was read; `*input` is what follows it */
};

/*
 * Takes octets from the front of `*input` up to the next thing to report.
 * With BODY_DATA, `*ret` points into the input or to a constant.  A bare CR or
 * LF is text, and the dot beside it too: the end is where a careful client
 * means it, at CRLF.CRLF.
 */
enum body_result body_next(
    struct body *b, struct span *input, struct span *ret);

/*
 * Looks at the next octets of a text that BDAT frames, up to the first bare CR
 * or LF.  Such a text is begun by body_start() too.
 */
void body_look(struct body *b, struct span data);

/* Now that the text is whole: was there a bare CR or LF? */
bool body_is_bare(const struct body *b);

#endif
