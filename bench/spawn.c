/*
 * How long a process takes to start:
 *
 *	bench/spawn TIMES exit|banner|quit PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM with a socket for standard input and output, one after the
 * other, and measures until it has exited, until it has said its first octets,
 * or, having been told QUIT then, until it has exited.  Prints the median and
 * the 90th percentile in milliseconds.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "sample.h"

extern char **environ;

enum until {
	UNTIL_EXIT,
	UNTIL_BANNER,
	UNTIL_QUIT,
};

static pid_t
start(char **argv, int fd)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		errx(EX_NOINPUT, "%s: %s", argv[0], strerror(error));
	return pid;
}

static double
measure(char **argv, enum until until)
{
	char reply[4096];
	double begin, end = 0;
	int pair[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(EX_OSERR, "socketpair");
	begin = sample_now_ms();
	pid = start(argv, pair[1]);
	close(pair[1]);
	if (until != UNTIL_EXIT) {
		if (read(pair[0], reply, sizeof reply) <= 0)
			errx(EX_PROTOCOL, "%s says nothing", argv[0]);
		end = sample_now_ms();
		if (write(pair[0], "QUIT\r\n", 6) != 6)
			err(EX_IOERR, "%s", argv[0]);
		while (read(pair[0], reply, sizeof reply) > 0)
			;
		close(pair[0]);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		errx(EX_SOFTWARE, "%s failed", argv[0]);
	if (until != UNTIL_BANNER)
		end = sample_now_ms();
	if (until == UNTIL_EXIT)
		close(pair[0]);
	return end - begin;
}

int
main(int argc, char **argv)
{
	enum until until = UNTIL_EXIT;
	double *ms;
	size_t n;

	if (argc < 4)
		errx(EX_USAGE,
		    "usage: %s TIMES exit|banner|quit PROGRAM [ARGUMENT...]",
		    argv[0]);
	if (strcmp(argv[2], "banner") == 0)
		until = UNTIL_BANNER;
	else if (strcmp(argv[2], "quit") == 0)
		until = UNTIL_QUIT;
	else if (strcmp(argv[2], "exit") != 0)
		errx(EX_USAGE, "%s: until when?", argv[2]);
	n = strtoul(argv[1], NULL, 10);
	ms = calloc(n, sizeof *ms);
	if (n == 0 || !ms)
		errx(EX_USAGE, "%s: how often?", argv[1]);
	for (size_t i = 0; i < n; i++)
		ms[i] = measure(argv + 3, until);
	sample_sort(ms, n);
	printf("p50=%.4f p90=%.4f\n", sample_quantile(ms, n, 0.5),
	    sample_quantile(ms, n, 0.9));
	free(ms);
	return 0;
}
