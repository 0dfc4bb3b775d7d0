/*
 * The listener's sessions: which process serves whom.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/ip.h"

struct children {
	struct child {
		pid_t pid;
		struct ip source; /* what connections are counted by */
	} * rows;
	size_t n, max;
};

/* Makes an empty table with room for `max`.  False, with errno: no memory. */
bool children_open(struct children *c, size_t max);
void children_close(struct children *c);

/* Only while there is room. */
void children_add(struct children *c, pid_t pid, struct ip source);
/* False: it is none of them. */
bool children_remove(struct children *c, pid_t pid);
/* How many of them come from there; 0 for who has no address. */
uint64_t children_from(const struct children *c, const struct ip *source);
/* Sends SIGTERM to all. */
void children_end(const struct children *c);

#endif
