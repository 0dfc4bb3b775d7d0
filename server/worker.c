#include "worker.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

pid_t
worker_fork(struct worker *w, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
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

struct message {
	struct peer peer;
	struct iovec data;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr head;
};

static struct msghdr *
prepare(struct message *m)
{
	memset(m, 0, sizeof *m);
	m->data = (struct iovec){ &m->peer, sizeof m->peer };
	m->head = (struct msghdr){
		.msg_iov = &m->data,
		.msg_iovlen = 1,
		.msg_control = m->control,
		.msg_controllen = sizeof m->control,
	};
	return &m->head;
}

pid_t
worker_give(struct worker *w, int connection, const struct peer *peer)
{
	struct message m;
	struct msghdr *head = prepare(&m);
	struct cmsghdr *control = CMSG_FIRSTHDR(head);
	ssize_t n;

	if (w->pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	*control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof connection),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(control), &connection, sizeof connection);
	m.peer = *peer;
	n = sendmsg(w->fd, head, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -1 : w->pid;
}

void
worker_release(struct worker *w)
{
	if (w->pid > 0)
		close(w->fd);
	*w = (struct worker){ 0, 0 };
}

int
worker_wait(int fd, struct peer *ret)
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
	if (connection >= 0)
		*ret = m.peer;
	return connection;
}
