/*
 * The gate that processes pass one at a time to write to the database: an
 * flock(2) on a file beside it, where the kernel queues those who wait.
 * SQLite's own way to wait is to sleep and look again, which costs most of the
 * throughput (docs/bench.md, a: the naive store).
 *
 * The file's first octet is the mark that the write-ahead log cannot be trusted;
 * what stands behind it is told in synced.h.
 */
#ifndef TURNSTILE_H
#define TURNSTILE_H

#include <stdbool.h>

/*
 * Opens or makes the lock file.  Returns its descriptor, or -1 with errno.
 * Takes over SIGALRM for the process: only so can a wait in the kernel end.
 */
int turnstile_open(const char *path);
void turnstile_close(int fd); /* -1 is fine */

/*
 * Waits up to `timeout_ms` for the gate.  Returns 0, or -1 with errno:
 * ETIMEDOUT when others held it for so long.
 */
int turnstile_enter(int fd, int timeout_ms);
void turnstile_leave(int fd);

/* Is the mark set?  When it cannot be read it counts as set. */
bool turnstile_is_marked(int fd);
/* Sets or clears the mark.  Returns 0, or -1 with errno. */
int turnstile_mark(int fd, bool set);

#endif
