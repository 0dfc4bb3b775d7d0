/*
 * The gate that processes pass one at a time to write to the database: an
 * flock(2) on a file beside it, where the kernel queues those who wait.
 * SQLite's own way to wait is to sleep and look again, which costs most of the
 * throughput (shared figures: 872 commits a second become 8,900).
 *
 * The file's first octet is the mark that the write-ahead log cannot be trusted.
 * Further behind stands how much of the log is known to be on the disk (sync.c),
 * and a lock of its own is for the one who syncs.
 */
#ifndef TURNSTILE_H
#define TURNSTILE_H

#include <stdbool.h>
#include <stdint.h>

/* A place in the write-ahead log: behind so many frames of the one so salted. */
struct log_end {
	uint32_t salt[2];
	uint32_t file; /* of it and its folder: a copy is another log */
	uint32_t frames;
};

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

/*
 * Waits up to `timeout_ms` for the one who syncs.  Returns 0, or -1 with errno.
 */
int turnstile_enter_sync(int fd, int timeout_ms);
void turnstile_leave_sync(int fd);

/* How far the log is on the disk.  False: nothing is known. */
bool turnstile_read_synced(int fd, struct log_end *ret);
/* That this fails now and then does no harm: then less is known. */
void turnstile_write_synced(int fd, const struct log_end *end);

#endif
