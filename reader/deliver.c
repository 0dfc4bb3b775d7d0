/*
 * deliver: hands mails to a command, to sendmail, or to an LMTP server.
 *
 * With --new a mail is leased first, so that several processes share the work,
 * and marked as done when the command has succeeded.  After a crash between
 * the two the mail is delivered twice; it is never lost.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "deliver.h"
#include "distinct.h"
#include "file.h"
#include "line_ends.h"
#include "options.h"
#include "private.h"
#include "rights.h"
#include "stop.h"

enum {
	LEASE_SEC = 3600,
	WRITE_MIN = 64 * 1024, /* octets that are written at once */
	/* Octets of one variable; Linux takes 128 KiB with its name. */
	ENVIRONMENT_MAX = 128 * 1024 - 64,
};

extern char **environ;

/*
 * Commands
 */

/* The recipients, a line each; to be freed. */
static char *
list_recipients(const struct envelope *e)
{
	char *list = NULL;
	size_t len;
	FILE *f = open_memstream(&list, &len);

	if (!f)
		return NULL;
	for (unsigned i = 0; i < e->nrecipients; i++)
		fprintf(f, "%s%s", i > 0 ? "\n" : "",
		    e->recipients[i].forward_path);
	if (fclose(f) == 0)
		return list;
	free(list);
	return NULL;
}

/*
 * Sets SMTPD_ID, SMTPD_SENDER and SMTPD_RECIPIENTS.  A mail with more
 * recipients than an environment can hold fails alone and does not keep back
 * the others.
 */
static int
set_environment(const struct delivery *d, const struct archive_mail *m)
{
	char *list = list_recipients(&m->envelope);
	char id[32];
	int status = EX_OK;

	snprintf(id, sizeof id, "%lld", (long long)m->id);
	if (list && strlen(list) > ENVIRONMENT_MAX && d->sendmail)
		*list = '\0'; /* sendmail gets them as arguments */
	if (list && strlen(list) > ENVIRONMENT_MAX)
		status = smtpdb_fail(EX_DATAERR,
		    "mail %s: its %u recipients do not fit into "
		    "SMTPD_RECIPIENTS; --lmtp and --sendmail take them",
		    id, m->envelope.nrecipients);
	else if (!list || setenv("SMTPD_ID", id, 1) < 0 ||
		 setenv("SMTPD_SENDER", m->envelope.reverse_path, 1) < 0 ||
		 setenv("SMTPD_RECIPIENTS", list, 1) < 0)
		status = smtpdb_fail_errno(EX_OSERR, "environment");
	free(list);
	return status;
}

/* "sendmail -i -f SENDER -- RECIPIENT..."; its texts are borrowed. */
static char **
sendmail_args(const struct delivery *d, const struct archive_mail *m)
{
	const struct envelope *e = &m->envelope;
	char **args = calloc(e->nrecipients + 6, sizeof *args);
	char **at = args;
	struct distinct seen = { 0 };

	if (!args)
		return NULL;
	*at++ = *d->command ? *d->command : "/usr/sbin/sendmail";
	*at++ = "-i";
	*at++ = "-f";
	*at++ = *e->reverse_path ? (char *)e->reverse_path : "<>";
	*at++ = "--";
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const char *mailbox = recipient_mailbox(&e->recipients[i]);

		if (distinct_add(&seen, mailbox))
			*at++ = (char *)mailbox;
	}
	distinct_reset(&seen);
	return args;
}

/*
 * Starts a command that reads `input`.  SIGPIPE, which this process ignores,
 * is reset to its default for it.
 */
static int
spawn(char **args, int input, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;

	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	error =
	    posix_spawnp(ret, args[0], &actions, &attributes, args, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Collects what goes to a command. */
struct pipe_end {
	int fd;
	struct text waiting;
};

static bool
flush_pipe(struct pipe_end *p)
{
	bool ok = file_write(p->fd,
		      (struct span){ p->waiting.p, p->waiting.len }) == 0;

	p->waiting.len = 0;
	return ok;
}

static bool
put_pipe(void *arg, struct span piece)
{
	struct pipe_end *p = arg;

	text_add(&p->waiting, piece);
	return p->waiting.len < WRITE_MIN || flush_pipe(p);
}

/*
 * sendmail wants lines that end in LF, whatever ended them in the mail; any
 * other command gets the octets as they are.
 */
static void
write_mail(int fd, const struct archive_mail *m, bool line_feeds)
{
	struct span trace = span_of(m->trace), data = { m->data, m->len };
	struct pipe_end p = { .fd = fd };
	struct sink to = { put_pipe, &p };

	if (!line_feeds) {
		if (file_write(fd, trace) == 0)
			file_write(fd, data);
		return;
	}
	if (line_convert(trace, "\n", to) && line_convert(data, "\n", to))
		flush_pipe(&p);
	text_free(&p.waiting);
}

/* Returns the command's exit status, or EX_TEMPFAIL when a signal ended it. */
static int
wait_for(pid_t pid, const char *name)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return smtpdb_fail_errno(EX_OSERR, name);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EX_OK;
	if (WIFEXITED(status))
		return smtpdb_fail(WEXITSTATUS(status), "%s: exit status %d",
		    name, WEXITSTATUS(status));
	return smtpdb_fail(
	    EX_TEMPFAIL, "%s: signal %d", name, WTERMSIG(status));
}

static int
run_command(const struct delivery *d, char **args, const struct archive_mail *m)
{
	int ends[2], error;
	int status = set_environment(d, m);
	pid_t pid;

	if (status != EX_OK)
		return status;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return smtpdb_fail_errno(EX_TEMPFAIL, args[0]);
	rights_begin();
	error = spawn(args, ends[0], &pid);
	rights_end();
	close(ends[0]);
	if (error == 0)
		write_mail(ends[1], m, d->sendmail);
	close(ends[1]);
	if (error != 0)
		return smtpdb_fail(
		    EX_TEMPFAIL, "%s: %s", args[0], strerror(error));
	return wait_for(pid, args[0]);
}

/*
 * Will the failure meet other mails as well?  Then they are kept back.  So it
 * is with a temporary failure and a command that cannot be run (a shell
 * returns 126 or 127 then).  A mail that is refused does not keep back the
 * others.
 */
static bool
is_general(int status)
{
	return status == EX_TEMPFAIL || status == 126 || status == 127 ||
	       status == EX_OSERR || status == EX_IOERR;
}

static int
deliver_by_command(const struct delivery *d, const struct archive_mail *m)
{
	char **args;
	int status;

	if (!d->sendmail)
		return run_command(d, d->command, m);
	args = sendmail_args(d, m);
	if (!args)
		return smtpdb_fail_errno(EX_TEMPFAIL, "sendmail");
	status = run_command(d, args, m);
	free(args);
	return status;
}

/* `*ret_general` is set where other mails will fare no better. */
static int
hand_over(
    const struct delivery *d, const struct archive_mail *m, bool *ret_general)
{
	int status;

	*ret_general = true;
	if (d->lmtp)
		return deliver_by_lmtp(d, m, ret_general);
	status = deliver_by_command(d, m);
	*ret_general = is_general(status);
	return status;
}

/*
 * Mails
 */

/* `until` is the end of the lease; 0: there is none. */
static int
mark(const struct delivery *d, int64_t id, int64_t until, int status)
{
	struct archive *a = d->t->archive;
	int result = 0;

	if (status == EX_OK)
		result = archive_done(a, d->consumer, id, clock_us() / 1000000);
	else if (until > 0)
		result = archive_give_back(a, d->consumer, id, until);
	return result < 0 ? smtpdb_fail_archive(d->t) : status;
}

static int
deliver_one(struct smtpdb *t, const struct archive_mail *m, void *arg)
{
	const struct delivery *d = arg;
	bool general;
	int status = hand_over(d, m, &general);

	(void)t;
	status = mark(d, m->id, 0, status);
	return status == EX_OK && stop_asked() ? EX_TEMPFAIL : status;
}

/*
 * EX_OK also where another process has the mail, or it was deleted meanwhile.
 * Delivery ends when a mail cannot be marked as done: the next ones could not
 * be marked either.
 */
static int
deliver_leased(const struct delivery *d, int64_t id, bool *ret_general)
{
	struct archive *a = d->t->archive;
	struct archive_mail mail = { 0 };
	int64_t now = clock_us() / 1000000;
	int64_t until =
	    d->lease_sec < INT64_MAX - now ? now + d->lease_sec : INT64_MAX;
	int status = EX_OK, marked = EX_OK;
	int got = archive_lease(a, d->consumer, id, now, until);

	if (got > 0)
		got = archive_read(a, id, &mail);
	*ret_general = got < 0;
	if (got < 0)
		return smtpdb_fail_archive(d->t);
	if (got > 0) {
		status = hand_over(d, &mail, ret_general);
		marked = mark(d, id, until, status);
		*ret_general |= marked != status;
	}
	archive_mail_reset(&mail);
	return marked;
}

static int
deliver_new(const struct delivery *d)
{
	struct archive_filter filter = {
		.new_to = d->consumer,
		.in_inbox = 1,
		.now = clock_us() / 1000000,
	};
	struct archive_page page = { .nrows = 0 };
	int status = EX_OK, result;

	while ((result = archive_list(d->t->archive, &filter, &page)) > 0) {
		for (size_t i = 0; i < page.nrows; i++) {
			bool general;
			int one = deliver_leased(d, page.rows[i].id, &general);

			if (one != EX_OK)
				status = one;
			if (stop_asked() || general)
				goto reset;
		}
	}
	if (result < 0)
		status = smtpdb_fail_archive(d->t);
reset:
	archive_page_reset(&page);
	return status == EX_OK && stop_asked() ? EX_TEMPFAIL : status;
}

/*
 * Takes --sendmail behind COMMAND as an option of deliver, since another
 * sendmail has no arguments of its own.
 */
static void
take_sendmail(const struct smtpdb *t, struct delivery *d)
{
	char **last = t->args + t->nargs - 1;

	if (last != d->command + 1 || d->sendmail ||
	    strcmp(*last, "--sendmail") != 0)
		return;
	d->sendmail = true;
	*last = NULL;
}

static int
check(const struct smtpdb *t, struct delivery *d, bool is_new)
{
	int status = EX_OK;

	d->command = t->args + (is_new ? 0 : 1);
	d->lmtp = t->options[OPT_LMTP];
	d->sendmail = t->options[OPT_SENDMAIL];
	d->consumer =
	    t->options[OPT_CONSUMER] ? t->options[OPT_CONSUMER] : "default";
	if (*d->consumer == '\0')
		return smtpdb_fail(EX_USAGE, "--consumer: a name is wanted");
	if (!is_new && t->nargs == 0)
		return smtpdb_fail(EX_USAGE, "which mail?  Say ID, or --new");
	take_sendmail(t, d);
	if (d->lmtp ? d->sendmail || *d->command : !d->sendmail && !*d->command)
		return smtpdb_fail(EX_USAGE,
		    "where to?  Say one of COMMAND, --sendmail and --lmtp");
	if (t->options[OPT_LEASE])
		status = options_duration(
		    "--lease", t->options[OPT_LEASE], &d->lease_sec);
	return status;
}

int
deliver_run(struct smtpdb *t)
{
	struct delivery d = { .t = t, .lease_sec = LEASE_SEC };
	bool is_new = t->options[OPT_NEW], waited;
	int status = check(t, &d, is_new);

	t->names_files = true;
	if (status == EX_OK)
		status = is_new ? smtpdb_open_soon(t, &waited)
				: smtpdb_open(t, false);
	if (status != EX_OK)
		return status;
	/* A command that ends without reading all is no fault. */
	signal(SIGPIPE, SIG_IGN);
	stop_catch(); /* to give the lease back */
	return is_new ? deliver_new(&d)
		      : smtpdb_each(t, t->args[0], deliver_one, &d);
}
