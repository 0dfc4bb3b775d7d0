/*
 * Whose a database is, and which version it has: application_id and
 * user_version in its header (sqlite.org/fileformat).  Makes the tables of a
 * new one, and updates an older one version by version.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

enum {
	OLDEST = 2, /* that can be updated */
	/* The header. */
	HEADER_SIZE = 100,
	VERSION_AT = 60,
	APPLICATION_AT = 68,
};

const char database_schema[] = {
#include "schema.inc"
	, '\0'
};

enum {
	REMADE_MAX = 10,
};

/*
 * The steps from each version to the next, and the only place for them: a new
 * version is a new row here, and DATABASE_VERSION.
 */
static const struct step {
	const char *sql;
	/* Beginnings of statements of schema.sql, which are then run. */
	const char *remade[REMADE_MAX];
	const char *then; /* NULL: nothing */
} steps[DATABASE_VERSION] = {
	[2] = { "ALTER TABLE message ADD COLUMN bare_line_ends INTEGER"
		" NOT NULL DEFAULT 0 CHECK (bare_line_ends IN (0, 1))",
	    { NULL }, NULL },
	[3] = { "ALTER TABLE message ADD COLUMN quarantine TEXT;"
		"ALTER TABLE message ADD COLUMN authenticated_as TEXT;"
		"ALTER TABLE message ADD COLUMN claimed_as TEXT;"
		"ALTER TABLE message ADD COLUMN tls TEXT;"
		"ALTER TABLE message ADD COLUMN client_subject TEXT;"
		"ALTER TABLE message ADD COLUMN requiretls INTEGER NOT NULL"
		" DEFAULT 0 CHECK (requiretls IN (0, 1));"
		"ALTER TABLE recipient ADD COLUMN added INTEGER NOT NULL"
		" DEFAULT 0 CHECK (added IN (0, 1));"
		"ALTER TABLE mailbox ADD COLUMN authenticated INTEGER NOT NULL"
		" DEFAULT 0 CHECK (authenticated IN (0, 1));"
		"ALTER TABLE sender_rule ADD COLUMN authenticated INTEGER"
		" NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1));"
		"ALTER TABLE rate_limit RENAME TO rate_limit_3;"
		"DROP TRIGGER message_deleting; DROP VIEW inbox",
	    { "CREATE TABLE filter_change", "CREATE TRIGGER message_deleting",
		"CREATE VIEW inbox", "CREATE TABLE rate_limit",
		"CREATE TABLE account (", "CREATE TABLE account_address",
		"CREATE TRIGGER account_deleted",
		"CREATE TABLE account_secret" },
	    "INSERT INTO rate_limit SELECT * FROM rate_limit_3;"
	    "DROP TABLE rate_limit_3;"
	    /* Such a table has had no row (policy/use.c). */
	    "DELETE FROM sqlite_sequence WHERE seq = 0" },
};

bool
version_is_present(int64_t version)
{
	return version == DATABASE_VERSION;
}

/* Runs a query for one integer, without keeping the statement. */
static int
query_integer(struct database *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_step(q) == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	return sqlite3_finalize(q);
}

static uint32_t
read_number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* What the WAL has is not in the header yet: no application is none known. */
const char *
database_look(const char *path)
{
	static const char magic[] = "SQLite format 3"; /* with its NUL */
	unsigned char header[HEADER_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, header, sizeof header) : 0;
	uint32_t version, application;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return NULL;
	if (n < HEADER_SIZE || memcmp(header, magic, sizeof magic) != 0)
		return "this is no database";
	version = read_number(header + VERSION_AT);
	application = read_number(header + APPLICATION_AT);
	if (application == 0)
		return NULL;
	if (application != DATABASE_APPLICATION_ID)
		return "it is another application's";
	if (version > DATABASE_VERSION)
		return "it is of a newer smtpd";
	return version < OLDEST ? "it is of an older smtpd" : NULL;
}

struct identity {
	int64_t application, version, objects;
};

static int
read_identity(struct database *db, struct identity *ret)
{
	int rc;

	*ret = (struct identity){ 0 };
	if ((rc = query_integer(
		 db, "PRAGMA application_id", &ret->application)) ||
	    (rc = query_integer(db, "PRAGMA user_version", &ret->version)))
		return rc;
	return query_integer(
	    db, "SELECT count(*) FROM sqlite_schema", &ret->objects);
}

/* To be called inside a transaction. */
static enum verdict
identify(struct database *db, int64_t *ret_version)
{
	struct identity is;
	int rc = read_identity(db, &is);

	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	*ret_version = is.version;
	if (is.application == 0 && is.version == 0 && is.objects == 0)
		return VERDICT_OK;
	if (is.application != DATABASE_APPLICATION_ID)
		return database_fail(db, VERDICT_UNUSABLE,
		    "%s is the database of another application", db->path);
	if (is.version < OLDEST || is.version > DATABASE_VERSION)
		return database_fail(db, VERDICT_UNUSABLE,
		    "%s has version %lld, of %s smtpd; this one knows %d to "
		    "%d: "
		    "%s",
		    db->path, (long long)is.version,
		    is.version < OLDEST ? "an older" : "a newer", OLDEST,
		    DATABASE_VERSION,
		    is.version < OLDEST
			? "export the mails with that one, and import them"
			: "install that one");
	return VERDICT_OK;
}

/*
 * Reads both in one snapshot: between two, another process could make the
 * tables, and the database would seem to be somebody else's. One SELECT from
 * pragma_application_id and the like would do that too, but costs a session
 * 160,000 instructions more, since each makes a virtual table.
 */
enum verdict
version_read(struct database *db, int64_t *ret_version)
{
	enum verdict result;
	int rc = statement_exec(db, "BEGIN");

	if (rc != SQLITE_OK)
		return database_fail_code(db, db->path, rc);
	result = identify(db, ret_version);
	rc = statement_exec(db, "ROLLBACK"); /* nothing was changed */
	return result == VERDICT_OK && rc != SQLITE_OK
		   ? database_fail_code(db, db->path, rc)
		   : result;
}

/* Runs the one statement of the schema that begins so. */
static int
remake(struct database *db, const char *beginning)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(
	    db->sqlite, strstr(database_schema, beginning), -1, &q, NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_step(q);
	return sqlite3_finalize(q);
}

static int
take_step(struct database *db, const struct step *step)
{
	int rc = statement_exec(db, step->sql);

	for (int i = 0; rc == SQLITE_OK && step->remade[i]; i++)
		rc = remake(db, step->remade[i]);
	return rc == SQLITE_OK && step->then ? statement_exec(db, step->then)
					     : rc;
}

/* Updates from that version to schema.sql's. */
static int
lead_on(struct database *db, int64_t version)
{
	char pragmas[96];
	int rc = version == 0 ? statement_exec(db, database_schema) : SQLITE_OK;

	for (; version > 0 && version < DATABASE_VERSION && rc == SQLITE_OK;
	     version++)
		rc = take_step(db, &steps[version]);
	if (rc != SQLITE_OK)
		return rc;
	snprintf(pragmas, sizeof pragmas,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    DATABASE_APPLICATION_ID, DATABASE_VERSION);
	return statement_exec(db, pragmas);
}

/* Another process may have done this while we waited for the lock. */
static enum verdict
make_in_transaction(struct database *db)
{
	int64_t version = 0;
	enum verdict result = identify(db, &version);
	int rc;

	if (result != VERDICT_OK || version == DATABASE_VERSION)
		return result;
	rc = lead_on(db, version);
	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_code(db, "make tables", rc);
}

enum verdict
version_make(struct database *db)
{
	enum verdict result;
	int rc;

	/*
	 * A new file; these must stand outside of a transaction.  Mails of 4
	 * KiB from 64 writers: 11,000 a second with pages of 4 KiB, 9,100 with
	 * 8 KiB; one of 50 MiB: 97 and 91 ms (bench/store).
	 */
	if ((rc = statement_exec(db, "PRAGMA page_size = 4096")) ||
	    (rc = statement_exec(db, "PRAGMA journal_mode = WAL")) ||
	    (rc = statement_exec(db, "BEGIN IMMEDIATE")))
		return database_fail_code(db, "make database", rc);
	result = make_in_transaction(db);
	if (result == VERDICT_OK) {
		rc = statement_exec(db, "COMMIT");
		if (rc == SQLITE_OK)
			return VERDICT_OK;
		result = database_fail_code(db, "make tables", rc);
	}
	statement_exec(db, "ROLLBACK");
	return result;
}
