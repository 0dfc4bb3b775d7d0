/*
 * What the options name and a listener can begin without, since it may come
 * later: programs, and a folder.
 */
#ifndef ABSENT_H
#define ABSENT_H

#include "options.h"

/*
 * Tries to connect to filters and to Dovecot, looks for the folder of the file
 * that is made after each mail, and logs a warning for each that fails.
 */
void absent_tell(const struct options *o);

#endif
