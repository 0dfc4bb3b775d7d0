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
#include <sysexits.h>
#include <unistd.h>

#include "mime.h"
#include "options.h"
#include "smtpdb.h"

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

/*
 * A database that root makes must be smtpd's, who owns the folder; so root
 * makes it in the owner's name.  Returns whether that was begun.
 */
static bool
become_owner(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof folder, "%s", path);
	return geteuid() == 0 && access(path, F_OK) < 0 &&
	       stat(dirname(folder), &st) == 0 && st.st_uid != 0 &&
	       setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
}

static enum verdict
open_archive(struct smtpdb *t)
{
	bool changed = become_owner(t->path);
	enum verdict result = archive_open(t->archive);

	if (changed && (seteuid(0) < 0 || setegid(0) < 0))
		abort(); /* who was root may become it again */
	return result;
}

int
smtpdb_open(struct smtpdb *t, bool make)
{
	if (t->archive)
		return EX_OK;
	if (!make && access(t->path, F_OK) < 0)
		return smtpdb_fail_errno(EX_NOINPUT, t->path);
	t->conf.path = t->path;
	t->conf.wait_ms = STORE_WAIT_MS;
	t->conf.holds = mime_holds;
	t->archive = archive_new(&t->conf);
	if (!t->archive)
		return smtpdb_fail_errno(EX_OSERR, "start");
	if (open_archive(t) != VERDICT_OK)
		return smtpdb_fail_archive(t);
	return EX_OK;
}

int
smtpdb_read(struct smtpdb *t, const char *arg, struct archive_mail *ret)
{
	int64_t id;
	int status = options_id(arg, &id);
	int found;

	if (status != EX_OK)
		return status;
	found = archive_read(t->archive, id, ret);
	if (found < 0)
		return smtpdb_fail_archive(t);
	if (found == 0)
		return smtpdb_fail(
		    EX_NOINPUT, "there is no mail %lld", (long long)id);
	return EX_OK;
}

int
smtpdb_each(struct smtpdb *t,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg)
{
	struct archive_mail mail = { 0 };
	int status = EX_OK;

	for (int i = 0; i < t->nargs && status == EX_OK; i++) {
		status = smtpdb_read(t, t->args[i], &mail);
		if (status == EX_OK)
			status = one(t, &mail, arg);
	}
	archive_mail_reset(&mail);
	return status;
}
