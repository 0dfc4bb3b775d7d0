/*
 * copy: copies all rows of a database into another.  One process reads and one
 * writes, since each becomes the owner of its database, and a database of
 * PostgreSQL needs another program.  A stream joins the two, which can also
 * lead to another host.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/plural.h"
#include "options.h"
#include "private.h"
#include "program.h"
#include "terminal.h"

/*
 * The writing end says this first, and the reading end leaves these mails out.
 */
#define HAS_MAIL "has mail up to %" PRId64 "\n"

static const char stream[] = "-";

static bool
is_stream(const char *arg)
{
	return strcmp(arg, stream) == 0;
}

const char *
copy_database(const struct smtpdb *t)
{
	if (is_stream(t->args[0]))
		return t->args[1];
	return is_stream(t->args[1]) ? t->args[0] : NULL;
}

/*
 * The two ends
 */

static int
dump(struct smtpdb *t)
{
	struct ids ids = { 0 };
	int status = t->nargs > 2 ? options_ids(t->args[2], &ids) : EX_OK;

	if (status == EX_OK && isatty(STDOUT_FILENO))
		return smtpdb_fail(
		    EX_USAGE, "a copy is not for a terminal; say where to");
	if (status == EX_OK)
		status = smtpdb_open(t, false);
	if (status == EX_OK && archive_dump(t->archive, ids.first, stdout) < 0)
		status = smtpdb_fail_archive(t);
	return status;
}

static void
tell(void *context, uint64_t mails)
{
	progress_tell(context, mails);
}

static int
load(struct smtpdb *t)
{
	struct progress progress;
	struct archive_load_conf conf = { tell, &progress };
	int64_t last = 0, mails;
	int status;

	if (isatty(STDIN_FILENO))
		return smtpdb_fail(
		    EX_USAGE, "a copy does not come from a terminal");
	status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
	if (archive_last_id(t->archive, &last) < 0)
		return smtpdb_fail_archive(t);
	printf(HAS_MAIL, last);
	status = smtpdb_flush();
	if (status != EX_OK)
		return status;
	progress_begin(&progress, "copied");
	mails = archive_load(t->archive, &conf, stdin);
	progress_end(&progress);
	if (mails < 0)
		return smtpdb_fail_archive(t);
	printf("copied %" PRId64 " mail%s\n", mails, plural(mails));
	return EX_OK;
}

/*
 * Both ends
 */

/* Starts `smtpdb copy` with these descriptors.  -1: it cannot be started. */
static pid_t
start(const char *from, const char *to, const char *after, int in, int out)
{
	const char *args[] = { "smtpdb", "copy", from, to, after, NULL };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		program_run("smtpdb", (char **)args);
	_exit(smtpdb_fail_errno(EX_OSERR, "smtpdb"));
}

/*
 * Waits for a process and returns its status.  `pid` is -1 if it was not
 * started.
 */
static int
status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return smtpdb_fail_errno(EX_OSERR, "copy");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* The other end has ended, and has told why. */
	if (WTERMSIG(status) == SIGPIPE)
		return EX_IOERR;
	return smtpdb_fail(EX_OSERR, "killed by signal %d", WTERMSIG(status));
}

/* Prints what the writing end says. */
static int
relay(FILE *from)
{
	char line[256];

	while (fgets(line, sizeof line, from))
		fputs(line, stdout);
	return smtpdb_flush();
}

static int
copy_between(struct smtpdb *t)
{
	int data[2], words[2], status, read_status = EX_OK;
	FILE *said;
	char after[24], line[64];
	int64_t last;
	pid_t writer, reader;

	if (pipe2(data, O_CLOEXEC) < 0 || pipe2(words, O_CLOEXEC) < 0)
		return smtpdb_fail_errno(EX_OSERR, "copy");
	writer = start(stream, t->args[1], NULL, data[0], words[1]);
	close(data[0]);
	close(words[1]);
	said = fdopen(words[0], "r");
	if (said && fgets(line, sizeof line, said) &&
	    sscanf(line, HAS_MAIL, &last) == 1) {
		snprintf(after, sizeof after, "%" PRId64, last);
		reader = start(t->args[0], stream, last > 0 ? after : NULL,
		    STDIN_FILENO, data[1]);
		close(data[1]);
		status = relay(said);
		read_status = status_of(reader);
	} else {
		close(data[1]);
		status = EX_OK;
	}
	if (said)
		fclose(said);
	/*
	 * If the reading end fails, it tells the cause; the writing end can
	 * only tell that too little came.  EX_IOERR: the writing end failed
	 * first.
	 */
	if (read_status != EX_OK && read_status != EX_IOERR)
		status = read_status;
	read_status = status_of(writer);
	return status != EX_OK ? status : read_status;
}

int
copy_run(struct smtpdb *t)
{
	const char *from = t->args[0], *to = t->args[1];

	if (strcmp(from, to) == 0)
		return smtpdb_fail(EX_USAGE, "from '%s' to itself?", from);
	if (is_stream(to))
		return dump(t);
	if (t->nargs > 2)
		return smtpdb_fail(EX_USAGE,
		    "ID is for a copy to standard output; see smtpdb(1)");
	return is_stream(from) ? load(t) : copy_between(t);
}
