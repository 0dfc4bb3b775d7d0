/*
 * Who of those that connect to the listener is let in: each gets a session of
 * its own, or a 421 with the reason.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "children.h"
#include "listen.h"
#include "worker.h"

struct admission {
	const struct listen_conf *conf;
	struct children children; /* the sessions */
	struct worker worker;     /* for the next connection */
	int fork_error;           /* why there is no worker; 0: it is gone */
	int writer;               /* to introduce sessions to it; -1: none */
	int reserve;       /* given up to have a descriptor for one 421 */
	int64_t accept_at; /* not before; ms, CLOCK_MONOTONIC */
	uint64_t served, refused;
	bool changed; /* since the caller last said so */
};

/* False, with errno: it cannot be made. */
bool admission_open(struct admission *a, const struct listen_conf *conf);
/* The sessions go on. */
void admission_close(struct admission *a);
/* Closes what is open in a process just forked; its memory ends with it. */
void admission_leave(struct admission *a);

/* Takes one connection, if there still is one. */
void admission_accept(struct admission *a, int listening);

#endif
