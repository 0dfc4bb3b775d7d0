/*
 * One thread does everything: a connection of SQLite belongs to one thread, a
 * request takes milliseconds, and a process without threads can be confined.
 * A request that waits for mail is suspended (MHD_suspend_connection), and
 * runs again when the archive has changed.
 */
#include "serve.h"

#include <sys/socket.h>

#include <microhttpd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../server/log.h"
#include "../server/sockets.h"
#include "answer.h"
#include "connections.h"
#include "guard.h"
#include "teller.h"

enum {
	TIMEOUT_SEC = 60,
	CONNECTION_OCTETS = 32 * 1024, /* that libmicrohttpd has for one */
	LOOK_EVERY_MS = 100,           /* for mail that somebody waits for */
	BACKLOG = 16,                  /* accepted in a row */
};

static struct {
	struct web *web;
	struct MHD_Daemon *daemon;
} here;

static enum MHD_Result
serve_request(struct request *r)
{
	struct response response = { .status = 0 };

	if (connection_place(r->connection)->is_leaving)
		return MHD_NO;
	if (guard(r, &response))
		route(r, &response);
	if (response.status != 0)
		return answer(r, &response);
	connection_put_aside(r->connection, response.until_ms);
	return MHD_YES;
}

/* Called when the header is there, for each piece of the body, and behind it. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *piece, size_t *len,
    void **state)
{
	struct request *r = *state;
	struct response response = { .status = 0 };

	(void)version;
	/* Some clients put one slash too many. */
	while (url[0] == '/' && url[1] == '/')
		url++;
	if (!r) {
		r = text_resize(NULL, sizeof *r);
		*r = (struct request){
			.web = arg,
			.connection = connection,
			.method = method,
			.path = url,
			.began_ms = clock_ms(),
		};
		*state = r;
		return guard_header(r, &response) ? MHD_YES
						  : answer(r, &response);
	}
	if (*len == 0) {
		connection_place(connection)->got_on_at = clock_ms();
		return serve_request(r);
	}
	if (r->body.len + *len > REQUEST_BODY_MAX)
		r->is_body_too_big = true;
	else
		text_add(&r->body, (struct span){ piece, *len });
	*len = 0;
	return MHD_YES;
}

static void
end_request(void *arg, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;

	(void)arg;
	(void)why;
	connection_place(connection)->got_on_at = clock_ms();
	connection_release(connection);
	if (!r)
		return;
	text_free(&r->body);
	free(r);
	*state = NULL;
}

/*
 * The loop
 */

static void
accept_some(int listening)
{
	struct sockaddr_storage address;

	for (int i = 0; i < BACKLOG && connections_have_room(); i++) {
		socklen_t len = sizeof address;
		int fd = accept4(listening, (struct sockaddr *)&address, &len,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		/* libmicrohttpd closes it where it fails. */
		MHD_add_connection(
		    here.daemon, fd, (struct sockaddr *)&address, len);
	}
}

static int
wait_ms(bool is_busy)
{
	MHD_UNSIGNED_LONG_LONG timeout;
	int ms = connections_wait() ? LOOK_EVERY_MS : TIMEOUT_SEC * 1000;

	if (is_busy)
		return 0;
	if (MHD_get_timeout(here.daemon, &timeout) == MHD_YES &&
	    (int64_t)timeout < ms)
		ms = (int)timeout;
	return ms;
}

/*
 * Looks for changes, also by requests of this process, and resumes those that
 * wait for them.
 */
static void
look(void)
{
	bool told = teller_read(here.web->teller);

	mails_have_changed(&here.web->mails);
	connections_resume(
	    told || here.web->changes != here.web->mails.changes);
	here.web->changes = here.web->mails.changes;
}

static int
start(const struct serve_conf *conf)
{
	const union MHD_DaemonInfo *info;
	struct sockaddr_storage address;
	socklen_t len = sizeof address;

	here.daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, handle, here.web, MHD_OPTION_NOTIFY_COMPLETED,
	    end_request, NULL, MHD_OPTION_NOTIFY_CONNECTION, connections_note,
	    NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)PLACES_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_SEC,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_OCTETS,
	    MHD_OPTION_END);
	info = here.daemon
		   ? MHD_get_daemon_info(here.daemon, MHD_DAEMON_INFO_EPOLL_FD)
		   : NULL;
	if (!info) {
		log_line(LOG_ERR, "libmicrohttpd does not start");
		return -1;
	}
	if (conf->nlistening == 0 &&
	    (getpeername(conf->connection, (struct sockaddr *)&address, &len) <
		    0 ||
		MHD_add_connection(here.daemon, conf->connection,
		    (struct sockaddr *)&address, len) != MHD_YES)) {
		log_line(LOG_ERR, "the connection: %s", strerror(errno));
		return -1;
	}
	return info->epoll_fd;
}

static void
stop(void)
{
	connections_resume(true);
	MHD_run(here.daemon);
	/* MHD_run() may have suspended some again. */
	connections_resume(true);
	MHD_stop_daemon(here.daemon);
}

int
serve(struct web *w, const struct serve_conf *conf)
{
	struct pollfd p[LISTENERS_MAX + 3];
	size_t n = conf->nlistening;
	bool is_busy = false;
	int epoll;

	here.web = w;
	epoll = start(conf);
	if (epoll < 0)
		return -1;
	sockets_set_nonblocking(conf->listening, n);
	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ conf->listening[i], POLLIN, 0 };
	p[n] = (struct pollfd){ epoll, POLLIN, 0 };
	p[n + 1] = (struct pollfd){ conf->signals, POLLIN, 0 };
	do {
		p[n + 2] = (struct pollfd){ teller_fd(w->teller), POLLIN, 0 };
		if (poll(p, n + 3, wait_ms(is_busy)) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < n; i++) {
			if (p[i].revents)
				accept_some(p[i].fd);
		}
		look();
		MHD_run(here.daemon);
		is_busy = mails_tidy(&w->mails);
	} while (!p[n + 1].revents && (n > 0 || connections_count() > 0));
	stop();
	return 0;
}
