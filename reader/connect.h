/* A stream to a server, by a name that people write. */
#ifndef READER_CONNECT_H
#define READER_CONNECT_H

/*
 * `where` is the path of a socket, or HOST:PORT, where a host can stand in "[]".
 * A descriptor, or -1 with the cause in words, which is lent.
 */
int connect_to(const char *where, const char **ret_cause);

#endif
