/*
 * import: stores what export wrote, and the files of other programs.
 *
 * A mail that export wrote has X-Smtpd-Envelope, and becomes the row that it
 * was, with a new id.  Any other mail has no envelope: its recipient comes from
 * --recipient, or from the field that a delivery agent left; nothing is ever
 * taken from To.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "envelope_field.h"
#include "file.h"
#include "import_mail.h"
#include "mbox.h"
#include "options.h"
#include "private.h"
#include "rights.h"
#include "stop.h"
#include "terminal.h"

enum {
	/*
	 * Mails of one transaction, during which sessions wait for the write
	 * lock.
	 */
	WAITING_MAX = 100,
	WAITING_OCTETS_MAX = 1024 * 1024,
};

struct source {
	struct smtpdb *t;
	const char *name; /* of the file, for messages */
	struct import_source of;
	uint64_t mails;
	/* Mails that are read and not stored yet. */
	struct archive_mail waiting[WAITING_MAX];
	size_t nwaiting, octets;
	struct progress progress;
};

static int
store_waiting(struct source *s)
{
	size_t n = s->nwaiting, added = 0;
	int result = 0;

	if (n > 0)
		result = archive_add(s->t->archive, s->waiting, n, &added);
	s->mails += added;
	while (s->nwaiting > 0)
		archive_mail_reset(&s->waiting[--s->nwaiting]);
	s->octets = 0;
	progress_tell(&s->progress, s->mails);
	return result < 0 ? smtpdb_fail_archive(s->t) : EX_OK;
}

static int
import_mail(struct source *s, struct span mail)
{
	struct archive_mail *m = &s->waiting[s->nwaiting];
	const char *fault = import_read(&s->of, mail, m);

	if (fault)
		return smtpdb_fail(EX_DATAERR, "%s: mail %llu%s", s->name,
		    (unsigned long long)s->mails + s->nwaiting + 1, fault);
	s->octets += m->len;
	if (++s->nwaiting < WAITING_MAX && s->octets < WAITING_OCTETS_MAX)
		return EX_OK;
	return store_waiting(s);
}

/*
 * mbox
 */

/* Takes one ">" off what mboxrd quoted. */
static struct span
unquoted(struct span line)
{
	if (line.len > 0 && *line.p == '>' && mbox_is_quoted(line)) {
		line.p++;
		line.len--;
	}
	return line;
}

/* Keeps what the From line says, for a mail that has no envelope. */
static void
begin_mail(struct source *s, struct span sender, int64_t date)
{
	snprintf(
	    s->of.from, sizeof s->of.from, "%.*s", (int)sender.len, sender.p);
	/* Thunderbird writes "From - ". */
	if (strcmp(s->of.from, "MAILER-DAEMON") == 0 ||
	    strcmp(s->of.from, "-") == 0 || !envelope_is_path(s->of.from))
		s->of.from[0] = '\0';
	s->of.date = date * INT64_C(1000000);
}

/* Is the line empty, with or without a line end? */
static bool
is_empty(struct span line)
{
	return line.len == 0 || *line.p == '\n' ||
	       (line.len >= 2 && memcmp(line.p, "\r\n", 2) == 0);
}

static bool
ends_in(const struct text *text, const char *end)
{
	size_t len = strlen(end);

	return text->len >= len &&
	       memcmp(text->p + text->len - len, end, len) == 0;
}

/* Imports the mail that has ended, without the empty line behind it. */
static int
end_mail(struct source *s, struct text *mail)
{
	int status;

	if (ends_in(mail, "\n\n"))
		mail->len--;
	else if (ends_in(mail, "\n\r\n"))
		mail->len -= 2;
	status = import_mail(s, (struct span){ mail->p, mail->len });
	mail->len = 0;
	return status;
}

static int
read_mbox(struct source *s, FILE *f)
{
	struct text mail = { .p = NULL };
	bool begun = false, after_empty = true;
	char *line = NULL;
	size_t size = 0;
	int status = EX_OK;
	ssize_t n;

	while (status == EX_OK && !stop_asked() &&
	       (n = getline(&line, &size, f)) > 0) {
		struct span text = { line, (size_t)n };
		struct span sender;
		int64_t date;

		if (!begun)
			span_skip(&text, "\xEF\xBB\xBF"); /* an editor's mark */
		if (after_empty && mbox_read_from(text, &sender, &date)) {
			if (begun)
				status = end_mail(s, &mail);
			begin_mail(s, sender, date);
			begun = true;
			after_empty = false;
			continue;
		}
		if (!begun && is_empty(text))
			continue;
		if (!begun)
			status =
			    smtpdb_fail(EX_DATAERR, "%s is no mbox", s->name);
		text_add(&mail, unquoted(text));
		after_empty = is_empty(text);
	}
	if (status == EX_OK && stop_asked())
		status = EX_TEMPFAIL; /* not all of the mail was read */
	/* Memory may lack for a line, which is no error of the stream. */
	if (status == EX_OK && !feof(f))
		status = smtpdb_fail_errno(EX_IOERR, s->name);
	if (status == EX_OK && begun)
		status = end_mail(s, &mail);
	free(line);
	text_free(&mail);
	return status;
}

static int
import_mbox(struct source *s, const char *path)
{
	FILE *f = stdin;
	int status, fd;

	if (strcmp(path, "-") != 0) {
		fd = rights_open(path, O_RDONLY, 0);
		f = fd < 0 ? NULL : fdopen(fd, "r");
	}

	s->name = path;
	if (!f)
		return smtpdb_fail_errno(EX_NOINPUT, path);
	status = read_mbox(s, f);
	if (f != stdin)
		fclose(f);
	return status;
}

/*
 * Files
 */

static int
import_file(struct source *s, const char *path)
{
	struct span mail = { NULL, 0 };
	struct stat st;
	int status, fd = rights_open(path, O_RDONLY, 0);

	s->name = path;
	if (fd < 0 || fstat(fd, &st) < 0 || file_read(fd, &mail) < 0) {
		status = smtpdb_fail_errno(EX_NOINPUT, path);
	} else {
		s->of.date = st.st_mtim.tv_sec * INT64_C(1000000) +
			     st.st_mtim.tv_nsec / 1000;
		status = import_mail(s, mail);
	}
	free((char *)mail.p);
	if (fd >= 0)
		close(fd);
	s->name = NULL; /* `path` is only lent */
	return status;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
is_eml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return is_visible(entry) && dot && strcasecmp(dot, ".eml") == 0;
}

/*
 * Imports files in the order of the numbers in their names, which is that of
 * the ids.
 */
static int
import_folder(
    struct source *s, const char *path, int (*wanted)(const struct dirent *))
{
	struct dirent **entries;
	int status = EX_OK, n;

	rights_begin();
	n = scandir(path, &entries, wanted, versionsort);
	rights_end();
	if (n < 0)
		return smtpdb_fail_errno(EX_NOINPUT, path);
	for (int i = 0; i < n; i++) {
		char full[PATH_MAX];

		snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
		if (status == EX_OK && !stop_asked())
			status = import_file(s, full);
		free(entries[i]);
	}
	free(entries);
	return status;
}

static int
import_maildir(struct source *s, const char *path)
{
	char full[PATH_MAX];
	int status;

	snprintf(full, sizeof full, "%s/cur", path);
	status = import_folder(s, full, is_visible);
	if (status != EX_OK)
		return status;
	snprintf(full, sizeof full, "%s/new", path);
	return import_folder(s, full, is_visible);
}

static int
import_eml(struct source *s, const char *path)
{
	int folder = rights_open(path, O_RDONLY | O_DIRECTORY, 0);

	if (folder < 0)
		return import_file(s, path);
	close(folder);
	return import_folder(s, path, is_eml);
}

/* Warns that no mail was found: it may be the wrong folder. */
static void
tell_what_is_missing(const struct smtpdb *t)
{
	if (t->options[OPT_MAILDIR])
		smtpdb_fail(EX_OK, "%s: no file in cur or new",
		    t->options[OPT_MAILDIR]);
	else if (t->options[OPT_EML])
		smtpdb_fail(EX_OK, "%s: no file whose name ends in .eml",
		    t->options[OPT_EML]);
	else
		smtpdb_fail(EX_OK, "%s: no mail in it", t->options[OPT_MBOX]);
}

int
import_run(struct smtpdb *t)
{
	static struct source s;
	const char *sender = t->options[OPT_SENDER];
	const char *recipient = t->options[OPT_RECIPIENT];
	int status, stored;

	if (!t->options[OPT_MBOX] + !t->options[OPT_MAILDIR] +
		!t->options[OPT_EML] !=
	    2)
		return smtpdb_fail(EX_USAGE,
		    "where from?  Say one of --mbox, --maildir and --eml");
	if ((sender && !envelope_is_path(sender)) ||
	    (recipient && (*recipient == '\0' || !envelope_is_path(recipient))))
		return smtpdb_fail(
		    EX_USAGE, "--sender or --recipient is no address");
	s.t = t;
	s.of.sender = sender;
	s.of.recipient = recipient;
	t->names_files = true;
	status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
	stop_catch(); /* to say how many are stored */
	progress_begin(&s.progress, "imported");
	if (t->options[OPT_MBOX])
		status = import_mbox(&s, t->options[OPT_MBOX]);
	else if (t->options[OPT_MAILDIR])
		status = import_maildir(&s, t->options[OPT_MAILDIR]);
	else
		status = import_eml(&s, t->options[OPT_EML]);
	/* Mails before one that cannot be imported are stored. */
	stored = store_waiting(&s);
	if (status == EX_OK)
		status = stored;
	progress_end(&s.progress);
	printf("imported %llu mail%s\n", (unsigned long long)s.mails,
	    plural((int64_t)s.mails));
	if (status == EX_OK && s.mails == 0 && !stop_asked())
		tell_what_is_missing(t);
	stop_now();
	return status;
}
