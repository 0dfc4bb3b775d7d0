/*
 * A pre-forked worker: a process that is forked before the connection that it
 * will serve is there, so that the client does not wait for the fork, nor for
 * what the process makes ready meanwhile.
 */
#ifndef WORKER_H
#define WORKER_H

#include <sys/types.h>

#include "../mail/peer.h"

/* Of the parent; all 0: there is none. */
struct worker {
	pid_t pid;
	int fd; /* over which it gets its connection; then the writer's */
};

/*
 * As fork(2).  In the child, `*ret_fd` is where its connection comes from,
 * and after that the socket to the writer; `w` stands for nothing.
 */
pid_t worker_fork(struct worker *w, int *ret_fd);

/*
 * Gives the worker this connection of this client, which is open here still.  Returns its id,
 * or -1 with errno: there is none.  Either way it is to be released.
 */
pid_t worker_give(struct worker *w, int connection, const struct peer *peer);

/* Forgets it.  Without a connection it ends. */
void worker_release(struct worker *w);

/*
 * In the child: waits for the connection.  Returns it and whose it is, or -1:
 * none comes.
 */
int worker_wait(int fd, struct peer *ret);

#endif
