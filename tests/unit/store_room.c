/*
 * What the store does when something runs out: room on the disk, for the
 * database and for the spool, and descriptors.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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
};

static void
begin(void)
{
	suite_begin(WAIT_MS);
}

static void
end(void)
{
	umount2(box.folder, MNT_DETACH); /* if there is a small disk */
	suite_end();
}

TestSuite(poor_store, .init = begin, .fini = end, .timeout = 600);

/*
 * Room
 */

/* A small disk instead of the folder, for this process alone. */
static void
mount_disk(const char *options)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", box.folder, "tmpfs", 0, options) < 0)
		cr_skip(
		    "no small disk for this test: mount: %s", strerror(errno));
}

/* Fills the disk but for `pages` of its own. */
static void
leave_pages(unsigned pages)
{
	struct statvfs fs;
	const char *path = scratch_file(&box, "-filler");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	cr_assert(eq(int, statvfs(box.folder, &fs), 0));
	if (fs.f_bavail > pages)
		cr_assert(eq(int,
		    posix_fallocate(
			fd, 0, (off_t)((fs.f_bavail - pages) * fs.f_frsize)),
		    0));
	close(fd);
}

static void
make_room(void)
{
	unlink(scratch_file(&box, "-filler"));
}

/* Empties the disk, and puts `nmails` there. */
static void
prepare_disk(int nmails)
{
	static const char *const suffixes[] = { "", "-lock", "-wal", "-shm" };

	store_free(st);
	for (size_t i = 0; i < COUNT(suffixes); i++)
		unlink(scratch_file(&box, suffixes[i]));
	st = store_new(&box.conf);
	for (int i = 0; i < nmails; i++)
		suite_put(100);
	suite_reopen();
}

/*
 * With no page left, with one, and so on until there is room, in wider steps
 * where all is alike: each time another of the writes fails.
 */
static void
check_every_lack(int nmails, size_t size)
{
	enum verdict result = VERDICT_FULL;
	unsigned nfull = 0;

	for (unsigned pages = 0; result != VERDICT_OK;
	     pages += 1 + pages / 16) {
		int64_t id = -1;

		prepare_disk(nmails);
		leave_pages(pages);
		result = scratch_commit(st, 1, size, &id);
		cr_assert(result == VERDICT_OK || result == VERDICT_FULL,
		    "%u pages left: %s: %s", pages,
		    scratch_result_names[result], store_error(st));
		nfull += result == VERDICT_FULL;
		make_room();
		if (nmails > 0 || result == VERDICT_OK)
			suite_expect_rows(nmails + (result == VERDICT_OK));
		if (result == VERDICT_FULL)
			cr_assert(eq(i64, suite_put(size), nmails + 1));
		cr_expect(scratch_holds(&box, nmails + 1, 1, size));
		cr_assert(lt(uint, pages, 2000));
	}
	cr_expect(ge(uint, nfull, 5));
}

Test(poor_store, has_no_room_for_a_small_mail)
{
	mount_disk("size=4m");
	check_every_lack(1, 5000);
}

Test(poor_store, has_no_room_for_a_big_mail)
{
	mount_disk("size=4m");
	check_every_lack(1, BIG);
}

Test(poor_store, has_no_room_for_a_new_database)
{
	mount_disk("size=4m");
	check_every_lack(0, 5000);
}

/* The log cannot be copied into the database, and stays. */
Test(poor_store, has_no_room_to_close)
{
	mount_disk("size=16m");
	prepare_disk(1);
	for (int i = 0; i < 4; i++)
		suite_put(1 << 20);
	leave_pages(0);
	store_free(st);
	st = NULL;
	cr_expect(gt(i64, scratch_size(&box, "-wal"), 0));
	make_room();
	suite_expect_rows(5);
	for (int64_t id = 2; id <= 5; id++)
		cr_expect(scratch_holds(&box, id, 1, 1 << 20));
}

Test(poor_store, has_no_room_to_tidy)
{
	mount_disk("size=64m");
	prepare_disk(1);
	for (int i = 0; i < 9; i++)
		suite_put(2 << 20);
	leave_pages(10);
	EXPECT_RESULT(st, VERDICT_FULL, store_tidy(st));
	make_room();
	cr_expect(eq(i64, suite_put(100), 11));
	suite_expect_rows(11);
}

/* Nothing of what is dropped keeps its place on the disk. */
Test(poor_store, gives_the_room_of_a_dropped_mail_back)
{
	struct statvfs before, after;

	mount_disk("size=16m");
	cr_assert(eq(int, statvfs(box.folder, &before), 0));
	scratch_append(st, 1, 8 << 20, 65536);
	cr_assert(eq(int, statvfs(box.folder, &after), 0));
	cr_expect(lt(u64, after.f_bavail, before.f_bavail));
	store_drop(st);
	cr_assert(eq(int, statvfs(box.folder, &after), 0));
	cr_expect(eq(u64, after.f_bavail, before.f_bavail));
}

/*
 * The spool
 */

static void
check_spool_error(int error, enum verdict want)
{
	disk.spool_error = error;
	EXPECT_RESULT(st, want, scratch_commit(st, 1, BIG, NULL));
	/* Forgotten with the mail; a short one needs no file. */
	cr_expect(eq(i64, suite_put(100), 1));
	scratch_append(st, 1, BIG, 4096);
	store_drop(st);
	cr_expect(eq(i64, suite_put(100), 2));
	disk.spool_error = 0;
	cr_expect(eq(i64, suite_put(BIG), 3));
	cr_expect(scratch_holds(&box, 3, 1, BIG));
	suite_expect_rows(3);
}

Test(poor_store, cannot_write_its_spool)
{
	check_spool_error(EIO, VERDICT_FAILED);
}

Test(poor_store, has_no_room_for_its_spool)
{
	check_spool_error(ENOSPC, VERDICT_FULL);
}

Test(poor_store, has_no_quota_for_its_spool)
{
	check_spool_error(EDQUOT, VERDICT_FULL);
}

/* What caused it is told, not what followed from that. */
Test(poor_store, keeps_the_first_trouble_with_its_spool)
{
	disk.spool_error = ENOSPC;
	scratch_append(st, 1, BIG, 65536);
	disk.spool_error = EIO;
	scratch_append(st, 1, BIG, 65536);
	disk.spool_error = 0;
	scratch_append(st, 1, BIG, 65536);
	EXPECT_RESULT(st, VERDICT_FULL,
	    store_commit(st, scratch_mail(), &(int64_t){ 0 }));
	cr_expect(eq(i64, suite_put(100), 1));
}

/* As a disk that is nearly full does, or one of a network. */
Test(poor_store, writes_its_spool_bit_by_bit)
{
	disk.spool_octets = 1009;
	cr_expect(eq(i64, suite_put(BIG), 1));
	cr_expect(scratch_holds(&box, 1, 1, BIG));
}

Test(poor_store, spools_where_files_must_have_names)
{
	disk.lacks_tmpfile = true;
	scratch_append(st, 1, BIG, 4096);
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
	store_drop(st);
	cr_expect(eq(i64, suite_put(BIG), 1));
	cr_expect(scratch_holds(&box, 1, 1, BIG));
}

/*
 * Descriptors
 */

static unsigned
lowest_descriptor(void)
{
	int fd = dup(0);

	cr_assert(ge(int, fd, 0));
	close(fd);
	return (unsigned)fd;
}

/* With none to be had, with one, and so on until they suffice. */
Test(poor_store, has_no_descriptors)
{
	enum verdict result = VERDICT_FAILED;
	struct rlimit all, few;
	unsigned lowest = lowest_descriptor(), nfailed = 0;

	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &all), 0));
	for (unsigned n = 0; result != VERDICT_OK; n++) {
		int64_t id = 1;

		few = all;
		few.rlim_cur = lowest + n;
		cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &few), 0));
		result = scratch_commit(st, 1, BIG, &id);
		cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &all), 0));
		cr_assert(result == VERDICT_OK || result == VERDICT_FAILED,
		    "%u descriptors: %s: %s", n, scratch_result_names[result],
		    store_error(st));
		nfailed += result == VERDICT_FAILED;
		if (result == VERDICT_FAILED)
			cr_expect(eq(i64, suite_put(BIG), 1));
		cr_expect(scratch_holds(&box, 1, 1, BIG));
		suite_expect_rows(1);
		store_free(st);
		scratch_remove(&box);
		begin();
		cr_expect(eq(uint, lowest_descriptor(), lowest));
		cr_assert(lt(uint, n, 30));
	}
	cr_expect(ge(uint, nfailed, 4));
}

/* The trouble of one time is not that of the next. */
Test(poor_store, has_no_descriptors_to_tidy)
{
	struct rlimit all, none;

	suite_put(100);
	suite_reopen();
	suite_put(9 << 20);
	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &all), 0));
	none = all;
	none.rlim_cur = lowest_descriptor();
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &none), 0));
	EXPECT_RESULT(st, VERDICT_FAILED, store_tidy(st));
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &all), 0));
	suite_put(9 << 20);
	EXPECT_RESULT(st, VERDICT_OK, store_tidy(st));
	cr_expect(eq(str,
	    (char *)scratch_query_file(&box, "SELECT count(*) FROM message"),
	    "3"));
}
