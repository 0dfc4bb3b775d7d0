/*
 * The listener's sessions: which process serves whom, and what it was told.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "sources.h"

struct child {
	pid_t pid;
	struct source *source; /* NULL: has no address */
	uint64_t number;       /* they are numbered as they come */
	enum connection_haste haste;
};

struct children {
	struct child *rows;
	size_t n, max;
	uint64_t last_number;
};

/* Makes an empty table with room for `max`.  False, with errno: no memory. */
bool children_open(struct children *c, size_t max);
void children_close(struct children *c);

/* Only while there is room. */
void children_add(struct children *c, pid_t pid, struct source *source);
/* NULL: it is none of them. */
struct child *children_find(const struct children *c, pid_t pid);
void children_remove(struct children *c, struct child *child);

/*
 * Asks the first to go that was not asked so urgently yet: of the source that
 * has the most sessions, the oldest.  Only one whose source has more than
 * `than`; false: there is none.
 */
bool children_press(
    struct children *c, enum connection_haste haste, unsigned than);
/* Sends SIGTERM to all. */
void children_end(const struct children *c);

#endif
