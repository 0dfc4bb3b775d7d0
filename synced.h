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
 * Returns NULL with errno if there is no memory.
 */
struct synced *synced_open(int lock);
void synced_close(struct synced *s); /* NULL is fine */

/* How far the log is on the disk.  False: nothing is known. */
bool synced_read(const struct synced *s, struct log_end *ret);
void synced_write(struct synced *s, const struct log_end *end);

/* How many turns to sync have ended: to be asked before synced_read(). */
uint32_t synced_turns(const struct synced *s);
/*
 * Takes the turn to sync; or if somebody has it, waits until that has ended, or
 * no longer at all if synced_turns() is not `turns` any more.  Returns 1 in the
 * first case, 0 in the second, or -1 with errno: ETIMEDOUT when others kept it
 * for `timeout_ms`.
 */
int synced_enter(struct synced *s, uint32_t turns, int timeout_ms);
void synced_leave(struct synced *s);

#endif
