/*
 * What all processes know of the write-ahead log: how much of it is on the disk,
 * and who syncs.  It stands in the lock file (turnstile.h), which each of them
 * has mapped, as SQLite has its index of the log; like that file it is not to
 * be made shorter while they run.
 */
#ifndef SYNCED_H
#define SYNCED_H

#include <stdbool.h>
#include <stdint.h>

struct synced;

/* A place in the write-ahead log: behind so many frames of the one so salted. */
struct log_end {
	uint32_t salt[2];
	uint32_t file; /* of it and its folder: a copy is another log */
	uint32_t frames;
};

/*
 * `lock` is the descriptor of the lock file, which stays the caller's, and open.
 * Returns NULL with errno if the file cannot be mapped.
 */
struct synced *synced_open(int lock);
void synced_close(struct synced *s); /* NULL is fine */

/* How far the log is on the disk.  False: nothing is known. */
bool synced_read(const struct synced *s, struct log_end *ret);
void synced_write(struct synced *s, const struct log_end *end);

/* How many turns to sync have ended: to be asked before synced_read(). */
uint32_t synced_turns(const struct synced *s);
/*
 * Takes the turn to sync, and returns 1; or, if somebody has it, waits until
 * synced_turns() is no longer `turns`, and returns 0.  -1 with errno: ETIMEDOUT
 * when that has taken until `deadline` (of clock_ms()).
 */
int synced_enter(struct synced *s, uint32_t turns, int64_t deadline);
void synced_leave(struct synced *s);

/* In each of them there is one process at a time, and it may sync the log. */
enum synced_place {
	SYNCED_TURN, /* synced_enter() */
	SYNCED_GATE, /* turnstile_enter() */
	SYNCED__COUNT
};

/*
 * Notes that the caller is in.  True: the one before never left, so whether a
 * sync of his has failed nobody knows.
 */
bool synced_begin(struct synced *s, enum synced_place place);
/* It is out, and whatever failed is marked. */
void synced_end(struct synced *s, enum synced_place place);

#endif
