/*
 * smtpdb-web: the mail table of smtpd for browsers and test suites.
 */
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "../mime/charset.h"
#include "../server/confine.h"
#include "../server/log.h"
#include "../server/start.h"
#include "../server/systemd.h"
#include "../server/user.h"
#include "options.h"
#include "passwords.h"
#include "request.h"
#include "serve.h"
#include "teller.h"

/*
 * Loads what the C library would open only when it needs it: once the process
 * is confined, it cannot.
 */
static void
load(void)
{
	tzset();
	text_unicode();
	charset_load();
}

static bool
confine(void *arg)
{
	const struct web_options *o = arg;

	return o->no_confine || confine_web(o->database);
}

/* Returns a descriptor that is readable when it is time to end. */
static int
take_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
run(struct web *w, const struct start *start, const struct bound *bound)
{
	const struct web_options *o = w->options;
	struct serve_conf conf = {
		.listening = start->listening,
		.nlistening = start->nlistening,
		.connection = start->connection.in,
		.signals = take_signals(),
	};

	load();
	/*
	 * Forks before the database is open: two processes cannot share a
	 * connection to it.
	 */
	w->teller = teller_start(o->database, confine, (void *)o);
	if (!w->teller) {
		log_line(LOG_ERR, "no process: %s", strerror(errno));
		return EX_OSERR;
	}
	if (mails_open(&w->mails, o->database, o->read_only) < 0) {
		log_line(
		    LOG_ERR, "%s: %s", o->database, mails_error(&w->mails));
		return EX_NOINPUT;
	}
	if (!confine((void *)o))
		return EX_OSERR;
	bound_tell(bound);
	systemd_notify("READY=1");
	return serve(w, &conf) < 0 ? EX_OSERR : EX_OK;
}

/* Finds or makes sockets to listen on, or a connection. */
static int
find_sockets(
    const struct web_options *o, struct start *start, struct bound *bound)
{
	const char *usual = "127.0.0.1:8025";
	int status = start_find(start);
	bool is_passed = start->nlistening > 0 || start->connection.is_socket;

	if (status != EX_OK || (is_passed && o->nlisten == 0))
		return status;
	return start_listen(start, o->nlisten > 0 ? o->listen : &usual,
	    o->nlisten > 0 ? o->nlisten : 1, bound);
}

int
main(int argc, char **argv)
{
	static struct web_options options;
	struct start start = { .nlistening = 0 };
	struct bound bound = { .nfds = 0 };
	static struct web web;
	int status;

	log_name("smtpdb-web");
	start_take_descriptors();
	log_open(-1);
	if (web_options_read(argc, argv, &options, &status) < 0)
		return status;
	web.options = &options;
	web.started_at = clock_us() / 1000000;
	if (options.password_file) {
		web.passwords = passwords_read(options.password_file);
		if (!web.passwords)
			return EX_NOINPUT;
	}
	status = find_sockets(&options, &start, &bound);
	if (status == EX_OK)
		status = user_become(
		    options.user, options.database, start_is_network(&start));
	if (status == EX_OK)
		status = run(&web, &start, &bound);
	bound_remove_paths(&bound);
	teller_stop(web.teller);
	mails_close(&web.mails);
	passwords_free(web.passwords);
	return status;
}
