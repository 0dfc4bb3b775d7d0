/*
 * What commands do with the database before they do their own work: open it,
 * read mails by the numbers that are given, and tell its trouble.
 */
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "../mime/mime.h"
#include "options.h"
#include "private.h"
#include "rights.h"

enum {
	WAIT_EVERY_MS = 100,
};

static int
status_of(enum verdict result)
{
	switch (result) {
	case VERDICT_OK:
		return EX_OK;
	case VERDICT_BUSY:
	case VERDICT_FULL:
		return EX_TEMPFAIL;
	case VERDICT_NO_MEMORY:
		return EX_OSERR;
	case VERDICT_FAILED:
		return EX_IOERR;
	case VERDICT_TOO_BIG:
	case VERDICT_CORRUPT:
		return EX_DATAERR;
	case VERDICT_UNUSABLE:
		return EX_CONFIG;
	}
	return EX_SOFTWARE;
}

int
smtpdb_fail_archive(const struct smtpdb *t)
{
	return smtpdb_fail(status_of(archive_result(t->archive)), "%s",
	    archive_error(t->archive));
}

/* Is the file missing while its folder is there? */
static bool
is_to_come(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof folder, "%s", path);
	return archive_is_file() && access(path, F_OK) < 0 && errno == ENOENT &&
	       stat(dirname(folder), &st) == 0 && S_ISDIR(st.st_mode);
}

int
smtpdb_try_open(struct smtpdb *t, bool make)
{
	if (t->archive)
		return EX_OK;
	if (archive_is_file() &&
	    rights_become_owner(t->path, !t->names_files) < 0)
		return smtpdb_fail_errno(EX_NOPERM, t->path);
	if (!make && is_to_come(t->path))
		return smtpdb_fail(EX_NOINPUT,
		    "%s is not there yet: smtpd makes it with the first mail, "
		    "and smtpdb with the first domain or rule",
		    t->path);
	if (archive_is_file() && !make && access(t->path, F_OK) < 0)
		return smtpdb_fail(EX_NOINPUT, "%s: %s (-d names another)",
		    t->path, strerror(errno));
	t->conf.path = t->path;
	t->conf.wait_ms = STORE_WAIT_MS;
	t->conf.holds = mime_holds;
	t->archive = archive_new(&t->conf);
	if (!t->archive)
		return smtpdb_fail_errno(EX_OSERR, "start");
	return status_of(archive_open(t->archive));
}

int
smtpdb_open(struct smtpdb *t, bool make)
{
	int status = smtpdb_try_open(t, make);

	if (status != EX_OK && t->archive)
		return smtpdb_fail_archive(t);
	return status;
}

int
smtpdb_open_soon(struct smtpdb *t, bool *ret_waited)
{
	*ret_waited = is_to_come(t->path) && clock_ms() < t->deadline_ms;
	if (*ret_waited)
		smtpdb_fail(0, "waiting for %s", t->path);
	while (is_to_come(t->path) && clock_ms() < t->deadline_ms) {
		if (!smtpdb_pause(WAIT_EVERY_MS, -1))
			return EX_NOINPUT;
	}
	return smtpdb_open(t, false);
}

int
smtpdb_check_ids(const struct smtpdb *t)
{
	struct ids ids;
	int status = EX_OK;

	for (int i = 0; i < t->nargs && status == EX_OK; i++)
		status = options_ids(t->args[i], &ids);
	return status;
}

int
smtpdb_find_ids(struct smtpdb *t, const char *arg, struct ids *ret)
{
	int status = options_ids(arg, ret);
	int64_t last;

	if (status != EX_OK ||
	    (ret->first != OPTIONS_LAST && ret->last != OPTIONS_LAST))
		return status;
	if (archive_last_id(t->archive, &last) < 0)
		return smtpdb_fail_archive(t);
	if (last == 0)
		return smtpdb_fail(EX_NOINPUT, "there is no mail yet");
	if (ret->first == OPTIONS_LAST)
		ret->first = last;
	if (ret->last == OPTIONS_LAST)
		ret->last = last;
	return EX_OK;
}

static int
fail_missing(const char *arg)
{
	return smtpdb_fail(EX_NOINPUT, "there is no mail %s", arg);
}

int
smtpdb_read(struct smtpdb *t, const char *arg, struct archive_mail *ret)
{
	struct ids ids;
	int status = smtpdb_find_ids(t, arg, &ids);
	int found;

	if (status != EX_OK)
		return status;
	if (ids.first != ids.last)
		return smtpdb_fail(EX_USAGE, "'%s' is more than one mail", arg);
	found = archive_read(t->archive, ids.first, ret);
	if (found < 0)
		return smtpdb_fail_archive(t);
	return found > 0 ? EX_OK : fail_missing(arg);
}

/* A mail that is deleted meanwhile is passed over. */
static int
each_of_range(struct smtpdb *t, const struct ids *ids,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg, int *ret_status)
{
	struct archive_filter filter = {
		.after_id = ids->first - 1,
		.up_to_id = ids->last,
	};
	struct archive_page page = { .nrows = 0 };
	struct archive_mail mail = { 0 };
	int found = 0, result = 1;

	while (*ret_status == EX_OK && result >= 0 &&
	       (result = archive_list(t->archive, &filter, &page)) > 0) {
		for (size_t i = 0; i < page.nrows && *ret_status == EX_OK;
		     i++) {
			result =
			    archive_read(t->archive, page.rows[i].id, &mail);
			if (result < 0)
				break;
			found += result;
			if (result > 0)
				*ret_status = one(t, &mail, arg);
		}
	}
	archive_mail_reset(&mail);
	archive_page_reset(&page);
	return result < 0 ? -1 : found;
}

int
smtpdb_each(struct smtpdb *t, const char *ids_text,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg)
{
	struct ids ids;
	int status = smtpdb_find_ids(t, ids_text, &ids);
	int found;

	if (status != EX_OK)
		return status;
	found = each_of_range(t, &ids, one, arg, &status);
	if (found < 0)
		return smtpdb_fail_archive(t);
	return found > 0 ? status : fail_missing(ids_text);
}

int
smtpdb_each_arg(struct smtpdb *t,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg)
{
	int status = smtpdb_check_ids(t);

	for (int i = 0; i < t->nargs && status == EX_OK; i++)
		status = smtpdb_each(t, t->args[i], one, arg);
	return status;
}
