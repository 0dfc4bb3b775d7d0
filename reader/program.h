/*
 * Programs of this family that do another part of the work.
 */
#ifndef READER_PROGRAM_H
#define READER_PROGRAM_H

/*
 * Becomes that program: the one beside this executable, or else the one in
 * $PATH.  Returns only if there is none.
 */
void program_run(const char *name, char *const *args);

#endif
