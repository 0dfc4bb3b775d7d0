/*
 * export: mails as files of the three usual forms.
 *
 * Lines end in LF in a maildir and an mbox, in CRLF in a file of one mail,
 * whatever ended them in the mail: a lone CR or LF in a file could end the mail
 * at a next host.  X-Smtpd-Envelope says which they were, so what is exported
 * can be imported again, octet for octet.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "envelope_field.h"
#include "line_ends.h"
#include "mbox.h"
#include "options.h"
#include "private.h"
#include "rights.h"
#include "stop.h"
#include "terminal.h"

struct target {
	const char *path;
	FILE *mbox;
	int folder;     /* of the maildir or the files; -1: none */
	int new_folder; /* of the maildir */
	bool is_mbox, is_maildir;
	bool bare;
};

static void
write_lines(FILE *f, struct span text, const char *end, bool quoted)
{
	while (text.len > 0) {
		struct span line;
		enum line_end was = line_next(&text, &line);

		if (quoted && mbox_is_quoted(line))
			fputc('>', f);
		fwrite(line.p, 1, line.len, f);
		if (was != LINE_OPEN)
			fputs(end, f);
	}
}

static int
write_mail(FILE *f, const struct target *to, const struct archive_mail *m)
{
	struct span data = { m->data, m->len };
	struct envelope_form form = {
		.line_feeds = to->is_mbox || to->is_maildir,
		.open = to->is_mbox && m->len > 0 &&
			m->data[m->len - 1] != '\n' &&
			m->data[m->len - 1] != '\r',
	};
	const char *end = form.line_feeds ? "\n" : "\r\n";
	char *field;

	line_ends_tell(data, &form.ends);
	field = to->bare ? strdup("") : envelope_write(m, &form);
	text_free(&form.ends);
	if (!field)
		return smtpdb_fail_errno(EX_OSERR, "export");
	write_lines(f, span_of(m->trace), end, to->is_mbox);
	write_lines(f, span_of(field), end, to->is_mbox);
	write_lines(f, data, end, to->is_mbox);
	if (form.open)
		fputc('\n', f);
	free(field);
	return EX_OK;
}

/*
 * mbox
 */

static void
write_from_line(FILE *f, const struct archive_mail *m)
{
	const char *sender = m->envelope.reverse_path;
	time_t seconds = (time_t)(m->received_at / 1000000);
	struct tm utc;
	char date[64];

	gmtime_r(&seconds, &utc);
	strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &utc);
	fputs("From ", f);
	for (const char *p = *sender ? sender : "MAILER-DAEMON"; *p; p++)
		fputc(*p == ' ' ? '_' : *p, f);
	fprintf(f, " %s\n", date);
}

static int
fail_mbox(const struct target *to)
{
	return to->mbox == stdout ? smtpdb_fail_output()
				  : smtpdb_fail_errno(EX_IOERR, to->path);
}

static int
export_to_mbox(const struct target *to, const struct archive_mail *m)
{
	int status;

	write_from_line(to->mbox, m);
	status = write_mail(to->mbox, to, m);
	fputc('\n', to->mbox);
	if (status == EX_OK && ferror(to->mbox))
		return fail_mbox(to);
	return status;
}

/*
 * Files
 */

/* Makes the file in `folder` and fills it, down to the disk. */
static int
write_file(
    const struct target *to, const char *name, const struct archive_mail *m)
{
	int status, fd;
	FILE *f;

	rights_begin();
	fd = openat(
	    to->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	rights_end();
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return smtpdb_fail_errno(EX_CANTCREAT, name);
	status = write_mail(f, to, m);
	/* What a write has lost, a later one does not bring back. */
	if (status == EX_OK && (ferror(f) || fflush(f) != 0 || fsync(fd) < 0))
		status = smtpdb_fail_errno(EX_IOERR, name);
	if (status != EX_OK) {
		rights_begin();
		unlinkat(to->folder, name, 0);
		rights_end();
	}
	fclose(f);
	return status;
}

static int
export_to_eml(const struct target *to, const struct archive_mail *m)
{
	char name[64];

	snprintf(name, sizeof name, "%lld.eml", (long long)m->id);
	return write_file(to, name, m);
}

/*
 * Makes the file in "tmp" first (cr.yp.to/proto/maildir.html).  Its name there
 * has the process id and the time, since a process that was killed may have
 * left a file.
 */
static int
export_to_maildir(const struct target *to, const struct archive_mail *m)
{
	char host[HOST_NAME_MAX + 1] = "localhost";
	char name[HOST_NAME_MAX + 128], made[HOST_NAME_MAX + 160];
	int status;

	gethostname(host, sizeof host - 1);
	for (char *p = host; *p; p++) {
		if (*p == '/' || *p == ':')
			*p = '_';
	}
	snprintf(name, sizeof name, "%lld.M%06lldI%lld.%s",
	    (long long)(m->received_at / 1000000),
	    (long long)(m->received_at % 1000000), (long long)m->id, host);
	snprintf(made, sizeof made, "%s.P%lldT%lld", name, (long long)getpid(),
	    (long long)clock_us());
	status = write_file(to, made, m);
	if (status != EX_OK)
		return status;
	rights_begin();
	/* The name belongs to one mail, which is there already, then. */
	if (linkat(to->folder, made, to->new_folder, name, 0) < 0 &&
	    errno != EEXIST)
		status = smtpdb_fail_errno(EX_CANTCREAT, name);
	unlinkat(to->folder, made, 0);
	rights_end();
	return status;
}

static int
export_one(const struct target *to, const struct archive_mail *m)
{
	if (stop_asked())
		return EX_TEMPFAIL;
	if (to->is_mbox)
		return export_to_mbox(to, m);
	return to->is_maildir ? export_to_maildir(to, m) : export_to_eml(to, m);
}

/*
 * Where to
 */

static int
open_folder(const char *path, const char *name)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, "%s%s%s", path, *name ? "/" : "", name);
	if (mkdir(full, 0770) < 0 && errno != EEXIST)
		return -1;
	return open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
open_maildir(struct target *to)
{
	int folder = open_folder(to->path, "");
	int cur;

	if (folder < 0)
		return -1;
	close(folder);
	cur = open_folder(to->path, "cur");
	if (cur < 0)
		return -1;
	close(cur);
	to->new_folder = open_folder(to->path, "new");
	to->folder = open_folder(to->path, "tmp");
	return to->new_folder < 0 ? -1 : to->folder;
}

/* Refuses a file that is there already. */
static FILE *
open_mbox(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int
open_target(const struct smtpdb *t, struct target *to)
{
	bool ok;

	if (!t->options[OPT_MBOX] + !t->options[OPT_MAILDIR] +
		!t->options[OPT_EML] !=
	    2)
		return smtpdb_fail(EX_USAGE,
		    "where to?  Say one of --mbox, --maildir and --eml");
	to->is_mbox = t->options[OPT_MBOX];
	to->is_maildir = t->options[OPT_MAILDIR];
	to->bare = t->options[OPT_BARE];
	rights_begin();
	if (to->is_mbox) {
		to->path = t->options[OPT_MBOX];
		to->mbox = open_mbox(to->path);
		ok = to->mbox;
	} else if (to->is_maildir) {
		to->path = t->options[OPT_MAILDIR];
		ok = open_maildir(to) >= 0;
	} else {
		to->path = t->options[OPT_EML];
		to->folder = open_folder(to->path, "");
		ok = to->folder >= 0;
	}
	rights_end();
	return ok ? EX_OK : smtpdb_fail_errno(EX_CANTCREAT, to->path);
}

/*
 * Removes an mbox that is not complete: nobody could tell it from a whole one.
 */
static int
close_mbox(struct target *to, int status)
{
	bool ok = fflush(to->mbox) == 0 && fsync(fileno(to->mbox)) == 0;

	ok = fclose(to->mbox) == 0 && ok;
	if (!ok && status == EX_OK)
		status = smtpdb_fail_errno(EX_IOERR, to->path);
	rights_begin();
	if (status != EX_OK)
		unlink(to->path);
	rights_end();
	return status;
}

static int
close_target(struct target *to, int status)
{
	bool ok = true;

	if (to->mbox == stdout)
		return status == EX_OK ? smtpdb_flush() : status;
	if (to->mbox)
		return close_mbox(to, status);
	if (to->new_folder >= 0) {
		ok = fsync(to->new_folder) == 0 && ok;
		close(to->new_folder);
	}
	if (to->folder >= 0) {
		ok = fsync(to->folder) == 0 && ok;
		close(to->folder);
	}
	if (!ok && status == EX_OK)
		return smtpdb_fail_errno(EX_IOERR, to->path);
	return status;
}

/*
 * Which
 */

static int
export_id(struct smtpdb *t, const struct archive_mail *m, void *to)
{
	(void)t;
	return export_one(to, m);
}

/* A mail that was deleted since it was listed is passed over. */
static int
export_page(
    struct smtpdb *t, const struct target *to, const struct archive_page *page)
{
	struct archive_mail mail = { 0 };
	int status = EX_OK;

	for (size_t i = 0; i < page->nrows && status == EX_OK; i++) {
		int found = archive_read(t->archive, page->rows[i].id, &mail);

		if (found < 0)
			status = smtpdb_fail_archive(t);
		else if (found > 0)
			status = export_one(to, &mail);
	}
	archive_mail_reset(&mail);
	return status;
}

static int
export_filtered(
    struct smtpdb *t, const struct target *to, struct archive_filter *filter)
{
	struct archive_page page = { .nrows = 0 };
	struct progress progress;
	uint64_t done = 0;
	int status = EX_OK, result = 1;

	progress_begin(&progress, "exported");
	while (status == EX_OK &&
	       (result = archive_list(t->archive, filter, &page)) > 0) {
		status = export_page(t, to, &page);
		done += page.nrows;
		progress_tell(&progress, done);
	}
	progress_end(&progress);
	if (result < 0)
		status = smtpdb_fail_archive(t);
	archive_page_reset(&page);
	return status;
}

int
export_run(struct smtpdb *t)
{
	struct target to = { .folder = -1, .new_folder = -1 };
	struct archive_filter filter = { 0 };
	int status = options_filter(t, &filter);

	for (int i = 0; i < OPT__COUNT; i++) {
		if (t->nargs > 0 && t->options[i] && OPTIONS_FILTER >> i & 1)
			return smtpdb_fail(
			    EX_USAGE, "which mails?  Say IDs or a filter");
	}
	if (status == EX_OK)
		status = smtpdb_check_ids(t);
	t->names_files = true;
	if (status == EX_OK)
		status = smtpdb_open(t, false);
	if (status == EX_OK)
		status = open_target(t, &to);
	if (status != EX_OK)
		return status;
	if (to.mbox != stdout)
		stop_catch();
	status = t->nargs > 0 ? smtpdb_each_arg(t, export_id, &to)
			      : export_filtered(t, &to, &filter);
	status = close_target(&to, status);
	stop_now();
	return status;
}
