/*
 * Sockets that listen.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <stddef.h>

#include "../mail/reply.h"

enum {
	LISTENERS_MAX = 32, /* sockets to listen on */
};

/* Between poll() and accept() a client may have gone again. */
void sockets_set_nonblocking(const int *fds, size_t nfds);

/* Says why to a connection, and hangs up; never waits. */
void sockets_hang_up(int fd, enum reply why, const char *hostname);

/*
 * Where the service cannot start: tells all who wait at these sockets to come
 * again later, for a second.  So nobody waits in vain, and a superserver that
 * starts the program for each of them does so once a second at most.
 */
void sockets_refuse(const int *fds, size_t nfds);

#endif
