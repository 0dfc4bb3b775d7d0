/*
 * A pre-forked worker: a process that is forked before its connection comes, so
 * that the client waits neither for the fork nor for what the process prepares.
 */
#ifndef WORKER_H
#define WORKER_H

#include <sys/types.h>

#include "introduce.h"

/* The parent's side; all 0: there is no worker. */
struct worker {
	pid_t pid;
	int fd; /* sends it its connection; then the writer's */
};

/*
 * Forks, as fork(2) does.  In the child, `*ret_fd` brings the connection and
 * then is the socket to the writer, and `w` has no worker.
 */
pid_t worker_fork(struct worker *w, int *ret_fd);

/*
 * Gives the worker the connection of this introduction, which stays open here.
 * Returns its process id, or -1 with errno: there is none.  Release it then in
 * either case.
 */
pid_t worker_give(struct worker *w, const struct introduction *i);

/* Forgets a worker that has ended, or is about to. */
void worker_release_if_gone(struct worker *w);
/* Forgets the worker, which ends if it has no connection. */
void worker_release(struct worker *w);

/*
 * In the child: waits for the connection.  Returns it, with whose it is and the
 * sockets to helpers, or -1: none comes.
 */
int worker_wait(int fd, struct introduction *ret);

#endif
