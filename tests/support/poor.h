/*
 * A malloc() for the objects of build/poor, which are those of the session with
 * its calls renamed (poor.syms): memory runs out when a test wants it to, and
 * for the session alone.
 */
#ifndef POOR_H
#define POOR_H

#include <stdbool.h>

/*
 * The `n`th allocation from now on, from 1, fails; `for_good`: so do all that
 * follow.  0: none.
 */
void poor_begin(unsigned n, bool for_good);
/* Ends that; how many have failed. */
unsigned poor_end(void);

#endif
