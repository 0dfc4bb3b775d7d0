/* Connects to a server that a person has named. */
#ifndef READER_CONNECT_H
#define READER_CONNECT_H

/*
 * `where` is the path of a socket, or HOST:PORT, where the host may stand in
 * "[]".  Returns a descriptor, or -1 with the cause in words, which is not to
 * be freed.
 */
int connect_to(const char *where, const char **ret_cause);

#endif
