/*
 * smtpd: finds out how it was started, then serves.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "server/connection.h"
#include "server/housekeep.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/options.h"
#include "server/serve.h"
#include "server/spare.h"
#include "server/systemd.h"
#include "store.h"

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * Descriptors 0 to 2 must be taken, lest the database gets one of them and
 * with it what somebody prints (sqlite.org/howtocorrupt, s. 1.1).
 */
static void
take_standard_descriptors(void)
{
	int fd;

	if (fcntl(STDOUT_FILENO, F_GETFD) < 0 && is_socket(STDIN_FILENO))
		dup2(STDIN_FILENO, STDOUT_FILENO);
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

/* Is it a socket that waits for connections? */
static bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ==
		   0 &&
	       listening;
}

/* How the process was started: with one connection, or to listen. */
struct start {
	struct connection connection;
	int listening[LISTENERS_MAX];
	size_t nlistening; /* 0: it is a connection */
};

/* What systemd passed, else standard input and output. */
static int
find_start(struct start *ret)
{
	int first = STDIN_FILENO;
	int n = systemd_listen_fds(&first);
	int last = n > 0 ? first + n - 1 : first;

	if (n < 0) {
		log_line(LOG_ERR, "LISTEN_FDS: %s",
		    n == -ELIBACC ? "needs libsystemd.so.0" : strerror(-n));
		return EX_OSFILE;
	}
	if (n > LISTENERS_MAX) {
		log_line(LOG_ERR, "%d sockets were passed; %d are enough", n,
		    LISTENERS_MAX);
		return EX_USAGE;
	}
	for (int fd = first; fd <= last; fd++) {
		if (is_socket(fd) && !is_stream(fd)) {
			log_line(LOG_ERR, "a socket of the wrong type was "
					  "passed; SMTP needs a stream");
			return EX_USAGE;
		}
		if (is_listening(fd))
			ret->listening[ret->nlistening++] = fd;
	}
	if (last > first && ret->nlistening < (size_t)n) {
		log_line(LOG_ERR,
		    "%d sockets were passed, which do not all listen", n);
		return EX_USAGE;
	}
	ret->connection = (struct connection){
		.in = first,
		.out = n > 0 ? first : STDOUT_FILENO,
		.is_socket = is_socket(first),
	};
	return EX_OK;
}

/*
 * Under inetd's `wait`, descriptors 0 to 2 are all the listening socket.  It
 * moves away, since no session may inherit it.
 */
static void
clear_standard_descriptors(struct start *start)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (start->listening[0] == STDIN_FILENO)
		start->listening[0] =
		    fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (is_listening(fd))
			dup2(null, fd);
	}
	close(null);
}

static int
serve_connection(const struct options *o, struct connection *c)
{
	const struct store_conf conf = { .path = o->database,
		.wait_ms = STORE_WAIT_MS };
	struct store *st = store_new(&conf);
	int status = serve(o, c, st);

	store_free(st);
	return status;
}

/*
 * Has the database open by the time the connection comes, if there is one: a
 * port scan does not make it.
 */
static int
serve_when_called(const struct options *o, int fd)
{
	const struct store_conf conf = {
		.path = o->database, .wait_ms = STORE_WAIT_MS, .is_kept = true
	};
	struct connection c = { .is_socket = true };
	struct store *st = store_new(&conf);
	int status = EX_OK;

	if (st && !spare_is_called(fd) && access(o->database, F_OK) == 0)
		store_open_ahead(st);
	c.in = c.out = spare_wait(fd);
	if (st)
		store_leave_if_moved(st);
	if (c.in >= 0)
		status = serve(o, &c, st);
	store_free(st);
	return status;
}

/* Listens; serves in the processes that come of it. */
static int
listen_and_serve(const struct options *o, struct start *start)
{
	const struct listen_conf conf = {
		.hostname = o->hostname,
		.max_connections = o->max_connections,
		.max_per_source = o->max_per_source,
		.idle_exit_sec = o->idle_exit_sec,
		.stop_timeout_sec = o->stop_timeout_sec,
	};
	int fd = -1;

	clear_standard_descriptors(start);
	store_start(); /* once, not in each session */
	switch (listen_run(&conf, start->listening, start->nlistening, &fd)) {
	case LISTEN_SESSION:
		return serve_when_called(o, fd);
	case LISTEN_HOUSEKEEPER:
		return housekeep(o);
	case LISTEN_DONE:
		return EX_OK;
	case LISTEN_FAILED:
		return EX_OSERR;
	}
	return EX_SOFTWARE;
}

/* What the program was started with is wrong. */
static void
refuse(struct start *start)
{
	if (start->nlistening > 0)
		listen_refuse(start->listening, start->nlistening);
	else
		connection_refuse(&start->connection);
}

/* Why no mail can be stored there, as an errno; 0: nothing is known. */
static int
trouble_with(const char *database)
{
	char path[PATH_MAX];

	if (strlen(database) >= sizeof path)
		return ENAMETOOLONG;
	strcpy(path, database);
	if (access(dirname(path), W_OK | X_OK) < 0 ||
	    (access(database, R_OK | W_OK) < 0 && errno != ENOENT))
		return errno;
	return 0;
}

/* A person types: says how to end, beside the dialogue. */
static void
give_hint(const struct options *o)
{
	int trouble = trouble_with(o->database);

	log_line(LOG_INFO, "a line with only a dot ends a mail, QUIT or ctrl-D "
			   "the session; HELP lists the commands");
	if (trouble)
		log_line(LOG_WARNING,
		    "no mail can be stored in %s: %s; "
		    "--database=PATH names another",
		    o->database, strerror(trouble));
	else
		log_line(LOG_INFO, "mail goes to %s", o->database);
}

int
main(int argc, char **argv)
{
	struct start start = { .nlistening = 0 };
	struct options options;
	int status;

	log_open(is_socket(STDIN_FILENO) ? STDIN_FILENO : -1);
	take_standard_descriptors();
	umask(umask(0077) | 0007); /* mail is not for everybody's eyes */
	status = find_start(&start);
	if (status != EX_OK)
		return status;
	if (options_read(argc, argv, &options, &status) < 0) {
		if (status != EX_OK)
			refuse(&start);
		return status;
	}
	if (start.nlistening > 0)
		return listen_and_serve(&options, &start);
	if (isatty(start.connection.in) && isatty(STDERR_FILENO))
		give_hint(&options);
	return serve_connection(&options, &start.connection);
}
