/*
 * Sockets that listen, and a last word to those who connect.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/reply.h"

enum {
	LISTENERS_MAX = 32, /* sockets to listen on */
};

/* A client may be gone between poll() and accept(), which must not wait. */
void sockets_set_nonblocking(const int *fds, size_t nfds);

/*
 * Has this process, and those that it forks, have as many descriptors as they
 * may.  Returns how many sessions these are enough for, up to `sessions`; logs
 * if that is less.
 */
uint64_t sockets_allow(uint64_t sessions, bool helpers);

/* Tells a connection why, and hangs up; never waits. */
void sockets_hang_up(int fd, enum reply why, const char *hostname);

/*
 * To be called if the service cannot start.  For a second this tells everyone
 * who connects to come again later.  So nobody waits in vain, and a superserver
 * starts the program once a second at most.
 */
void sockets_refuse(const int *fds, size_t nfds);

#endif
