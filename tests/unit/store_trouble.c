/*
 * What the store does with files that are foreign or damaged, and with places
 * where it cannot be.  Locks that others hold are in store_locks.c.
 */
#include <sys/stat.h>

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
	BIG = SPOOL_MEMORY * 2 + 1,
	NOBODY = 65534,
};

static void
begin(void)
{
	suite_begin(WAIT_MS);
}

TestSuite(store_trouble, .init = begin, .fini = suite_end, .timeout = 600);

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

Test(store_trouble, refuses_foreign_databases)
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

Test(store_trouble, refuses_versions_it_does_not_know)
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

Test(store_trouble, refuses_files_that_are_no_database)
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
Test(store_trouble, takes_a_database_without_content)
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

Test(store_trouble, notices_a_damaged_database)
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

Test(store_trouble, needs_its_folder)
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

Test(store_trouble, is_no_folder)
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

Test(store_trouble, needs_permission_for_the_folder)
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

Test(store_trouble, needs_permission_for_the_files)
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

Test(store_trouble, refuses_a_database_without_a_file)
{
	box.conf.path = ":memory:";
	suite_reopen();
	cr_assert(eq(int, chdir(box.folder), 0));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
	EXPECT_RESULT(st, VERDICT_UNUSABLE, scratch_commit(st, 1, 100, NULL));
}

Test(store_trouble, refuses_network_file_systems)
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
Test(store_trouble, refuses_links_to_network_file_systems)
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
