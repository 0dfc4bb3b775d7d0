/*
 * The helpers that the options ask for, as programs with their arguments.
 */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include "helpers.h"
#include "options.h"

/*
 * By enum helper; static.  NULL: none is asked for.  They are looked for in the
 * folder of this program.
 */
const struct helper_conf *programs_of(const struct options *o);

#endif
