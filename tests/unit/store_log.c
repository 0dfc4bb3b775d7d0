/*
 * The write-ahead log of the store: that it is synced before a mail is
 * confirmed, and what happens when that fails.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../database/synced.h"
#include "../../database/turnstile.h"
#include "../../store/spool.h"
#include "../support/disk.h"
#include "../support/suite.h"

enum {
	PATIENCE_MS = 10000,
	MAIL = 2 << 20,
	BEGUN_AT = 8, /* octets of the lock file (store/synced.c) */
};

static void
begin(void)
{
	suite_begin(PATIENCE_MS);
}

TestSuite(store_log, .init = begin, .fini = suite_end, .timeout = 60);

static int
rows(void)
{
	return atoi(scratch_query(&box, NULL, "SELECT count(*) FROM message"));
}

/*
 * Syncs
 */

Test(store_log, is_synced_before_a_mail_is_confirmed)
{
	static const size_t sizes[] = { 0, 100, 100000, SPOOL_MEMORY + 1,
		MAIL };

	for (size_t i = 0; i < 10; i++) {
		disk.nsyncs = 0;
		suite_put(sizes[i % 5]);
		cr_expect(eq(int, disk.unsynced, false));
		cr_expect(ge(uint, disk.nsyncs, 1));
	}
}

static bool was_free, was_there;

static void
look_around(void)
{
	int fd = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);

	was_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	was_there = rows() == 2;
}

/* So the syncs of several overlap; and the next may already commit. */
Test(store_log, is_synced_outside_the_turnstile)
{
	suite_put(100);
	disk.in_sync = look_around;
	suite_put(100);
	cr_expect(was_free);
	cr_expect(was_there);
}

/*
 * A log that cannot be trusted
 */

static char
mark(void)
{
	size_t len;
	char *octets = scratch_read(scratch_file(&box, "-lock"), &len);
	char first = len > 0 ? octets[0] : '\0';

	free(octets);
	return first;
}

/* As another process does after a failed sync. */
static void
set_mark(void)
{
	int fd = open(scratch_file(&box, "-lock"), O_WRONLY | O_CLOEXEC);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(i64, write(fd, "!", 1), 1));
	close(fd);
}

Test(store_log, is_not_marked_without_trouble)
{
	suite_put(100);
	cr_expect(eq(chr, mark(), '-'));
	suite_put(MAIL);
	suite_reopen();
	suite_put(100);
	cr_expect(eq(chr, mark(), '-'));
}

/* Who is inside may set it meanwhile. */
Test(store_log, gets_its_mark_while_nobody_is_inside)
{
	int gate = open(
	    scratch_file(&box, "-lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int lock;

	cr_assert(eq(int, flock(gate, LOCK_EX), 0));
	lock = turnstile_open(scratch_file(&box, "-lock"));
	cr_assert(ge(int, lock, 0));
	cr_expect(eq(i64, scratch_size(&box, "-lock"), 0));
	cr_expect(turnstile_is_marked(lock));
	turnstile_close(lock);
	close(gate);
	lock = turnstile_open(scratch_file(&box, "-lock"));
	cr_expect(not(turnstile_is_marked(lock)));
	turnstile_close(lock);
}

/* Was the whole log written since `disk.written` was 0? */
static bool
was_rewritten(void)
{
	return disk.written >= (size_t)scratch_size(&box, "-wal");
}

Test(store_log, is_rewritten_when_marked)
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
static void
empty_lock_file(void)
{
	const char *path = scratch_file(&box, "-lock");
	off_t size = (off_t)scratch_size(&box, "-lock");

	cr_assert(eq(int, truncate(path, 0), 0));
	cr_assert(eq(int, truncate(path, size), 0));
}

Test(store_log, counts_as_marked_when_the_mark_is_lost)
{
	suite_put(100);
	empty_lock_file();
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
}

static void
checkpoint_as_foreign(void)
{
	sqlite3 *foreign = scratch_connect(&box);

	scratch_query(&box, foreign, "SELECT count(*) FROM message");
	sqlite3_wal_checkpoint_v2(
	    foreign, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_close(foreign);
}

/* Else what it copies to a page is undone by who has read that page before. */
Test(store_log, is_not_copied_by_a_foreign_one_while_it_is_rewritten)
{
	struct store *other;

	suite_put(100);
	suite_reopen(); /* so there are pages to be copied to */
	for (int i = 0; i < 20; i++)
		suite_put(3000);
	other = store_new(&box.conf);
	set_mark();
	disk.in_write = checkpoint_as_foreign;
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 1, 100, NULL));
	cr_expect(disk.in_write == NULL);
	store_free(other);
	suite_reopen();
	suite_expect_rows(22);
}

/* A mark that was set before this process came. */
Test(store_log, is_rewritten_by_whoever_comes_next)
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

/* A foreign writer keeps it from being rewritten; then nothing is confirmed. */
Test(store_log, must_be_rewritten_before_more_is_taken)
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
		cr_expect(lt(i64, scratch_now_ms() - started, 3000));
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

/* Our sync may have succeeded over the hole that another's has left. */
Test(store_log, is_rewritten_when_marked_during_the_sync)
{
	suite_put(100);
	disk.in_sync = set_mark;
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
}

static sqlite3 *intruder;

static void
set_mark_and_keep_writers_out(void)
{
	set_mark();
	scratch_exec(intruder, "BEGIN IMMEDIATE");
}

Test(store_log, confirms_nothing_that_was_marked_during_the_sync)
{
	intruder = scratch_connect(&box);
	box.conf.wait_ms = 200;
	suite_put(100);
	disk.in_sync = set_mark_and_keep_writers_out;
	EXPECT_RESULT(st, VERDICT_BUSY, scratch_commit(st, 1, 100, NULL));
	cr_expect(eq(chr, mark(), '!'));
	sqlite3_close(intruder);
	suite_put(100);
	cr_expect(eq(chr, mark(), '-'));
}

Test(store_log, is_rewritten_after_a_failed_sync)
{
	int64_t id = -1;

	suite_put(100);
	disk.failing_syncs = 1;
	disk.written = 0;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, &id));
	cr_expect(eq(i64, id, -1));
	cr_expect(ne(ptr, strstr(store_error(st), strerror(EIO)), NULL), "%s",
	    store_error(st));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(was_rewritten());
	cr_expect(eq(i64, suite_put(100), 3));
}

/* SQLite syncs that itself, within the COMMIT, which it then takes back. */
Test(store_log, survives_a_failed_sync_of_its_beginning)
{
	suite_put(100);
	suite_reopen();
	disk.failing_syncs = 1;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	cr_expect(eq(int, rows(), 1));
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(int, rows(), 2));
}

Test(store_log, takes_nothing_while_syncs_fail)
{
	struct store *other = store_new(&box.conf);

	suite_put(100);
	disk.failing_syncs = 1000;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	cr_expect(eq(chr, mark(), '!'));
	cr_expect(eq(int, rows(), 2));
	/* Whoever tries next adds nothing to it. */
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 3, 100, NULL));
	EXPECT_RESULT(
	    other, VERDICT_FAILED, scratch_commit(other, 3, 100, NULL));
	cr_expect(eq(int, rows(), 2));
	cr_expect(eq(chr, mark(), '!'));
	disk.failing_syncs = 0;
	EXPECT_RESULT(other, VERDICT_OK, scratch_commit(other, 3, 100, NULL));
	cr_expect(eq(chr, mark(), '-'));
	cr_expect(eq(int, rows(), 3));
	store_free(other);
}

Test(store_log, outlives_a_close_that_cannot_sync)
{
	suite_put(100);
	disk.failing_syncs = 1000;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	store_free(st);
	cr_expect(gt(i64, scratch_size(&box, "-wal"), 0));
	disk.failing_syncs = 0;
	st = store_new(&box.conf);
	cr_expect(eq(i64, suite_put(100), 3));
	cr_expect(eq(chr, mark(), '-'));
	EXPECT_QUERY(&box, "SELECT id FROM message", "1 2 3");
}

/* As by SIGKILL; the error of the sync, if there is one, dies with it. */
static void
die(void)
{
	_exit(0);
}

static int
die_in_sync(void *arg)
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
	if (scratch_commit(own, 2, 100, NULL) != VERDICT_OK)
		return 2;
	disk.in_sync = die;
	store_checkpoint(own);
	return 1;
}

Test(store_log, is_rewritten_when_somebody_died_in_a_sync)
{
	static int (*const deaths[])(
	    void *) = { die_in_sync, die_in_checkpoint };

	suite_put(100);
	for (int i = 0; i < 2; i++) {
		cr_assert(
		    eq(int, scratch_wait(scratch_start(deaths[i], NULL)), 0));
		disk.written = 0;
		suite_put(100);
		cr_expect(was_rewritten(), "death %d", i);
		cr_expect(eq(chr, mark(), '-'));
		disk.written = 0;
		suite_put(100);
		cr_expect(not(was_rewritten())); /* not again */
	}
}

static bool is_held, is_noted;

/* Is the turnstile held, with a note that somebody is inside (synced.h)? */
static void
look_at_turnstile(void)
{
	uint32_t begun[SYNCED__COUNT] = { 0 };
	int fd = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);

	is_held = flock(fd, LOCK_EX | LOCK_NB) < 0;
	is_noted = pread(fd, begun, sizeof begun, BEGUN_AT) > 0 &&
		   begun[SYNCED_GATE] == 1;
	close(fd);
}

static void
expect_noted(void)
{
	cr_expect(disk.in_sync == NULL);
	cr_expect(is_held);
	cr_expect(is_noted);
	look_at_turnstile();
	cr_expect(not(is_held));
	cr_expect(not(is_noted));
}

Test(store_log, is_synced_with_a_note_when_it_is_made)
{
	disk.in_sync = look_at_turnstile;
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	expect_noted();
}

Test(store_log, is_synced_with_a_note_by_the_last_close)
{
	suite_put(100);
	disk.in_sync = look_at_turnstile;
	suite_reopen();
	expect_noted();
	cr_expect(eq(i64, scratch_size(&box, "-wal"), -1));
}

Test(store_log, is_marked_when_the_last_close_fails)
{
	suite_put(100);
	disk.failing_syncs = 1;
	suite_reopen();
	cr_expect(eq(chr, mark(), '!'));
	disk.written = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(was_rewritten());
}

/* As when the file system went read-only over the error. */
Test(store_log, is_rewritten_even_if_it_cannot_be_marked)
{
	suite_put(100);
	suite_reopen();
	suite_put(100);
	disk.failing_syncs = 1;
	disk.lock_error = EROFS;
	disk.written = 0;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	disk.lock_error = 0;
	cr_expect(was_rewritten() || mark() == '!',
	    "no mark, and not rewritten: \"%s\"", store_error(st));
}

/*
 * Errors of writing, which are not in a row then
 */

static void
check_write_error(int error, enum verdict want)
{
	suite_put(100);
	for (int i = 0; i < 3; i++) {
		disk.log_error = error;
		EXPECT_RESULT(st, want, scratch_commit(st, 2, 100, NULL));
		EXPECT_RESULT(st, want, scratch_commit(st, 2, MAIL, NULL));
		disk.log_error = 0;
		cr_expect(eq(i64, suite_put(100), 2 + i));
	}
	EXPECT_QUERY(&box, "SELECT id FROM message", "1 2 3 4");
	EXPECT_QUERY(&box, "SELECT count(*) FROM recipient", "4");
}

Test(store_log, cannot_be_written)
{
	check_write_error(EIO, VERDICT_FAILED);
}

Test(store_log, has_no_room)
{
	check_write_error(ENOSPC, VERDICT_FULL);
}

Test(store_log, is_over_quota)
{
	check_write_error(EDQUOT, VERDICT_FULL);
}

/* The trouble of one mail is not that of the next. */
Test(store_log, tells_an_error_from_one_before)
{
	suite_put(100);
	disk.log_error = ENOSPC;
	EXPECT_RESULT(st, VERDICT_FULL, scratch_commit(st, 2, 100, NULL));
	disk.log_error = EIO;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, MAIL, NULL));
	disk.log_error = ENOSPC;
	EXPECT_RESULT(st, VERDICT_FULL, scratch_commit(st, 2, 100, NULL));
}
