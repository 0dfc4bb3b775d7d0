#include "worker.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

pid_t
worker_fork(struct worker *w, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	/* With one thread there are no locks for fork(2) to see to. */
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

/* One octet, since a descriptor does not travel without. */
struct message {
	char octet;
	struct iovec data;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr head;
};

static struct msghdr *
prepare(struct message *m)
{
	memset(m, 0, sizeof *m);
	m->data = (struct iovec){ &m->octet, 1 };
	m->head = (struct msghdr){
		.msg_iov = &m->data,
		.msg_iovlen = 1,
		.msg_control = m->control,
		.msg_controllen = sizeof m->control,
	};
	return &m->head;
}

pid_t
worker_give(struct worker *w, int connection)
{
	struct message m;
	struct msghdr *head = prepare(&m);
	struct cmsghdr *control = CMSG_FIRSTHDR(head);
	pid_t pid = w->pid;
	int error;

	if (pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	*control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof connection),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(control), &connection, sizeof connection);
	if (sendmsg(w->fd, head, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		pid = -1;
	error = errno;
	worker_release(w);
	errno = error;
	return pid;
}

void
worker_release(struct worker *w)
{
	if (w->pid > 0)
		close(w->fd);
	*w = (struct worker){ 0, 0 };
}

bool
worker_is_called(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

int
worker_wait(int fd)
{
	struct message m;
	struct msghdr *head = prepare(&m);
	struct cmsghdr *control;
	int connection = -1;
	ssize_t n;

	do
		n = recvmsg(fd, head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	control = n > 0 ? CMSG_FIRSTHDR(head) : NULL;
	if (control && control->cmsg_type == SCM_RIGHTS)
		memcpy(&connection, CMSG_DATA(control), sizeof connection);
	close(fd);
	return connection;
}
