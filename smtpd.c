/*
 * smtpd: finds out how it was started, then serves.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "connection.h"
#include "log.h"
#include "options.h"
#include "serve.h"
#include "systemd.h"

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

/* The client's: what systemd passed, else standard input and output. */
static int
find_connection(struct connection *c)
{
	int first;
	int n = systemd_listen_fds(&first);

	if (n < 0)
		return EX_OSFILE;
	if (n > 1) {
		log_line(LOG_ERR,
		    "%d sockets were passed; smtpd takes one connection "
		    "(Accept=yes)",
		    n);
		return EX_USAGE;
	}
	c->in = n == 1 ? first : STDIN_FILENO;
	c->out = n == 1 ? first : STDOUT_FILENO;
	c->is_socket = is_socket(c->in);
	return EX_OK;
}

/* Is it a connection, if it is a socket at all? */
static int
check_connection(const struct connection *c)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	if (c->is_socket &&
	    getsockopt(c->in, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ==
		0 &&
	    listening) {
		log_line(LOG_ERR,
		    "a listening socket was passed; smtpd takes a connection "
		    "(Accept=yes, inetd's nowait)");
		return EX_USAGE;
	}
	return EX_OK;
}

int
main(int argc, char **argv)
{
	struct connection connection = { .in = STDIN_FILENO };
	struct options options;
	int status;

	take_standard_descriptors();
	umask(umask(0077) | 0007); /* mail is not for everybody's eyes */
	log_open(is_socket(STDIN_FILENO) ? STDIN_FILENO : -1);
	status = find_connection(&connection);
	if (status == EX_OK)
		status = check_connection(&connection);
	if (status != EX_OK)
		return status;
	if (options_read(argc, argv, &options, &status) == 0)
		return serve(&options, &connection);
	if (status != EX_OK)
		connection_refuse(&connection);
	return status;
}
