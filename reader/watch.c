/*
 * watch: mails as they come, one line each.
 */
#include <stdio.h>
#include <sysexits.h>

#include "../clock.h"
#include "list.h"
#include "options.h"

enum {
	WATCH_EVERY_MS = 200,
	/* Where the database tells of new mails, but not of other changes. */
	LISTEN_EVERY_MS = 2000,
	NONE_CAME = 1, /* exit status: no mail came in time */
};

/*
 * Skips the mails that are there, but for the newest that --number wants, or
 * those since --since.
 */
static int
skip_old(const struct smtpdb *t, struct listing *l)
{
	struct archive *a = t->archive;
	int64_t last;

	if (t->options[OPT_SINCE] && l->newest < 0)
		return 0;
	if (archive_last_id(a, &last) < 0)
		return -1;
	l->filter.up_to_id = last;
	if (l->newest > 0 && last > 0 && listing_print_newest(l, a) < 0)
		return -1;
	l->filter.up_to_id = 0;
	l->filter.after_id = last;
	return 0;
}

/*
 * Next time, goes on behind all that was looked at, also where nothing
 * matched.  The last id is read first: ids grow in the order of the commits,
 * so what comes meanwhile has a higher one.
 */
static int
print_new(struct listing *l, struct archive *a)
{
	int64_t last = 0;

	if (archive_last_id(a, &last) < 0 || listing_print(l, a) < 0)
		return -1;
	if (last > l->filter.after_id)
		l->filter.after_id = last;
	return 0;
}

static int
watch(struct smtpdb *t, struct listing *l)
{
	int heard = archive_listen(t->archive);
	int64_t every = heard < 0 ? WATCH_EVERY_MS : LISTEN_EVERY_MS;
	int64_t seen = -1, now, left;
	int status = EX_OK;

	do {
		if (archive_version(t->archive, &now) < 0 ||
		    (now != seen && print_new(l, t->archive) < 0))
			return smtpdb_fail_archive(t);
		seen = now;
		status = smtpdb_flush();
		left = t->deadline_ms - clock_ms();
	} while (status == EX_OK && l->printed < l->most && left > 0 &&
		 smtpdb_pause((int)(left < every ? left : every), heard));
	if (status == EX_OK && l->printed == 0 && left <= 0)
		return NONE_CAME;
	return status;
}

int
watch_run(struct smtpdb *t)
{
	struct listing l = { .newest = 0 };
	bool waited = false;
	int status = listing_start(&l, t);

	if (t->options[OPT_ONE])
		l.most = 1;
	if (status == EX_OK)
		status = smtpdb_open_soon(t, &waited);
	if (status == EX_NOINPUT && waited)
		return NONE_CAME;
	if (status != EX_OK)
		return status;
	/* In a database that was not there before, all mails are new. */
	if (!waited && skip_old(t, &l) < 0)
		return smtpdb_fail_archive(t);
	return watch(t, &l);
}
