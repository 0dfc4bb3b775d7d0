/*
 * The VFS that gathers writes: what is read back, by whom, and what becomes of
 * errors that come late.
 */
#include <sys/resource.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../database/private.h"
#include "../support/disk.h"
#include "../support/suite.h"

enum {
	ROWS = 24,
	OCTETS = 200000, /* of a row, at most; more than SQLite caches */
	PIECE = 50000,
	STEPS = 2000,
	MAIL = 2 << 20,
};

static void
begin(void)
{
	suite_begin(60000);
}

TestSuite(vfs, .init = begin, .fini = suite_end, .timeout = 600);

/*
 * Transactions at random, of which the rows are known
 */

static struct row {
	size_t len; /* 0: there is no row */
	unsigned char octets[OCTETS];
} is[ROWS], were[ROWS], before[ROWS];

static sqlite3 *db;

static void
run(const char *sql)
{
	cr_assert(eq(int, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK),
	    "%s: %s", sql, sqlite3_errmsg(db));
}

/* As the store does with a big mail: zeros first. */
static void
put(int i)
{
	size_t len = 1 + (size_t)rand() % OCTETS;
	sqlite3_blob *blob;
	char sql[120];

	snprintf(sql, sizeof sql,
	    "INSERT OR REPLACE INTO t VALUES (%d, zeroblob(%zu))", i, len);
	run(sql);
	is[i].len = len;
	memset(is[i].octets, 0, len);
	cr_assert(
	    eq(int, sqlite3_blob_open(db, "main", "t", "octets", i, 1, &blob),
		SQLITE_OK));
	for (size_t at = 0; at < len; at += PIECE) {
		size_t n = len - at < PIECE ? len - at : PIECE;

		for (size_t j = 0; j < n; j++)
			is[i].octets[at + j] = (unsigned char)rand();
		cr_assert(eq(int,
		    sqlite3_blob_write(
			blob, is[i].octets + at, (int)n, (int)at),
		    SQLITE_OK));
	}
	cr_assert(eq(int, sqlite3_blob_close(blob), SQLITE_OK));
}

static void
drop(int i)
{
	char sql[80];

	snprintf(sql, sizeof sql, "DELETE FROM t WHERE id = %d", i);
	run(sql);
	is[i].len = 0;
}

static void
expect_rows(sqlite3 *from, const struct row *rows)
{
	sqlite3_stmt *q;
	int n = 0, known = 0;

	cr_assert(eq(int,
	    sqlite3_prepare_v2(
		from, "SELECT id, octets FROM t ORDER BY id", -1, &q, NULL),
	    SQLITE_OK));
	while (sqlite3_step(q) == SQLITE_ROW) {
		const struct row *r = &rows[sqlite3_column_int(q, 0)];

		n++;
		cr_assert(eq(sz, (size_t)sqlite3_column_bytes(q, 1), r->len));
		cr_assert(eq(int,
		    memcmp(sqlite3_column_blob(q, 1), r->octets, r->len), 0));
	}
	cr_assert(eq(int, sqlite3_finalize(q), SQLITE_OK));
	for (int i = 0; i < ROWS; i++)
		known += rows[i].len > 0;
	cr_assert(eq(int, n, known));
}

/* What is kept back of a transaction that is over must not be written there. */
static void
put_by(sqlite3 *other, int i)
{
	char sql[120];

	snprintf(sql, sizeof sql,
	    "INSERT OR REPLACE INTO t VALUES (%d, zeroblob(%d))", i, PIECE);
	scratch_exec(other, sql);
	is[i].len = PIECE;
	memset(is[i].octets, 0, PIECE);
	memcpy(before, is, sizeof is);
}

/* `other`: who has no older view; or NULL. */
static void
step(sqlite3 *other, bool *inside, bool *saved)
{
	int what = rand() % 16;

	if (!*inside && other && what == 2) {
		put_by(other, rand() % ROWS);
	} else if (!*inside) {
		run(what < 2 ? "PRAGMA wal_checkpoint" : "BEGIN IMMEDIATE");
		*inside = what >= 2;
		*saved = false;
	} else if (what < 9) {
		put(rand() % ROWS);
	} else if (what < 11) {
		drop(rand() % ROWS);
	} else if (what == 11 && !*saved) {
		run("SAVEPOINT s");
		memcpy(were, is, sizeof is);
		*saved = true;
	} else if (what == 12 && *saved) {
		run("ROLLBACK TO s");
		memcpy(is, were, sizeof is);
	} else if (what == 13) {
		run("ROLLBACK");
		memcpy(is, before, sizeof is);
		*inside = false;
	} else if (what == 14) {
		expect_rows(db, is);
		if (other)
			expect_rows(other, before);
	} else if (what == 15) {
		run("COMMIT");
		memcpy(before, is, sizeof is);
		*inside = false;
		if (other)
			expect_rows(other, is);
	}
}

/* Another one reads, and so keeps some checkpoints from all pages. */
Test(vfs, keeps_nothing_back_from_others)
{
	bool inside = false, saved = false;
	sqlite3 *other;
	char path[120];

	srand(1);
	snprintf(path, sizeof path, "%s/vfs.db", box.folder);
	cr_assert(eq(int,
	    sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_name()),
	    SQLITE_OK));
	run("PRAGMA journal_mode = WAL");
	run("PRAGMA synchronous = FULL");
	run("PRAGMA cache_size = 20");
	run("CREATE TABLE t (id INTEGER PRIMARY KEY, octets BLOB)");
	cr_assert(
	    eq(int, sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, NULL),
		SQLITE_OK));
	for (int i = 0; i < STEPS; i++) {
		if (rand() % 64 == 0)
			sqlite3_exec(other,
			    sqlite3_get_autocommit(other)
				? "BEGIN; SELECT count(*) FROM t"
				: "COMMIT",
			    NULL, NULL, NULL);
		step(sqlite3_get_autocommit(other) ? other : NULL, &inside,
		    &saved);
	}
	sqlite3_close(other);
	sqlite3_close(db);
	cr_assert(eq(int, sqlite3_open(path, &db), SQLITE_OK));
	expect_rows(db, before);
	cr_expect(eq(str,
	    (char *)scratch_query(&box, db, "PRAGMA integrity_check"), "ok"));
	sqlite3_close(db);
}

/* As no version of SQLite reads yet. */
Test(vfs, has_what_is_read_together_with_what_it_keeps)
{
	char octets[200], back[200];
	sqlite3_file *wal;
	sqlite3_int64 size;

	suite_put(100);
	cr_assert(eq(int,
	    sqlite3_open_v2(box.path, &db, SQLITE_OPEN_READWRITE, vfs_name()),
	    SQLITE_OK));
	run("BEGIN IMMEDIATE");
	wal = error_file(db, SQLITE_FCNTL_JOURNAL_POINTER);
	cr_assert(eq(int, wal->pMethods->xFileSize(wal, &size), SQLITE_OK));
	memset(octets, 'x', sizeof octets);
	wal->pMethods->xWrite(wal, octets, 100, size);
	wal->pMethods->xWrite(wal, octets, 100, size + 100);
	cr_expect(eq(
	    int, wal->pMethods->xRead(wal, back, 200, size - 50), SQLITE_OK));
	cr_expect(eq(int, memcmp(back + 50, octets, 150), 0));
	sqlite3_close(db);
	suite_put(100);
	suite_expect_rows(2);
}

/*
 * The store
 */

Test(vfs, writes_a_big_mail_in_large_pieces)
{
	suite_put(100);
	disk.nwrites = 0;
	suite_put(MAIL);
	/* Zeros, the mail, and the checksums of it. */
	cr_expect(le(uint, disk.nwrites, 3 * MAIL / 65536 + 40));
}

static void
let_no_file_grow(void)
{
	struct rlimit most;

	getrlimit(RLIMIT_FSIZE, &most);
	most.rlim_cur = (rlim_t)scratch_size(&box, "");
	setrlimit(RLIMIT_FSIZE, &most);
}

static void
let_files_grow(void)
{
	struct rlimit most;

	getrlimit(RLIMIT_FSIZE, &most);
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_FSIZE, &most);
}

/* The file's new end comes last, and with it the error. */
Test(vfs, tells_that_a_checkpoint_had_no_room)
{
	suite_put(100);
	suite_reopen();
	suite_put(100000);
	let_no_file_grow();
	cr_expect(ne(int, store_checkpoint(st), VERDICT_OK));
	let_files_grow();
	suite_expect_rows(2);
	EXPECT_RESULT(st, VERDICT_OK, store_checkpoint(st));
	cr_expect(eq(str,
	    (char *)scratch_query_file(&box, "SELECT count(*) FROM message"),
	    "2"));
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

/* SQLite would count them as copied. */
Test(vfs, dies_before_pages_are_lost_around_a_reader, .signal = SIGABRT)
{
	sqlite3 *reader = scratch_connect(&box);

	suite_put(100);
	suite_reopen();
	suite_put(100000);
	scratch_exec(reader, "BEGIN; SELECT count(*) FROM message");
	suite_put(100000);
	let_no_file_grow();
	store_checkpoint(st);
}
