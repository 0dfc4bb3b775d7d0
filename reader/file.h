/* Reading and writing whole files. */
#ifndef READER_FILE_H
#define READER_FILE_H

#include "../mail/span.h"

/* Writes all of it.  Returns 0, or -1 with errno. */
int file_write(int fd, struct span octets);
/*
 * Reads a whole file; `ret->p` is to be freed, a NUL stands behind it.
 * Returns 0, or -1 with errno.
 */
int file_read(int fd, struct span *ret);

#endif
