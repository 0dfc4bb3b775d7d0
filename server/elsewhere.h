/*
 * A database that is no file.  Another program is its writer, so that smtpd
 * links no library for it.
 */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include "options.h"
#include "peer.h"

/*
 * Becomes the writer of the listener's sessions, which come over this socket.
 * Returns, with the exit status, only if it cannot; logged.
 */
int elsewhere_run(const struct options *o, int listener);

enum {
	/* The number of the session that has a writer for itself. */
	ELSEWHERE_SESSION = 1,
};

/*
 * Starts a writer for this session alone, which has this client.  Returns the
 * socket to it, by which the session may tell facts of itself; or -1; logged.
 */
int elsewhere_start(const struct options *o, const struct peer *peer);

#endif
