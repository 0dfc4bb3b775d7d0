/*
 * What every suite of tests of the store has of its own: a folder, and a store
 * in it.  Each test runs in a process of its own.
 */
#ifndef SUITE_H
#define SUITE_H

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "scratch.h"

static struct scratch box;
static struct store *st;

static inline void
suite_begin(int wait_ms)
{
	scratch_make(&box, wait_ms);
	st = store_new(&box.conf);
	cr_assert(ne(ptr, st, NULL));
}

static inline void
suite_end(void)
{
	store_free(st);
	scratch_remove(&box);
}

static inline void
suite_reopen(void)
{
	store_free(st);
	st = store_new(&box.conf);
	cr_assert(ne(ptr, st, NULL));
}

/* Commits a mail of `size` octets, or fails the test.  Returns its id. */
static inline int64_t
suite_put(size_t size)
{
	int64_t id = -1;

	EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 1, size, &id));
	return id;
}

/* As many mails, of one recipient each, in a database that is whole. */
static inline void
suite_expect_rows(int n)
{
	char want[16];

	snprintf(want, sizeof want, "%d", n);
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", want);
	EXPECT_QUERY(&box, "SELECT count(*) FROM recipient", want);
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

#endif
