/*
 * import: what export wrote, and the files of others.
 *
 * A mail of export has X-Smtpd-Envelope, and becomes the row that it was but
 * for its id.  Any other has no envelope: its recipient comes from
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
#include "../mail/address.h"
#include "../mail/utf8.h"
#include "../mime/mime.h"
#include "envelope_field.h"
#include "file.h"
#include "line_ends.h"
#include "mbox.h"
#include "options.h"
#include "rights.h"
#include "smtpdb.h"
#include "terminal.h"

struct source {
	struct smtpdb *t;
	const char *name; /* of the file, for messages */
	int64_t date;     /* of a mail that has no envelope */
	char sender[ADDRESS_PATH_MAX];
	bool quoted; /* in an mbox */
	uint64_t mails;
	struct progress progress;
};

/*
 * Line ends
 */

/* A copy, in which CRLF stands for each LF; to be freed. */
static struct span
with_crlf(struct span text)
{
	size_t line_feeds = 0, len = 0;
	char *p;

	for (size_t i = 0; i < text.len; i++)
		line_feeds += text.p[i] == '\n';
	p = malloc(text.len + line_feeds + 1);
	for (size_t i = 0; p && i < text.len; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			p[len++] = '\r';
		p[len++] = text.p[i];
	}
	if (p)
		p[len] = '\0';
	return (struct span){ p, len };
}

static struct span
copy_of(struct span text)
{
	char *p = malloc(text.len + 1);

	if (p) {
		memcpy(p, text.p, text.len);
		p[text.len] = '\0';
	}
	return (struct span){ p, text.len };
}

/*
 * One mail
 */

/* The row's columns are text: what is before the field must be. */
static bool
is_trace(struct span text)
{
	while (text.len > 0) {
		size_t len = strchr("\r\n\t", *text.p) && *text.p
				 ? 1
				 : utf8_printable_len(text);

		if (len == 0)
			return false;
		text.p += len;
		text.len -= len;
	}
	return true;
}

/* The octets that the client sent.  False: the field is not in order. */
static bool
restore_data(
    const struct envelope_form *form, struct span text, struct archive_mail *m)
{
	struct text data = { 0 };
	struct span copy;

	if (form->open && text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (form->open && text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--; /* of who has changed the file's line ends */
	if (form->ends.len > 0) {
		struct span ends = { form->ends.p, form->ends.len };

		if (!line_ends_bring_back(text, ends, &data)) {
			text_free(&data);
			return false;
		}
		m->len = data.len;
		m->data = text_take(&data);
		return true;
	}
	copy = form->line_feeds ? with_crlf(text) : copy_of(text);
	m->data = (char *)copy.p;
	m->len = copy.len;
	return m->data;
}

/* Makes the row that was exported.  False: the field is not in order. */
static bool
restore(struct span mail, struct archive_mail *m)
{
	struct span before, field, behind, trace;
	struct envelope_form form = { 0 };
	bool ok = envelope_find(mail, &before, &field, &behind) &&
		  envelope_read(field, m, &form) && is_trace(before) &&
		  restore_data(&form, behind, m);

	text_free(&form.ends);
	if (!ok)
		return false;
	trace = form.line_feeds ? with_crlf(before) : copy_of(before);
	m->trace = (char *)trace.p;
	return m->trace;
}

/* The address that a field "<a@b>" or "a@b" holds; NULL: none. */
static const char *
read_address(struct envelope *e, char *value)
{
	char *end;

	if (!value)
		return NULL;
	if (*value == '<')
		value++;
	end = strchr(value, '>');
	if (end)
		*end = '\0';
	return envelope_is_path(value) ? envelope_text(e, span_of(value))
				       : NULL;
}

static const char *
find_address(
    struct envelope *e, const struct mime *mime, const char *const *names)
{
	const char *address = NULL;

	for (; *names && !address; names++) {
		char *value = mime_field(mime, *names);

		address = read_address(e, value);
		free(value);
	}
	return address;
}

/* What agents write when they deliver; To is no envelope. */
static bool
find_envelope(
    const struct source *s, const struct mime *mime, struct envelope *e)
{
	static const char *const senders[] = { "Return-Path", NULL };
	static const char *const recipients[] = {
		"X-Original-To",
		"Delivered-To",
		"Envelope-To",
		NULL,
	};
	const char *const *options = s->t->options;
	struct recipient r = { .forward_path = options[OPT_RECIPIENT] };

	e->reverse_path = options[OPT_SENDER];
	if (!e->reverse_path)
		e->reverse_path = find_address(e, mime, senders);
	if (!e->reverse_path)
		e->reverse_path = s->sender;
	if (!r.forward_path)
		r.forward_path = find_address(e, mime, recipients);
	return r.forward_path && *r.forward_path && envelope_add(e, &r) == 0;
}

/* Makes a row of a mail that has no envelope.  False: none can be found. */
static bool
invent(const struct source *s, struct span mail, struct archive_mail *m)
{
	struct envelope *e = &m->envelope;
	struct span data = with_crlf(mail);
	struct mime *mime;
	bool ok;

	m->data = (char *)data.p;
	m->len = data.len;
	m->trace = strdup("");
	m->client_address = strdup("local");
	if (!m->data || !m->trace || !m->client_address)
		return false;
	m->received_at = s->date;
	e->helo = "";
	e->verb = "MAIL";
	e->protocol = "SMTP";
	e->body_type = "8BITMIME";
	mime = mime_open(data);
	ok = find_envelope(s, mime, e);
	mime_free(mime);
	return ok;
}

static bool
has_envelope(const struct source *s, struct span mail)
{
	struct span before, field, behind;

	return !s->t->options[OPT_RECIPIENT] &&
	       envelope_find(mail, &before, &field, &behind);
}

static int
import_mail(struct source *s, struct span mail)
{
	struct archive_mail m = { 0 };
	int64_t id;
	int status = EX_OK;

	if (has_envelope(s, mail)) {
		if (!restore(mail, &m))
			status = smtpdb_fail(EX_DATAERR,
			    "%s: mail %llu: X-Smtpd-Envelope is damaged",
			    s->name, (unsigned long long)s->mails + 1);
	} else if (!invent(s, mail, &m))
		status = smtpdb_fail(EX_DATAERR,
		    "%s: mail %llu has no envelope; say --recipient=ADDRESS",
		    s->name, (unsigned long long)s->mails + 1);
	m.envelope.size = m.len;
	if (status == EX_OK && archive_add(s->t->archive, &m, &id) < 0)
		status = smtpdb_fail_archive(s->t);
	if (status == EX_OK)
		s->mails++;
	progress_tell(&s->progress, s->mails);
	archive_mail_reset(&m);
	return status;
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

/* What a mail without an envelope may have of one. */
static void
begin_mail(struct source *s, struct span sender, int64_t date)
{
	snprintf(
	    s->sender, sizeof s->sender, "%.*s", (int)sender.len, sender.p);
	if (strcmp(s->sender, "MAILER-DAEMON") == 0 ||
	    !envelope_is_path(s->sender))
		s->sender[0] = '\0';
	s->date = date * INT64_C(1000000);
}

/* A line without its end is as empty as one with it. */
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

/* The mail is over: without the empty line behind it. */
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

	while (status == EX_OK && (n = getline(&line, &size, f)) > 0) {
		struct span text = { line, (size_t)n };
		struct span sender;
		int64_t date;

		if (after_empty && mbox_read_from(text, &sender, &date)) {
			if (begun)
				status = end_mail(s, &mail);
			begin_mail(s, sender, date);
			begun = true;
			after_empty = false;
			continue;
		}
		if (!begun)
			status =
			    smtpdb_fail(EX_DATAERR, "%s is no mbox", s->name);
		text_add(&mail, unquoted(text));
		after_empty = is_empty(text);
	}
	if (status == EX_OK && ferror(f))
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
		s->date = st.st_mtim.tv_sec * INT64_C(1000000) +
			  st.st_mtim.tv_nsec / 1000;
		status = import_mail(s, mail);
	}
	free((char *)mail.p);
	if (fd >= 0)
		close(fd);
	s->name = NULL; /* lent */
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

/* In the order of the numbers in their names, which is that of the ids. */
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
		if (status == EX_OK)
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

int
import_run(struct smtpdb *t)
{
	struct source s = { .t = t };
	const char *sender = t->options[OPT_SENDER];
	const char *recipient = t->options[OPT_RECIPIENT];
	int status;

	if (!t->options[OPT_MBOX] + !t->options[OPT_MAILDIR] +
		!t->options[OPT_EML] !=
	    2)
		return smtpdb_fail(EX_USAGE,
		    "where from?  Say one of --mbox, --maildir and --eml");
	if ((sender && !envelope_is_path(sender)) ||
	    (recipient && (*recipient == '\0' || !envelope_is_path(recipient))))
		return smtpdb_fail(
		    EX_USAGE, "--sender or --recipient is no address");
	t->names_files = true;
	status = smtpdb_open(t, true);
	if (status != EX_OK)
		return status;
	progress_begin(&s.progress, "imported");
	if (t->options[OPT_MBOX])
		status = import_mbox(&s, t->options[OPT_MBOX]);
	else if (t->options[OPT_MAILDIR])
		status = import_maildir(&s, t->options[OPT_MAILDIR]);
	else
		status = import_eml(&s, t->options[OPT_EML]);
	progress_end(&s.progress);
	printf("imported %llu mails\n", (unsigned long long)s.mails);
	return status;
}
