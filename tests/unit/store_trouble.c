/*
 * What the store does with files that are foreign or damaged, with places
 * where it cannot be, and with locks that others hold.
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
#include "../support/disk.h"
#include "../support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
	WAIT_MS = 200,
	SLACK_MS = 3000, /* of a busy machine */
	BIG = SPOOL_MEMORY * 2 + 1,
	NOBODY = 65534,
};

static void
begin(void)
{
	suite_begin(WAIT_MS);
}

TestSuite(troubled_store, .init = begin, .fini = suite_end, .timeout = 60);

/* Closes the store, and starts again with an empty folder. */
static void
start_again(void)
{
	store_free(st);
	scratch_remove(&box);
	begin();
}

/*
 * Files that are not ours
 */

/* Everything with the file at the path gives `want` and leaves it as it is. */
static void
expect_refusal(enum verdict want, const char *what)
{
	size_t before_len, after_len;
	char *before = scratch_read(box.path, &before_len), *after;
	char *names = strdup(scratch_list(&box));
	int64_t id = -1;

	for (int i = 0; i < 2; i++) {
		EXPECT_RESULT(st, want, store_open(st));
		EXPECT_RESULT(st, want, scratch_commit(st, 1, 100, &id));
		EXPECT_RESULT(st, want, scratch_commit(st, 1, BIG, &id));
	}
	cr_expect(eq(i64, id, -1));
	cr_expect(ne(ptr, strstr(store_error(st), box.path), NULL), "%s",
	    store_error(st));
	after = scratch_read(box.path, &after_len);
	cr_expect(
	    after_len == before_len && memcmp(before, after, before_len) == 0,
	    "%s: the file was changed", what);
	cr_expect(eq(str, (char *)scratch_list(&box), names));
	free(before);
	free(after);
	free(names);
}

Test(troubled_store, refuses_foreign_databases)
{
	static const char *const rows[] = {
		"PRAGMA application_id = 1; CREATE TABLE t (x)",
		"PRAGMA application_id = -1",
		"PRAGMA application_id = 1; PRAGMA user_version = 1;"
		"CREATE TABLE message (id)",
		"CREATE TABLE t (x)",
		"CREATE TABLE message (id INTEGER PRIMARY KEY)",
		"CREATE VIEW v AS SELECT 1",
		"PRAGMA user_version = 1",
		"PRAGMA journal_mode = WAL; CREATE TABLE t (x)",
		"PRAGMA page_size = 1024; CREATE TABLE t (x)",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		sqlite3 *db = scratch_connect(&box);

		scratch_exec(db, rows[i]);
		sqlite3_close(db);
		expect_refusal(VERDICT_UNUSABLE, rows[i]);
		/* When it was moved away, all is well. */
		cr_assert(eq(int, unlink(box.path), 0));
		cr_expect(eq(i64, suite_put(100), 1));
		start_again();
	}
}

Test(troubled_store, refuses_versions_it_does_not_know)
{
	static const char *const rows[] = {
		"PRAGMA user_version = 1",
		"PRAGMA user_version = 5",
		"PRAGMA user_version = 2147483647",
		"PRAGMA user_version = -1",
		"PRAGMA user_version = -2147483648",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		sqlite3 *db;

		suite_put(100);
		suite_reopen();
		db = scratch_connect(&box);
		scratch_exec(db, rows[i]);
		sqlite3_close(db);
		expect_refusal(VERDICT_UNUSABLE, rows[i]);
		start_again();
	}
}

Test(troubled_store, refuses_files_that_are_no_database)
{
	static const size_t sizes[] = { 2, 15, 100, 511, 512, 513, 4096,
		99999 };
	static char text[99999];

	scratch_text(1, 0, text, sizeof text);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		scratch_write(box.path, text, sizes[i]);
		expect_refusal(VERDICT_CORRUPT, "random octets");
		start_again();
	}
	scratch_write(box.path, "To do: buy milk\n", 16);
	expect_refusal(VERDICT_CORRUPT, "a text");
}

/* The one reading that is not refused: another program's empty database. */
Test(troubled_store, takes_a_database_without_content)
{
	sqlite3 *db = scratch_connect(&box);

	scratch_exec(db, "CREATE TABLE t (x); DROP TABLE t");
	sqlite3_close(db);
	cr_expect(gt(i64, scratch_size(&box, ""), 0));
	cr_expect(eq(i64, suite_put(100), 1));
}

/* Octets `from` to `to` (0: to the end) of the file become garbage. */
static void
damage(size_t from, size_t to)
{
	size_t len;
	char *octets = scratch_read(box.path, &len);

	if (to == 0)
		to = len;
	scratch_text(7, from, octets + from, to - from);
	scratch_write(box.path, octets, len);
	free(octets);
}

Test(troubled_store, notices_a_damaged_database)
{
	enum {
		PAGE = 4096
	};
	static const struct {
		size_t from, to, length;
	} rows[] = {
		{ 0, 16, 0 },     /* the magic string */
		{ 0, 0, 0 },      /* everything */
		{ 100, PAGE, 0 }, /* the schema */
		{ PAGE, 0, 0 },   /* all but the schema */
		{ 0, 1, PAGE },   /* cut off */
		{ 100, 101, PAGE },
		{ PAGE, PAGE + 1, 3 * PAGE },
		{ PAGE, PAGE + 1, 20 * PAGE + 100 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum verdict result;

		for (int j = 0; j < 30; j++)
			suite_put(20000);
		suite_reopen();
		cr_assert(gt(i64, scratch_size(&box, ""), 40 * PAGE));
		damage(rows[i].from, rows[i].to);
		if (rows[i].length > 0)
			cr_assert(eq(
			    int, truncate(box.path, (off_t)rows[i].length), 0));
		result = store_open(st);
		cr_expect(result == VERDICT_OK || result == VERDICT_CORRUPT,
		    "row %zu: %s", i, store_error(st));
		EXPECT_RESULT(
		    st, VERDICT_CORRUPT, scratch_commit(st, 1, 100, NULL));
		EXPECT_RESULT(
		    st, VERDICT_CORRUPT, scratch_commit(st, 1, BIG, NULL));
		start_again();
	}
}

/*
 * Places
 */

Test(troubled_store, needs_its_folder)
{
	char folder[80], path[96];

	snprintf(folder, sizeof folder, "%s/a", box.folder);
	snprintf(path, sizeof path, "%s/mail.db", folder);
	box.conf.path = path;
	suite_reopen();
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, scratch_commit(st, 1, 100, NULL));
	cr_expect(eq(str, (char *)scratch_list(&box), ""));

	cr_assert(eq(int, mkdir(folder, 0700), 0));
	cr_expect(eq(i64, suite_put(BIG), 1));
}

Test(troubled_store, is_no_folder)
{
	cr_assert(eq(int, mkdir(box.path, 0700), 0));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
	cr_assert(eq(int, rmdir(box.path), 0));
	cr_expect(eq(i64, suite_put(100), 1));
}

/* As root nothing is forbidden. */
static void
become_nobody(void)
{
	if (getuid() == 0)
		cr_assert(eq(int, seteuid(NOBODY), 0));
}

static void
become_self(void)
{
	cr_assert(eq(int, seteuid(getuid()), 0));
}

Test(troubled_store, needs_permission_for_the_folder)
{
	cr_assert(eq(int, chmod(box.folder, 0555), 0));
	become_nobody();
	EXPECT_RESULT(st, VERDICT_FAILED, store_open(st));
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 1, 100, NULL));
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 1, BIG, NULL));
	become_self();
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
	cr_assert(eq(int, chmod(box.folder, 0777), 0));
	become_nobody();
	cr_expect(eq(i64, suite_put(BIG), 1));
	become_self();
}

Test(troubled_store, needs_permission_for_the_files)
{
	static const char *const suffixes[] = { "", "-lock" };

	suite_put(100);
	cr_assert(eq(int, chmod(box.folder, 0777), 0));
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		suite_reopen();
		chmod(scratch_file(&box, ""), 0666);
		chmod(scratch_file(&box, "-lock"), 0666);
		chmod(scratch_file(&box, suffixes[i]), 0444);
		become_nobody();
		EXPECT_RESULT(st, VERDICT_FAILED, store_open(st));
		EXPECT_RESULT(
		    st, VERDICT_FAILED, scratch_commit(st, 1, 100, NULL));
		become_self();
		chmod(scratch_file(&box, suffixes[i]), 0666);
		become_nobody();
		cr_expect(eq(i64, suite_put(100), (int64_t)i + 2));
		become_self();
	}
}

Test(troubled_store, refuses_a_database_without_a_file)
{
	box.conf.path = ":memory:";
	suite_reopen();
	cr_assert(eq(int, chdir(box.folder), 0));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, scratch_commit(st, 1, 100, NULL));
}

Test(troubled_store, refuses_network_file_systems)
{
	/* clang-format off */
	static const struct {
		unsigned magic;
		const char *name;
	} rows[] = {
		{ 0x6969,     "NFS" },
		{ 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" },
		{ 0x01021997, "9p" },
		{ 0x65735546, "FUSE" },
	};
	/* clang-format on */

	disk.remote = box.folder;
	for (size_t i = 0; i < COUNT(rows); i++) {
		disk.magic = rows[i].magic;
		EXPECT_RESULT(
		    st, VERDICT_UNUSABLE, scratch_commit(st, 1, 100, NULL));
		cr_expect(ne(ptr, strstr(store_error(st), rows[i].name), NULL),
		    "%s", store_error(st));
		cr_expect(eq(str, (char *)scratch_list(&box), ""));
	}
	disk.magic = 0xef53; /* ext4 */
	cr_expect(eq(i64, suite_put(100), 1));
}

/* It is the file that matters, not the link to it. */
Test(troubled_store, refuses_links_to_network_file_systems)
{
	char far[80], target[96];

	snprintf(far, sizeof far, "%s/far", box.folder);
	snprintf(target, sizeof target, "%s/mail.db", far);
	disk.remote = far;
	disk.magic = 0x6969;
	cr_assert(eq(int, mkdir(far, 0700), 0));
	cr_assert(eq(int, symlink(target, box.path), 0));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
}

/*
 * Locks
 */

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

Test(troubled_store, waits_for_foreign_writers_only_so_long)
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

Test(troubled_store, waits_for_a_foreign_maker_only_so_long)
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
Test(troubled_store, is_not_waited_for_ahead)
{
	sqlite3 *foreign;
	int64_t start;

	suite_put(100);
	suite_reopen();
	box.conf.wait_ms = 20000;
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
Test(troubled_store, is_waited_for_when_it_was_opened_ahead)
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

Test(troubled_store, waits_for_the_write_lock_only_so_long)
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

Test(troubled_store, waits_for_the_write_lock_to_make_the_database)
{
	int holder = hold_lock();

	expect_busy(open_it);
	expect_busy(commit_small);
	close(holder);
	cr_expect(eq(i64, suite_put(100), 1));
}

/* The timer may end before flock() begins to wait. */
Test(troubled_store, waits_for_the_write_lock_for_a_moment)
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
Test(troubled_store, leaves_no_timer_running)
{
	int holder;

	suite_put(100);
	expect_no_timer();
	holder = hold_lock();
	expect_busy(commit_small);
	expect_no_timer();
	close(holder);
}

/* How many wait for a lock on this file? */
static int
waiters(int fd)
{
	struct stat file;
	char inode[32], line[256];
	FILE *locks = fopen("/proc/locks", "r");
	int n = 0;

	fstat(fd, &file);
	snprintf(
	    inode, sizeof inode, ":%llu ", (unsigned long long)file.st_ino);
	while (locks && fgets(line, sizeof line, locks))
		n += strstr(line, "-> FLOCK") && strstr(line, inode);
	if (locks)
		fclose(locks);
	return n;
}

/* Holds the write lock until somebody waits there. */
static int
make_wait(void *arg)
{
	int64_t deadline = scratch_now_ms() + 10000;
	int fd = open(scratch_file(&box, "-lock"), O_RDWR | O_CLOEXEC);
	int *ready = arg;
	char octet = 'x';

	if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(*ready, &octet, 1) != 1)
		return 1;
	while (waiters(fd) == 0) {
		if (!scratch_poll(deadline))
			return 2;
	}
	return 0;
}

Test(troubled_store, commits_when_its_turn_comes)
{
	int ready[2], pid;
	char octet;

	suite_put(100);
	cr_assert(eq(int, pipe(ready), 0));
	box.conf.wait_ms = 20000;
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
	int64_t deadline = scratch_now_ms() + 10000;
	int holder, pids[2];

	start_again();
	box.conf.wait_ms = 20000;
	holder = hold_lock();
	for (int i = 0; i < n; i++)
		pids[i] = scratch_start(open_new, NULL);
	while (waiters(holder) < n)
		cr_assert(scratch_poll(deadline));
	flock(holder, LOCK_UN); /* which the children have open too */
	close(holder);
	for (int i = 0; i < n; i++)
		cr_expect(eq(int, scratch_wait(pids[i]), VERDICT_OK));
	return scratch_size(&box, "-wal");
}

Test(troubled_store, has_its_tables_made_by_the_first_of_many)
{
	int64_t octets = log_made_by(1);

	cr_expect(gt(i64, octets, 0));
	cr_expect(eq(i64, log_made_by(2), octets));
}
