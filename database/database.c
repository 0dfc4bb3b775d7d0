/*
 * The connection to the database: how it is opened, made and migrated, and what
 * its errors mean.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_private.h"
#include "sync.h"
#include "turnstile.h"
#include "wal.h"

enum {
	/* "smtd", in octets 68 to 71 of the file (sqlite.org/fileformat). */
	APPLICATION_ID = 0x736d7464,
	/* Who is longer inside has it open himself, and we are not the last. */
	CLOSE_WAIT_MS = 1000,
};

static const char schema[] = {
#include "schema.inc"
	, '\0'
};

/* What schema.sql is, as user_version says it. */
static const int schema_version = 2;

/*
 * Errors
 */

enum verdict
database_fail(struct store *st, enum verdict result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(st->error, sizeof st->error, format, args);
	va_end(args);
	return result;
}

static enum verdict
result_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return VERDICT_FULL;
	case ENOMEM:
		return VERDICT_NO_MEMORY;
	case ETIMEDOUT:
		return VERDICT_BUSY;
	default:
		return VERDICT_FAILED;
	}
}

enum verdict
database_fail_errno(struct store *st, const char *what, int error)
{
	return database_fail(
	    st, result_of_errno(error), "%s: %s", what, strerror(error));
}

static enum verdict
result_of_sqlite(int rc, int system_error)
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
	case SQLITE_IOERR: /* which hides EDQUOT, and ENOSPC in the -shm */
		if (rc == SQLITE_IOERR_NOMEM)
			return VERDICT_NO_MEMORY;
		return result_of_errno(system_error);
	default:
		return VERDICT_FAILED;
	}
}

sqlite3_file *
database_file(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(db, "main", which, &file);

	return rc == SQLITE_OK && file && file->pMethods ? file : NULL;
}

int
database_sync_file(sqlite3_file *file)
{
	return file ? file->pMethods->xSync(
			  file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY)
		    : SQLITE_IOERR_FSYNC;
}

/*
 * SQLite forgets the errno of a write before it returns from a COMMIT, but the
 * file remembers: the log (or journal), or the database.
 */
static int
errno_of(sqlite3 *db)
{
	static const int files[] = { SQLITE_FCNTL_JOURNAL_POINTER,
		SQLITE_FCNTL_FILE_POINTER };
	int error = 0;

	for (size_t i = 0; i < sizeof files / sizeof *files && !error; i++) {
		sqlite3_file *file = database_file(db, files[i]);

		if (file)
			file->pMethods->xFileControl(
			    file, SQLITE_FCNTL_LAST_ERRNO, &error);
	}
	return error ? error : sqlite3_system_errno(db);
}

static enum verdict
fail_on(struct store *st, sqlite3 *db, const char *what, int rc)
{
	int error = db ? errno_of(db) : 0;
	/* Who cleans up before he reports may have made it forget. */
	const char *message = db && sqlite3_extended_errcode(db) == rc
				  ? sqlite3_errmsg(db)
				  : sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		return database_fail(st, result_of_sqlite(rc, error),
		    "%s: %s (%d): %s", what, message, rc, strerror(error));
	return database_fail(
	    st, result_of_sqlite(rc, error), "%s: %s (%d)", what, message, rc);
}

enum verdict
database_fail_sqlite(struct store *st, const char *what, int rc)
{
	return fail_on(st, st->db, what, rc);
}

/* The integer that SQL answers which is needed once. */
static int
query_integer(struct store *st, const char *sql, int64_t *ret)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(st->db, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_step(q) == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	return sqlite3_finalize(q);
}

static int
exec(struct store *st, const char *sql)
{
	return sqlite3_exec(st->db, sql, NULL, NULL, NULL);
}

/*
 * Open, make, migrate
 */

enum verdict
database_find_folder(struct store *st)
{
	char real[PATH_MAX];
	const char *path = realpath(st->conf->path, real);
	const char *slash;
	struct stat is;

	/* Of a link to nothing yet, realpath(3) tells where that would be. */
	if (!path && lstat(st->conf->path, &is) == 0 && S_ISLNK(is.st_mode))
		path = real;
	else if (!path)
		path = st->conf->path;
	slash = strrchr(path, '/');
	if (strlen(path) >= sizeof st->folder)
		return database_fail_errno(st, path, ENAMETOOLONG);
	if (!slash)
		strcpy(st->folder, ".");
	else if (slash == path)
		strcpy(st->folder, "/");
	else
		sprintf(st->folder, "%.*s", (int)(slash - path), path);
	return VERDICT_OK;
}

/*
 * The write-ahead log needs memory that all processes share, which network
 * file systems do not give, and locks that they give at best by halves.
 */
static enum verdict
check_file_system(struct store *st)
{
	/* clang-format off */
	static const struct {
		unsigned magic; /* statfs(2), linux/magic.h */
		const char *name;
	} refused[] = {
		{ 0x6969,     "NFS" },
		{ 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" },
		{ 0x517b,     "SMB" },
		{ 0x01021997, "9p" },
		{ 0x65735546, "FUSE" },
		{ 0x5346414f, "AFS" },
		{ 0x00c36400, "Ceph" },
		{ 0x73757245, "Coda" },
		{ 0x564c,     "NCP" },
	};
	/* clang-format on */
	struct statfs fs;

	if (statfs(st->folder, &fs) < 0)
		return database_fail(st,
		    errno == ENOENT || errno == ENOTDIR
			? VERDICT_UNUSABLE
			: result_of_errno(errno),
		    "folder %s: %s", st->folder, strerror(errno));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if ((unsigned)fs.f_type == refused[i].magic)
			return database_fail(st, VERDICT_UNUSABLE,
			    "%s is on a network file system (%s), where "
			    "SQLite's write-ahead log cannot work; use a "
			    "local disk",
			    st->folder, refused[i].name);
	}
	return VERDICT_OK;
}

static int
note_log_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *st = arg;

	(void)db;
	(void)name;
	st->log_pages = pages;
	st->checkpointed_version = 0; /* which tells of others only */
	return SQLITE_OK;
}

/* Who closes as the last one leaves it to whoever comes next. */
static void
keep_log(struct store *st)
{
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static enum verdict
open_turnstile(struct store *st)
{
	/* SQLite has resolved links: one database, one lock. */
	char *path =
	    sqlite3_mprintf("%s-lock", sqlite3_db_filename(st->db, "main"));
	enum verdict result = VERDICT_OK;

	if (!path)
		return database_fail_errno(st, "open", ENOMEM);
	st->turnstile = turnstile_open(path);
	if (st->turnstile < 0) {
		result = database_fail_errno(st, path, errno);
		keep_log(st); /* whether it is marked is not known */
	} else {
		st->synced = synced_open(st->turnstile);
	}
	sqlite3_free(path);
	return result;
}

static void
close_turnstile(struct store *st)
{
	synced_close(st->synced);
	st->synced = NULL;
	turnstile_close(st->turnstile);
	st->turnstile = -1;
}

/*
 * SQLite would make the file writable for its owner alone, and the log and
 * the shared memory as the file is; but a reader in the owner's group must
 * write to the shared memory.  So it gets what the umask leaves.
 */
static enum verdict
make_file(struct store *st)
{
	int fd =
	    open(st->conf->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	struct stat is;

	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return database_fail_errno(st, st->conf->path, errno);
	else if (stat(st->conf->path, &is) == 0 && !S_ISREG(is.st_mode))
		return database_fail(
		    st, VERDICT_UNUSABLE, "%s is no file", st->conf->path);
	return VERDICT_OK;
}

static enum verdict
connect(struct store *st)
{
	int rc = sqlite3_open_v2(st->conf->path, &st->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_EXRESCODE,
	    NULL);

	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, st->conf->path, rc);
	/* What may not be written, SQLite opens for reading. */
	if (sqlite3_db_readonly(st->db, "main"))
		return database_fail(st, VERDICT_FAILED,
		    "%s: no permission to write", st->conf->path);
	/* For foreign writers; ours wait at the turnstile. */
	sqlite3_busy_timeout(st->db, st->is_ahead ? 0 : st->conf->wait_ms);
	sqlite3_wal_hook(st->db, note_log_pages, st); /* no auto-checkpoint */
	st->log_pages = 0;
	return VERDICT_OK;
}

struct identity {
	int64_t application, version, objects;
};

static int
read_identity(struct store *st, struct identity *ret)
{
	int rc;

	*ret = (struct identity){ 0 };
	if ((rc = query_integer(
		 st, "PRAGMA application_id", &ret->application)) ||
	    (rc = query_integer(st, "PRAGMA user_version", &ret->version)))
		return rc;
	return query_integer(
	    st, "SELECT count(*) FROM sqlite_schema", &ret->objects);
}

/*
 * Is it ours?  `*ret_version` is 0 for a database without content.  Inside a
 * transaction.
 */
static enum verdict
identify_locked(struct store *st, int64_t *ret_version)
{
	const char *path = st->conf->path;
	struct identity is;
	int rc = read_identity(st, &is);

	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, path, rc);
	*ret_version = is.version;
	if (is.application == 0 && is.version == 0 && is.objects == 0)
		return VERDICT_OK;
	if (is.application != APPLICATION_ID)
		return database_fail(st, VERDICT_UNUSABLE,
		    "%s is the database of another application", path);
	if (is.version < 0 || is.version > schema_version)
		return database_fail(st, VERDICT_UNUSABLE,
		    "%s has version %lld, of a newer smtpd; this one knows %d",
		    path, (long long)is.version, schema_version);
	return VERDICT_OK;
}

/* From what it is to what schema.sql says. */
static int
lead_from(struct store *st, int64_t version)
{
	switch (version) {
	case 0:
		return exec(st, schema);
	case 1:
		return migrate_from_1(st->db, schema);
	default:
		return SQLITE_OK;
	}
}

/*
 * The same in one snapshot of its own: between two, another process could make
 * the tables, and the database would seem to be somebody else's.  One SELECT
 * from pragma_application_id and the like would do it, but costs a session
 * 160,000 instructions more, since each makes a virtual table.
 */
static enum verdict
identify(struct store *st, int64_t *ret_version)
{
	enum verdict result;
	int rc = exec(st, "BEGIN");

	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, st->conf->path, rc);
	result = identify_locked(st, ret_version);
	rc = exec(st, "ROLLBACK"); /* nothing was changed */
	return result == VERDICT_OK && rc != SQLITE_OK
		   ? database_fail_sqlite(st, st->conf->path, rc)
		   : result;
}

/* Under the turnstile; another process may have been here before. */
static enum verdict
migrate_locked(struct store *st)
{
	enum verdict result;
	int64_t version = 0;
	char pragmas[96];
	int rc;

	/*
	 * For a new file; must stand outside BEGIN.  Mails of 4 KiB from 64
	 * writers: 11,000 a second with pages of 4 KiB, 9,100 with 8 KiB; one
	 * of 50 MiB: 97 and 91 ms (bench/store).
	 */
	if ((rc = exec(st, "PRAGMA page_size = 4096")) ||
	    (rc = exec(st, "PRAGMA journal_mode = WAL")) ||
	    (rc = statement_run(st, SQL_BEGIN)))
		return database_fail_sqlite(st, "make database", rc);
	result = identify_locked(st, &version);
	if (result == VERDICT_OK && version == 1)
		result = migrate_check_room(st);
	if (result != VERDICT_OK || version == schema_version)
		goto rollback;
	rc = lead_from(st, version);
	if (rc != SQLITE_OK)
		goto failed;
	snprintf(pragmas, sizeof pragmas,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION_ID, schema_version);
	if ((rc = exec(st, pragmas)) == SQLITE_OK &&
	    (rc = statement_run(st, SQL_COMMIT)) == SQLITE_OK)
		return VERDICT_OK;

failed:
	result = database_fail_sqlite(st, "make tables", rc);
rollback:
	statement_run(st, SQL_ROLLBACK);
	return result;
}

/*
 * Should the opening fail half way, its file is closed, and with that go all
 * locks that this process has on the database (POSIX).  Then everything is
 * closed, before somebody else deletes the log as its last user.
 */
static enum verdict
open_guard(struct store *st)
{
	enum verdict result;
	int rc = sqlite3_open_v2(sqlite3_db_filename(st->db, "main"),
	    &st->guard,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);

	if (rc == SQLITE_OK && sqlite3_db_readonly(st->guard, "main"))
		rc = SQLITE_READONLY;
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(st->guard, st->conf->wait_ms);
		sqlite3_wal_autocheckpoint(st->guard, 0);
		return VERDICT_OK;
	}
	result = fail_on(st, st->guard, "opening it again", rc);
	database_close(st);
	return result;
}

enum verdict
database_begin_guard(struct store *st)
{
	enum verdict result = st->guard ? VERDICT_OK : open_guard(st);
	int rc;

	if (result != VERDICT_OK)
		return result;
	rc = sqlite3_exec(st->guard, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	return rc == SQLITE_OK
		   ? VERDICT_OK
		   : fail_on(st, st->guard, "keeping writers out", rc);
}

/* Where there is no memory to end it, closing the database does. */
void
database_end_guard(struct store *st)
{
	sqlite3_exec(st->guard, "ROLLBACK", NULL, NULL, NULL);
	if (sqlite3_txn_state(st->guard, "main") != SQLITE_TXN_NONE)
		database_close(st);
}

enum verdict
database_enter(struct store *st)
{
	if (turnstile_enter(st->turnstile, st->conf->wait_ms) < 0)
		return database_fail_errno(
		    st, "waiting for other writers", errno);
	return VERDICT_OK;
}

static enum verdict
migrate(struct store *st)
{
	enum verdict result = database_enter(st);

	if (result != VERDICT_OK)
		return result;
	wal_begin(st, SYNCED_GATE);
	result = migrate_locked(st);
	wal_leave(st);
	return result;
}

/* Settings that belong to the connection, not to the file. */
static enum verdict
configure(struct store *st)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(
	    st->db, "PRAGMA journal_mode = WAL", -1, &q, NULL);
	const unsigned char *mode = NULL;
	bool is_wal;

	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, st->conf->path, rc);
	if (sqlite3_step(q) == SQLITE_ROW)
		mode = sqlite3_column_text(q, 0);
	is_wal = mode && strcmp((const char *)mode, "wal") == 0;
	rc = sqlite3_finalize(q);
	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, st->conf->path, rc);
	if (!is_wal)
		return database_fail(st, VERDICT_UNUSABLE,
		    "%s cannot use a write-ahead log", st->conf->path);
	/* A small cache: a big mail is written in one pass, never read. */
	rc = exec(st, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512");
	if (rc == SQLITE_OK)
		sync_open(st);
	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_sqlite(st, st->conf->path, rc);
}

/*
 * Who closes as the last one copies the log: as each time, under the turnstile,
 * so that a sync of his that fails is marked before anybody commits.  It stays
 * where it may have holes, or others do not let us in.
 */
static void
begin_close(struct store *st)
{
	bool entered = st->is_in[SYNCED_GATE]; /* trouble closes it inside */

	if (!entered && turnstile_enter(st->turnstile, CLOSE_WAIT_MS) == 0) {
		entered = true;
		wal_begin(st, SYNCED_GATE);
	}
	if (!entered || wal_is_poisoned(st))
		keep_log(st);
}

void
database_close(struct store *st)
{
	statement_finalize_all(st);
	wal_note_failures(st);
	sync_close(st);
	sqlite3_close(st->guard);
	st->guard = NULL;
	if (st->db && st->turnstile >= 0)
		begin_close(st);
	sqlite3_close(st->db);
	st->db = NULL;
	st->log_pages = 0;
	wal_note_failures(st);
	wal_end(st, SYNCED_GATE);
	close_turnstile(st); /* and so leaves it */
}

enum verdict
database_open(struct store *st)
{
	enum verdict result;
	int64_t version = 0;

	result = database_find_folder(st);
	if (result == VERDICT_OK)
		result = check_file_system(st);
	if (result == VERDICT_OK)
		result = make_file(st);
	if (result == VERDICT_OK)
		result = connect(st);
	if (result == VERDICT_OK)
		result = identify(st, &version);
	if (result == VERDICT_OK && st->is_ahead && version < schema_version)
		result = database_fail(
		    st, VERDICT_BUSY, "%s is yet to be made", st->conf->path);
	if (result == VERDICT_OK)
		result = open_turnstile(st);
	if (result == VERDICT_OK && version < schema_version)
		result = migrate(st);
	if (result == VERDICT_OK)
		result = configure(st);
	if (result != VERDICT_OK)
		database_close(st);
	return result;
}
