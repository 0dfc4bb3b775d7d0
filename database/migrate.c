/*
 * From version 1 to 2, in place.  The mails are copied one after the other in
 * pieces, as they were stored, so that no mail must fit in memory; since the
 * header section of each is read for the new columns, they cannot stay where
 * they are.  The old tables are renamed, schema.sql makes the new ones, and so
 * these are, to the letter, what a new database has.
 *
 * What others have added to the two tables is kept: their indexes and triggers
 * are made anew, and views (which legacy_alter_table leaves alone) go on
 * speaking of the tables by name.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <string.h>

#include "../mail/header.h"
#include "store_private.h"

enum {
	PIECE = 64 * 1024,
	/*
	 * A mail is written to the log, where it was is overwritten (Debian's
	 * SQLite has SECURE_DELETE), and the file grows by it.
	 */
	COPIES = 3,
};

struct copy {
	sqlite3 *db;
	sqlite3_stmt *next, *insert;
	struct header header;
	char piece[PIECE];
};

/* Columns that are as they were; the id is the first. */
#define KEPT                                                                   \
	"id, received_at, client_address, client_port, helo, protocol, verb,"  \
	" reverse_path, body_type, smtputf8, envelope_id, dsn_return, size,"   \
	" trace"

enum {
	NKEPT = 14,
	AT_HEADER_SIZE = NKEPT + 1,
	AT_FIELDS, /* in the order of enum header_field */
	AT_DATA = AT_FIELDS + HEADER__COUNT,
};

static const char next_sql[] =
    "SELECT " KEPT " FROM message_1 WHERE id > ? ORDER BY id LIMIT 1";

/* A "SELECT" in place of "VALUES" would write the zeros out in memory. */
static const char insert_sql[] =
    "INSERT INTO message (" KEPT ", header_size, header_from, header_to,"
    " header_subject, header_date, header_message_id, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static int
run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int
read_header(struct copy *c, sqlite3_blob *data)
{
	int size = sqlite3_blob_bytes(data), rc = SQLITE_OK;

	header_start(&c->header);
	for (int at = 0; at < size && !header_is_over(&c->header);) {
		int n = size - at < PIECE ? size - at : PIECE;

		rc = sqlite3_blob_read(data, c->piece, n, at);
		if (rc != SQLITE_OK)
			break;
		header_feed(&c->header, (struct span){ c->piece, (size_t)n });
		at += n;
	}
	header_end(&c->header);
	return rc;
}

/* Makes the row that `next` stands at anew, its data zeros. */
static int
insert_row(struct copy *c, int size)
{
	const struct header *h = &c->header;
	sqlite3_stmt *q = c->insert;
	int rc = sqlite3_clear_bindings(q);

	for (int i = 0; i < NKEPT && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_value(
		    q, i + 1, sqlite3_column_value(c->next, i));
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, AT_HEADER_SIZE, (int64_t)h->size);
	for (int i = 0; i < HEADER__COUNT && rc == SQLITE_OK; i++) {
		if (h->has[i])
			rc = sqlite3_bind_text(
			    q, AT_FIELDS + i, h->value[i], -1, SQLITE_STATIC);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_zeroblob(q, AT_DATA, size);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_step(q);
	return sqlite3_reset(q);
}

static int
copy_data(struct copy *c, sqlite3_blob *from, int64_t id)
{
	int size = sqlite3_blob_bytes(from);
	sqlite3_blob *to = NULL;
	int rc =
	    sqlite3_blob_open(c->db, "main", "message", "data", id, 1, &to);

	for (int at = 0; at < size && rc == SQLITE_OK; at += PIECE) {
		int n = size - at < PIECE ? size - at : PIECE;

		rc = sqlite3_blob_read(from, c->piece, n, at);
		if (rc == SQLITE_OK)
			rc = sqlite3_blob_write(to, c->piece, n, at);
	}
	if (rc != SQLITE_OK) {
		sqlite3_blob_close(to);
		return rc;
	}
	return sqlite3_blob_close(to);
}

static int
copy_mail(struct copy *c, int64_t id)
{
	sqlite3_blob *from = NULL;
	int rc =
	    sqlite3_blob_open(c->db, "main", "message_1", "data", id, 0, &from);

	if (rc == SQLITE_OK)
		rc = read_header(c, from);
	if (rc == SQLITE_OK)
		rc = insert_row(c, sqlite3_blob_bytes(from));
	if (rc == SQLITE_OK)
		rc = copy_data(c, from, id);
	sqlite3_blob_close(from);
	return rc;
}

/* Copies the first mail behind `*id`, which becomes its; 0 if there is none. */
static int
copy_next(struct copy *c, int64_t *id)
{
	int rc = sqlite3_bind_int64(c->next, 1, *id);

	if (rc != SQLITE_OK)
		return rc;
	*id = 0;
	if (sqlite3_step(c->next) == SQLITE_ROW) {
		*id = sqlite3_column_int64(c->next, 0);
		rc = copy_mail(c, *id);
	}
	if (rc != SQLITE_OK) {
		sqlite3_reset(c->next);
		return rc;
	}
	return sqlite3_reset(c->next);
}

static int
copy_mails(sqlite3 *db)
{
	static struct copy c; /* too big for a stack */
	int64_t id = 0;
	int rc;

	c.db = db;
	c.next = c.insert = NULL;
	if ((rc = sqlite3_prepare_v2(db, next_sql, -1, &c.next, NULL)) ==
		SQLITE_OK &&
	    (rc = sqlite3_prepare_v2(db, insert_sql, -1, &c.insert, NULL)) ==
		SQLITE_OK) {
		do
			rc = copy_next(&c, &id);
		while (rc == SQLITE_OK && id > 0);
	}
	sqlite3_finalize(c.next);
	sqlite3_finalize(c.insert);
	return rc;
}

/*
 * What others have made of the two tables, to be freed: statements that end in
 * NUL each, since one may end in a comment; the last is "".
 */
static int
read_additions(sqlite3 *db, char **ret)
{
	static const char sql[] =
	    "SELECT group_concat(sql, char(0)) FROM main.sqlite_schema"
	    " WHERE tbl_name IN ('message', 'recipient')"
	    " AND type IN ('index', 'trigger') AND sql IS NOT NULL"
	    " AND name <> 'message_deleted'";
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_step(q) == SQLITE_ROW) {
		const void *text = sqlite3_column_text(q, 0);
		size_t len = (size_t)sqlite3_column_bytes(q, 0);

		*ret = sqlite3_malloc64(len + 2);
		if (*ret && len > 0)
			memcpy(*ret, text, len);
		if (*ret)
			memset(*ret + len, '\0', 2);
	}
	rc = sqlite3_finalize(q);
	return rc == SQLITE_OK && !*ret ? SQLITE_NOMEM : rc;
}

static int
add_again(sqlite3 *db, const char *additions)
{
	int rc = SQLITE_OK;

	for (; *additions && rc == SQLITE_OK;
	     additions += strlen(additions) + 1)
		rc = run(db, additions);
	return rc;
}

/*
 * The sequence says which ids were used; the table may be empty.  Counts that
 * triggers keep have nothing to count yet.
 */
static const char copy_rest_sql[] =
    "INSERT INTO recipient (message_id, position, forward_path, notify,"
    " original_recipient, mailbox)"
    " SELECT message_id, position, forward_path, notify, original_recipient,"
    " forward_path FROM recipient_1;"
    "DELETE FROM sqlite_sequence WHERE name = 'message';"
    "UPDATE sqlite_sequence SET name = 'message' WHERE name = 'message_1';"
    "DROP TABLE recipient_1;"
    "DROP TABLE message_1;";

enum verdict
migrate_check_room(struct store *st)
{
	const char *path = sqlite3_db_filename(st->db, "main");
	unsigned long long room, need;
	struct statvfs fs;
	struct stat is;

	if (stat(path, &is) < 0 || statvfs(path, &fs) < 0)
		return database_fail_errno(st, path, errno);
	room = (unsigned long long)fs.f_bavail * fs.f_frsize;
	need = COPIES * (unsigned long long)is.st_size;
	if (room >= need)
		return VERDICT_OK;
	return database_fail(st, VERDICT_FULL,
	    "%s is to be migrated, for which %llu octets must be free on the "
	    "disk; %llu are",
	    path, need, room);
}

int
migrate_from_1(sqlite3 *db, const char *schema)
{
	char *additions = NULL;
	int rc = read_additions(db, &additions);

	if (rc == SQLITE_OK &&
	    (rc = run(db, "PRAGMA legacy_alter_table = ON;"
			  "ALTER TABLE message RENAME TO message_1;"
			  "ALTER TABLE recipient RENAME TO recipient_1;"
			  "DROP TRIGGER message_deleted;")) == SQLITE_OK &&
	    (rc = run(db, schema)) == SQLITE_OK &&
	    (rc = copy_mails(db)) == SQLITE_OK &&
	    (rc = run(db, copy_rest_sql)) == SQLITE_OK &&
	    (rc = add_again(db, additions)) == SQLITE_OK)
		rc = run(db, "PRAGMA legacy_alter_table = OFF");
	sqlite3_free(additions);
	return rc;
}
