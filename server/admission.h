/*
 * Whom the listener lets in: each connection gets a session of its own, or a
 * 421 with the reason.
 *
 * Clients that only hold their connections shut nobody out.  Above three
 * quarters of the limit each new connection makes one session hurry, and above
 * seven eighths leave (HASTE_SOON, HASTE_NOW in connection.h): the oldest
 * session of the source that has the most.  A session whose mail arrives stays,
 * unless there is no room at all: then it leaves for a client whose source has
 * less than that source (HASTE_OUT).
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "children.h"
#include "helpers.h"
#include "listen.h"
#include "sources.h"
#include "worker.h"

struct newcomer {
	int fd;
	struct peer peer;
	struct ip source; /* it counts as this; all 0: it has no address */
	bool tls_first;
};

struct admission {
	const struct listen_conf *conf;
	struct sources sources;
	struct children children; /* the sessions */
	struct worker worker;     /* for the next connection */
	int fork_error;           /* why there is no worker; 0: it is gone */
	int writer;               /* a socket to introduce sessions; -1: none */
	struct helpers helpers;
	uint64_t last_number; /* of a session, as the writer knows it */
	int reserve;          /* a descriptor to close for one 421 */
	/* Times are ms, CLOCK_MONOTONIC. */
	int64_t accept_at;       /* not before */
	struct newcomer waiting; /* for a session to leave; fd -1: none */
	bool has_pressed;        /* a session that sends a mail, for it */
	int64_t waiting_until;
	int64_t crowd_told_at;
	uint64_t served, refused;
	bool changed; /* since the caller last said so */
};

/* False, with errno: it could not be made. */
bool admission_open(struct admission *a, const struct listen_conf *conf);
/* The sessions go on. */
void admission_close(struct admission *a);
/* Closes what is open in a process just forked; its memory ends with it. */
void admission_leave(struct admission *a);

/*
 * Takes one connection, if there still is one; `tls_first`: its client begins
 * with TLS.  Not while one is waiting.
 */
void admission_accept(struct admission *a, int listening, bool tls_first);
/*
 * To be called when a session has ended, and at waiting_until.  True: the
 * client that was waiting has the worker.
 */
bool admission_look_again(struct admission *a);
/* Notes that a child has ended.  False: it was no session. */
bool admission_forget(struct admission *a, pid_t pid, bool crashed);

#endif
