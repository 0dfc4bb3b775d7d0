/*
 * The listener's sessions, of which one that was taken over does not end when
 * it is told to.
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../server/children.h"

/* Says back what it hears, whatever it is told. */
static _Noreturn void
be_deaf(int in, int out)
{
	char octet = 0;

	signal(SIGTERM, SIG_IGN);
	do
		(void)!write(out, &octet, 1);
	while (read(in, &octet, 1) == 1);
	_exit(0);
}

static bool
is_alive(int to, int from)
{
	char octet = 1;

	return write(to, &octet, 1) == 1 && read(from, &octet, 1) == 1;
}

Test(children, are_killed_when_they_do_not_end_in_time, .timeout = 60)
{
	struct children c;
	int in[2], out[2], status = 0;
	char octet;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	cr_assert(eq(int, children_open(&c, 1), true));
	cr_assert(eq(int, pipe(in), 0));
	cr_assert(eq(int, pipe(out), 0));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		close(in[1]);
		close(out[0]);
		be_deaf(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	cr_assert(eq(long, read(out[0], &octet, 1), 1));

	children_add(&c, pid, NULL, 2000);
	children_end_overdue(&c, 1999);
	cr_expect(eq(int, is_alive(in[1], out[0]), true));
	children_end(&c, 1000);
	children_end(&c, 3000);
	children_end_overdue(&c, 999);
	cr_expect(eq(int, is_alive(in[1], out[0]), true));
	children_end_overdue(&c, 1000);
	cr_expect(eq(int, is_alive(in[1], out[0]), false));
	close(in[1]);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, status, SIGKILL)); /* and did not exit */
	children_close(&c);
}
