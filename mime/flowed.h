/*
 * Text that is flowed (RFC 3676): a line that ends in a blank goes on in the
 * next one, so that whoever shows a paragraph may break it anew.  Here each
 * paragraph becomes one line.  A line that is quoted begins with a ">" for each
 * depth and a blank.
 */
#ifndef FLOWED_H
#define FLOWED_H

#include "text.h"

struct flowed {
	struct sink to;
	bool deletes_space; /* DelSp=yes: the blank at the end is no text */
	bool more;
	int state;
	size_t depth;     /* of quotes, in this line */
	size_t nmarked;   /* octets of "-- " that the line has begun with */
	size_t nblanks;   /* that may stand at the end of the line */
	bool has_cr;      /* a CR that may belong to the line's end */
	const char *open; /* the end of a line that goes on; or NULL */
	size_t paragraph; /* the depth of that line */
};

void flowed_begin(struct flowed *f, bool deletes_space, struct sink to);
/* UTF-8 goes in, in pieces of whole characters, and so it comes out. */
struct sink flowed_sink(struct flowed *f);
/* False: the sink wanted no more. */
bool flowed_end(struct flowed *f);

#endif
