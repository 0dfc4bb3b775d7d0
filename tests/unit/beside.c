/*
 * Files beside the database: what somebody else may have put there.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/suite.h"

enum {
	NOBODY = 65534
};

static char victim[128];

static void
begin(void)
{
	suite_begin(1000);
	suite_put(100);
	store_free(st);
	st = NULL;
	snprintf(victim, sizeof victim, "%s/victim", box.folder);
	scratch_write(victim, "secret", 6);
}

TestSuite(beside, .init = begin, .fini = suite_end, .timeout = 600);

static const char *
lock(void)
{
	return scratch_file(&box, "-lock");
}

/* The database is not opened, and the victim is as it was. */
static void
expect_refusal(const char *why)
{
	char *octets;
	size_t len;

	st = store_new(&box.conf);
	EXPECT_RESULT(st, VERDICT_UNUSABLE, store_open(st));
	cr_expect(strstr(store_error(st), why) != NULL, "%s", store_error(st));
	octets = scratch_read(victim, &len);
	cr_expect(len == 6 && memcmp(octets, "secret", 6) == 0);
	free(octets);
}

Test(beside, a_lock_that_is_a_link_is_not_followed)
{
	unlink(lock());
	cr_assert(eq(int, symlink(victim, lock()), 0));
	expect_refusal("symbolic link");
}

Test(beside, a_lock_that_is_a_link_makes_nothing)
{
	char made[128];

	snprintf(made, sizeof made, "%s/made", box.folder);
	unlink(lock());
	cr_assert(eq(int, symlink(made, lock()), 0));
	expect_refusal("symbolic link");
	cr_expect(eq(int, access(made, F_OK), -1));
}

Test(beside, a_lock_with_another_name_is_refused)
{
	unlink(lock());
	cr_assert(eq(int, link(victim, lock()), 0));
	expect_refusal("hard link");
}

Test(beside, a_lock_that_is_no_file_is_refused_at_once)
{
	unlink(lock());
	cr_assert(eq(int, mkfifo(lock(), 0600), 0));
	expect_refusal("no file");
}

Test(beside, what_sqlite_would_wait_at_is_refused_at_once)
{
	static const char *const suffixes[] = { "-journal", "-wal", "-shm" };

	for (size_t i = 0; i < 3; i++) {
		const char *path = scratch_file(&box, suffixes[i]);

		unlink(path);
		cr_assert(eq(int, mkfifo(path, 0600), 0));
		expect_refusal("no file");
		store_free(st);
		st = NULL;
		unlink(path);
		cr_assert(eq(int, symlink(victim, path), 0));
		expect_refusal("symbolic link");
		store_free(st);
		st = NULL;
		unlink(path);
	}
}

Test(beside, a_lock_of_a_stranger_is_refused)
{
	if (geteuid() != 0)
		cr_skip_test("not root");
	cr_assert(eq(int, chown(lock(), NOBODY, NOBODY), 0));
	expect_refusal("somebody else");
}

Test(beside, a_lock_has_the_mode_of_its_database)
{
	struct stat is;

	for (mode_t mode = 0600; mode <= 0660; mode += 020) {
		cr_assert(eq(int, chmod(box.path, mode), 0));
		if (mode == 0640)
			unlink(lock()); /* and if it is made */
		st = store_new(&box.conf);
		EXPECT_RESULT(st, VERDICT_OK, store_open(st));
		store_free(st);
		st = NULL;
		cr_assert(eq(int, stat(lock(), &is), 0));
		cr_expect(eq(uint, is.st_mode & 0777, mode));
	}
}

Test(beside, a_lock_that_root_makes_is_the_owners)
{
	struct stat is;

	if (geteuid() != 0)
		cr_skip_test("not root");
	unlink(lock());
	cr_assert(eq(int, chown(box.path, NOBODY, NOBODY), 0));
	st = store_new(&box.conf);
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	cr_assert(eq(int, stat(lock(), &is), 0));
	cr_expect(eq(uint, is.st_uid, NOBODY));
	cr_expect(eq(uint, is.st_gid, NOBODY));
}

/* SQLite would take these for a URI, and a database in memory. */
Test(beside, a_path_is_a_path)
{
	box.conf.path = "file:x.db?mode=memory&nolock=1";
	cr_assert(eq(int, chdir(box.folder), 0));
	suite_reopen();
	suite_put(100);
	cr_expect(eq(int, access(box.conf.path, F_OK), 0));
	cr_expect(eq(int, access("x.db", F_OK), -1));
}
