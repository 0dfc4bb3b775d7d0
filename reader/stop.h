/*
 * Signals that ask a command to end (SIGINT, SIGTERM, SIGHUP), for one that has
 * something to put in order first.
 */
#ifndef READER_STOP_H
#define READER_STOP_H

#include <stdbool.h>

/* From now on they are only noted. */
void stop_catch(void);
bool stop_asked(void);
/* If there was one, ends the process by it, as who waits for us expects. */
void stop_now(void);

#endif
