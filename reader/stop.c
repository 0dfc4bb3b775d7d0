#include "stop.h"

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t asked;

static void
note(int signo)
{
	asked = signo;
}

/* A signal that was ignored before (nohup) stays ignored. */
void
stop_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction on_stop = { .sa_handler = note }, before;

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (sigaction(signals[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			sigaction(signals[i], &on_stop, NULL);
	}
}

bool
stop_asked(void)
{
	return asked != 0;
}

void
stop_now(void)
{
	if (asked == 0)
		return;
	fflush(stdout);
	signal(asked, SIG_DFL);
	raise(asked);
}
