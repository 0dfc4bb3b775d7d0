/*
 * The write-ahead log: its sync, which makes a commit last, and what is to be
 * done when a sync has failed.  Part of the store; nobody else includes this.
 */
#ifndef WAL_H
#define WAL_H

#include <stdbool.h>

#include "store_private.h"

/*
 * Has SQLite tell of every sync that fails, also of those that it makes by
 * itself and says nothing about.  Before the first database is opened.
 */
void wal_watch(void);

/*
 * Sets the mark if a sync has failed since the last call.  To be called
 * whenever SQLite may have synced, before the turnstile is left (wal_leave()).
 */
void wal_note_failures(struct store *st);

/*
 * Around what may sync the log in this place.  If the one before was killed
 * there, the mark is set for him: SIGKILL may have come between a sync that
 * failed and the mark.
 */
void wal_begin(struct store *st, enum synced_place place);
void wal_end(struct store *st, enum synced_place place);

/* May there be holes in what seems synced? */
bool wal_is_poisoned(const struct store *st);

/*
 * Passes the turnstile to write into a log that can be trusted: where there may
 * be holes, all of it is written anew first.  VERDICT_OK, or we are not in.
 */
enum verdict wal_enter(struct store *st);
/* Leaves it, with what wal_note_failures() does. */
void wal_leave(struct store *st);

/*
 * Makes last what was committed.  Only with VERDICT_OK it does; after anything
 * else it may be lost or not, and the log is poisoned, or was healed by now.
 */
enum verdict wal_confirm(struct store *st);

#endif
