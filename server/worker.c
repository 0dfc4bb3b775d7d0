#include "worker.h"

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

pid_t
worker_fork(struct worker *w, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	/* With one thread, fork(2) has no locks to deal with. */
	pid = _Fork();
	if (pid > 0) {
		close(ends[1]);
		*w = (struct worker){ pid, ends[0] };
		return pid;
	}
	close(ends[0]);
	if (pid < 0)
		close(ends[1]);
	else
		*ret_fd = ends[1];
	return pid;
}

pid_t
worker_give(struct worker *w, const struct introduction *i)
{
	if (w->pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	return introduce(w->fd, i, false) < 0 ? -1 : w->pid;
}

void
worker_release(struct worker *w)
{
	if (w->pid > 0)
		close(w->fd);
	*w = (struct worker){ 0, 0 };
}

void
worker_release_if_gone(struct worker *w)
{
	char octet;

	if (w->pid > 0 && recv(w->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		worker_release(w);
}

int
worker_wait(int fd, struct introduction *ret)
{
	return introduce_meet(fd, ret, true) < 0
		   ? -1
		   : ret->fds[INTRODUCE_CONNECTION];
}
