#include "start.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "../store.h"
#include "log.h"
#include "peer.h"
#include "systemd.h"

enum {
	SMTPS_PORT = 465, /* RFC 8314 s. 7.3 */
};

bool
start_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

void
start_take_descriptors(void)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0 && start_is_socket(STDIN_FILENO))
		dup2(STDIN_FILENO, STDOUT_FILENO);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The first that is free, so `fd`; output fails as before. */
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null",
			    fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
	}
}

bool
start_is_network(const struct start *s)
{
	for (size_t i = 0; i < s->nlistening; i++) {
		if (peer_is_of_network(s->listening[i]))
			return true;
	}
	return s->nlistening == 0 && peer_is_of_network(s->connection.in);
}

static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

/* Is it a listening socket? */
static bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ==
		   0 &&
	       listening;
}

int
start_find(struct start *ret)
{
	const char *names = getenv("LISTEN_FDNAMES");
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
	/* sd_listen_fds(3) removes the variable. */
	ret->names = n > 0 && names ? strdup(names) : NULL;
	for (int fd = first; fd <= last; fd++) {
		if (start_is_socket(fd) && !is_stream(fd)) {
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
		.is_socket = start_is_socket(first),
	};
	return EX_OK;
}

int
start_listen(struct start *start, const char *const *addresses, size_t n,
    struct bound *ret)
{
	int status = EX_OK;

	if (start->nlistening > 0 || start_is_network(start)) {
		log_line(LOG_ERR, "--listen: a socket was passed already");
		return EX_USAGE;
	}
	for (size_t i = 0; i < n && status == EX_OK; i++)
		status = bound_listen(ret, addresses[i]);
	if (status == EX_OK) {
		memcpy(start->listening, ret->fds, sizeof ret->fds);
		start->nlistening = ret->nfds;
	}
	return status;
}

void
start_refuse(struct start *start)
{
	if (start->nlistening > 0)
		sockets_refuse(start->listening, start->nlistening);
	else
		connection_refuse(&start->connection);
}

void
start_clear_descriptors(struct start *start)
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

/* Returns why no mail can be stored there; NULL: it is not known. */
static const char *
trouble_with(const char *database)
{
	char path[PATH_MAX];
	struct stat st;

	if (strlen(database) >= sizeof path)
		return strerror(ENAMETOOLONG);
	strcpy(path, database);
	if (stat(database, &st) == 0 && S_ISDIR(st.st_mode))
		return "a folder; the database is a file in it, as mail.db";
	if (access(dirname(path), W_OK | X_OK) < 0 ||
	    (access(database, R_OK | W_OK) < 0 && errno != ENOENT))
		return strerror(errno);
	if (stat(database, &st) < 0) /* yet to be made */
		return NULL;
	return S_ISREG(st.st_mode) ? store_look(database)
				   : "this is no database";
}

void
start_give_hint(const char *database)
{
	log_line(LOG_INFO, "a line with only a dot ends a mail, QUIT or ctrl-D "
			   "the session; HELP lists the commands");
	start_tell_database(database);
}

void
start_tell_database(const char *database)
{
	const char *trouble;

	if (cli_is_postgresql(database)) {
		log_line(LOG_INFO, "mail goes to a PostgreSQL server");
		return;
	}
	trouble = trouble_with(database);
	if (trouble)
		log_line(LOG_WARNING,
		    "no mail can be stored in %s: %s; "
		    "--database=PATH names another",
		    database, trouble);
	else
		log_line(LOG_INFO, "mail goes to %s", database);
}

static int
port_of(int fd)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof name;
	struct ip ip;
	int port = 0;

	if (getsockname(fd, (struct sockaddr *)&name, &len) == 0)
		peer_read_name(&name, &ip, &port);
	return port;
}

/* Is the name at this place of the list a:b:c one of them? */
static bool
is_named_for_tls(const char *names, size_t at)
{
	static const char *const of_tls[] = { "submissions", "smtps" };
	size_t len;

	for (; at > 0 && names; at--) {
		names = strchr(names, ':');
		names += names != NULL;
	}
	if (!names)
		return false;
	len = strcspn(names, ":");
	for (size_t i = 0; i < sizeof of_tls / sizeof *of_tls; i++) {
		if (len == strlen(of_tls[i]) &&
		    memcmp(names, of_tls[i], len) == 0)
			return true;
	}
	return false;
}

const bool *
start_tls_first(const struct start *s, const char *when)
{
	static bool is_first[LISTENERS_MAX];
	const char *names = s->names;
	bool any = false;

	for (size_t i = 0; i < s->nlistening; i++) {
		is_first[i] = when ? strcmp(when, "immediate") == 0
				   : port_of(s->listening[i]) == SMTPS_PORT ||
					 is_named_for_tls(names, i);
		any |= is_first[i];
	}
	return any ? is_first : NULL;
}
