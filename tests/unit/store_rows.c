/*
 * What is stored of a mail: its columns, its octets, its id.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/facts.h"
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

TestSuite(store_rows, .init = begin, .fini = suite_end, .timeout = 600);

/* Commits what was appended; fails the test where that does not work. */
static int64_t
commit(const struct store_mail *mail)
{
	int64_t id = -1;

	EXPECT_RESULT(st, VERDICT_OK, store_commit(st, mail, &id));
	return id;
}

/*
 * Rows
 */

Test(store_rows, keeps_every_column)
{
	struct recipient to[] = {
		{ "b@mx.example", "SUCCESS,DELAY", "rfc822;b+2Bc@x.example",
		    "bob@mx.example", false },
		{ "\"c d\"@mx.example", NULL, NULL, NULL, false },
		{ "b@mx.example", "NEVER", NULL, NULL, false },
	};
	struct header header = {
		.value = { "Ann <a@x>", "b", "Hi", "now", "<1@x>" },
		.has = { true, true, true, true, true },
		.size = 7,
	};
	struct envelope envelope = {
		.verb = "SOML",
		.protocol = "UTF8SMTP",
		.helo = "[192.0.2.7]",
		.reverse_path = "j\xC3\xBCrgen@client.example",
		.body_type = "BINARYMIME",
		.smtputf8 = true,
		.requiretls = true,
		.bare_line_ends = true,
		.envelope_id = "QQ+2B1",
		.dsn_return = "HDRS",
		.size = 10,
		.recipients = to,
		.nrecipients = COUNT(to),
	};
	const struct facts facts = { .text = {
					 [FACT_TLS] = "TLSv1.3 X",
					 [FACT_CLIENT_SUBJECT] = "/CN=c",
				     } };
	struct store_mail mail = {
		.envelope = &envelope,
		.header = &header,
		.facts = &facts,
		.received_at = 1700000000123456,
		.client_address = "2001:db8::1",
		.client_port = 65535,
		.trace_before_id = "X: ",
		.trace_after_id = "\r\n",
	};

	store_append(st, span_of("0123456789"));
	cr_expect(eq(i64, commit(&mail), 1));
	EXPECT_QUERY(&box, "SELECT * FROM message",
	    "1|1700000000123456|2001:db8::1|65535|[192.0.2.7]|UTF8SMTP|SOML|"
	    "j\xC3\xBCrgen@client.example|BINARYMIME|1|QQ+2B1|HDRS|10|"
	    "X: 1\r\n|7|Ann <a@x>|b|Hi|now|<1@x>|0123456789|1|NULL|NULL|NULL|"
	    "TLSv1.3 X|/CN=c|1");
	EXPECT_QUERY(&box, "SELECT * FROM recipient",
	    "1|1|b@mx.example|SUCCESS,DELAY|rfc822;b+2Bc@x.example|"
	    "bob@mx.example|0 "
	    "1|2|\"c d\"@mx.example|NULL|NULL|\"c d\"@mx.example|0 "
	    "1|3|b@mx.example|NEVER|NULL|b@mx.example|0");
}

/* For mails that come from somewhere else. */
Test(store_rows, keeps_a_trace_as_it_is)
{
	struct store_mail mail = *scratch_mail();

	mail.trace = "Received: long ago\r\n";
	commit(&mail);
	EXPECT_QUERY(
	    &box, "SELECT trace FROM message", "Received: long ago\r\n");
}

/* No value of the mail before shines through. */
Test(store_rows, keeps_null_for_what_is_not_there)
{
	struct recipient to[] = { { .forward_path = "postmaster" } };
	struct envelope envelope = {
		.verb = "MAIL",
		.protocol = "SMTP",
		.helo = "",
		.reverse_path = "",
		.body_type = "7BIT",
		.recipients = to,
		.nrecipients = 1,
	};
	struct store_mail mail = {
		.envelope = &envelope,
		.client_address = "local",
		.trace_before_id = "",
		.trace_after_id = "",
	};
	struct envelope full = *scratch_mail()->envelope;
	struct store_mail before = *scratch_mail();

	full.envelope_id = "id";
	full.dsn_return = "FULL";
	full.smtputf8 = true;
	full.recipients = (struct recipient[]){ { "b@mx.example", "NEVER",
	    "rfc822;x", "c", false } };
	before.envelope = &full;
	before.header = &(struct header){
		.value = { "x", "x", "x", "x", "x" },
		.has = { true, true, true, true, true },
		.size = 7,
	};
	store_append(st, span_of("before"));
	commit(&before);
	cr_expect(eq(i64, commit(&mail), 2));
	EXPECT_QUERY(&box, "SELECT * FROM message WHERE id = 2",
	    "2|0|local|NULL||SMTP|MAIL||7BIT|0|NULL|NULL|0|2|0|NULL|NULL|NULL|"
	    "NULL|NULL||0|NULL|NULL|NULL|NULL|NULL|0");
	EXPECT_QUERY(&box,
	    "SELECT typeof(client_port), typeof(envelope_id), typeof(smtputf8),"
	    " typeof(reverse_path), typeof(trace), typeof(data)"
	    " FROM message WHERE id = 2",
	    "null|null|integer|text|text|blob");
	EXPECT_QUERY(&box, "SELECT * FROM recipient WHERE message_id = 2",
	    "2|1|postmaster|NULL|NULL|postmaster|0");
}

Test(store_rows, keeps_many_recipients_in_order)
{
	enum {
		N = 1000
	};
	struct envelope envelope = { .recipients = NULL };
	struct store_mail mail = *scratch_mail();
	char path[64];

	for (int i = 1; i <= N; i++) {
		struct recipient r = { .forward_path = NULL };

		/* Neither sorted by name nor all different. */
		snprintf(path, sizeof path, "u%d@mx.example", i * 7 % 500);
		r.forward_path = envelope_text(&envelope, span_of(path));
		cr_assert(eq(int, envelope_add(&envelope, &r), 0));
	}
	envelope.verb = envelope.protocol = envelope.helo = "x";
	envelope.reverse_path = envelope.body_type = "x";
	mail.envelope = &envelope;
	commit(&mail);
	EXPECT_QUERY(&box,
	    "SELECT count(*), min(position), max(position) FROM recipient"
	    " WHERE forward_path = 'u' || (position * 7 % 500) || "
	    "'@mx.example'",
	    "1000|1|1000");
	envelope_free(&envelope);
}

Test(store_rows, names_the_id_in_the_trace)
{
	struct store_mail mail = *scratch_mail();

	mail.trace_before_id = "Return-Path: <>\r\nReceived: from x\r\n\tid ";
	mail.trace_after_id = ";\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n";
	for (int i = 0; i < 12; i++)
		commit(&mail);
	EXPECT_QUERY(&box,
	    "SELECT count(*) FROM message WHERE typeof(trace) = 'text' AND"
	    " trace = 'Return-Path: <>' || char(13, 10) || 'Received: from x'"
	    " || char(13, 10, 9) || 'id ' || id || ';' || char(13, 10, 9)"
	    " || 'Mon, 1 Jan 2024 00:00:00 +0000' || char(13, 10)",
	    "12");
}

/*
 * Octets
 */

Test(store_rows, keeps_mail_exactly)
{
	static const size_t sizes[] = {
		0,
		1,
		2,
		4095,
		8192,
		SPOOL_MEMORY - 1,
		SPOOL_MEMORY,
		SPOOL_MEMORY + 1,
		2 * SPOOL_MEMORY - 1,
		2 * SPOOL_MEMORY,
		2 * SPOOL_MEMORY + 1,
		3 * SPOOL_MEMORY + 4711,
		(7 << 20) + 13,
	};

	/* Up and down, so that a big one stands before a small one. */
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		size_t size = sizes[i < COUNT(sizes) ? i : i - COUNT(sizes)];
		unsigned seed = (unsigned)i;
		int64_t id = -1;

		EXPECT_RESULT(
		    st, VERDICT_OK, scratch_commit(st, seed, size, &id));
		cr_expect(eq(i64, id, (int64_t)i + 1));
		cr_expect(
		    scratch_holds(&box, id, seed, size), "%zu octets", size);
	}
	EXPECT_QUERY(&box,
	    "SELECT count(*) FROM message WHERE size = length(data)", "26");
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

Test(store_rows, keeps_mail_however_it_is_cut)
{
	static const struct {
		size_t size, piece;
	} rows[] = {
		{ 1000, 1 },
		{ SPOOL_MEMORY + 3, 7 },
		{ 2 * SPOOL_MEMORY + 5, 65537 },
		{ SPOOL_MEMORY, SPOOL_MEMORY },
		{ SPOOL_MEMORY + 1, SPOOL_MEMORY },
		{ 3 * SPOOL_MEMORY, SPOOL_MEMORY },
		{ 2 * SPOOL_MEMORY + 1, 2 * SPOOL_MEMORY + 1 },
		{ 5 * SPOOL_MEMORY - 1, 2 * SPOOL_MEMORY },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned seed = (unsigned)i;
		int64_t id;

		scratch_append(st, seed, rows[i].size, rows[i].piece);
		store_append(st, (struct span){ "", 0 });
		id = commit(scratch_mail());
		cr_expect(scratch_holds(&box, id, seed, rows[i].size),
		    "%zu octets in pieces of %zu", rows[i].size, rows[i].piece);
	}
}

Test(store_rows, keeps_an_empty_mail_as_an_empty_blob)
{
	commit(scratch_mail());
	store_append(st, (struct span){ NULL, 0 });
	commit(scratch_mail());
	EXPECT_QUERY(&box, "SELECT typeof(data), length(data) FROM message",
	    "blob|0 blob|0");
}

Test(store_rows, takes_little_memory_for_a_big_mail)
{
	suite_put(100); /* whatever is needed once */
	sqlite3_memory_highwater(1);
	EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 3, 20 << 20, NULL));
	cr_expect(lt(i64, sqlite3_memory_highwater(0), 3 << 20));
}

Test(store_rows, leaves_no_name_of_what_is_spooled)
{
	scratch_append(st, 1, 3 * SPOOL_MEMORY, 4096);
	cr_expect(eq(str, (char *)scratch_list(&box), ""));
	commit(scratch_mail());
	cr_expect(eq(str, (char *)scratch_list(&box),
	    "mail.db mail.db-lock mail.db-shm mail.db-wal "));
}

Test(store_rows, forgets_a_dropped_mail)
{
	static const size_t sizes[] = { 0, 100, SPOOL_MEMORY + 1, 1 << 20 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t j = 0; j < COUNT(sizes); j++) {
			int64_t id = -1;

			scratch_append(st, 1, sizes[i], 50000);
			store_drop(st);
			EXPECT_RESULT(st, VERDICT_OK,
			    scratch_commit(st, 2, sizes[j], &id));
			cr_expect(scratch_holds(&box, id, 2, sizes[j]),
			    "%zu octets after %zu dropped", sizes[j], sizes[i]);
		}
	}
	EXPECT_QUERY(&box, "SELECT count(*), max(id) FROM message", "16|16");
}

/*
 * Ids and deletes
 */

static void
as_consumer(const char *sql)
{
	sqlite3 *db = scratch_connect(&box);

	scratch_exec(db, sql);
	sqlite3_close(db);
}

Test(store_rows, never_uses_an_id_again)
{
	for (int i = 0; i < 5; i++)
		suite_put(100);
	as_consumer("DELETE FROM message WHERE id IN (2, 5)");
	cr_expect(eq(i64, suite_put(100), 6));
	as_consumer("DELETE FROM message");
	cr_expect(eq(i64, suite_put(100), 7));
	as_consumer("DELETE FROM message");
	store_free(st);
	st = store_new(&box.conf);
	cr_expect(eq(i64, suite_put(100), 8));
	EXPECT_QUERY(&box, "SELECT id FROM message", "8");
}

/* Then nothing but the rows says which ids were used. */
Test(store_rows, counts_on_without_its_sequence)
{
	for (int i = 0; i < 3; i++)
		suite_put(100);
	as_consumer("DELETE FROM sqlite_sequence");
	cr_expect(eq(i64, suite_put(100), 4));
	as_consumer("UPDATE sqlite_sequence SET seq = 2");
	cr_expect(eq(i64, suite_put(100), 5));
	as_consumer("UPDATE sqlite_sequence SET seq = 1000000000000");
	cr_expect(eq(i64, suite_put(100), 1000000000001));
	EXPECT_QUERY(&box,
	    "SELECT count(*) FROM message"
	    " WHERE trace = 'Received: id ' || id || ';' || char(13, 10)",
	    "6");
}

static void
check_that_recipients_go(const char *pragma)
{
	sqlite3 *db = scratch_connect(&box);

	for (int i = 0; i < 3; i++)
		suite_put(100);
	scratch_exec(db, pragma);
	scratch_exec(db, "DELETE FROM message WHERE id = 2");
	sqlite3_close(db);
	EXPECT_QUERY(&box, "SELECT message_id FROM recipient", "1 3");
	EXPECT_QUERY(&box, "PRAGMA foreign_key_check", "");
}

Test(store_rows, deletes_recipients_with_their_message)
{
	suite_put(100);
	as_consumer("DELETE FROM message; DELETE FROM sqlite_sequence");
	check_that_recipients_go("PRAGMA foreign_keys = OFF");
}

Test(store_rows, deletes_recipients_with_their_message_by_key)
{
	suite_put(100);
	as_consumer("DELETE FROM message; DELETE FROM sqlite_sequence");
	check_that_recipients_go("PRAGMA foreign_keys = ON");
}
