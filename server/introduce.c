#include "introduce.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct introduction {
	struct peer peer;
	struct iovec data;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr head;
};

static struct msghdr *
prepare(struct introduction *i)
{
	memset(i, 0, sizeof *i);
	i->data = (struct iovec){ &i->peer, sizeof i->peer };
	i->head = (struct msghdr){
		.msg_iov = &i->data,
		.msg_iovlen = 1,
		.msg_control = i->control,
		.msg_controllen = sizeof i->control,
	};
	return &i->head;
}

int
introduce_session(int writer, int session, const struct peer *peer)
{
	struct introduction i;
	struct msghdr *head = prepare(&i);
	struct cmsghdr *control = CMSG_FIRSTHDR(head);
	ssize_t n;

	i.peer = *peer;
	*control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof session),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(control), &session, sizeof session);
	do
		n = sendmsg(writer, head, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

int
introduce_meet(int listener, struct peer *ret)
{
	struct introduction i;
	struct msghdr *head = prepare(&i);
	struct cmsghdr *control;
	int session = -1;
	ssize_t n = recvmsg(listener, head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return -1;
	control = CMSG_FIRSTHDR(head);
	if (control && control->cmsg_type == SCM_RIGHTS &&
	    control->cmsg_len == CMSG_LEN(sizeof session))
		memcpy(&session, CMSG_DATA(control), sizeof session);
	if (n == sizeof i.peer && session >= 0) {
		*ret = i.peer;
		return session;
	}
	if (session >= 0)
		close(session);
	errno = n == 0 ? ENOTCONN : EPROTO;
	return -1;
}
