/*
 * Completion for shells: the words that can stand at the cursor.
 */
#ifndef READER_COMPLETE_H
#define READER_COMPLETE_H

#include "private.h"

/*
 * The arguments are the words up to the cursor, the last of which is to be
 * completed.  Prints what it can become, a line each; for words that only the
 * shell knows a line ":files", ":folders" or ":commands".  Errors print
 * nothing.
 */
int complete(struct smtpdb *t, const struct command *commands, size_t ncommands,
    uint64_t global);

#endif
