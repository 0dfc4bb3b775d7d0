/*
 * Where connections come from, and what the listener knows of each place: how
 * many it has, and how many sessions with it have died.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/ip.h"

struct source {
	struct ip ip; /* an IPv4 address, or an IPv6 /64 */
	unsigned nsessions;
	unsigned ncrashes;
	int64_t delayed_until; /* ms, CLOCK_MONOTONIC; 0: never was */
};

struct sources {
	struct source *rows;
	size_t n, max;
};

/* Has room for those of so many sessions.  False, with errno: no memory. */
bool sources_open(struct sources *s, size_t max_sessions);
void sources_close(struct sources *s);

/*
 * The row of this address, which is made if need be, and stays where it is
 * while it has sessions.
 */
struct source *sources_find(
    struct sources *s, const struct ip *address, int64_t now);

/* A session died by a signal: who can kill one is not to try at once again. */
void source_note_crash(struct source *s, int64_t now);

#endif
