/*
 * How long the store waits for locks that others hold.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../store/spool.h"
#include "../support/suite.h"

enum {
	WAIT_MS = 200,
	SLACK_MS = 15000, /* of a busy machine */
	BIG = SPOOL_MEMORY * 2 + 1,
};

static void
begin(void)
{
	suite_begin(WAIT_MS);
}

TestSuite(store_locks, .init = begin, .fini = suite_end, .timeout = 600);

/* Closes the store, and starts again with an empty folder. */
static void
start_again(void)
{
	store_free(st);
	scratch_remove(&box);
	begin();
}

/* All of it gives BUSY, in about the time that was allowed. */
static void expect_busy(enum verdict (*call)(void))
{
	int64_t started = scratch_now_ms(), elapsed;

	EXPECT_RESULT(st, VERDICT_BUSY, call());
	elapsed = scratch_now_ms() - started;
	cr_expect(elapsed >= box.conf.wait_ms - 20 &&
		      elapsed < box.conf.wait_ms + SLACK_MS,
	    "allowed %d ms, waited %lld ms", box.conf.wait_ms,
	    (long long)elapsed);
}

static enum verdict
commit_small(void)
{
	return scratch_commit(st, 1, 100, NULL);
}

static enum verdict
commit_big(void)
{
	return scratch_commit(st, 1, BIG, NULL);
}

static enum verdict
open_it(void)
{
	return store_open(st);
}

Test(store_locks, waits_for_foreign_writers_only_so_long)
{
	sqlite3 *foreign;

	suite_put(100);
	foreign = scratch_connect(&box);
	for (int64_t i = 0; i < 2; i++) {
		scratch_exec(foreign, "BEGIN IMMEDIATE");
		expect_busy(commit_small);
		expect_busy(commit_big);
		scratch_exec(foreign, "ROLLBACK");
		cr_expect(eq(i64, suite_put(BIG), 2 + i));
	}
	sqlite3_close(foreign);
	suite_expect_rows(3);
}

Test(store_locks, waits_for_a_foreign_maker_only_so_long)
{
	sqlite3 *foreign = scratch_connect(&box);

	scratch_exec(foreign, "BEGIN EXCLUSIVE");
	expect_busy(open_it);
	expect_busy(commit_small);
	scratch_exec(foreign, "ROLLBACK");
	cr_expect(eq(i64, suite_put(100), 1));
	sqlite3_close(foreign);
}

/* Who comes before there is a client keeps nobody waiting. */
Test(store_locks, is_not_waited_for_ahead)
{
	sqlite3 *foreign;
	int64_t start;

	suite_put(100);
	suite_reopen();
	box.conf.wait_ms = 60000;
	foreign = scratch_connect(&box);
	scratch_exec(foreign, "PRAGMA locking_mode = EXCLUSIVE");
	scratch_exec(foreign, "BEGIN IMMEDIATE; ROLLBACK");
	start = scratch_now_ms();
	store_open_ahead(st);
	cr_expect(lt(i64, scratch_now_ms() - start, box.conf.wait_ms / 2));
	sqlite3_close(foreign);
	cr_expect(eq(i64, suite_put(100), 2));
}

/* What was opened so waits like any other. */
Test(store_locks, is_waited_for_when_it_was_opened_ahead)
{
	sqlite3 *foreign;

	suite_put(100);
	suite_reopen();
	store_open_ahead(st);
	foreign = scratch_connect(&box);
	scratch_exec(foreign, "BEGIN IMMEDIATE");
	expect_busy(commit_small);
	sqlite3_close(foreign);
}

/* Another's hold on the write lock; close() ends it. */
static int
hold_lock(void)
{
	int fd = open(
	    scratch_file(&box, "-lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, flock(fd, LOCK_EX), 0));
	return fd;
}

Test(store_locks, waits_for_the_write_lock_only_so_long)
{
	int holder;

	suite_put(100);
	for (int64_t i = 0; i < 2; i++) {
		holder = hold_lock();
		expect_busy(commit_small);
		expect_busy(commit_big);
		close(holder);
		cr_expect(eq(i64, suite_put(BIG), 2 + i));
	}
	suite_expect_rows(3);
}

Test(store_locks, waits_for_the_write_lock_to_make_the_database)
{
	int holder = hold_lock();

	expect_busy(open_it);
	expect_busy(commit_small);
	close(holder);
	cr_expect(eq(i64, suite_put(100), 1));
}

/* The timer may end before flock() begins to wait. */
Test(store_locks, waits_for_the_write_lock_for_a_moment)
{
	int holder;

	suite_put(100);
	box.conf.wait_ms = 1;
	holder = hold_lock();
	for (int i = 0; i < 10; i++)
		expect_busy(commit_small);
	close(holder);
	box.conf.wait_ms = WAIT_MS;
	suite_put(100);
}

static void
expect_no_timer(void)
{
	struct itimerval timer;

	cr_assert(eq(int, getitimer(ITIMER_REAL, &timer), 0));
	cr_expect(timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0);
	cr_expect(
	    timer.it_interval.tv_sec == 0 && timer.it_interval.tv_usec == 0);
}

/* It would interrupt whatever else the process does. */
Test(store_locks, leaves_no_timer_running)
{
	int holder;

	suite_put(100);
	expect_no_timer();
	holder = hold_lock();
	expect_busy(commit_small);
	expect_no_timer();
	close(holder);
}

/* Holds the write lock until somebody waits there. */
static int
make_wait(void *arg)
{
	int64_t deadline = scratch_now_ms() + 60000;
	int fd = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	int *ready = arg;
	char octet = 'x';

	if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(*ready, &octet, 1) != 1)
		return 1;
	while (scratch_waiters(fd) == 0) {
		if (!scratch_poll(deadline))
			return 2;
	}
	return 0;
}

Test(store_locks, commits_when_its_turn_comes)
{
	int ready[2], pid;
	char octet;

	suite_put(100);
	cr_assert(eq(int, pipe(ready), 0));
	box.conf.wait_ms = 60000;
	pid = scratch_start(make_wait, &ready[1]);
	cr_assert(eq(i64, read(ready[0], &octet, 1), 1));
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(int, scratch_wait(pid), 0));
	close(ready[0]);
	close(ready[1]);
}

/* Leaves it open, so that the log stays. */
static int
open_new(void *arg)
{
	(void)arg;
	return store_open(store_new(&box.conf));
}

/* The log's octets when as many have met before the database was made. */
static int64_t
log_made_by(int n)
{
	int64_t deadline = scratch_now_ms() + 60000;
	int holder, pids[2];

	start_again();
	box.conf.wait_ms = 60000;
	holder = hold_lock();
	for (int i = 0; i < n; i++)
		pids[i] = scratch_start(open_new, NULL);
	while (scratch_waiters(holder) < n)
		cr_assert(scratch_poll(deadline));
	flock(holder, LOCK_UN); /* which the children have open too */
	close(holder);
	for (int i = 0; i < n; i++)
		cr_expect(eq(int, scratch_wait(pids[i]), VERDICT_OK));
	return scratch_size(&box, "-wal");
}

Test(store_locks, has_its_tables_made_by_the_first_of_many)
{
	int64_t octets = log_made_by(1);

	cr_expect(gt(i64, octets, 0));
	cr_expect(eq(i64, log_made_by(2), octets));
}
