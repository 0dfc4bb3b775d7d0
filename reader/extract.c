/*
 * extract: parts of a mail as files.  Their names come from strangers.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mime/file_name.h"
#include "../mime/mime.h"
#include "file.h"
#include "options.h"
#include "private.h"
#include "rights.h"
#include "stop.h"
#include "terminal.h"

enum {
	NUMBER_MAX = 1 << 30, /* of files with one name */
	TRIES_MAX = 1000,     /* until a name is given up */
};

/* "name.txt", or "name-7.txt". */
static void
numbered_name(const char *name, int n, char *ret, size_t size)
{
	const char *dot = strrchr(name, '.');
	int stem = dot && dot > name ? (int)(dot - name) : (int)strlen(name);

	if (n == 0)
		snprintf(ret, size, "%s", name);
	else
		snprintf(ret, size, "%.*s-%d%s", stem, name, n, name + stem);
}

static bool
is_taken(int folder, const char *name, int n)
{
	char numbered[NAME_MAX + 1];
	struct stat st;

	numbered_name(name, n, numbered, sizeof numbered);
	return fstatat(folder, numbered, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Finds a free number such that the one before it is taken, by bisection: a
 * mail may have thousands of files of one name, and they are numbered in
 * order.
 */
static int
find_number(int folder, const char *name)
{
	int taken = 0, free_one = 1;

	if (!is_taken(folder, name, 0))
		return 0;
	while (free_one < NUMBER_MAX && is_taken(folder, name, free_one)) {
		taken = free_one;
		free_one *= 2;
	}
	while (free_one - taken > 1) {
		int middle = taken + (free_one - taken) / 2;

		if (is_taken(folder, name, middle))
			taken = middle;
		else
			free_one = middle;
	}
	return free_one;
}

/* Makes a file of that name, or with "-1", "-2" behind it. */
static int
make_file(int folder, const char *name, char *ret_name, size_t size)
{
	int n = find_number(folder, name);
	int fd = -1;

	/* Another process may make such files as well. */
	for (int i = 0; i < TRIES_MAX && fd < 0; i++) {
		numbered_name(name, n + i, ret_name, size);
		fd = openat(folder, ret_name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

static bool
put_file(void *fd, struct span piece)
{
	return file_write(*(const int *)fd, piece) == 0;
}

/* Writes all of it and closes the file.  Returns 0, or -1 with errno. */
static int
write_part(int fd, const struct mime_part *part)
{
	int failed =
	    mime_content(part, (struct sink){ put_file, &fd }) ? 0 : errno;

	if (close(fd) < 0 && failed == 0)
		failed = errno;
	errno = failed;
	return failed ? -1 : 0;
}

static int
extract_to(int folder, const struct mime_part *part, size_t number)
{
	char name[FILE_NAME_SIZE], made[NAME_MAX + 1];
	int fd;

	file_name(part, number, name);
	rights_begin();
	fd = make_file(folder, name, made, sizeof made);
	rights_end();
	if (fd < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, name);
	if (write_part(fd, part) == 0) {
		printf("%s\n", made);
		return EX_OK;
	}
	smtpdb_fail_errno(EX_IOERR, made);
	rights_begin();
	unlinkat(folder, made, 0);
	rights_end();
	return EX_IOERR;
}

/* Extracts all parts that show lists. */
static int
extract_attachments(struct smtpdb *t, const struct mime *m)
{
	const char *path =
	    t->options[OPT_DIRECTORY] ? t->options[OPT_DIRECTORY] : ".";
	int folder = rights_open(path, O_RDONLY | O_DIRECTORY, 0);
	int status = EX_OK;
	bool any = false;

	if (folder < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, path);
	for (size_t i = 0; i < mime_nparts(m) && status == EX_OK; i++) {
		if (!mime_part(m, i)->is_listed || stop_asked())
			continue;
		status = extract_to(folder, mime_part(m, i), i + 1);
		any = true;
	}
	close(folder);
	if (!any)
		smtpdb_fail(EX_OK, "mail %s has no attachment", t->args[0]);
	return status;
}

static int
write_output(const char *path, const struct mime_part *part)
{
	int fd = rights_open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);

	if (fd < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, path);
	if (write_part(fd, part) == 0)
		return EX_OK;
	smtpdb_fail_errno(EX_IOERR, path);
	rights_begin();
	unlink(path);
	rights_end();
	return EX_IOERR;
}

/*
 * Writes the part to a file or to standard output; a terminal gets it made
 * harmless.
 */
static int
extract_one(struct smtpdb *t, const struct mime_part *part)
{
	struct terminal_text text = { .form = TERMINAL_TEXT };
	int output = STDOUT_FILENO;

	if (t->options[OPT_OUTPUT])
		return write_output(t->options[OPT_OUTPUT], part);
	if (isatty(output)) {
		mime_content(part, terminal_sink(&text));
		terminal_end(&text);
	} else if (!mime_content(part, (struct sink){ put_file, &output })) {
		return smtpdb_fail_output();
	}
	return EX_OK;
}

static int
extract(struct smtpdb *t, const struct mime *m)
{
	int64_t number;
	int status;

	if (t->nargs == 1 || t->options[OPT_OUTPUT])
		stop_catch(); /* to remove a file that is not complete */
	if (t->nargs == 1)
		return extract_attachments(t, m);
	status = options_number("PART", t->args[1], &number);
	if (status != EX_OK)
		return status;
	if (number < 1 || (uint64_t)number > mime_nparts(m))
		return smtpdb_fail(EX_NOINPUT,
		    "mail %s has no part %s; the last is %zu", t->args[0],
		    t->args[1], mime_nparts(m));
	return extract_one(t, mime_part(m, (size_t)number - 1));
}

int
extract_run(struct smtpdb *t)
{
	struct archive_mail mail = { 0 };
	struct mime *m;
	int status;

	if (t->options[t->nargs == 1 ? OPT_OUTPUT : OPT_DIRECTORY])
		return smtpdb_fail(EX_USAGE,
		    "--output is for one PART, --directory for all of them");
	t->names_files = true;
	status = smtpdb_open(t, false);
	if (status == EX_OK)
		status = smtpdb_read(t, t->args[0], &mail);
	if (status != EX_OK)
		return status;
	m = mime_open((struct span){ mail.data, mail.len });
	status = extract(t, m);
	mime_free(m);
	archive_mail_reset(&mail);
	stop_now();
	return status;
}
