/*
 * A pre-forked worker: a process that is forked before the connection that it
 * will serve is there, so that the client does not wait for the fork, nor for
 * what the process makes ready meanwhile.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <sys/types.h>

/* Of the parent; all 0: there is none. */
struct worker {
	pid_t pid;
	int fd; /* over which it gets its connection */
};

/*
 * As fork(2).  In the child, `*ret_fd` is where its connection comes from,
 * and `w` stands for nothing.
 */
pid_t worker_fork(struct worker *w, int *ret_fd);

/*
 * Gives the worker this connection, which is open here still; then
 * there is none any more.  Returns its id, or -1 with errno: there is none.
 */
pid_t worker_give(struct worker *w, int connection);

/* Forgets it.  Without a connection it ends. */
void worker_release(struct worker *w);

/* In the child: is there a connection by now, or none to come? */
bool worker_is_called(int fd);
/* Waits for it and closes `fd`.  Returns the connection, or -1: none comes. */
int worker_wait(int fd);

#endif
