/*
 * Whose rights smtpdb uses.  Whoever owns the database's folder can put links
 * there to files that only root may read or write, so root becomes that owner
 * before anything there is opened.  What the command line names for input and
 * output is opened, and run, with the rights of who has typed it.
 */
#ifndef READER_RIGHTS_H
#define READER_RIGHTS_H

#include <sys/types.h>

#include <stdbool.h>

/*
 * Becomes the owner of the folder that the database is in, if root is at work
 * and another owns it; `for_good`: rights_begin() will not be called.  Returns
 * 0, or -1 with errno.
 */
int rights_become_owner(const char *database, bool for_good);

/* Enclose what is done with the caller's rights; errno stays. */
void rights_begin(void);
void rights_end(void);

/* open(2) with the caller's rights, and with O_CLOEXEC. */
int rights_open(const char *path, int flags, mode_t mode);

#endif
