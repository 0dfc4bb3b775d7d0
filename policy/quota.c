/*
 * How much the database may hold, by its row of quota, and how much the disk
 * can. recipient.c checks the limits of a mailbox.
 */
#include <sys/statvfs.h>

#include "private.h"

enum {
	/* The disk holds a mail twice, in the spool and the WAL; and a margin. */
	COPIES = 2,
	AIR = 1024 * 1024,
};

bool
policy_exceeds(struct statement *row, int column, uint64_t more)
{
	int64_t limit = statement_integer(row, column);
	int64_t used = statement_integer(row, column + 1);

	if (statement_is_null(row, column))
		return false;
	/* An application that counts wrongly may have gone below 0. */
	if (used < 0)
		used = 0;
	return used >= limit || more > (uint64_t)(limit - used);
}

void
policy_decide_quota(struct decision *d)
{
	struct statement *quota = lookup_begin(&d->lookup, SQL_QUOTA);

	if (lookup_step(quota) && (policy_exceeds(quota, 0, 1) ||
				      policy_exceeds(quota, 2, d->q->size))) {
		answer_note_row(d->answer, "quota", "");
		answer_say(d->answer, REPLY_FULL, "");
	}
	lookup_end(&d->lookup, quota);
}

enum verdict
policy_check_disk(struct policy *p, uint64_t size)
{
	struct statvfs fs;
	uint64_t room;

	if (size == 0 || statvfs(database_folder(p->db), &fs) < 0)
		return VERDICT_OK;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room > AIR && (room - AIR) / COPIES >= size)
		return VERDICT_OK;
	return database_fail(p->db, VERDICT_FULL,
	    "%llu octets are free on the disk, too few for a mail of %llu",
	    (unsigned long long)room, (unsigned long long)size);
}
