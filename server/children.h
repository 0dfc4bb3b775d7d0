/*
 * The listener's sessions: which process serves which client, and whether it
 * was told to hurry.
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
	struct source *source; /* NULL: the client has no address */
	uint64_t number;       /* in the order that they came */
	int64_t overdue_at;    /* ms, CLOCK_MONOTONIC: it should have ended */
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

/*
 * Only while there is room.  A session ends by itself before `overdue_at`, but
 * one that was taken over need not.
 */
void children_add(
    struct children *c, pid_t pid, struct source *source, int64_t overdue_at);
/* NULL: it is no session. */
struct child *children_find(const struct children *c, pid_t pid);
void children_remove(struct children *c, struct child *child);

/*
 * Tells one session to go that was not told so urgently before: the oldest one
 * of the source that has the most, if that has more than `than`.  False: there
 * is none.
 */
bool children_press(
    struct children *c, enum connection_haste haste, unsigned than);
/* Ends those that are overdue, by SIGKILL. */
void children_end_overdue(const struct children *c, int64_t now);
/* Sends SIGTERM to all sessions.  From then on, they are overdue earlier. */
void children_end(struct children *c, int64_t overdue_at);

#endif
