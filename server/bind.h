/*
 * Sockets that the program makes itself (--listen), where no superserver
 * passes them.
 */
#ifndef BIND_H
#define BIND_H

#include <sys/types.h>

#include <stddef.h>

#include "sockets.h"

struct bound {
	int fds[LISTENERS_MAX];
	size_t nfds;
	/* Paths that were made, and the files that they were then. */
	struct bound_path {
		const char *path;
		dev_t dev;
		ino_t ino;
	} paths[LISTENERS_MAX];
	size_t npaths;
};

/*
 * Listens at "PORT" (of all addresses), "ADDRESS:PORT", "[IPV6]:PORT",
 * "NAME:PORT", or the path of a socket, which has a slash in it and is borrowed;
 * port 0 is one that is free.  Returns EX_OK or, logged, the exit status.
 */
int bound_listen(struct bound *b, const char *address);
/* Logs where that is, with ports as they are; for when it will be served. */
void bound_tell(const struct bound *b);
/* Removes the paths, unless they are others' by now. */
void bound_remove_paths(const struct bound *b);

#endif
