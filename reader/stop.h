/*
 * Signals that ask a command to end (SIGINT, SIGTERM, SIGHUP), for one that has
 * something to put in order first.
 */
#ifndef READER_STOP_H
#define READER_STOP_H

#include <stdbool.h>

/* From now on these signals are only noted. */
void stop_catch(void);
bool stop_asked(void);
/* If a signal came, ends the process by it, as its parent expects. */
void stop_now(void);

#endif
