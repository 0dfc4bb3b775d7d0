/*
 * How the listener brings processes together: one message with descriptors, and
 * what the one who gets it is to believe of whoever is at their other ends.
 *
 *	to a worker     its connection, and a socket to each helper
 *	to the writer   the session's socket; or a helper's, with its rights
 *	to a helper     the session's socket, and its connection; or a socket
 *	                to the writer, which takes the place of the one before
 *
 * A session is known by its number, which comes from the listener alone: no
 * session can speak as another one, and none can claim an address or a fact
 * (mail/facts.h).  A helper tells the writer of session N by WIRE_TELL
 * (mail/wire.h).
 */
#ifndef INTRODUCE_H
#define INTRODUCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/facts.h"
#include "../mail/peer.h"

/*
 * The processes of a listener beside its writer and sessions: programs of their
 * own, for what a session must not hold.
 */
enum helper {
	HELPER_TLS,
	HELPER_AUTH,
	HELPER__COUNT
};

/* What a descriptor is. */
enum introduce_fd {
	INTRODUCE_LINK,       /* the session's socket to who gets this */
	INTRODUCE_CONNECTION, /* the client's */
	INTRODUCE_OUT,        /* the same, where output has one of its own */
	INTRODUCE_WRITER,     /* a socket to the writer */
	INTRODUCE_TELLER,     /* the socket of one who tells the writer facts */
	INTRODUCE_HELPER,     /* + enum helper: a socket to that helper */
	INTRODUCE__COUNT = INTRODUCE_HELPER + HELPER__COUNT
};

struct introduction {
	uint64_t number; /* of the session, from 1; 0: this is about none */
	struct peer peer;
	/* The facts that whoever is at LINK or TELLER may tell (FACT_BIT). */
	unsigned may_tell;
	bool tls_first; /* the client speaks TLS from its first octet */
	int fds[INTRODUCE__COUNT]; /* -1: there is none */
};

/* Nothing known, no descriptors. */
void introduction_clear(struct introduction *i);
/* Closes what it holds. */
void introduction_close(struct introduction *i);

/*
 * Over a SOCK_SEQPACKET socket; the descriptors stay open here.  `wait`: until
 * there is room.  Returns 0, or -1 with errno.
 */
int introduce(int to, const struct introduction *i, bool wait);
/*
 * Takes the next one; `wait`: until there is one.  Returns 0, or -1 with errno;
 * ENOTCONN: nobody is left to send any; EMFILE, EPROTO: that one is lost.
 */
int introduce_meet(int from, struct introduction *ret, bool wait);

#endif
