/*
 * Files beside the database whose names are ours.  Whoever may write to the
 * folder may have put something else there: a link to a file that he may not
 * write to, but we may.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "private.h"

const char *
database_file(const struct database *db)
{
	return sqlite3_db_filename(db->sqlite, "main");
}

/* Gives it the owner, group and mode of the database, whatever the umask. */
static void
give(int fd, const struct stat *database)
{
	mode_t mode = database->st_mode & 0666;
	struct stat is;

	if (fstat(fd, &is) < 0 || is.st_uid != geteuid())
		return;
	/* Mode last: a new owner would not let us set it. */
	if (is.st_gid != database->st_gid &&
	    fchown(fd, (uid_t)-1, database->st_gid) == 0)
		is.st_gid = database->st_gid;
	if ((is.st_mode & 07777) != mode)
		fchmod(fd, mode);
	if (is.st_uid != database->st_uid &&
	    fchown(fd, database->st_uid, (gid_t)-1) == 0)
		is.st_uid = database->st_uid;
}

/* NULL, or why it is not what we would have made. */
static const char *
fault_of(const struct stat *is, const struct stat *database)
{
	if (!S_ISREG(is->st_mode))
		return "it is no file";
	if (is->st_nlink > 1)
		return "it has another name too (a hard link)";
	if (is->st_uid != geteuid() && is->st_uid != database->st_uid &&
	    is->st_gid != database->st_gid)
		return "it belongs to somebody else";
	return NULL;
}

static int
open_file(const char *path, int flags, const struct stat *database)
{
	/* Without O_NONBLOCK, open(2) would wait at a FIFO. */
	int as_it_is = (flags & ~O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, as_it_is);

	if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
		return fd;
	fd = open(path, as_it_is | O_CREAT | O_EXCL, database->st_mode & 0666);
	if (fd < 0 && errno == EEXIST)
		fd = open(path, as_it_is); /* another was faster */
	return fd;
}

enum verdict
database_open_beside(
    struct database *db, const char *suffix, int flags, int *ret_fd)
{
	char path[PATH_MAX + 16];
	struct stat database, is;
	const char *fault = NULL;
	int fd;

	snprintf(path, sizeof path, "%s%s", database_file(db), suffix);
	if (stat(database_file(db), &database) < 0)
		return database_fail_errno(db, database_file(db), errno);
	fd = open_file(path, flags, &database);
	if (fd < 0 && errno == ELOOP)
		fault = "it is a symbolic link";
	else if (fd < 0 || fstat(fd, &is) < 0)
		return database_fail_errno(db, path, errno);
	else
		fault = fault_of(&is, &database);
	if (!fault) {
		give(fd, &database);
		*ret_fd = fd;
		return VERDICT_OK;
	}
	if (fd >= 0)
		close(fd);
	return database_fail(
	    db, VERDICT_UNUSABLE, "%s is not used: %s", path, fault);
}

enum verdict
beside_check_file(struct database *db, const struct stat *is)
{
	if (S_ISREG(is->st_mode))
		return VERDICT_OK;
	return database_fail(db, VERDICT_UNUSABLE,
	    S_ISDIR(is->st_mode)
		? "%s is a folder; the database is a file in it, as mail.db"
		: "%s is no file",
	    db->path);
}

/*
 * SQLite follows no link there, but open(2) would wait at a FIFO for ever,
 * where no deadline counts.
 */
enum verdict
beside_check(struct database *db)
{
	static const char *const suffixes[] = { "-journal", "-wal", "-shm" };

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[PATH_MAX + 16];
		struct stat is;

		snprintf(
		    path, sizeof path, "%s%s", database_file(db), suffixes[i]);
		if (lstat(path, &is) == 0 && !S_ISREG(is.st_mode))
			return database_fail(db, VERDICT_UNUSABLE,
			    "%s is not used: it is %s", path,
			    S_ISLNK(is.st_mode) ? "a symbolic link"
						: "no file");
	}
	return VERDICT_OK;
}
