/*
 * Statements: each is kept, its first error stays with it, and none is harmed
 * by others.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../database.h"
#include "../support/suite.h"

enum {
	MANY = 200, /* more than are kept */
};

static struct database *db;

static void
begin(void)
{
	suite_begin(60000);
	db = store_database(st);
	cr_assert(eq(int, store_open(st), VERDICT_OK));
}

TestSuite(statement, .init = begin, .fini = suite_end, .timeout = 600);

static int64_t
answer(const char *sql)
{
	int64_t n = -1;
	int rc = statement_run_integer(statement_take(db, sql), &n);

	cr_expect(eq(int, rc, SQLITE_OK), "%s", sql);
	return n;
}

Test(statement, is_made_once)
{
	struct statement *first = statement_take(db, "SELECT 1");
	char text[] = "SELECT 1";

	statement_end(first);
	cr_expect(eq(ptr, statement_take(db, text), first));
	statement_end(first);
}

Test(statement, of_one_text_is_two_while_one_is_taken)
{
	struct statement *one = statement_take(db, "SELECT ?1");
	struct statement *two = statement_take(db, "SELECT ?1");

	cr_assert(ne(ptr, one, two));
	statement_bind_nth(one, 1, "a");
	statement_bind_nth(two, 1, "b");
	cr_assert(statement_row(one) && statement_row(two));
	cr_expect(eq(str, (char *)statement_text(one, 0), "a"));
	cr_expect(eq(str, (char *)statement_text(two, 0), "b"));
	statement_end(one);
	statement_end(two);
}

Test(statement, binds_by_name_in_any_order)
{
	struct statement *s =
	    statement_take(db, "SELECT :a || :b || :c || :a || :d");

	statement_bind_text(s, ":c", "3");
	statement_bind_text(s, ":a", "1");
	statement_bind_integer(s, ":b", 2);
	statement_bind_text(s, ":none", "x");
	statement_bind_span(s, ":d", (struct span){ "45", 1 });
	cr_assert(statement_row(s));
	cr_expect(eq(str, (char *)statement_text(s, 0), "12314"));
	cr_expect(eq(int, statement_end(s), SQLITE_OK));
}

/* What was bound to it pointed to memory of somebody else. */
Test(statement, forgets_what_was_bound)
{
	struct statement *s = statement_take(db, "SELECT :a");

	statement_bind_text(s, ":a", "x");
	cr_expect(statement_row(s));
	statement_end(s);
	s = statement_take(db, "SELECT :a");
	cr_assert(statement_row(s));
	cr_expect(statement_is_null(s, 0));
	statement_end(s);
}

Test(statement, keeps_its_first_error)
{
	struct statement *s = statement_take(db, "SELECT wrong FROM nowhere");

	statement_bind_text(s, ":a", "x");
	cr_expect(not(statement_row(s)));
	cr_expect(eq(int, statement_end(s), SQLITE_ERROR));
	cr_expect(eq(i64, answer("SELECT 7"), 7));
	/* And the next to be made of that text begins without it. */
	cr_expect(eq(
	    int, database_run(db, "CREATE TABLE nowhere (wrong)"), SQLITE_OK));
	cr_expect(
	    eq(int, database_run(db, "SELECT wrong FROM nowhere"), SQLITE_OK));
}

Test(statement, keeps_no_error_of_the_time_before)
{
	struct statement *s = statement_take(db, "SELECT ?1");

	statement_bind_nth(s, 2, "x");
	cr_expect(not(statement_row(s)));
	cr_expect(eq(int, statement_end(s), SQLITE_RANGE));
	s = statement_take(db, "SELECT ?1");
	cr_expect(statement_row(s));
	cr_expect(eq(int, statement_end(s), SQLITE_OK));
}

Test(statement, tells_the_error_of_its_rows)
{
	struct statement *s = statement_take(db,
	    "INSERT INTO domain (name) VALUES ('a.example'), ('a.example')");

	cr_expect(not(statement_row(s)));
	cr_expect(eq(int, statement_end(s) & 0xff, SQLITE_CONSTRAINT));
	cr_expect(eq(int, database_run(db, "SELECT 1"), SQLITE_OK));
}

Test(statement, makes_room_for_others_but_not_of_one_taken)
{
	struct statement *s = statement_take(db, "SELECT ?1");
	char sql[32];

	statement_bind_nth(s, 1, "kept");
	for (int i = 0; i < MANY; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		cr_expect(eq(i64, answer(sql), i));
	}
	cr_assert(statement_row(s));
	cr_expect(eq(str, (char *)statement_text(s, 0), "kept"));
	cr_expect(eq(int, statement_end(s), SQLITE_OK));
}

/* Trouble may close the database while somebody has a statement in hand. */
Test(statement, has_failed_when_the_database_is_closed)
{
	struct statement *s = statement_take(db, "SELECT ?1");

	database_close(db);
	cr_expect(not(statement_row(s)));
	cr_expect(ne(int, statement_end(s), SQLITE_OK));
	cr_expect(ne(int, database_run(db, "SELECT 1"), SQLITE_OK));
	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	cr_expect(eq(i64, answer("SELECT 3"), 3));
}

/* Only what was opened for reading is opened so again. */
Test(statement, writes_when_a_closed_database_has_been_asked_for_its_version)
{
	int64_t version = 0;

	database_close(db);
	EXPECT_RESULT(st, VERDICT_OK, database_data_version(db, &version));
	EXPECT_RESULT(st, VERDICT_OK, database_begin(db));
	EXPECT_RESULT(st, VERDICT_OK, database_commit(db));
}
