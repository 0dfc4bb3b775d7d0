/*
 * Programs that the options name, and that a listener can begin without: they
 * may be started later.
 */
#ifndef ABSENT_H
#define ABSENT_H

#include "options.h"

/*
 * Tries to connect to filters and to Dovecot, and logs a warning for each that
 * cannot be reached.
 */
void absent_tell(const struct options *o);

#endif
