/*
 * Messages on standard error, and whether standard output was written.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "private.h"

int
smtpdb_fail(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("smtpdb: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int
smtpdb_fail_errno(int status, const char *what)
{
	return smtpdb_fail(status, "%s: %s", what, strerror(errno));
}

int
smtpdb_fail_output(void)
{
	/*
	 * Silent, as the process would have ended by SIGPIPE if it were not
	 * ignored.
	 */
	if (errno == EPIPE)
		return EX_IOERR;
	return smtpdb_fail_errno(EX_IOERR, "standard output");
}

int
smtpdb_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	return smtpdb_fail_output();
}

bool
smtpdb_pause(int ms, int fd)
{
	struct pollfd p[] = {
		{ .fd = STDOUT_FILENO },
		{ .fd = fd, .events = POLLIN },
	};

	return poll(p, 2, ms) <= 0 || p[0].revents == 0;
}
