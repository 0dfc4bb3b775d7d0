/*
 * The sync of the write-ahead log that makes commits last: one for all who
 * have committed when it begins.  Part of the store; nobody else includes this.
 */
#ifndef SYNC_H
#define SYNC_H

#include "store_private.h"

/*
 * Once the database is open, before anything is committed: so it hears of every
 * error there is.  What cannot be opened is not missed but for the time it saves.
 */
void sync_open(struct store *st);
/* What the record of a log in this folder calls it (struct log_end). */
uint32_t sync_file_number(const char *log, const char *folder);
void sync_close(struct store *st);

/* How many frames the log has now; -1: that cannot be told. */
int64_t sync_frames(struct store *st);

/*
 * Under the turnstile, before a commit: forgets what is known of the log if it
 * cannot be true.
 */
void sync_begin(struct store *st);
/* Under the turnstile, after it: up to here the log is to be synced. */
void sync_end(struct store *st);

/*
 * Outside the turnstile: returns SQLITE_OK when all up to sync_end() is on the
 * disk, or the error of a sync that failed, with errno.
 */
int sync_log(struct store *st);

#endif
