/*
 * rm and prune: in small transactions, so that sessions go on meanwhile.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sysexits.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "options.h"
#include "private.h"
#include "terminal.h"

enum {
	/* For the wal-index, and for what one mail adds to the WAL. */
	ROOM_OCTETS = 64 * 1024,
};

/*
 * A deletion is written to the WAL first, and the database file may have no
 * room for what the WAL holds already.
 */
static int
fail_delete(const struct smtpdb *t, int status)
{
	char log[PATH_MAX + 8], folder[PATH_MAX];
	char wanted[TERMINAL_SIZE_MAX], is_free[TERMINAL_SIZE_MAX];
	struct statvfs fs;
	struct stat st;

	if (!t->archive || archive_result(t->archive) != VERDICT_FULL)
		return status;
	snprintf(log, sizeof log, "%s-wal", t->path);
	snprintf(folder, sizeof folder, "%s", t->path);
	if (statvfs(dirname(folder), &fs) < 0)
		return status;
	terminal_size(
	    ROOM_OCTETS + (stat(log, &st) == 0 ? st.st_size : 0), wanted);
	terminal_size((int64_t)(fs.f_bavail * fs.f_frsize), is_free);
	return smtpdb_fail(status,
	    "deleting wants up to %s of room where %s lies, which has %s free",
	    wanted, t->path, is_free);
}

/* Returns how many were deleted, or -1. */
static int64_t
delete_range(struct archive *a, int64_t first, int64_t last)
{
	struct archive_prune p = { .after_id = first - 1, .up_to_id = last };
	int result;

	while ((result = archive_prune(a, &p)) > 0)
		;
	return result < 0 ? -1 : (int64_t)p.mails;
}

/* A mail that is not there does not keep the others from being deleted. */
static int
rm_ids(struct smtpdb *t, const char *arg, bool *ret_missing)
{
	struct ids ids;
	int status = smtpdb_find_ids(t, arg, &ids);
	int64_t deleted;

	if (status != EX_OK)
		return status;
	deleted = delete_range(t->archive, ids.first, ids.last);
	if (deleted < 0)
		return fail_delete(t, smtpdb_fail_archive(t));
	if (deleted == 0) {
		*ret_missing = true;
		smtpdb_fail(0, "there is no mail %s", arg);
	}
	return EX_OK;
}

int
rm_run(struct smtpdb *t)
{
	/*
	 * All arguments are checked first: a typing error in the last one
	 * deletes nothing.
	 */
	int status = smtpdb_check_ids(t);
	bool missing = false;

	if (status == EX_OK)
		status = fail_delete(t, smtpdb_open(t, false));
	for (int i = 0; i < t->nargs && status == EX_OK; i++)
		status = rm_ids(t, t->args[i], &missing);
	return status == EX_OK && missing ? EX_NOINPUT : status;
}

/*
 * prune
 */

/* Finds the highest id to delete, by --keep and --max-bytes. */
static int
find_id(struct smtpdb *t, struct archive_prune *p)
{
	int64_t n = 0, id = 0;
	int status = EX_OK;

	if (t->options[OPT_KEEP]) {
		status = options_number("--keep", t->options[OPT_KEEP], &n);
		if (status == EX_OK &&
		    archive_id_to_keep(t->archive, (uint64_t)n, &id) < 0)
			status = smtpdb_fail_archive(t);
		p->up_to_id = id;
	}
	if (status == EX_OK && t->options[OPT_MAX_BYTES]) {
		status =
		    options_size("--max-bytes", t->options[OPT_MAX_BYTES], &n);
		if (status == EX_OK &&
		    archive_id_to_fit(t->archive, (uint64_t)n, &id) < 0)
			status = smtpdb_fail_archive(t);
		if (id > p->up_to_id)
			p->up_to_id = id;
	}
	return status;
}

static int
find_what(struct smtpdb *t, struct archive_prune *p)
{
	int64_t age = 0;
	int status = EX_OK;

	if (t->options[OPT_OLDER]) {
		status =
		    options_duration("--older", t->options[OPT_OLDER], &age);
		if (status == EX_OK && age > clock_us() / 1000000)
			age = clock_us() / 1000000;
		p->before = clock_us() - age * 1000000;
	}
	p->dry_run = t->options[OPT_DRY_RUN];
	p->had_by = t->options[OPT_HAD_BY];
	if (status == EX_OK)
		status = find_id(t, p);
	/* --had-by alone deletes all mails that the consumer has had. */
	if (p->had_by && !t->options[OPT_OLDER] && !t->options[OPT_KEEP] &&
	    !t->options[OPT_MAX_BYTES])
		p->up_to_id = INT64_MAX;
	return status;
}

static int
prune(struct smtpdb *t, struct archive_prune *p)
{
	struct progress progress;
	char size[TERMINAL_SIZE_MAX];
	int result;

	progress_begin(&progress, "deleted");
	while ((result = archive_prune(t->archive, p)) > 0)
		progress_tell(&progress, p->mails);
	progress_end(&progress);
	if (result < 0)
		return fail_delete(t, smtpdb_fail_archive(t));
	terminal_size((int64_t)p->octets, size);
	printf("%s %llu mail%s of %s octet%s\n",
	    p->dry_run ? "would delete" : "deleted",
	    (unsigned long long)p->mails, plural((int64_t)p->mails), size,
	    plural((int64_t)p->octets));
	return EX_OK;
}

int
prune_run(struct smtpdb *t)
{
	struct archive_prune p = { 0 };
	bool says_what = t->options[OPT_OLDER] || t->options[OPT_KEEP] ||
			 t->options[OPT_MAX_BYTES] || t->options[OPT_HAD_BY];
	int status = EX_OK;

	if (!says_what && !t->options[OPT_VACUUM])
		return smtpdb_fail(EX_USAGE,
		    "prune what?  Say --older, --keep, --max-bytes, --had-by "
		    "or --vacuum");
	status = fail_delete(t, smtpdb_open(t, false));
	if (status == EX_OK && says_what)
		status = find_what(t, &p);
	if (status == EX_OK && says_what)
		status = prune(t, &p);
	if (status != EX_OK || !t->options[OPT_VACUUM] || p.dry_run)
		return status;
	if (archive_vacuum(t->archive) < 0)
		return smtpdb_fail_archive(t);
	return EX_OK;
}
