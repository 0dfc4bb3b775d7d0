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
#include "guard.h"
#include "teller.h"

enum {
	CONNECTIONS_MAX = 200,
	TIMEOUT_SEC = 60,
	CONNECTION_OCTETS = 32 * 1024, /* that libmicrohttpd has for one */
	LOOK_EVERY_MS = 100,           /* for mail that somebody waits for */
	PING_EVERY_MS = 15000,         /* to see who has gone */
	BACKLOG = 16,                  /* accepted in a row */
};

/* A connection that waits for an answer, or between two events. */
struct waiter {
	struct MHD_Connection *connection;
	int64_t deadline_ms;
};

static struct {
	struct web *web;
	struct MHD_Daemon *daemon;
	struct waiter waiters[CONNECTIONS_MAX];
	size_t nwaiters;
	int64_t changes; /* changes of the archive that were seen */
} here;

static bool
put_aside(struct MHD_Connection *connection, int64_t deadline_ms)
{
	if (here.nwaiters == CONNECTIONS_MAX)
		return false;
	MHD_suspend_connection(connection);
	here.waiters[here.nwaiters++] =
	    (struct waiter){ connection, deadline_ms };
	return true;
}

/* Resumes all that wait, or those whose time is over. */
static void
call_back(bool all)
{
	int64_t now = clock_ms();
	size_t left = 0;

	for (size_t i = 0; i < here.nwaiters; i++) {
		struct waiter *w = &here.waiters[i];

		if (all || w->deadline_ms <= now)
			MHD_resume_connection(w->connection);
		else
			here.waiters[left++] = *w;
	}
	here.nwaiters = left;
}

/*
 * Events
 */

struct events {
	struct MHD_Connection *connection;
	int64_t changes; /* changes that were told */
	int64_t told_at_ms;
};

/* Writes the next event; without one, suspends the connection. */
static ssize_t
read_events(void *arg, uint64_t position, char *ret, size_t max)
{
	struct events *e = arg;
	int64_t last = 0, now = clock_ms();
	int len;

	(void)position;
	if (e->changes == here.changes && now < e->told_at_ms + PING_EVERY_MS)
		return put_aside(e->connection, e->told_at_ms + PING_EVERY_MS)
			   ? 0
			   : MHD_CONTENT_READER_END_OF_STREAM;
	mails_last_id(&here.web->mails, &last);
	len = e->changes == here.changes
		  ? snprintf(ret, max, ":\n\n")
		  : snprintf(ret, max, "id: %lld\ndata: {\"last\":%lld}\n\n",
			(long long)last, (long long)last);
	e->changes = here.changes;
	e->told_at_ms = now;
	return len > 0 && (size_t)len < max ? len
					    : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *
make_events(struct MHD_Connection *connection)
{
	struct events *e = text_resize(NULL, sizeof *e);

	/*
	 * The first ping comes at once, to tell the browser that it is
	 * connected.
	 */
	*e = (struct events){ connection, here.changes, -PING_EVERY_MS };
	return MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 256, read_events, e, free);
}

/*
 * Answers
 */

static void
add_headers(struct MHD_Response *to, const struct response *r)
{
	const struct {
		const char *name, *value;
	} fields[] = {
		{ "Content-Type", r->type },
		{ "Content-Security-Policy",
		    r->policy ? r->policy
			      : "default-src 'none'; frame-ancestors 'none'" },
		{ "X-Frame-Options", r->is_framed ? "SAMEORIGIN" : "DENY" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control",
		    r->is_static ? "private, max-age=300" : "no-store" },
		{ "Content-Disposition",
		    *r->disposition ? r->disposition : NULL },
		{ "WWW-Authenticate", r->challenge },
		{ "Location", r->location },
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].value)
			MHD_add_response_header(
			    to, fields[i].name, fields[i].value);
	}
}

static enum MHD_Result
answer(struct MHD_Connection *connection, struct response *r)
{
	struct MHD_Response *to = r->is_events
				      ? make_events(connection)
				      : MHD_create_response_from_buffer(r->len,
					    r->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!to) {
		free(r->body);
		return MHD_NO;
	}
	add_headers(to, r);
	result = MHD_queue_response(connection, r->status, to);
	MHD_destroy_response(to);
	return result;
}

static enum MHD_Result
serve_request(struct request *r)
{
	struct response response = { .status = 0 };

	if (guard(r, &response))
		route(r, &response);
	if (response.status != 0)
		return answer(r->connection, &response);
	if (put_aside(r->connection, response.until_ms))
		return MHD_YES;
	response_text(&response, 503, "Too many wait already");
	return answer(r->connection, &response);
}

static bool
is_by_path(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info && info->client_addr &&
	       info->client_addr->sa_family == AF_UNIX;
}

/* Called when the header is there, for each piece of the body, and behind it. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *piece, size_t *len,
    void **state)
{
	struct request *r = *state;

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
			.is_by_path = is_by_path(connection),
			.began_ms = clock_ms(),
		};
		*state = r;
		return MHD_YES;
	}
	if (*len == 0)
		return serve_request(r);
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
	(void)connection;
	(void)why;
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

	for (int i = 0; i < BACKLOG; i++) {
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

static bool
has_connections(void)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
	    here.daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info && info->num_connections > 0;
}

static int
wait_ms(bool is_busy)
{
	MHD_UNSIGNED_LONG_LONG timeout;
	int ms = here.nwaiters > 0 ? LOOK_EVERY_MS : TIMEOUT_SEC * 1000;

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
	call_back(told || here.changes != here.web->mails.changes);
	here.changes = here.web->mails.changes;
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
	    end_request, NULL, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)TIMEOUT_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_OCTETS, MHD_OPTION_END);
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
	call_back(true);
	MHD_run(here.daemon);
	/* MHD_run() may have suspended some again. */
	call_back(true);
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
	} while (!p[n + 1].revents && (n > 0 || has_connections()));
	stop();
	return 0;
}
