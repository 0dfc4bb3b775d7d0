/*
 * Programs of this family that do another part of the work.
 */
#ifndef READER_PROGRAM_H
#define READER_PROGRAM_H

/*
 * Becomes that program: the one beside this, as where it was built; else wherever
 * programs are.  Returns only if there is none.
 */
void program_run(const char *name, char *const *args);

#endif
