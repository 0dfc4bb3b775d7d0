/*
 * Several mails in one transaction, as the writer of many sessions stores them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../database.h"
#include "../../store/spool.h"
#include "../support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
begin(void)
{
	suite_begin(60000);
}

TestSuite(several_mails, .init = begin, .fini = suite_end, .timeout = 600);

static enum verdict
insert(struct store *into, unsigned seed, size_t size, int64_t *ret_id)
{
	struct envelope envelope = *scratch_mail()->envelope;
	struct store_mail mail = *scratch_mail();
	enum verdict result;

	mail.envelope = &envelope;
	envelope.size = size;
	scratch_append(into, seed, size, 65536);
	result = store_insert(into, &mail, ret_id);
	store_drop(into);
	return result;
}

Test(several_mails, become_rows_at_once)
{
	static const size_t sizes[] = { 100, SPOOL_MEMORY + 1, 0, 5000 };
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, store_begin(st, 2));
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		struct store *other = store_beside(st);

		EXPECT_RESULT(
		    other, VERDICT_OK, insert(other, i, sizes[i], &id));
		cr_expect(eq(i64, id, i + 1));
		store_free(other);
	}
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "0");
	EXPECT_RESULT(st, VERDICT_OK, store_end(st));
	for (unsigned i = 0; i < COUNT(sizes); i++)
		cr_expect(scratch_holds(&box, i + 1, i, sizes[i]));
	suite_expect_rows(COUNT(sizes));
	cr_expect(eq(i64, suite_put(100), COUNT(sizes) + 1));
}

Test(several_mails, become_no_rows_when_abandoned)
{
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, store_begin(st, 2));
	EXPECT_RESULT(st, VERDICT_OK, insert(st, 1, 100, &id));
	EXPECT_RESULT(st, VERDICT_OK, insert(st, 2, 100, &id));
	cr_expect(eq(i64, id, 2));
	store_abandon(st);
	cr_expect(eq(i64, suite_put(100), 1));
	suite_expect_rows(1);
}

/* One is taken back to where it began; the others stay. */
Test(several_mails, stay_when_one_is_taken_back)
{
	struct database *db;
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, store_begin(st, 2));
	db = store_database(st);
	EXPECT_RESULT(st, VERDICT_OK, insert(st, 1, 100, &id));
	cr_expect(eq(int, database_run(db, "SAVEPOINT mail"), 0));
	EXPECT_RESULT(st, VERDICT_OK, insert(st, 2, 100, &id));
	cr_expect(eq(int, database_run(db, "ROLLBACK TO mail"), 0));
	cr_expect(eq(int, database_run(db, "RELEASE mail"), 0));
	EXPECT_RESULT(st, VERDICT_OK, insert(st, 3, 100, &id));
	EXPECT_RESULT(st, VERDICT_OK, store_end(st));
	cr_expect(eq(i64, id, 2));
	cr_expect(scratch_holds(&box, 1, 1, 100));
	cr_expect(scratch_holds(&box, 2, 3, 100));
	suite_expect_rows(2);
}
