/*
 * The input of the target `session`: two octets of settings, and then what the
 * client says, in which an octet 0xFF and a letter say what the world does:
 *
 *	A v	the next question gets the verdict v
 *	R v	or a reply: v & 15 says which, v & 64 that it is a long one,
 *		v & 128 that another line is to follow
 *	M n	or is accepted, for n mailboxes
 *	P v	the next response of AUTH gets the result v
 *	S v	the next commit gets the verdict v
 *	Q v	or a filter refuses the mail, with one of the refusals of R
 *	N n	of the session's next allocations, the one n & 127 fails,
 *		and with n & 128 all that follow
 *	F	the client waits for its replies here
 *	T X D	the end: timeout, session too long, shutdown
 *	0xFF	the octet itself
 *
 * Answers wait in a queue, those before an F in one with the text before it;
 * where there is none, the answer is yes.
 */
#ifndef TAPE_H
#define TAPE_H

#include "../../session.h"

struct tape {
	struct session_conf conf;
	struct span rest;
};

enum tape_mark {
	TAPE_OCTET,  /* `octet` */
	TAPE_ANSWER, /* `value` and what of it: 'A', 'R' or 'M' in `octet` */
	TAPE_AUTH,   /* `value` */
	TAPE_COMMIT, /* `value`, and in `octet` 'S' or 'Q' */
	TAPE_POOR,   /* `value` */
	TAPE_FLUSH,
	TAPE_STOP, /* `end` */
	TAPE_OVER, /* no more */
};

struct tape_step {
	enum tape_mark mark;
	unsigned char octet;
	unsigned char value;
	enum session_end end;
};

/* False: too short to be one. */
bool tape_begin(struct tape *t, struct span input);
struct tape_step tape_next(struct tape *t);

/* What a verdict's octet stands for. */
enum verdict tape_verdict(unsigned char value);

#endif
