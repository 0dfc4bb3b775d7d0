/*
 * The sources of connections.  The listener knows of each how many it has, and
 * how many of its sessions died of a fault.
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
	int64_t delayed_until; /* ms, CLOCK_MONOTONIC; 0: never delayed */
};

struct sources {
	struct source *rows;
	size_t n, max;
};

/* Makes room for the sources of so many sessions.  False, with errno. */
bool sources_open(struct sources *s, size_t max_sessions);
void sources_close(struct sources *s);

/*
 * Finds the row of this address, or makes it.  The row does not move while it
 * has sessions.
 */
struct source *sources_find(
    struct sources *s, const struct ip *address, int64_t now);

/*
 * Notes a session that died of a fault.  A source that can kill one must wait
 * before it tries again.
 */
void source_note_crash(struct source *s, int64_t now);

#endif
