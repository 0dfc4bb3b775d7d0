/*
 * A database for somebody who may read it and not write it: of another user,
 * on a medium or in a folder where nothing can be made.
 *
 * Where SQLite's WAL and wal-index are there, it reads them as they are, with
 * locks, and what others commit meanwhile is seen.  Where they are not, nobody
 * has it open, and SQLite would have to make them: then it reads a file that
 * nobody changes (frozen), without locks.  Should somebody come meanwhile, the
 * file shows it, and what was read in between may be torn.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

enum {
	TRIES = 100,
	TRY_EVERY_MS = 10,
};

/* The options of SQLite's URI; the longest is MAX. */
static const char uri_in_use[] = "?readonly_shm=1"; /* makes no wal-index */
static const char uri_immutable[] = "?immutable=1";
static const char uri_no_locks[] = "?vfs=unix-none"; /* reads the WAL */
enum {
	URI_OPTIONS_MAX = sizeof uri_in_use,
};

static int
look_beside(const struct database *db, const char *suffix, struct stat *ret)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s%s", db->path, suffix);
	return stat(path, ret);
}

static bool
may_use_beside(const struct database *db, const char *suffix, int how)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s%s", db->path, suffix);
	return access(path, how) == 0;
}

/*
 * Does somebody have it open, or were the files left that it takes to open it?
 */
static bool
has_company(const struct database *db, int how)
{
	return may_use_beside(db, "-wal", how) &&
	       may_use_beside(db, "-shm", how);
}

static bool
is_for_reading(struct database *db)
{
	const char *folder = database_folder(db);

	if (!folder || access(db->path, R_OK) < 0)
		return false;
	if (access(db->path, W_OK) < 0)
		return true;
	return access(folder, W_OK) < 0 && !has_company(db, W_OK);
}

/* "file:PATH?OPTIONS", with all that means something there as "%xx". */
static char *
write_uri(const char *path, const char *options)
{
	char *uri =
	    malloc(strlen("file:") + 3 * strlen(path) + URI_OPTIONS_MAX);
	char *at = uri;

	if (!uri)
		return NULL;
	at = stpcpy(at, "file:");
	for (; *path; path++) {
		if (strchr("?#%", *path))
			at += sprintf(at, "%%%02X", (unsigned char)*path);
		else
			*at++ = *path;
	}
	strcpy(at, options);
	return uri;
}

static enum verdict
connect(struct database *db, const char *options)
{
	char *uri = write_uri(db->path, options);
	int rc;

	if (!uri)
		return database_fail_errno(db, db->path, ENOMEM);
	rc = sqlite3_open_v2(uri, &db->sqlite,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_EXRESCODE,
	    NULL);
	free(uri);
	/* Without locks, the index of the WAL is in memory of our own. */
	if (rc == SQLITE_OK && options == uri_no_locks)
		rc = sqlite3_exec(db->sqlite, "PRAGMA locking_mode = EXCLUSIVE",
		    NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	database_distrust(db->sqlite);
	sqlite3_db_config(
	    db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(db->sqlite, db->wait_ms);
	return VERDICT_OK;
}

/*
 * Names the file that cannot be used; SQLite would only say that it cannot open
 * the database.
 */
static enum verdict
check_beside(struct database *db)
{
	static const char *const suffixes[] = { "-wal", "-shm" };
	enum verdict result = beside_check(db);

	for (size_t i = 0; result == VERDICT_OK && i < 2; i++) {
		struct stat is;

		if (look_beside(db, suffixes[i], &is) == 0 &&
		    !may_use_beside(db, suffixes[i], R_OK))
			return database_fail(db, VERDICT_FAILED,
			    "%s%s: no permission to read", db->path,
			    suffixes[i]);
	}
	return result;
}

static enum verdict
open_for_reading(struct database *db)
{
	const char *options = uri_in_use;
	enum verdict result;
	struct stat wal;
	int64_t version = 0;

	if (stat(db->path, &db->frozen) < 0)
		return database_fail_errno(db, db->path, errno);
	result = beside_check_file(db, &db->frozen);
	if (result != VERDICT_OK)
		return result;
	db->is_frozen = !has_company(db, F_OK);
	if (db->is_frozen) {
		options = look_beside(db, "-wal", &wal) == 0 && wal.st_size > 0
			      ? uri_no_locks
			      : uri_immutable;
	}
	result = connect(db, options);
	if (result == VERDICT_OK)
		result = check_beside(db);
	if (result == VERDICT_OK)
		result = version_read(db, &version);
	if (result == VERDICT_OK && !version_is_present(version))
		result = database_fail(db, VERDICT_UNUSABLE,
		    "%s is empty or of an older version, and cannot be "
		    "written to",
		    db->path);
	db->is_for_reading = result == VERDICT_OK;
	if (result != VERDICT_OK)
		database_close(db);
	return result;
}

/*
 * Whoever begins or ends with the database makes files beside it and deletes
 * them, one after the other.  What finds only some of them fails, and does not a
 * moment later.
 */
static enum verdict
open_with_patience(struct database *db)
{
	const struct timespec pause = { .tv_nsec = TRY_EVERY_MS * 1000000L };
	enum verdict result = open_for_reading(db);

	for (int i = 1; i < TRIES && result == VERDICT_FAILED; i++) {
		nanosleep(&pause, NULL);
		result = open_for_reading(db);
	}
	return result;
}

bool
database_is_torn(struct database *db)
{
	const struct stat *was = &db->frozen;
	struct stat is;

	return db->sqlite && db->is_frozen &&
	       (stat(db->path, &is) < 0 || is.st_ino != was->st_ino ||
		   is.st_size != was->st_size ||
		   is.st_mtim.tv_sec != was->st_mtim.tv_sec ||
		   is.st_mtim.tv_nsec != was->st_mtim.tv_nsec);
}

/* Trouble may have closed one that is to be written to. */
enum verdict
copy_follow(struct database *db)
{
	if (db->sqlite &&
	    !(db->is_frozen && (database_is_torn(db) || has_company(db, F_OK))))
		return VERDICT_OK;
	database_close(db);
	db->times_followed++;
	return db->is_for_reading ? open_with_patience(db)
				  : database_open_as_it_is(db);
}

enum verdict
database_open_as_it_is(struct database *db)
{
	return is_for_reading(db) ? open_with_patience(db) : database_open(db);
}
