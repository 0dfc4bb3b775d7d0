/*
 * Others who have the database open: an application that reads, and one that
 * checkpoints.
 */
#ifndef POWERCUT_OUTSIDER_H
#define POWERCUT_OUTSIDER_H

#include <stdatomic.h>

#include "vfs.h"

/* Each runs until `*stop`, in a process where the VFS is registered. */

/* Holds on to old snapshots, so that checkpoints get only so far. */
void outsider_read(const char *path, struct vfs *v, const atomic_int *stop);

/*
 * Checkpoints under the write lock, as it must; or if it is `bad`, without, and
 * widens the race that SQLite has there up to version 3.51.2.  After a
 * checkpoint that got through to the end, another connection begins one.  It
 * reads in the wal-index how many pages there are, then waits.
 * Meanwhile a writer begins the WAL anew.  Now it finds that none of the pages
 * it has read about is copied, copies what there is, and notes as many as it
 * has read about.  What is written to the new WAL up to that number is never
 * copied, and lost when that WAL is begun anew.
 *
 * The lock is taken to arrange that moment, and left in the middle of the
 * second checkpoint, so that writers come; those who keep to the rules would
 * have waited until it is over.
 *
 * Returns how often a writer began the WAL anew in that moment.
 */
unsigned outsider_checkpoint(
    const char *path, struct vfs *v, const atomic_int *stop, bool bad);

#endif
