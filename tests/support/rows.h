/*
 * What every suite of tests of the policy has of its own: a store whose rows
 * an administrator writes, and someone who asks what they say.  Each test runs
 * in a process of its own.
 */
#ifndef ROWS_H
#define ROWS_H

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include <criterion/criterion.h>

#include "../../policy.h"
#include "client.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct folder box;
static struct store_conf conf;
static struct store *st;
static struct answer answer;

static inline void
rows_begin(void)
{
	folder_make(&box);
	conf = (struct store_conf){ .path = box.database, .wait_ms = 60000 };
	st = store_new(&conf);
	cr_assert(st && store_open(st) == VERDICT_OK);
}

static inline void
rows_end(void)
{
	store_free(st);
	folder_remove(&box);
}

/* As an administrator; true: SQLite took it. */
static inline bool
rows_run(const char *sql)
{
	sqlite3 *db;
	bool ok = sqlite3_open(box.database, &db) == SQLITE_OK &&
		  sqlite3_busy_timeout(db, 60000) == SQLITE_OK &&
		  sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	if (!ok)
		cr_log_info("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return ok;
}

static inline int64_t
rows_number(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *q = NULL;
	int64_t n = -1;

	cr_assert(sqlite3_open(box.database, &db) == SQLITE_OK);
	cr_assert(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK, "%s",
	    sqlite3_errmsg(db));
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static struct policy_asker asker = {
	.hostname = "mx.example",
	.client_address = "192.0.2.7",
	.now = 1000000,
};

static struct question question;

static inline enum verdict
rows_ask(enum question_kind kind, const char *address)
{
	question.kind = kind;
	question.address = span_of(address);
	if (kind == QUESTION_MAIL)
		question.sender = question.address;
	policy_ask(store_policy(st), &asker, &question, &answer);
	return answer.verdict;
}

/* What is said of the address, as "550 5.1.1 text"; "0" for nothing. */
static inline const char *
rows_said(enum question_kind kind, const char *address)
{
	static char text[REPLY_LINE_MAX];
	struct reply_values values = { .hostname = asker.hostname };
	struct reply_text reply;
	size_t len;

	policy_refresh(store_policy(st));
	cr_assert(rows_ask(kind, address) == VERDICT_OK, "%s", store_error(st));
	reply = answer_reply(&answer);
	values.detail = answer.detail;
	if (reply.code == 0)
		return "0";
	len = reply_write(text, sizeof text, &reply, &values, false);
	text[len - strlen("\r\n")] = '\0';
	return text;
}

#define EXPECT_SAID(kind, address, want)                                       \
	do {                                                                   \
		const char *got_ = rows_said(kind, address);                   \
		cr_expect(strcmp(got_, want) == 0,                             \
		    "%s(%s): want \"%s\", got \"%s\"", #kind, address, want,   \
		    got_);                                                     \
	} while (0)

/* Commits a mail of `size` octets to the mailbox, `n` times its recipient. */
static inline void
rows_put_to(const char *mailbox, unsigned n, uint64_t size, int64_t now)
{
	struct recipient to[3];
	struct envelope e = {
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "",
		.reverse_path = "a@client.example",
		.body_type = "7BIT",
		.size = size,
		.recipients = to,
		.nrecipients = n,
	};
	struct store_mail mail = {
		.envelope = &e,
		.received_at = now * 1000000,
		.client_address = asker.client_address,
		.trace_before_id = "",
		.trace_after_id = "",
	};
	int64_t id;

	for (unsigned i = 0; i < n; i++)
		to[i] = (struct recipient){ .forward_path = "x",
			.mailbox = mailbox };
	for (uint64_t i = 0; i < size; i++)
		store_append(st, (struct span){ "x", 1 });
	cr_assert(
	    store_commit(st, &mail, &id) == VERDICT_OK, "%s", store_error(st));
}

static inline void
rows_put(const char *mailbox, uint64_t size, int64_t now)
{
	rows_put_to(mailbox, 1, size, now);
}

#endif
