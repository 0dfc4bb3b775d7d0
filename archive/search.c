/*
 * The index of words: a table of FTS5, and the highest id that is in it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "private.h"

#define TEXT_OF(number) #number
#define NUMBER(number) TEXT_OF(number)

/* Of the index; in the header of its file (sqlite.org/fileformat). */
#define WORDS_APPLICATION_ID 0x536d7777
#define WORDS_VERSION 2

struct search {
	struct archive *archive;
	sqlite3 *db;
	sqlite3_stmt
	    *insert; /* of search_add(); made when it is first needed */
	int rc;      /* why it could not be told what the file is */
};

static int
fail(struct search *s, const char *what)
{
	return archive_fail_result(
	    s->archive, database_fail(s->archive->db, VERDICT_FAILED, "%s: %s",
			    what, sqlite3_errmsg(s->db)));
}

static int
exec(struct search *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : fail(s, "index");
}

/*
 * Removes the journal, too: one that a killed process left is of the old file.
 */
static void
remove_files(const char *path)
{
	char journal[4096 + 16];

	snprintf(journal, sizeof journal, "%s-journal", path);
	unlink(path);
	unlink(journal);
}

static int
query_integer(struct search *s, const char *sql)
{
	sqlite3_stmt *q;
	int n = -1;

	s->rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
	if (s->rc != SQLITE_OK)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int(q, 0);
	s->rc = sqlite3_finalize(q);
	return s->rc == SQLITE_OK ? n : -1;
}

/* Is it an index of this version? */
static bool
is_ours(struct search *s)
{
	return query_integer(s, "PRAGMA application_id") ==
		   WORDS_APPLICATION_ID &&
	       query_integer(s, "PRAGMA user_version") == WORDS_VERSION;
}

/* A file that is locked, or cannot be read now, may be one all the same. */
static bool
is_unknown(const struct search *s)
{
	int why = s->rc & 0xff;

	return why != SQLITE_OK && why != SQLITE_NOTADB &&
	       why != SQLITE_CORRUPT;
}

/* Is it an index of this version, or a new file that may become one? */
static bool
is_usable(struct search *s, bool make)
{
	return is_ours(s) ||
	       (make && !is_unknown(s) &&
		   query_integer(s, "SELECT count(*) FROM sqlite_schema") == 0);
}

/* Only the words are kept, not the texts: those are in the database. */
static int
make_tables(struct search *s)
{
	static const char make[] =
	    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
	    " (\"from\", \"to\", subject, text, content = '',"
	    "  tokenize = 'unicode61 remove_diacritics 2');"
	    " CREATE TABLE IF NOT EXISTS last (id INTEGER NOT NULL);"
	    " PRAGMA application_id = " NUMBER(
		WORDS_APPLICATION_ID) ";"
				      " PRAGMA user_version = " NUMBER(
					  WORDS_VERSION);

	if (exec(s, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE") < 0)
		return -1;
	return exec(s, make) < 0 ? -1 : exec(s, "COMMIT");
}

static int
connect(struct search *s, const char *path, bool make)
{
	struct archive *a = s->archive;
	int flags = make ? O_RDWR | O_CREAT : O_RDONLY, fd;
	enum verdict result = database_open_beside(a->db, "-words", flags, &fd);

	if (result != VERDICT_OK)
		return archive_fail_result(a, result);
	close(fd);
	if (sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK)
		return fail(s, path);
	database_distrust(s->db);
	sqlite3_busy_timeout(s->db, a->conf->wait_ms);
	return 0;
}

/* A file that is no index of this version is deleted and made anew. */
static int
begin(struct search *s, const char *path, bool make)
{
	if (connect(s, path, make) < 0)
		return -1;
	if (!is_usable(s, make)) {
		if (is_unknown(s))
			return fail(s, path);
		if (!make)
			return -1;
		sqlite3_close(s->db);
		s->db = NULL;
		remove_files(path);
		if (connect(s, path, make) < 0)
			return -1;
	}
	return make ? make_tables(s) : 0;
}

struct search *
search_open(struct archive *a, bool make, bool anew)
{
	struct search *s = calloc(1, sizeof *s);
	char path[4096];

	if (!s)
		return NULL;
	s->archive = a;
	snprintf(path, sizeof path, "%s-words", database_file(a->db));
	if (anew)
		remove_files(path);
	if (begin(s, path, make) < 0) {
		search_close(s);
		return NULL;
	}
	return s;
}

void
search_close(struct search *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->insert);
	sqlite3_close(s->db);
	free(s);
}

int64_t
search_last_id(struct search *s)
{
	sqlite3_stmt *q;
	int64_t id = 0;

	if (sqlite3_prepare_v2(
		s->db, "SELECT max(id) FROM last", -1, &q, NULL) != SQLITE_OK)
		return fail(s, "index");
	if (sqlite3_step(q) == SQLITE_ROW)
		id = sqlite3_column_int64(q, 0);
	return sqlite3_finalize(q) == SQLITE_OK ? id : fail(s, "index");
}

int
search_begin(struct search *s)
{
	return exec(s, "BEGIN IMMEDIATE");
}

int
search_add(struct search *s, int64_t id, const struct search_words *words)
{
	const char *const texts[] = {
		words->from,
		words->to,
		words->subject,
		words->text,
	};

	if (!s->insert &&
	    sqlite3_prepare_v2(s->db,
		"INSERT INTO words (rowid, \"from\", \"to\", subject, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
		-1, &s->insert, NULL) != SQLITE_OK)
		return fail(s, "index");
	sqlite3_bind_int64(s->insert, 1, id);
	for (int i = 0; i < 4; i++)
		sqlite3_bind_text(
		    s->insert, 2 + i, texts[i], -1, SQLITE_STATIC);
	sqlite3_step(s->insert);
	if (sqlite3_reset(s->insert) != SQLITE_OK)
		return fail(s, "index");
	sqlite3_clear_bindings(s->insert);
	return 0;
}

int
search_end(struct search *s, int64_t last_id)
{
	char sql[128];

	snprintf(sql, sizeof sql,
	    "DELETE FROM last; INSERT INTO last VALUES (%lld); COMMIT",
	    (long long)last_id);
	return exec(s, sql);
}

/* Steps through the matches of the index, and leaves out what `which` does. */
static int
find_some(struct search *s, sqlite3_stmt *q, const struct archive_filter *which,
    int64_t *ret, int max)
{
	int n = 0, matches = 0;

	while (n < max && matches >= 0 && sqlite3_step(q) == SQLITE_ROW) {
		ret[n] = sqlite3_column_int64(q, 0);
		matches = archive_matches(s->archive, which, ret[n]);
		n += matches > 0;
	}
	return matches < 0 ? -1 : n;
}

int
search_find(struct search *s, const char *query,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max)
{
	static const char best[] = "SELECT rowid FROM words"
				   " WHERE words MATCH ?1 AND rowid <= ?2"
				   " ORDER BY rank";
	static const char newest[] = "SELECT rowid FROM words"
				     " WHERE words MATCH ?1 AND rowid <= ?2"
				     " ORDER BY rowid DESC";
	struct database *db = s->archive->db;
	sqlite3_stmt *q;
	int n, rc;

	if (sqlite3_prepare_v2(
		s->db, newest_first ? newest : best, -1, &q, NULL) != SQLITE_OK)
		return fail(s, "search");
	sqlite3_bind_text(q, 1, query, -1, SQLITE_STATIC);
	sqlite3_bind_int64(
	    q, 2, which->up_to_id != 0 ? which->up_to_id : INT64_MAX);
	rc = database_begin_read(db);
	if (rc != DATABASE_OK) {
		sqlite3_finalize(q);
		return archive_fail(s->archive, "begin", rc);
	}
	n = find_some(s, q, which, ret, max);
	database_end_read(db);
	return sqlite3_finalize(q) == SQLITE_OK ? n : fail(s, "search");
}
