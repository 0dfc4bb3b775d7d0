/*
 * A copy of a database, which may be read but not written: a file of its own on
 * a medium or in a folder where nothing can be made.  SQLite reads it as one
 * that nobody changes (immutable), without locks and without shared memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

/*
 * Has the database been in use where it lies?  Then what is in its WAL would
 * not be read, and what is written meanwhile would be read by halves.
 */
static bool
has_company(const struct database *db)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-lock" };
	char path[PATH_MAX + 8];

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		snprintf(path, sizeof path, "%s%s", db->path, suffixes[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static bool
is_for_reading(struct database *db)
{
	const char *folder = database_folder(db);

	return folder && access(db->path, R_OK) == 0 &&
	       (access(db->path, W_OK) < 0 || access(folder, W_OK) < 0) &&
	       !has_company(db);
}

/* "file:PATH?immutable=1", with all that means something there as "%xx". */
static char *
write_uri(const char *path)
{
	char *uri = malloc(3 * strlen(path) + sizeof "file:?immutable=1");
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
	strcpy(at, "?immutable=1");
	return uri;
}

static enum verdict
connect(struct database *db)
{
	char *uri = write_uri(db->path);
	int rc;

	if (!uri)
		return database_fail_errno(db, db->path, ENOMEM);
	rc = sqlite3_open_v2(uri, &db->sqlite,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_EXRESCODE,
	    NULL);
	free(uri);
	if (rc == SQLITE_OK)
		database_distrust(db->sqlite);
	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_code(db, db->path, rc);
}

static enum verdict
open_for_reading(struct database *db)
{
	enum verdict result = connect(db);
	int64_t version = 0;

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

enum verdict
database_open_as_it_is(struct database *db)
{
	return is_for_reading(db) ? open_for_reading(db) : database_open(db);
}
