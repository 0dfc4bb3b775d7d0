#include "introduce.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct message {
	struct introduction what;
	struct iovec data;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(
	    sizeof(int) * INTRODUCE__COUNT)];
	struct msghdr head;
};

void
introduction_clear(struct introduction *i)
{
	memset(i, 0, sizeof *i);
	for (int f = 0; f < INTRODUCE__COUNT; f++)
		i->fds[f] = -1;
}

void
introduction_close(struct introduction *i)
{
	for (int f = 0; f < INTRODUCE__COUNT; f++) {
		if (i->fds[f] >= 0)
			close(i->fds[f]);
		i->fds[f] = -1;
	}
}

static struct msghdr *
prepare(struct message *m)
{
	memset(m, 0, sizeof *m);
	m->data = (struct iovec){ &m->what, sizeof m->what };
	m->head = (struct msghdr){
		.msg_iov = &m->data,
		.msg_iovlen = 1,
		.msg_control = m->control,
		.msg_controllen = sizeof m->control,
	};
	return &m->head;
}

/* The descriptors that there are, one behind the other. */
static void
add_descriptors(struct message *m)
{
	struct cmsghdr *control = (void *)m->control;
	int fds[INTRODUCE__COUNT];
	size_t n = 0;

	for (int f = 0; f < INTRODUCE__COUNT; f++) {
		if (m->what.fds[f] >= 0)
			fds[n++] = m->what.fds[f];
	}
	if (n == 0) {
		m->head.msg_control = NULL;
		m->head.msg_controllen = 0;
		return;
	}
	*control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(n * sizeof *fds),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(control), fds, n * sizeof *fds);
	m->head.msg_controllen = CMSG_SPACE(n * sizeof *fds);
}

int
introduce(int to, const struct introduction *i, bool wait)
{
	struct message m;
	ssize_t n;

	prepare(&m);
	m.what = *i;
	add_descriptors(&m);
	do
		n = sendmsg(
		    to, &m.head, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/*
 * Puts the numbers of this process in place of the sender's.  False: not as
 * many came as were said.
 */
static bool
take_descriptors(struct message *m)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(&m->head);
	int fds[INTRODUCE__COUNT];
	size_t n = 0, at = 0;

	if (control && control->cmsg_type == SCM_RIGHTS)
		n = (control->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
	if (n > 0)
		memcpy(fds, CMSG_DATA(control), n * sizeof *fds);
	for (int f = 0; f < INTRODUCE__COUNT; f++) {
		if (m->what.fds[f] < 0)
			continue;
		m->what.fds[f] = at < n ? fds[at] : -1;
		at++;
	}
	for (size_t i = at; i < n; i++)
		close(fds[i]);
	return at == n;
}

int
introduce_meet(int from, struct introduction *ret, bool wait)
{
	struct message m;
	ssize_t n;

	prepare(&m);
	do
		n = recvmsg(from, &m.head,
		    MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if (n != sizeof m.what)
		introduction_clear(&m.what);
	if (take_descriptors(&m) && n == sizeof m.what) {
		*ret = m.what;
		return 0;
	}
	introduction_close(&m.what);
	errno = m.head.msg_flags & MSG_CTRUNC ? EMFILE : EPROTO;
	if (n == 0)
		errno = ENOTCONN;
	return -1;
}
