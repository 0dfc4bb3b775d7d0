/*
 * Stores of several processes on one database: that none loses what another
 * wrote, nor what it had confirmed when it was killed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../store/spool.h"
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

TestSuite(many_stores, .init = begin, .fini = suite_end, .timeout = 600);

Test(many_stores, live_in_one_process)
{
	struct store *other = store_new(&box.conf);
	int64_t id = -1;

	for (int64_t i = 0; i < 20; i++) {
		cr_expect(eq(i64, suite_put(100), 2 * i + 1));
		EXPECT_RESULT(
		    other, VERDICT_OK, scratch_commit(other, 2, 5000, &id));
		cr_expect(eq(i64, id, 2 * i + 2));
	}
	scratch_append(st, 3, 400000, 1000);
	scratch_append(other, 4, 400000, 1000);
	EXPECT_RESULT(st, VERDICT_OK, store_commit(st, scratch_mail(), &id));
	cr_expect(eq(i64, id, 41));
	cr_expect(scratch_holds(&box, 41, 3, 400000));
	store_free(other);
	EXPECT_QUERY(&box, "SELECT count(*), max(id) FROM message", "41|41");
}

enum {
	WRITERS = 6,
	MAILS = 60, /* of each */
};

static size_t
size_of(int writer, int i)
{
	/* Some of each writer's are spooled to a file. */
	return i % 20 == writer ? SPOOL_MEMORY + 5000 : (size_t)i * 50;
}

/* A process of its own, with a store of its own; `arg` is its number. */
static int
write_many(void *arg)
{
	int writer = *(int *)arg;
	struct store *own = store_new(&box.conf);
	struct envelope envelope = *scratch_mail()->envelope;
	struct store_mail mail = *scratch_mail();
	int64_t id = 0, last = 0;
	char number[16];

	mail.envelope = &envelope;
	mail.client_port = writer + 1;
	envelope.envelope_id = number;
	for (int i = 0; i < MAILS; i++) {
		envelope.size = size_of(writer, i);
		snprintf(number, sizeof number, "%d", i);
		scratch_append(
		    own, (unsigned)(writer * MAILS + i), envelope.size, 9999);
		if (store_commit(own, &mail, &id) != VERDICT_OK)
			return 1;
		if (id <= last)
			return 2;
		last = id;
		store_tidy(own);
	}
	store_free(own);
	return 0;
}

/*
 * Reads new rows as a consumer does, by WHERE id > ?, until all are there.
 * Should a row come late, below one already seen, the ids would have a gap.
 */
static void
consume(int64_t n)
{
	int64_t deadline = scratch_now_ms() + 240000, last = 0;
	sqlite3 *db = scratch_connect(&box);
	char sql[100], want[64];

	do {
		int64_t seen, max;

		snprintf(sql, sizeof sql,
		    "SELECT count(*), max(id) FROM message WHERE id > %lld",
		    (long long)last);
		snprintf(want, sizeof want, "%s", scratch_query(&box, db, sql));
		seen = strtoll(want, NULL, 10);
		if (seen == 0)
			continue;
		max = strtoll(strchr(want, '|') + 1, NULL, 10);
		cr_expect(eq(i64, max, last + seen));
		last = max;
	} while (last < n && scratch_poll(deadline));
	cr_expect(eq(i64, last, n));
	sqlite3_close(db);
}

Test(many_stores, lose_nothing)
{
	int pids[WRITERS], numbers[WRITERS];

	EXPECT_RESULT(st, VERDICT_OK, store_open(st));
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		pids[i] = scratch_start(write_many, &numbers[i]);
	}
	consume(WRITERS * MAILS);
	for (int i = 0; i < WRITERS; i++)
		cr_expect(eq(int, scratch_wait(pids[i]), 0));
	for (int64_t id = 1; id <= WRITERS * MAILS; id++) {
		char sql[100];
		int writer, i;

		snprintf(sql, sizeof sql,
		    "SELECT client_port, envelope_id FROM message WHERE id = "
		    "%lld",
		    (long long)id);
		cr_assert(eq(int,
		    sscanf(
			scratch_query(&box, NULL, sql), "%d|%d", &writer, &i),
		    2));
		writer--;
		cr_expect(scratch_holds(&box, id,
		    (unsigned)(writer * MAILS + i), size_of(writer, i)));
	}
	/* Each of them in its own order. */
	EXPECT_QUERY(&box,
	    "SELECT count(*), count(DISTINCT client_port || '-' || envelope_id)"
	    " FROM (SELECT *, row_number() OVER (PARTITION BY client_port"
	    "       ORDER BY id) - 1 AS nth FROM message)"
	    " WHERE nth = envelope_id",
	    "360|360");
	EXPECT_QUERY(&box, "SELECT count(*) FROM recipient", "360");
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

/*
 * Another process makes the database just before the statement of ours that
 * holds this text.
 */
static const char *maker_text; /* NULL: it was made */

static int
make_meanwhile(unsigned event, void *arg, void *q, void *sql)
{
	struct store *other;

	(void)event;
	(void)arg;
	(void)q;
	if (!maker_text || !strstr(sql, maker_text))
		return 0;
	maker_text = NULL;
	other = store_new(&box.conf);
	scratch_commit(other, 1, 100, NULL);
	store_free(other);
	return 0;
}

static int
trace_connection(sqlite3 *db, const char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, make_meanwhile, NULL);
}

Test(many_stores, find_the_database_made_meanwhile)
{
	static const char *const before[] = {
		"application_id",
		"user_version",
		"sqlite_schema",
		"journal_mode",
		"BEGIN",
	};

	sqlite3_auto_extension((void (*)(void))trace_connection);
	for (size_t i = 0; i < COUNT(before); i++) {
		box.conf.wait_ms = 100; /* the other may have to wait for us */
		maker_text = before[i];
		EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 1, 100, NULL));
		cr_expect(eq(ptr, (void *)maker_text, NULL), "%s", before[i]);
		store_free(st);
		scratch_remove(&box);
		begin();
	}
	sqlite3_reset_auto_extension();
}

/* Starts when the pipe `arg` is closed. */
static int
write_one(void *arg)
{
	int *gate = arg;
	struct store *own = store_new(&box.conf);
	int64_t id;
	char none;

	close(gate[1]);
	if (read(gate[0], &none, 1) != 0)
		return 2;
	if (scratch_commit(own, 1, 100, &id) != VERDICT_OK) {
		fprintf(stderr, "%s\n", store_error(own));
		return 1;
	}
	store_free(own);
	return 0;
}

Test(many_stores, make_the_database_once)
{
	for (int round = 0; round < 20; round++) {
		int pids[WRITERS], gate[2];

		cr_assert(eq(int, pipe(gate), 0));
		for (int i = 0; i < WRITERS; i++)
			pids[i] = scratch_start(write_one, gate);
		close(gate[0]);
		close(gate[1]);
		for (int i = 0; i < WRITERS; i++)
			cr_expect(eq(int, scratch_wait(pids[i]), 0));
		EXPECT_QUERY(&box, "SELECT id FROM message", "1 2 3 4 5 6");
		scratch_remove(&box);
		scratch_make(&box, PATIENCE_MS);
	}
}

/*
 * Death
 */

/* Commits for ever and tells the pipe `arg` each id that it may confirm. */
static int
write_until_killed(void *arg)
{
	int fd = *(int *)arg;
	struct store *own = store_new(&box.conf);

	for (unsigned i = 1;; i++) {
		size_t size = i % 8 == 0 ? SPOOL_MEMORY * 4 + i : i * 10;
		int64_t id = 0;

		if (scratch_commit(own, i, size, &id) != VERDICT_OK ||
		    id != (int64_t)i || write(fd, &id, sizeof id) != sizeof id)
			return 1;
	}
}

/* Kills a writer after `n` mails, `later_us` into the next. */
static int64_t
kill_a_writer(int64_t n, long later_us)
{
	struct timespec later = { .tv_nsec = later_us * 1000 };
	int64_t id, last = 0;
	int ends[2], pid;

	cr_assert(eq(int, pipe(ends), 0));
	pid = scratch_start(write_until_killed, &ends[1]);
	close(ends[1]);
	while (last < n && read(ends[0], &id, sizeof id) == sizeof id)
		last = id;
	nanosleep(&later, NULL);
	kill(pid, SIGKILL);
	cr_expect(eq(int, scratch_wait(pid), -1));
	while (read(ends[0], &id, sizeof id) == sizeof id)
		last = id;
	close(ends[0]);
	return last;
}

Test(many_stores, keep_what_a_killed_writer_confirmed)
{
	for (int round = 0; round < 12; round++) {
		char sql[100];
		int64_t last = kill_a_writer(5 + round, round * 400);
		int64_t all;

		cr_expect(ge(i64, last, 5 + round));
		cr_expect(gt(i64, scratch_size(&box, "-wal"), 0));
		/* It may have committed one more and not lived to tell. */
		all = suite_put(100) - 1;
		cr_expect(all == last || all == last + 1,
		    "confirmed %lld, found %lld", (long long)last,
		    (long long)all);
		for (int64_t id = 1; id <= all; id++) {
			size_t size = id % 8 == 0
					  ? SPOOL_MEMORY * 4 + (size_t)id
					  : (size_t)id * 10;

			cr_expect(scratch_holds(&box, id, (unsigned)id, size));
		}
		snprintf(sql, sizeof sql, "%lld", (long long)all + 1);
		EXPECT_QUERY(&box, "SELECT count(*) FROM recipient", sql);

		store_free(st);
		scratch_remove(&box);
		scratch_make(&box, PATIENCE_MS);
		st = store_new(&box.conf);
		cr_assert(ne(ptr, st, NULL));
	}
}
