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

#include "file.h"
#include "mime.h"
#include "options.h"
#include "smtpdb.h"
#include "terminal.h"

enum {
	NAME_OCTETS_MAX = 200, /* of a file, with room for "-99" */
	NAMES_MAX = 1000,      /* tried before it is given up */
};

/*
 * What is left of the name when it can neither leave the folder, nor be hidden
 * in it, nor look like an option, nor confuse a terminal.
 */
static void
safe_name(const struct mime_part *part, size_t number, char *ret, size_t size)
{
	char *safe =
	    terminal_safe(span_of(part->name ? part->name : ""), TERMINAL_LINE);
	const char *from = safe + strspn(safe, ".- /\\");
	size_t len = strlen(from);

	for (char *p = safe; *p; p++) {
		if (*p == '/' || *p == '\\')
			*p = '_';
	}
	if (len > NAME_OCTETS_MAX) {
		len = NAME_OCTETS_MAX;
		while (((unsigned char)from[len] & 0xC0) == 0x80)
			len--; /* no half of a character */
	}
	if (len > 0)
		snprintf(ret, size, "%.*s", (int)len, from);
	else
		snprintf(ret, size, "part-%zu", number);
	free(safe);
}

/* Makes a file of that name, or with "-1", "-2" behind it. */
static int
make_file(int folder, const char *name, char *ret_name, size_t size)
{
	const char *dot = strrchr(name, '.');
	int stem = dot && dot > name ? (int)(dot - name) : (int)strlen(name);

	for (int i = 0; i < NAMES_MAX; i++) {
		int fd;

		if (i == 0)
			snprintf(ret_name, size, "%s", name);
		else
			snprintf(ret_name, size, "%.*s-%d%s", stem, name, i,
			    name + stem);
		fd = openat(folder, ret_name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static int
extract_to(int folder, const struct mime_part *part, size_t number)
{
	struct span content = mime_content(part);
	char name[NAME_MAX + 1], made[NAME_MAX + 1];
	int fd, status = EX_OK;

	safe_name(part, number, name, sizeof name);
	fd = make_file(folder, name, made, sizeof made);
	if (fd < 0)
		status = smtpdb_fail_errno(EX_CANTCREAT, name);
	else if (file_write_new(fd, content) < 0) {
		status = smtpdb_fail_errno(EX_IOERR, made);
		unlinkat(folder, made, 0);
	} else
		printf("%s\n", made);
	free((char *)content.p);
	return status;
}

/* All that show does not print. */
static int
extract_attachments(struct smtpdb *t, const struct mime *m)
{
	const char *path =
	    t->options[OPT_DIRECTORY] ? t->options[OPT_DIRECTORY] : ".";
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status = EX_OK;

	if (folder < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, path);
	for (size_t i = 0; i < mime_nparts(m) && status == EX_OK; i++) {
		if (!mime_part(m, i)->is_body)
			status = extract_to(folder, mime_part(m, i), i + 1);
	}
	close(folder);
	return status;
}

static int
write_output(const char *path, struct span content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, path);
	if (file_write_new(fd, content) == 0)
		return EX_OK;
	smtpdb_fail_errno(EX_IOERR, path);
	unlink(path);
	return EX_IOERR;
}

/* To a file or to standard output; a terminal gets what is harmless of it. */
static int
extract_one(struct smtpdb *t, const struct mime_part *part)
{
	struct span content = mime_content(part);
	int status = EX_OK;

	if (t->options[OPT_OUTPUT])
		status = write_output(t->options[OPT_OUTPUT], content);
	else if (isatty(STDOUT_FILENO))
		terminal_print(content, TERMINAL_TEXT);
	else if (file_write(STDOUT_FILENO, content) < 0)
		status = smtpdb_fail_errno(EX_IOERR, "standard output");
	free((char *)content.p);
	return status;
}

static int
extract(struct smtpdb *t, const struct mime *m)
{
	int64_t number;
	int status;

	if (t->nargs == 1)
		return extract_attachments(t, m);
	status = options_number("PART", t->args[1], &number);
	if (status != EX_OK)
		return status;
	if (number < 1 || (uint64_t)number > mime_nparts(m))
		return smtpdb_fail(EX_NOINPUT, "mail %s has parts 1 to %zu",
		    t->args[0], mime_nparts(m));
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
	status = smtpdb_open(t, false);
	if (status == EX_OK)
		status = smtpdb_read(t, t->args[0], &mail);
	if (status != EX_OK)
		return status;
	m = mime_open((struct span){ mail.data, mail.len });
	status = extract(t, m);
	mime_free(m);
	archive_mail_reset(&mail);
	return status;
}
