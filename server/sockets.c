#include "sockets.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "log.h"

enum {
	REFUSE_MS = 1000,
	/*
	 * Descriptors for a session: of smtpd-tls its socket, a child's, and
	 * the clear text; of the writer its socket and its spool.
	 */
	OF_HELPER = 3,
	OF_WRITER = 2,
	OTHERS = 64, /* of the database */
};

void
sockets_set_nonblocking(const int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
}

uint64_t
sockets_allow(uint64_t sessions, bool helpers)
{
	uint64_t each = helpers ? OF_HELPER : OF_WRITER, enough = 1;
	struct rlimit is;

	if (getrlimit(RLIMIT_NOFILE, &is) < 0)
		return sessions;
	is.rlim_cur = is.rlim_max;
	setrlimit(RLIMIT_NOFILE, &is);
	if (is.rlim_max > OTHERS + each)
		enough = (is.rlim_max - OTHERS) / each;
	if (enough >= sessions)
		return sessions;
	log_line(LOG_WARNING,
	    "%llu descriptors are enough for %llu connection%s (ulimit -Hn, "
	    "LimitNOFILE=)",
	    (unsigned long long)is.rlim_max, (unsigned long long)enough,
	    plural((int64_t)enough));
	return enough;
}

void
sockets_hang_up(int fd, enum reply why, const char *hostname)
{
	struct reply_values values = { .hostname = hostname };
	char reply[REPLY_LINE_MAX];
	size_t len =
	    reply_write(reply, sizeof reply, &replies[why], &values, false);

	send(fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void
refuse_one(int listening)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		sockets_hang_up(fd, REPLY_NO_SERVICE, "");
}

void
sockets_refuse(const int *fds, size_t nfds)
{
	int64_t until = clock_ms() + REFUSE_MS;
	struct pollfd p[LISTENERS_MAX];

	sockets_set_nonblocking(fds, nfds);
	for (size_t i = 0; i < nfds; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	for (int64_t left = REFUSE_MS; left > 0; left = until - clock_ms()) {
		if (poll(p, nfds, (int)left) <= 0)
			return;
		for (size_t i = 0; i < nfds; i++) {
			if (p[i].revents)
				refuse_one(fds[i]);
		}
	}
}
