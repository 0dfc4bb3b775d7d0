/*
 * The connection to the database: how it is opened, made ready, and closed.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockfile.h"
#include "private.h"

enum {
	/*
	 * A process that holds the lock longer has the database open, so ours
	 * is not the last close.
	 */
	CLOSE_WAIT_MS = 1000,
};

/*
 * Spares SQLite what nobody uses: locks, since a connection is one thread's;
 * statistics of its memory; and 20 pages of cache that are made ready (and
 * touched) at the start, of which a session uses 8.  Saves 4,000 instructions a
 * mail, a tenth of them when a session opens the database, and 13 page faults.
 */
void
database_start(void)
{
	static bool is_started;

	if (is_started)
		return;
	is_started = true;
	signal(SIGXFSZ, SIG_IGN);
	wal_watch();
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	sqlite3_config(SQLITE_CONFIG_URI, 0); /* a path is a path */
	sqlite3_initialize(); /* should it fail, so does the first opening */
}

struct database *
database_new(const char *path)
{
	struct database *db = calloc(1, sizeof *db);

	database_start();
	if (!db)
		return NULL;
	db->path = path;
	db->lock = -1;
	return db;
}

struct database *
database_new_to_read(const char *path)
{
	struct database *db = database_new(path);

	if (db)
		db->is_beside = db->is_for_reading = true;
	return db;
}

void
database_free(struct database *db)
{
	if (!db)
		return;
	database_close(db);
	free(db);
}

/* The wait is for foreign writers; ours wait for the lock file. */
void
database_set_wait(struct database *db, int wait_ms)
{
	if (db->wait_ms == wait_ms)
		return;
	db->wait_ms = wait_ms;
	if (db->sqlite)
		sqlite3_busy_timeout(db->sqlite, wait_ms);
	if (db->guard)
		sqlite3_busy_timeout(db->guard, wait_ms);
}

bool
database_is_open(const struct database *db)
{
	return db->sqlite;
}

bool
database_is_marked(const struct database *db)
{
	return !db->is_for_reading && lockfile_is_marked(db->lock);
}

/*
 * Places
 */

static enum verdict
find_folder(struct database *db)
{
	char real[PATH_MAX];
	const char *path = realpath(db->path, real);
	const char *slash;
	struct stat is;

	/* Of a link to nothing yet, realpath(3) tells where that would be. */
	if (!path && lstat(db->path, &is) == 0 && S_ISLNK(is.st_mode))
		path = real;
	else if (!path)
		path = db->path;
	slash = strrchr(path, '/');
	if (strlen(path) >= sizeof db->folder)
		return database_fail_errno(db, path, ENAMETOOLONG);
	if (!slash)
		strcpy(db->folder, ".");
	else if (slash == path)
		strcpy(db->folder, "/");
	else
		sprintf(db->folder, "%.*s", (int)(slash - path), path);
	return VERDICT_OK;
}

const char *
database_folder(struct database *db)
{
	if (db->folder[0] == '\0' && find_folder(db) != VERDICT_OK)
		return NULL;
	return db->folder;
}

/*
 * Refuses network file systems: the WAL needs memory that all processes share,
 * which they do not have, and locks, which work there only in part.
 */
static enum verdict
check_file_system(struct database *db)
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

	if (statfs(db->folder, &fs) < 0)
		return database_fail(db,
		    errno == ENOENT || errno == ENOTDIR
			? VERDICT_UNUSABLE
			: verdict_of_errno(errno),
		    "folder %s: %s", db->folder, strerror(errno));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if ((unsigned)fs.f_type == refused[i].magic)
			return database_fail(db, VERDICT_UNUSABLE,
			    "%s is on a network file system (%s), where "
			    "SQLite's write-ahead log cannot work; use a "
			    "local disk",
			    db->folder, refused[i].name);
	}
	return VERDICT_OK;
}

/*
 * SQLite would make the file writable for its owner alone, and the WAL and the
 * shared memory like the file.  But a reader in the owner's group must write to
 * the shared memory.  So the file gets what the umask leaves.
 */
static enum verdict
make_file(struct database *db)
{
	struct stat is;
	int fd;

	/* SQLite's names of databases in memory. */
	if (db->path[0] == '\0' || db->path[0] == ':')
		return database_fail(
		    db, VERDICT_UNUSABLE, "'%s' is no file", db->path);
	fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return database_fail_errno(db, db->path, errno);
	else if (stat(db->path, &is) == 0)
		return beside_check_file(db, &is);
	return VERDICT_OK;
}

/*
 * The connection
 */

static int
note_pages(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct database *db = arg;

	(void)sqlite;
	(void)name;
	db->wal_pages = pages;
	db->copied_version = 0; /* it counts commits of others only */
	return SQLITE_OK;
}

/* A file may come from anywhere: what its schema says is data, not a program. */
void
database_distrust(struct sqlite3 *sqlite)
{
	sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

static enum verdict
connect(struct database *db)
{
	int rc = sqlite3_open_v2(db->path, &db->sqlite,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_EXRESCODE |
		(db->is_beside ? 0 : SQLITE_OPEN_CREATE),
	    vfs_name());

	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	/* SQLite opens for reading what it may not write. */
	if (sqlite3_db_readonly(db->sqlite, "main"))
		return database_fail(
		    db, VERDICT_FAILED, "%s: no permission to write", db->path);
	database_distrust(db->sqlite);
	sqlite3_busy_timeout(db->sqlite, db->wait_ms);
	/* The hook also stops SQLite's own checkpoints. */
	sqlite3_wal_hook(db->sqlite, note_pages, db);
	db->wal_pages = 0;
	return VERDICT_OK;
}

/* Has the close not copy the WAL, even if it is the last one. */
static void
leave_wal(struct database *db)
{
	sqlite3_db_config(
	    db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* SQLite has resolved the links in the path, so a database has one lock. */
static enum verdict
open_lock(struct database *db)
{
	enum verdict result;

	if (db->is_beside) {
		leave_wal(db);
		return VERDICT_OK;
	}
	result = database_open_beside(db, "-lock", O_RDWR | O_CREAT, &db->lock);
	if (result == VERDICT_OK && lockfile_begin(db->lock) < 0)
		result = database_fail_errno(db, "lock", errno);
	if (result != VERDICT_OK) {
		leave_wal(db); /* it may be marked */
		lockfile_close(db->lock);
		db->lock = -1;
	}
	return result;
}

/* This does not heal the WAL, so a mark that was set stays. */
static enum verdict
make(struct database *db)
{
	enum verdict result = wal_enter_raw(db, db->wait_ms);

	if (result != VERDICT_OK)
		return result;
	result = wal_begin_sync(db);
	if (result == VERDICT_OK) {
		result = version_make(db);
		wal_end_sync(db);
	}
	wal_leave(db);
	return result;
}

/* Settings that belong to the connection, not to the file. */
static enum verdict
configure(struct database *db)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(
	    db->sqlite, "PRAGMA journal_mode = WAL", -1, &q, NULL);
	const unsigned char *mode = NULL;
	bool is_wal;

	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	if (sqlite3_step(q) == SQLITE_ROW)
		mode = sqlite3_column_text(q, 0);
	is_wal = mode && strcmp((const char *)mode, "wal") == 0;
	rc = sqlite3_finalize(q);
	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	if (!is_wal)
		return database_fail(db, VERDICT_UNUSABLE,
		    "%s cannot use a write-ahead log", db->path);
	/* A small cache: a big mail is written in one pass, never read. */
	rc = statement_exec(
	    db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -512");
	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_code(db, db->path, rc);
}

/*
 * The process that closes last copies the WAL, under the write lock and the
 * mark as always.  It leaves the WAL as it is if that may have holes, or if the
 * write lock cannot be had.
 */
static bool
may_copy(struct database *db)
{
	/* After trouble, it may be closed while we have the lock. */
	if (!db->is_inside && wal_enter_raw(db, CLOSE_WAIT_MS) != VERDICT_OK)
		return false;
	return !db->was_marked && wal_begin_sync(db) == VERDICT_OK;
}

static void
close_connection(struct database *db)
{
	bool copies = db->lock >= 0 && may_copy(db);

	if (db->lock >= 0 && !copies)
		leave_wal(db);
	sqlite3_close(db->sqlite);
	db->sqlite = NULL;
	if (copies)
		wal_end_sync(db);
}

void
database_close(struct database *db)
{
	char error[DATABASE_ERROR_MAX];

	/* Keep the error that it is closed for. */
	memcpy(error, db->error, sizeof error);
	statement_drop_all(db);
	sqlite3_close(db->guard);
	db->guard = NULL;
	if (db->sqlite)
		close_connection(db);
	memcpy(db->error, error, sizeof error);
	db->wal_pages = 0;
	lockfile_close(db->lock); /* and so the lock is left */
	db->lock = -1;
	db->is_inside = false;
}

static enum verdict
open_database(struct database *db, bool may_make)
{
	enum verdict result;
	int64_t version = 0;

	result = find_folder(db);
	if (result == VERDICT_OK)
		result = check_file_system(db);
	if (result == VERDICT_OK && !db->is_beside)
		result = make_file(db);
	if (result == VERDICT_OK)
		result = connect(db);
	if (result == VERDICT_OK)
		result = beside_check(db);
	if (result == VERDICT_OK)
		result = version_read(db, &version);
	if (result == VERDICT_OK && !may_make && !version_is_present(version))
		result = database_fail(
		    db, VERDICT_BUSY, "%s is yet to be made", db->path);
	if (result == VERDICT_OK)
		result = open_lock(db);
	if (result == VERDICT_OK && !version_is_present(version))
		result = make(db);
	if (result == VERDICT_OK)
		result = configure(db);
	if (result != VERDICT_OK)
		database_close(db);
	return result;
}

enum verdict
database_open(struct database *db)
{
	return db->sqlite ? VERDICT_OK : open_database(db, !db->is_beside);
}

enum verdict
database_open_ahead(struct database *db)
{
	int wait_ms = db->wait_ms;
	enum verdict result = VERDICT_OK;

	/* Otherwise a port scan would make a database. */
	if (!db->sqlite && access(db->path, F_OK) < 0)
		return database_fail(
		    db, VERDICT_BUSY, "%s is yet to be made", db->path);
	if (!db->sqlite) {
		database_set_wait(db, 0);
		result = open_database(db, false);
		database_set_wait(db, wait_ms);
	}
	return result;
}

/* Does the path, links followed, still lead to the file that is open? */
static bool
is_in_place(struct database *db)
{
	struct stat named, opened;
	int moved = 0;

	return stat(db->path, &named) == 0 &&
	       stat(database_file(db), &opened) == 0 &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino &&
	       sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_HAS_MOVED,
		   &moved) == SQLITE_OK &&
	       !moved;
}

bool
database_leave_if_moved(struct database *db)
{
	if (db->sqlite && !is_in_place(db))
		database_close(db);
	return !db->sqlite;
}
