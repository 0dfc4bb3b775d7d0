/*
 * One sync for all who have committed: that it is made once, that what is
 * known of it is never believed when it cannot be true, and that nobody waits
 * for ever for the one who syncs.
 */
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../database/synced.h"
#include "../../database/turnstile.h"
#include "../support/disk.h"
#include "../support/scratch.h"

enum {
	PATIENCE_MS = 10000,
	SHORT_MS = 300,
	WRITERS = 5,
	RECORD_AT = 16, /* octets of the lock file (store/synced.c) */
};

static struct scratch box;
static struct store *st;
static int lock; /* a descriptor of our own of the lock file */
static struct synced *shared;

static void
open_lock(void)
{
	lock = turnstile_open(scratch_file(&box, "-lock"));
	cr_assert(ge(int, lock, 0));
	shared = synced_open(lock);
	cr_assert(ne(ptr, shared, NULL));
}

static void
begin(void)
{
	int64_t id;

	scratch_make(&box, PATIENCE_MS);
	st = store_new(&box.conf);
	cr_assert(ne(ptr, st, NULL));
	EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 1, 100, &id));
	open_lock();
}

static void
end(void)
{
	synced_close(shared);
	turnstile_close(lock);
	store_free(st);
	scratch_remove(&box);
}

TestSuite(sync, .init = begin, .fini = end, .timeout = 60);

static void
put(struct store *into)
{
	int64_t id = 0;

	EXPECT_RESULT(into, VERDICT_OK, scratch_commit(into, 2, 100, &id));
	cr_expect(gt(i64, id, 0));
}

/* Commits one mail.  Returns how often that synced the log. */
static int
write_one(void *arg)
{
	struct store *own = store_new(&box.conf);
	int64_t id = 0;

	(void)arg;
	disk.nsyncs = 0;
	if (!own || scratch_commit(own, 3, 100, &id) != VERDICT_OK)
		return 100;
	return (int)disk.nsyncs;
}

static bool
wait_for_rows(const char *count)
{
	int64_t deadline = scratch_now_ms() + PATIENCE_MS;

	while (strcmp(scratch_query(&box, NULL, "SELECT count(*) FROM message"),
		   count) != 0) {
		if (!scratch_poll(deadline))
			return false;
	}
	return true;
}

Test(sync, is_made_once_for_all_who_have_committed)
{
	int pids[WRITERS], syncs = 0;

	cr_assert(eq(int, synced_enter(shared, 0, 0), 1));
	for (int i = 0; i < WRITERS; i++)
		pids[i] = scratch_start(write_one, NULL);
	cr_expect(wait_for_rows("6"));
	synced_leave(shared);
	for (int i = 0; i < WRITERS; i++)
		syncs += scratch_wait(pids[i]);
	cr_expect(eq(int, syncs, 1));
}

Test(sync, is_made_alone_when_the_others_take_too_long)
{
	struct scratch hasty = box;
	struct store *other;

	hasty.conf.wait_ms = SHORT_MS;
	other = store_new(&hasty.conf);
	cr_assert(eq(int, synced_enter(shared, 0, 0), 1));
	disk.nsyncs = 0;
	put(other);
	cr_expect(eq(uint, disk.nsyncs, 1));
	cr_expect(eq(int, disk.unsynced, false));
	synced_leave(shared);
	store_free(other);
}

/* Takes the turn, says so, and dies in it once somebody waits. */
static int
open_and_die_in_turn(void *arg)
{
	const int *ready = arg;
	char octet = 'x';

	open_lock();
	if (synced_enter(shared, 0, 0) != 1 || write(ready[1], &octet, 1) != 1)
		return 1;
	return wait_for_rows("2") ? 0 : 2;
}

Test(sync, is_made_when_who_had_the_turn_has_died)
{
	int ready[2], pid;
	char octet;

	synced_close(shared);
	turnstile_close(lock);
	cr_assert(eq(int, pipe(ready), 0));
	pid = scratch_start(open_and_die_in_turn, ready);
	cr_assert(eq(i64, read(ready[0], &octet, 1), 1));
	disk.nsyncs = 0;
	put(st);
	cr_expect(eq(uint, disk.nsyncs, 1));
	cr_expect(eq(int, scratch_wait(pid), 0));
	close(ready[0]);
	close(ready[1]);
	open_lock();
}

static struct log_end
known(void)
{
	struct log_end synced = { .frames = 0 };

	synced_read(shared, &synced);
	return synced;
}

Test(sync, is_known_behind_each_mail)
{
	struct log_end before = known(), after;

	cr_expect(gt(uint, before.frames, 0));
	put(st);
	after = known();
	cr_expect(gt(uint, after.frames, before.frames));
	cr_expect(eq(uint, after.salt[0], before.salt[0]));
	cr_expect(eq(uint, after.salt[1], before.salt[1]));
}

/* As when an older copy of the log was put in place. */
Test(sync, is_made_though_more_is_known_than_there_can_be)
{
	struct log_end wrong = known();

	wrong.frames += 1000;
	synced_write(shared, &wrong);
	for (int i = 0; i < 3; i++) {
		disk.nsyncs = 0;
		put(st);
		cr_expect(ge(uint, disk.nsyncs, 1), "mail %d", i);
		cr_expect(lt(uint, known().frames, wrong.frames));
	}
}

/* As by somebody who died in the middle of writing it. */
Test(sync, is_made_though_it_is_known_by_halves)
{
	struct log_end half = known();

	half.frames += 100;
	cr_assert(eq(i64, pwrite(lock, &half, sizeof half, RECORD_AT),
	    (ssize_t)sizeof half));
	cr_expect(not(synced_read(shared, &half)));
	disk.nsyncs = 0;
	put(st);
	cr_expect(ge(uint, disk.nsyncs, 1));
	cr_expect(synced_read(shared, &half));
}

Test(sync, is_made_though_much_is_known_of_another_log)
{
	struct log_end other = known();

	other.frames += 1000;
	other.salt[1]++;
	synced_write(shared, &other);
	disk.nsyncs = 0;
	put(st);
	cr_expect(ge(uint, disk.nsyncs, 1));
	cr_expect(ne(uint, known().salt[1], other.salt[1]));
}

/* It is begun anew once all of it is copied, by the commit that comes next. */
Test(sync, is_made_for_the_first_mail_of_a_log)
{
	struct log_end before;

	for (int i = 0; i < 10; i++)
		put(st);
	EXPECT_RESULT(st, VERDICT_OK, store_checkpoint(st));
	before = known();
	disk.nsyncs = 0;
	put(st);
	cr_expect(ge(uint, disk.nsyncs, 1));
	cr_expect(eq(int, disk.unsynced, false));
	cr_expect(lt(uint, known().frames, before.frames));
	cr_expect(ne(uint, known().salt[1], before.salt[1]));
}

/* What a failed sync leaves is not taken for synced by anybody. */
Test(sync, is_not_known_of_when_it_failed)
{
	struct log_end before = known(), after;
	int64_t id;

	disk.failing_syncs = 2; /* and that of the rewritten log */
	EXPECT_RESULT(st, VERDICT_FAILED, scratch_commit(st, 1, 100, &id));
	after = known();
	cr_expect(eq(uint, after.frames, before.frames));
	put(st);
	cr_expect(gt(uint, known().frames, before.frames));
}
