/*
 * How a database is made, opened and closed.  What is stored in it is in
 * store_rows.c, several processes in store_many.c, the WAL in wal.c and
 * checkpoint.c, older versions in version.c, and what goes wrong in
 * store_trouble.c, store_locks.c and store_room.c.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../policy.h"
#include "../support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
	PATIENCE_MS = 60000,
};

static void
begin(void)
{
	suite_begin(PATIENCE_MS);
}

TestSuite(store, .init = begin, .fini = suite_end, .timeout = 600);

/*
 * The database
 */

Test(store, leaves_the_disk_alone_until_it_is_opened)
{
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
	store_append(st, span_of("text"));
	store_drop(st);
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
	cr_expect(eq(int, (int)store_tidy(st), VERDICT_OK));
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
}

Test(store, makes_the_database)
{
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	cr_expect(eq(str, (char *)scratch_list(&box),
	    "mail.db mail.db-lock mail.db-shm mail.db-wal "));
	EXPECT_QUERY(&box, "PRAGMA application_id", "1936553060"); /* "smtd" */
	EXPECT_QUERY(&box, "PRAGMA user_version", "4");
	EXPECT_QUERY(&box, "PRAGMA journal_mode", "wal");
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "0");
	EXPECT_QUERY(&box, "SELECT count(*) FROM recipient", "0");
}

/* The text of schema.sql, with its comments, is what the reader sees. */
Test(store, makes_the_tables_as_documented)
{
	size_t len;
	char *schema = scratch_read("schema.sql", &len);
	const char *tables;

	schema[len] = '\0';
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	tables = scratch_query(
	    &box, NULL, "SELECT sql FROM sqlite_schema WHERE name = 'message'");
	cr_expect(strlen(tables) > 500);
	cr_expect(ne(ptr, strstr(schema, tables), NULL), "%s", tables);
	free(schema);
}

Test(store, opens_by_itself_to_commit)
{
	cr_expect(eq(i64, suite_put(100), 1));
}

Test(store, takes_an_empty_file_as_new)
{
	scratch_write(box.path, "", 0);
	cr_expect(eq(i64, suite_put(100), 1));
}

Test(store, keeps_mails_when_it_is_closed)
{
	for (int64_t i = 1; i <= 5; i++) {
		cr_expect(eq(i64, suite_put(100), i));
		store_free(st);
		st = store_new(&box.conf);
		cr_assert(ne(ptr, st, NULL));
	}
	EXPECT_QUERY(&box, "SELECT id FROM message", "1 2 3 4 5");
}

Test(store, removes_the_log_with_the_last_close)
{
	struct store *other = store_new(&box.conf);

	EXPECT_RESULT(other, VERDICT_OK, store_open(other));
	suite_put(100);
	store_free(other);
	cr_expect(gt(i64, scratch_size(&box, "-wal"), 0));
	store_free(st);
	st = NULL;
	cr_expect(eq(str, (char *)scratch_list(&box), "mail.db mail.db-lock "));
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "1");
}

/* The folder's owner decides by the umask who else may read. */
Test(store, makes_files_as_the_umask_says)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-lock" };
	static const mode_t masks[] = { 077, 027, 007 };

	for (size_t i = 0; i < COUNT(masks); i++) {
		umask(masks[i]);
		suite_put(100);
		for (size_t j = 0; j < COUNT(suffixes); j++) {
			struct stat file;

			cr_assert(eq(int,
			    stat(scratch_file(&box, suffixes[j]), &file), 0));
			cr_expect(
			    eq(uint, file.st_mode & 0777, 0660 & ~masks[i]),
			    "umask %03o: mail.db%s", masks[i], suffixes[j]);
		}
		store_free(st);
		scratch_remove(&box);
		begin();
	}
}

Test(store, closes_nothing)
{
	store_free(NULL);
}

/* Somebody's PRAGMA stays in the file. */
Test(store, returns_to_the_log)
{
	suite_put(100);
	store_free(st);
	EXPECT_QUERY(&box, "PRAGMA journal_mode = DELETE", "delete");
	st = store_new(&box.conf);
	cr_expect(eq(i64, suite_put(100), 2));
	EXPECT_QUERY(&box, "PRAGMA journal_mode", "wal");
}

Test(store, shares_the_lock_through_a_link)
{
	struct scratch link = box;
	struct store *through;
	int64_t id = 0;

	snprintf(link.path, sizeof link.path, "%s/link", link.folder);
	link.conf.path = link.path;
	cr_assert(eq(int, symlink(box.path, link.path), 0));
	through = store_new(&link.conf);
	EXPECT_RESULT(
	    through, VERDICT_OK, scratch_commit(through, 1, 100, &id));
	cr_expect(eq(i64, id, 1));
	cr_expect(eq(i64, suite_put(100), 2));
	cr_expect(eq(str, (char *)scratch_list(&box),
	    "link mail.db mail.db-lock mail.db-shm mail.db-wal "));
	store_free(through);
}

Test(store, leaves_a_file_that_its_path_no_longer_leads_to)
{
	char other[100], link[100];

	snprintf(other, sizeof other, "%s/other.db", box.folder);
	snprintf(link, sizeof link, "%s/link", box.folder);
	suite_put(100);
	suite_put(100);
	cr_assert(eq(int, symlink(box.path, link), 0));
	box.conf.path = link;
	suite_reopen();
	cr_expect(eq(i64, suite_put(100), 3));
	store_leave_if_moved(st);
	cr_expect(eq(i64, suite_put(100), 4)); /* it has stayed */
	scratch_write(other, "", 0);
	cr_assert(eq(int, unlink(link), 0));
	cr_assert(eq(int, symlink(other, link), 0));
	store_leave_if_moved(st);
	cr_expect(eq(i64, suite_put(100), 1));
	cr_assert(eq(int, rename(other, box.path), 0));
	store_leave_if_moved(st);
	cr_expect(eq(i64, suite_put(100), 1));
}

Test(store, asks_a_database_that_another_one_makes_and_writes_to)
{
	static const struct policy_asker asker = { .hostname = "mx.example" };
	static const struct question q = { .kind = QUESTION_MAIL };
	struct store *asks = store_new_to_ask(&box.conf);
	static struct answer answer;
	int64_t id;

	EXPECT_RESULT(asks, VERDICT_FAILED, store_open(asks));
	cr_expect(lt(int, access(box.path, F_OK), 0), "it makes none");
	cr_expect(eq(i64, suite_put(100), 1));
	EXPECT_RESULT(asks, VERDICT_OK, store_open(asks));
	EXPECT_RESULT(asks, VERDICT_FAILED, scratch_commit(asks, 1, 10, &id));

	EXPECT_RESULT(st, VERDICT_OK, store_begin(st, 1));
	store_ask(asks, &asker, &q, &answer);
	EXPECT_RESULT(asks, VERDICT_OK, answer.verdict);
	EXPECT_RESULT(st, VERDICT_OK, store_end(st));
	store_free(asks);
	cr_expect(eq(i64, suite_put(100), 2));
	suite_expect_rows(2);
}

Test(store, commits_a_mail_that_was_begun_beside_another)
{
	struct store *asks = store_new_to_ask(&box.conf);
	struct store *mail = store_beside(asks);
	int64_t id = 0;

	store_move_beside(mail, st);
	EXPECT_RESULT(mail, VERDICT_OK, scratch_commit(mail, 1, 10, &id));
	store_move_beside(mail, asks);
	EXPECT_RESULT(mail, VERDICT_FAILED, scratch_commit(mail, 1, 10, &id));
	suite_expect_rows(1);
	store_free(mail);
	store_free(asks);
}
