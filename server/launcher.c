#include "launcher.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/*
 * In the new process: waits until the session says something, or is gone.  The
 * introduction waits in the helper's socket meanwhile.
 */
static void
wait_and_become(const struct helper_conf *conf, int control, int link)
{
	struct pollfd p = { .fd = link, .events = POLLIN };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	if (p.revents & POLLIN)
		helper_become(conf, control);
	_exit(0);
}

/* Both ends of each, or nothing. */
static bool
open_sockets(int control[2], int link[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, control) < 0)
		return false;
	if (socketpair(AF_UNIX, type, 0, link) == 0)
		return true;
	close(control[0]);
	close(control[1]);
	return false;
}

int
launch_later(const struct helper_conf *conf, const struct connection *c,
    const struct peer *peer)
{
	struct introduction told;
	int control[2], link[2];
	pid_t pid = -1;

	if (!open_sockets(control, link)) {
		log_line(LOG_ERR, "%s: %s", conf->argv[0], strerror(errno));
		return -1;
	}
	introduction_clear(&told);
	told.peer = *peer;
	told.fds[INTRODUCE_LINK] = link[1];
	if (c)
		told.fds[INTRODUCE_CONNECTION] = c->in;
	if (c && c->out != c->in)
		told.fds[INTRODUCE_OUT] = c->out;
	if (introduce(control[0], &told, false) == 0)
		pid = fork();
	close(control[0]);
	if (pid == 0) {
		close(link[0]);
		wait_and_become(conf, control[1], link[1]);
	}
	close(control[1]);
	close(link[1]);
	if (pid > 0)
		return link[0];
	log_line(LOG_ERR, "%s: %s", conf->argv[0], strerror(errno));
	close(link[0]);
	return -1;
}
