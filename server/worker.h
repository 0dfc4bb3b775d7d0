/*
 * A pre-forked worker: a process that is forked before its connection comes, so
 * that the client waits neither for the fork nor for what the process prepares.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <sys/types.h>

/* The parent's side; all 0: there is no worker. */
struct worker {
	pid_t pid;
	int fd; /* sends it its connection */
};

/*
 * Forks, as fork(2) does.  In the child, the connection will come over
 * `*ret_fd`, and `w` has no worker.
 */
pid_t worker_fork(struct worker *w, int *ret_fd);

/*
 * Gives the worker this connection, which stays open here, and forgets the
 * worker.  Returns its process id, or -1 with errno: there is none.
 */
pid_t worker_give(struct worker *w, int connection);

/* Forgets the worker, which ends if it has no connection. */
void worker_release(struct worker *w);

/* In the child: did a connection come, or will none? */
bool worker_is_called(int fd);
/* Waits for the connection and closes `fd`.  -1: none comes. */
int worker_wait(int fd);

#endif
