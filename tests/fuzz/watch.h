/*
 * A second opinion on where commands, the text after DATA and the octets after
 * BDAT begin and end: it sees each octet of the client and what the server said
 * to it, and knows nothing of the session machine.
 */
#ifndef WATCH_H
#define WATCH_H

#include "../support/mails.h"

enum watch_place {
	WATCH_LINE,  /* in a command */
	WATCH_AUTH,  /* in a response of AUTH */
	WATCH_TEXT,  /* in the text after DATA */
	WATCH_CHUNK, /* in the octets after BDAT */
};

struct watch {
	bool any_line_end;
	bool strict, lmtp;
	enum watch_place place;
	struct buffer line;   /* the command so far */
	bool is_told;         /* that it is too long */
	struct buffer text;   /* since DATA */
	struct buffer chunks; /* of all BDATs so far */
	uint64_t chunk_left;
	bool chunk_last;
	unsigned nmails;
	bool secured;     /* by STARTTLS */
	bool mail_inside; /* and MAIL was accepted since */
};

/* What the server did with one octet. */
struct watch_reaction {
	struct span said;
	bool closed;
	bool secured; /* STARTTLS was it */
	const struct mails *mails;
};

void watch_begin(struct watch *w, const struct session_conf *conf);
void watch_octet(struct watch *w, char octet, const struct watch_reaction *r);
void watch_end(struct watch *w);

#endif
