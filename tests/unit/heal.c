/*
 * A WAL that cannot be trusted: syncs that failed, processes that died in one,
 * and that whoever comes next heals it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/disk.h"
#include "../support/suite.h"

static void
begin(void)
{
	suite_begin(60000);
}

TestSuite(heal, .init = begin, .fini = suite_end, .timeout = 600);

static bool was_there;

static int
rows(void)
{
	return atoi(scratch_query(&box, NULL, "SELECT count(*) FROM message"));
}

static char
mark(void)
{
	size_t len;
	char *octets = scratch_read(scratch_file(&box, "-lock"), &len);
	char first = len > 0 ? octets[0] : '\0';

	free(octets);
	return first;
}

/* As another process does that is killed in a sync. */
static void
set_mark(void)
{
	int fd = open(scratch_file(&box, "-lock"), O_WRONLY | O_CLOEXEC);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(i64, write(fd, "!", 1), 1));
	close(fd);
}

/* Was the whole WAL written since `disk.written` was 0? */
static bool
was_rewritten(void)
{
	return disk.written >= (size_t)scratch_size(&box, "-wal");
}

Test(heal, is_healed_when_marked)
{
	suite_put(100);
	set_mark();
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 3));
	cr_expect(not(was_rewritten())); /* not again */
	cr_expect(eq(int, rows(), 3));
}

/* As a disk that has lost it. */
Test(heal, counts_as_marked_when_the_mark_is_lost)
{
	suite_put(100);
	cr_assert(eq(int, truncate(scratch_file(&box, "-lock"), 0), 0));
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
}

/* A mark that was set before this process came. */
Test(heal, is_healed_by_whoever_comes_next)
{
	struct store *other = store_new(&box.conf);

	suite_put(100);
	set_mark();
	disk.written = 0;
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 1, 100, NULL));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
	store_free(other);
}

Test(heal, is_healed_before_it_is_copied)
{
	struct store *other = store_new(&box.conf);

	suite_put(100);
	set_mark();
	disk.written = 0;
	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	cr_expect(was_rewritten());
	cr_expect(eq(chr, mark(), '-'));
	store_free(other);
}

/* A foreign writer keeps it from being healed; then nothing is taken. */
Test(heal, must_be_healed_before_more_is_taken)
{
	sqlite3 *foreign = scratch_connect(&box);
	int64_t started;

	box.conf.wait_ms = 200;
	suite_put(100);
	scratch_exec(foreign, "BEGIN IMMEDIATE");
	set_mark();
	for (int i = 0; i < 2; i++) {
		started = scratch_now_ms();
		EXPECT_RESULT(
		    st, VERDICT_BUSY, scratch_commit(st, 1, 100, NULL));
		cr_expect(lt(i64, scratch_now_ms() - started, 15000));
		cr_expect(eq(chr, mark(), '!'));
		cr_expect(eq(int, rows(), 1));
	}
	scratch_exec(foreign, "COMMIT");
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
	sqlite3_close(foreign);
}

/*
 * Syncs that fail
 */

/* SQLite has not published the row, and the next commit writes over it. */
Test(heal, keeps_nothing_of_a_mail_whose_sync_failed)
{
	int64_t id = -1;

	suite_put(100);
	disk.failing_syncs = 1;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, &id));
	cr_expect(eq(i64, id, -1));
	cr_expect(ne(ptr, strstr(store_error(st), strerror(EIO)), NULL), "%s",
	    store_error(st));
	cr_expect(eq(chr, mark(), '!'));
	cr_expect(eq(int, rows(), 1));
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(was_rewritten());
	cr_expect(eq(chr, mark(), '-'));
	suite_expect_rows(2);
}

Test(heal, survives_a_failed_sync_of_its_beginning)
{
	suite_put(100);
	suite_reopen();
	disk.failing_syncs = 1;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	cr_expect(eq(int, rows(), 1));
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(int, rows(), 2));
}

Test(heal, takes_nothing_while_syncs_fail)
{
	struct store *other = store_new(&box.conf);

	suite_put(100);
	disk.failing_syncs = 1000;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	cr_expect(eq(chr, mark(), '!'));
	/* Whoever tries next adds nothing to it. */
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 3, 100, NULL));
	EXPECT_RESULT(
	    other, VERDICT_FAILED, scratch_commit(other, 3, 100, NULL));
	cr_expect(eq(int, rows(), 1));
	cr_expect(eq(chr, mark(), '!'));
	disk.failing_syncs = 0;
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 3, 100, NULL));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(eq(int, rows(), 2));
	store_free(other);
}

/*
 * The dead publish nothing, but SQLite recovers what they left: the row of the
 * mail whose sync failed.  It is healed before anything stands on it.
 */
static int
fail_and_die(void *arg)
{
	struct store *own = store_new(&box.conf);

	(void)arg;
	if (scratch_commit(own, 1, 100, NULL) != VERDICT_OK)
		return 1;
	disk.failing_syncs = 1;
	return scratch_commit(own, 2, 100, NULL) == VERDICT_FAILED ? 0 : 2;
}

static void
leave_a_refused_row(void)
{
	cr_expect(eq(int, scratch_wait(scratch_start(fail_and_die, NULL)), 0));
	cr_expect(eq(chr, mark(), '!'));
}

Test(heal, is_healed_where_a_refused_row_is_recovered)
{
	leave_a_refused_row();
	cr_expect(eq(int, rows(), 2)); /* smtpd-db(5): in this one moment */
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 3));
	cr_expect(was_rewritten());
	cr_expect(eq(chr, mark(), '-'));
	suite_expect_rows(3);
}

/* Octets `from` on of the WAL, as the disk has them that lost a write. */
static void
forget_frames(int64_t from)
{
	int64_t size = scratch_size(&box, "-wal");
	char *zeros = calloc(1, (size_t)(size - from));
	int fd = open(scratch_file(&box, "-wal"), O_WRONLY | O_CLOEXEC);

	cr_assert(eq(
	    i64, pwrite(fd, zeros, (size_t)(size - from), from), size - from));
	close(fd);
	free(zeros);
}

/*
 * A reader stays and keeps the recovered row in SQLite's wal-index, but the
 * kernel drops what is not on the disk: nothing may stand on that.
 */
Test(heal, is_recovered_where_refused_frames_are_gone)
{
	sqlite3 *reader;
	int64_t whole;

	leave_a_refused_row();
	whole = scratch_size(&box, "-wal");
	reader = scratch_connect(&box);
	cr_expect(eq(str,
	    (char *)scratch_query(&box, reader, "SELECT count(*) FROM message"),
	    "2"));
	forget_frames(whole - 1000);
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	suite_expect_rows(2);
	suite_reopen();
	sqlite3_close(reader);
	suite_expect_rows(2);
}

Test(heal, outlives_a_close_that_cannot_sync)
{
	suite_put(100);
	disk.failing_syncs = 1000;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	store_free(st);
	cr_expect(gt(i64, scratch_size(&box, "-wal"), 0));
	disk.failing_syncs = 0;
	st = store_new(&box.conf);
	cr_expect(eq(i64, suite_put(100), 3)); /* with the refused row */
	cr_expect(eq(chr, mark(), '-'));
	EXPECT_QUERY(&box, "SELECT id FROM message", "1 2 3");
}

Test(heal, is_marked_when_the_last_close_fails)
{
	suite_put(100);
	disk.failing_syncs = 1;
	suite_reopen();
	cr_expect(eq(chr, mark(), '!'));
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(was_rewritten());
}

/* As by SIGKILL; the error of the sync, if there is one, dies with it. */
static void
die(void)
{
	_exit(0);
}

static int
die_in_commit(void *arg)
{
	struct store *own = store_new(&box.conf);

	(void)arg;
	disk.in_sync = die;
	scratch_commit(own, 2, 100, NULL);
	return 1;
}

static int
die_in_checkpoint(void *arg)
{
	struct store *own = store_new(&box.conf);

	(void)arg;
	if (store_open(own) != VERDICT_OK)
		return 2;
	disk.in_sync = die;
	store_checkpoint(own);
	return 1;
}

Test(heal, is_healed_when_somebody_died_in_a_sync)
{
	static int (*const deaths[])(
	    void *) = { die_in_commit, die_in_checkpoint };

	for (size_t i = 0; i < 2; i++) {
		suite_put(100);
		cr_expect(
		    eq(int, scratch_wait(scratch_start(deaths[i], NULL)), 0));
		cr_expect(eq(chr, mark(), '!'));
		disk.written = 0;
		suite_put(100);
		cr_expect(was_rewritten());
		cr_expect(eq(chr, mark(), '-'));
	}
}

static uint32_t
page_of_frame(const char *frame)
{
	const unsigned char *p = (const unsigned char *)frame;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* Of the pages that are in the WAL, the database file has lost its copies. */
static void
lose_copies(void)
{
	enum {
		HEADER = 32,
		PAGE = 4096,
		FRAME = 24 + PAGE,
	};
	static const char zeros[PAGE];
	size_t len;
	char *wal = scratch_read(scratch_file(&box, "-wal"), &len);
	int fd = open(box.path, O_WRONLY | O_CLOEXEC);

	for (size_t at = HEADER; at + FRAME <= len; at += FRAME) {
		uint32_t page = page_of_frame(wal + at);

		if (page > 1)
			cr_assert(eq(i64,
			    pwrite(fd, zeros, PAGE, (off_t)(page - 1) * PAGE),
			    PAGE));
	}
	close(fd);
	free(wal);
}

/*
 * A checkpoint that readers keep from copying everything syncs nothing, yet
 * SQLite counts what it has copied, and would not copy it again.
 */
Test(heal, is_copied_from_its_beginning_when_healed)
{
	sqlite3 *reader = scratch_connect(&box);
	struct store *other = store_new(&box.conf);

	suite_put(100);
	suite_reopen();
	suite_put(50000); /* with pages that no later mail changes */
	scratch_exec(reader, "BEGIN");
	scratch_query(&box, reader, "SELECT count(*) FROM message");
	suite_put(3000);
	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	scratch_exec(reader, "COMMIT");
	lose_copies();
	set_mark();
	suite_put(100);
	suite_expect_rows(4);
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	sqlite3_close(reader);
	store_free(other);
	suite_reopen();
	suite_expect_rows(4);
}

static void
checkpoint_as_foreign(void)
{
	sqlite3 *foreign = scratch_connect(&box);

	scratch_query(&box, foreign, "SELECT count(*) FROM message");
	was_there = sqlite3_wal_checkpoint_v2(foreign, NULL,
			SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK;
	sqlite3_close(foreign);
}

/* Or it would count frames as copied that are to be copied again. */
Test(heal, is_not_copied_by_a_foreign_one_while_it_is_healed)
{
	struct store *other;

	suite_put(100);
	other = store_new(&box.conf);
	set_mark();
	was_there = true;
	disk.in_sync = checkpoint_as_foreign;
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 1, 100, NULL));
	cr_expect(disk.in_sync == NULL);
	cr_expect(not(was_there));
	store_free(other);
	suite_expect_rows(2);
}
