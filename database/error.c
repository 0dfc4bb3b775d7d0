/*
 * What errors of SQLite and of the kernel mean for a mail.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../mail/codepoint.h"
#include "private.h"

/*
 * What SQLite says may quote a foreign database; it stands in the log and on
 * terminals.
 */
static void
make_visible(char *text)
{
	struct span left = span_of(text);

	while (left.len > 0) {
		size_t len = codepoint_visible_len(left);

		if (len == 0) {
			*text = '?';
			len = 1;
		}
		text += len;
		left.p += len;
		left.len -= len;
	}
}
_Static_assert(DATABASE_OK == SQLITE_OK && DATABASE_NO_MEMORY == SQLITE_NOMEM &&
		   DATABASE_IO_ERROR == SQLITE_IOERR &&
		   DATABASE_CONSTRAINT == SQLITE_CONSTRAINT,
    "codes");

const char *
database_error(const struct database *db)
{
	return db->error;
}

enum verdict
database_fail(
    struct database *db, enum verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(db->error, sizeof db->error, format, args);
	va_end(args);
	make_visible(db->error);
	return verdict;
}

enum verdict
database_fail_errno(struct database *db, const char *what, int error)
{
	return database_fail(
	    db, verdict_of_errno(error), "%s: %s", what, strerror(error));
}

static enum verdict
verdict_of_sqlite(int rc, int system_error)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return VERDICT_BUSY;
	case SQLITE_FULL:
		return VERDICT_FULL;
	case SQLITE_NOMEM:
		return VERDICT_NO_MEMORY;
	case SQLITE_TOOBIG:
		return VERDICT_TOO_BIG;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return VERDICT_CORRUPT;
	case SQLITE_IOERR: /* also for EDQUOT, and for ENOSPC in the -shm */
		if (rc == SQLITE_IOERR_NOMEM)
			return VERDICT_NO_MEMORY;
		return verdict_of_errno(system_error);
	default:
		return VERDICT_FAILED;
	}
}

sqlite3_file *
error_file(sqlite3 *sqlite, int which)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(sqlite, "main", which, &file);

	return rc == SQLITE_OK && file && file->pMethods ? file : NULL;
}

/*
 * The errno of the write that failed.  SQLite forgets it before it returns from
 * a COMMIT, but the file remembers it: the WAL (or journal), or the database.
 */
static int
errno_of(sqlite3 *sqlite)
{
	static const int files[] = { SQLITE_FCNTL_JOURNAL_POINTER,
		SQLITE_FCNTL_FILE_POINTER };
	int error = 0;

	for (size_t i = 0; i < sizeof files / sizeof *files && !error; i++) {
		sqlite3_file *file = error_file(sqlite, files[i]);

		if (file)
			file->pMethods->xFileControl(
			    file, SQLITE_FCNTL_LAST_ERRNO, &error);
	}
	return error ? error : sqlite3_system_errno(sqlite);
}

enum verdict
error_on(struct database *db, sqlite3 *sqlite, const char *what, int rc)
{
	int error = sqlite ? errno_of(sqlite) : 0;
	/* A rollback may have replaced the message. */
	const char *message = sqlite && sqlite3_extended_errcode(sqlite) == rc
				  ? sqlite3_errmsg(sqlite)
				  : sqlite3_errstr(rc);

	if (rc == SQLITE_NOTADB)
		message = "file is not a database, or its beginning is damaged";
	if (error != 0 &&
	    ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN))
		return database_fail(db, verdict_of_sqlite(rc, error),
		    "%s: %s (%s, %d)", what, strerror(error), message, rc);
	return database_fail(
	    db, verdict_of_sqlite(rc, error), "%s: %s (%d)", what, message, rc);
}

enum verdict
database_fail_code(struct database *db, const char *what, int rc)
{
	return error_on(db, db->sqlite, what, rc);
}
