/*
 * The WAL: that it is synced before a mail is acknowledged, and marked meanwhile
 * (what follows when that fails is in heal.c).
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

#include "../../database/lockfile.h"
#include "../../store/spool.h"
#include "../support/disk.h"
#include "../support/suite.h"

enum {
	PATIENCE_MS = 60000,
	MAIL = 2 << 20,
};

static void
begin(void)
{
	suite_begin(PATIENCE_MS);
}

TestSuite(wal, .init = begin, .fini = suite_end, .timeout = 600);

static int
rows(void)
{
	return atoi(scratch_query(&box, NULL, "SELECT count(*) FROM message"));
}

/*
 * Syncs
 */

Test(wal, is_synced_before_a_mail_is_acknowledged)
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

static bool was_there;

static void
look_for_row(void)
{
	was_there = rows() == 2;
}

/* A row that can be seen is on the disk. */
Test(wal, is_synced_before_others_can_read_the_row)
{
	suite_put(100);
	disk.in_sync = look_for_row;
	suite_put(100);
	cr_expect(disk.in_sync == NULL);
	cr_expect(not(was_there));
	cr_expect(eq(int, rows(), 2));
}

static bool was_held, was_marked;

/* What others find while the WAL is synced. */
static void
look_at_lock(void)
{
	int fd = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);

	was_held = flock(fd, LOCK_EX | LOCK_NB) < 0;
	was_marked = lockfile_is_marked(fd);
	close(fd);
}

static void
expect_held_and_marked(void)
{
	cr_expect(disk.in_sync == NULL);
	cr_expect(was_held);
	cr_expect(was_marked);
	look_at_lock();
	cr_expect(not(was_held));
	cr_expect(not(was_marked));
}

/* So SIGKILL between a sync that failed and its mark counts as a failure. */
Test(wal, is_marked_while_it_is_synced)
{
	suite_put(100);
	disk.in_sync = look_at_lock;
	suite_put(100);
	expect_held_and_marked();
}

Test(wal, is_marked_while_a_checkpoint_syncs_it)
{
	struct store *other = store_new(&box.conf);

	suite_put(100);
	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	disk.in_sync = look_at_lock;
	EXPECT_RESULT(other, VERDICT_OK, store_checkpoint(other));
	expect_held_and_marked();
	store_free(other);
}

Test(wal, is_marked_while_the_database_is_made)
{
	disk.in_sync = look_at_lock;
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	expect_held_and_marked();
}

Test(wal, is_marked_while_the_last_close_copies_it)
{
	suite_put(100);
	disk.in_sync = look_at_lock;
	suite_reopen();
	expect_held_and_marked();
	cr_expect(eq(i64, scratch_size(&box, "-wal"), -1));
}

/*
 * The mark
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

Test(wal, is_not_marked_without_trouble)
{
	suite_put(100);
	cr_expect(eq(chr, mark(), '-'));
	suite_put(MAIL);
	suite_reopen();
	suite_put(100);
	cr_expect(eq(chr, mark(), '-'));
}

/* Whoever has the lock may set it meanwhile. */
Test(wal, gets_its_mark_while_nobody_has_the_lock)
{
	int holder = open(
	    scratch_file(&box, "-lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int lock;

	cr_assert(eq(int, flock(holder, LOCK_EX), 0));
	lock = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	cr_assert(eq(int, lockfile_begin(lock), 0));
	cr_expect(eq(i64, scratch_size(&box, "-lock"), 0));
	cr_expect(lockfile_is_marked(lock));
	lockfile_close(lock);
	close(holder);
	lock = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	cr_assert(eq(int, lockfile_begin(lock), 0));
	cr_expect(not(lockfile_is_marked(lock)));
	lockfile_close(lock);
}

/* Nothing is committed of which nobody could tell that it failed. */
Test(wal, is_not_written_where_it_cannot_be_marked)
{
	suite_put(100);
	disk.lock_error = EROFS;
	disk.nsyncs = 0;
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 2, 100, NULL));
	cr_expect(eq(uint, disk.nsyncs, 0));
	disk.lock_error = ENOSPC;
	EXPECT_RESULT(st, VERDICT_FULL, scratch_commit(st, 2, 100, NULL));
	disk.lock_error = 0;
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(int, rows(), 2));
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

Test(wal, cannot_be_written)
{
	check_write_error(EIO, VERDICT_FAILED);
}

Test(wal, has_no_room)
{
	check_write_error(ENOSPC, VERDICT_FULL);
}

Test(wal, is_over_quota)
{
	check_write_error(EDQUOT, VERDICT_FULL);
}

/* The trouble of one mail is not that of the next. */
Test(wal, tells_an_error_from_one_before)
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
