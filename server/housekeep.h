/*
 * The listener's housekeeper: a process that holds the database open while
 * sessions come and go, so that none of them has to make, recover or delete
 * the write-ahead log, and that copies the log back into the database off
 * everybody's path.
 */
#ifndef HOUSEKEEP_H
#define HOUSEKEEP_H

#include "options.h"

/* Works until SIGTERM, or the listener is gone; returns the exit status. */
int housekeep(const struct options *o);

#endif
