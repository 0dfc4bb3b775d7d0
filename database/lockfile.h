/*
 * The write lock: an flock(2) on a file beside the database, where the kernel
 * queues the processes that wait.  SQLite itself waits by sleeping and looking
 * again, which costs most of the throughput (docs/bench.md, a: the naive
 * store).
 *
 * The first octet of the file is the mark: a sync failed, or a process began
 * one and never came back from it, so what seems to be on the disk may not be
 * there (wal.c).  The mark is for other processes and needs no sync: after a
 * power cut, everything that can be read is on the disk.
 */
#ifndef LOCKFILE_H
#define LOCKFILE_H

#include <stdbool.h>

/*
 * Makes a lock of an open file.  Returns 0, or -1 with errno.  Takes over
 * SIGALRM for the process: only a signal can end a wait in the kernel.
 */
int lockfile_begin(int fd);
void lockfile_close(int fd); /* -1 is fine */

/*
 * Waits up to `timeout_ms` for the lock.  Returns 0, or -1 with errno:
 * ETIMEDOUT when others held it for so long.
 */
int lockfile_enter(int fd, int timeout_ms);
void lockfile_leave(int fd);

/* Is the mark set?  When it cannot be read it counts as set. */
bool lockfile_is_marked(int fd);
/* Sets or clears the mark.  Returns 0, or -1 with errno. */
int lockfile_mark(int fd, bool set);

#endif
