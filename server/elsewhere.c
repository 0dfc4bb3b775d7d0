#include "elsewhere.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "introduce.h"
#include "log.h"

/* Finds the other program, beside this one. */
static bool
find_program(char ret[PATH_MAX])
{
	static const char name[] = "smtpd-postgresql";
	ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - sizeof name);
	char *slash;

	if (len < 0)
		return false;
	ret[len] = '\0';
	slash = strrchr(ret, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, name);
	return true;
}

/* The other program reads the options of this one. */
int
elsewhere_run(const struct options *o, int listener)
{
	char path[PATH_MAX] = "";

	if (dup2(listener, STDIN_FILENO) >= 0 && find_program(path))
		execv(path, o->argv);
	log_line(LOG_ERR, "%s: %s", path, strerror(errno));
	return EX_UNAVAILABLE;
}

/* The writer has no part in the connection, which may be stderr, too (log.h). */
static void
leave_client(void)
{
	struct stat in, err;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fstat(STDIN_FILENO, &in) == 0 && S_ISSOCK(in.st_mode) &&
	    fstat(STDERR_FILENO, &err) == 0 && in.st_ino == err.st_ino)
		close(STDERR_FILENO);
	dup2(null, STDOUT_FILENO);
}

/*
 * Introduces the session to the writer.  On success the writer owns what it was
 * given.
 */
static bool
introduce_to(int writer, int session, const struct peer *peer)
{
	struct introduction i;

	introduction_clear(&i);
	i.number = ELSEWHERE_SESSION;
	i.may_tell = FACT_BIT(FACT__COUNT) - 1;
	i.peer = *peer;
	i.fds[INTRODUCE_LINK] = session;
	return introduce(writer, &i, true) == 0;
}

int
elsewhere_start(const struct options *o, const struct peer *peer)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
	int listener[2] = { -1, -1 }, session[2] = { -1, -1 };
	pid_t pid = -1;
	bool ok = socketpair(AF_UNIX, type, 0, listener) == 0 &&
		  socketpair(AF_UNIX, type, 0, session) == 0 &&
		  (pid = fork()) >= 0;

	if (pid == 0) {
		leave_client();
		_exit(elsewhere_run(o, listener[1]));
	}
	ok = ok && introduce_to(listener[0], session[1], peer);
	if (!ok)
		log_line(LOG_ERR, "no writer: %s", strerror(errno));
	close(listener[0]);
	close(listener[1]);
	close(session[1]);
	if (ok)
		return session[0];
	close(session[0]);
	return -1;
}
