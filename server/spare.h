/*
 * A process forked before the connection that it will serve is there, so that
 * the client does not wait for the fork, nor for what the process makes ready
 * meanwhile.
 */
#ifndef SPARE_H
#define SPARE_H

#include <stdbool.h>
#include <sys/types.h>

/* Of the parent; all 0: there is none. */
struct spare {
	pid_t pid;
	int fd; /* over which it gets its connection */
};

/*
 * As fork(2).  In the child, `*ret_fd` is where its connection comes from,
 * and `s` stands for nothing.
 */
pid_t spare_fork(struct spare *s, int *ret_fd);

/*
 * Gives the spare process this connection, which is open here still; then
 * there is none any more.  Returns its id, or -1 with errno: there is none.
 */
pid_t spare_give(struct spare *s, int connection);

/* Forgets it; without a connection, it ends. */
void spare_release(struct spare *s);

/* In the child: is there a connection by now, or none to come? */
bool spare_is_called(int fd);
/* Waits for it and closes `fd`.  Returns the connection, or -1: none comes. */
int spare_wait(int fd);

#endif
