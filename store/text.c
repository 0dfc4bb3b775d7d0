/*
 * The text of a mail on its way to store_commit(): in memory, then in a file,
 * which this process makes in the database's folder or the writer for it.
 */
#include <sys/statvfs.h>

#include <errno.h>

#include "private.h"

static enum verdict
fail_spool(struct store *st)
{
	static const char what[] = "spooling the mail";

	return st->link ? link_fail_errno(st->link, what, errno)
			: database_fail_errno(st->db, what, errno);
}

enum verdict
store_open_spool(struct store *st, int *ret_fd)
{
	const char *folder = database_folder(st->db);

	if (!folder)
		return VERDICT_FAILED;
	*ret_fd = spool_open(st->spool, folder);
	return *ret_fd < 0 ? fail_spool(st) : VERDICT_OK;
}

uint64_t
store_free_octets(struct store *st)
{
	const char *folder = database_folder(st->db);
	struct statvfs fs;

	return folder && statvfs(folder, &fs) == 0
		   ? (uint64_t)fs.f_bavail * fs.f_frsize
		   : 0;
}

uint64_t
store_kept_octets(const struct store *st)
{
	return spool_kept_octets(st->spool);
}

int
store_take_spool(struct store *st, uint64_t size)
{
	return spool_take(st->spool, size);
}

/* Makes, or gets from the writer, a file for what memory has no room for. */
static enum verdict
extend_spool(struct store *st)
{
	enum verdict result;
	int fd;

	if (!st->link)
		return store_open_spool(st, &fd);
	fd = link_open_spool(st->link, &result);
	if (fd >= 0)
		spool_use(st->spool, fd);
	return result;
}

void
store_append(struct store *st, struct span data)
{
	while (data.len > 0 && st->spooled == VERDICT_OK) {
		if (spool_needs_file(st->spool))
			st->spooled = extend_spool(st);
		if (st->spooled == VERDICT_OK &&
		    spool_append(st->spool, &data) < 0)
			st->spooled = fail_spool(st);
	}
	if (st->spooled != VERDICT_OK)
		spool_reset(st->spool);
}

void
store_drop(struct store *st)
{
	if (st->link)
		link_drop(st->link);
	spool_reset(st->spool);
	st->spooled = VERDICT_OK;
}
