/* What the program does by its options before it serves anybody. */
#ifndef BEGIN_H
#define BEGIN_H

#include "options.h"
#include "start.h"

/*
 * Makes the sockets of --listen those to listen on, and becomes the user who
 * serves (user.h).  Returns EX_OK, or the exit status; logged, and who waits is
 * told.
 */
int start_begin(
    struct start *start, const struct options *o, struct bound *ret);

#endif
