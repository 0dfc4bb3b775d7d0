/*
 * When the WAL is copied into the database, by whom, and whom
 * that keeps out.
 */
#include <sys/file.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/disk.h"
#include "../support/suite.h"

enum {
	PATIENCE_MS = 60000,
	MAIL = 2 << 20,
	MAILS = 9, /* of that size: past the 2000 pages of store.c */
};

static void
begin(void)
{
	suite_begin(PATIENCE_MS);
}

TestSuite(checkpoint, .init = begin, .fini = suite_end, .timeout = 600);

/* How many rows have reached the database file itself. */
static int
rows_in_file(void)
{
	return atoi(scratch_query_file(&box, "SELECT count(*) FROM message"));
}

static int
rows(void)
{
	return atoi(scratch_query(&box, NULL, "SELECT count(*) FROM message"));
}

static void
put_until_long(void)
{
	for (int i = 0; i < MAILS; i++)
		suite_put(MAIL);
}

Test(checkpoint, is_left_alone_while_it_is_short)
{
	suite_put(100);
	suite_reopen(); /* the close has made the tables in the file */
	suite_put(MAIL);
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), 1));
}

/* Not by a commit: the client waits for that. */
Test(checkpoint, is_copied_when_it_is_long_and_there_is_time)
{
	suite_put(100);
	suite_reopen();
	put_until_long();
	cr_expect(eq(int, rows_in_file(), 1));
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), 1 + MAILS));
}

Test(checkpoint, stops_growing_once_copied)
{
	int64_t long_size, size;

	put_until_long();
	long_size = scratch_size(&box, "-wal");
	suite_put(100);
	size = scratch_size(&box, "-wal");
	cr_expect(gt(i64, size, long_size)); /* or this shows nothing */
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	for (int i = 0; i < 20; i++) {
		suite_put(i * 1000);
		EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	}
	cr_expect(eq(i64, scratch_size(&box, "-wal"), size));
	cr_expect(eq(int, rows(), MAILS + 21));
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

/* Many see that it is long; it is worth it once. */
Test(checkpoint, is_not_copied_by_who_comes_too_late)
{
	struct store *other = store_new(&box.conf);
	int64_t id;

	put_until_long();
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 2, 100, &id));
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	suite_put(100);
	EXPECT_RESULT(other, VERDICT_OK, store_tidy(other));
	cr_expect(eq(int, rows_in_file(), 1 + MAILS));
	cr_expect(eq(int, rows(), 2 + MAILS));
	store_free(other);
}

/* Each of these mails is worth it, and finds the WAL begun anew. */
Test(checkpoint, is_copied_again_when_it_is_long_again)
{
	for (int i = 1; i <= 4; i++) {
		suite_put(MAILS * MAIL);
		EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
		cr_expect(eq(int, rows_in_file(), i));
	}
}

/* What a reader still needs of the database file is not overwritten. */
Test(checkpoint, is_copied_around_a_reader)
{
	sqlite3 *reader = scratch_connect(&box);

	suite_put(100);
	suite_reopen();
	scratch_exec(reader, "BEGIN");
	cr_expect(eq(str,
	    (char *)scratch_query(&box, reader, "SELECT count(*) FROM message"),
	    "1"));
	put_until_long();
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(str,
	    (char *)scratch_query(&box, reader, "SELECT count(*) FROM message"),
	    "1"));
	sqlite3_close(reader);
	put_until_long();
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), 1 + 2 * MAILS));
}

/* Two at once, one of them beginning the WAL anew, lose rows in older SQLite. */
Test(checkpoint, is_copied_under_the_write_lock_only)
{
	int gate, before;

	box.conf.wait_ms = 200;
	suite_put(100);
	suite_reopen();
	put_until_long();
	before = rows_in_file();
	gate = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	cr_assert(eq(int, flock(gate, LOCK_EX), 0));
	EXPECT_RESULT(st, VERDICT_BUSY, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), before));
	close(gate);
	cr_expect(eq(i64, suite_put(100), MAILS + 2));
}

static int foreign_result;

static void
write_as_foreign(void)
{
	sqlite3 *foreign = scratch_connect(&box);

	sqlite3_busy_timeout(foreign, 0);
	foreign_result =
	    sqlite3_exec(foreign, "DELETE FROM message", NULL, NULL, NULL);
	sqlite3_close(foreign);
}

/* Nor do those write who do not know of the lock file. */
Test(checkpoint, is_copied_while_nobody_writes)
{
	suite_put(100);
	suite_reopen();
	put_until_long();
	foreign_result = -1;
	disk.in_sync = write_as_foreign; /* a checkpoint begins with one */
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(int, foreign_result, SQLITE_BUSY));
	cr_expect(eq(int, rows_in_file(), 1 + MAILS));
	write_as_foreign();
	cr_expect(eq(int, foreign_result, SQLITE_OK));
}

Test(checkpoint, is_not_copied_while_a_foreign_one_writes)
{
	sqlite3 *foreign;

	box.conf.wait_ms = 200;
	suite_put(100);
	suite_reopen();
	put_until_long();
	foreign = scratch_connect(&box);
	scratch_exec(foreign, "BEGIN IMMEDIATE");
	EXPECT_RESULT(st, VERDICT_BUSY, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), 1));
	scratch_exec(foreign, "DELETE FROM message WHERE id = 1; COMMIT");
	put_until_long();
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(int, rows_in_file(), 2 * MAILS));
	sqlite3_close(foreign);
}

/* The checkpointer writes nothing itself. */
Test(checkpoint, is_copied_for_others)
{
	struct store *other;

	suite_put(100);
	suite_reopen();
	other = store_new(&box.conf);
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	for (int i = 2; i <= 5; i++) {
		suite_put(100);
		EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
		cr_expect(eq(int, rows_in_file(), i));
	}
	store_free(other);
}

/* Nor does it queue for nothing; and what it missed, it does later. */
Test(checkpoint, is_copied_for_others_when_there_is_something)
{
	struct store *other = store_new(&box.conf);
	int gate;

	box.conf.wait_ms = 200;
	suite_put(100);
	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	gate = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	cr_assert(eq(int, flock(gate, LOCK_EX), 0));
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	flock(gate, LOCK_UN);
	suite_put(100);
	cr_assert(eq(int, flock(gate, LOCK_EX), 0));
	EXPECT_RESULT(other, VERDICT_BUSY, store_checkpoint(other));
	close(gate);
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	cr_expect(eq(int, rows_in_file(), 2));
	store_free(other);
}
