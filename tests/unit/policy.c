/*
 * What the rows of a database say, asked from the store without a session.
 * What a client hears of it is in the transcripts policy-*.
 */
#include <stdio.h>
#include <string.h>

#include "../support/rows.h"

TestSuite(policy, .init = rows_begin, .fini = rows_end, .timeout = 600);

/*
 * Shape
 */

static const char *const wrong_rows[] = {
	"INSERT INTO domain (name) VALUES ('')",
	"INSERT INTO domain (name) VALUES ('a@b')",
	"INSERT INTO domain (name) VALUES (x'78')",
	"INSERT INTO mailbox (address) VALUES (x'614062')",
	"INSERT INTO alias (address, target)"
	" VALUES (x'614062', 'a@b')",
	"INSERT INTO alias (address, target)"
	" VALUES ('a@b', x'614062')",
	"INSERT INTO sender_rule (pattern) VALUES (x'78')",
	"INSERT INTO client_rule (network) VALUES (x'313233')",
	"INSERT INTO mailbox (address) VALUES ('bob')",
	"INSERT INTO mailbox (address) VALUES ('@mx.example')",
	"INSERT INTO mailbox (address, state) VALUES ('a@b', 'gone')",
	"INSERT INTO mailbox (address, state) VALUES ('a@b', 'moved')",
	"INSERT INTO mailbox (address, quota_octets)"
	" VALUES ('a@b', -1)",
	"INSERT INTO mailbox (address, quota_octets)"
	" VALUES ('a@b', '10G')",
	"INSERT INTO mailbox (address, quota_messages)"
	" VALUES ('a@b', '1k')",
	"INSERT INTO quota (id, max_octets) VALUES (1, '10G')",
	"INSERT INTO quota (id, max_messages) VALUES (1, '1k')",
	"INSERT INTO rate_limit (scope, max_messages)"
	" VALUES ('total', '1k')",
	"INSERT INTO rate_limit (scope, max_recipients)"
	" VALUES ('total', '1k')",
	"INSERT INTO rate_limit (scope, max_octets)"
	" VALUES ('total', '10G')",
	"INSERT INTO alias (address, target) VALUES ('a@b', 'c')",
	"INSERT INTO alias (address, target) VALUES ('a@b', NULL)",
	"INSERT INTO quota (id) VALUES (2)",
	"INSERT INTO rate_limit (scope) VALUES ('planet')",
	"INSERT INTO rate_limit (scope, window_sec)"
	" VALUES ('total', 0)",
	"INSERT INTO client_rule (network) VALUES ('mx.example')",
};

/* Of a sender's rule, and of a client's. */
static const char *const wrong_rules[] = {
	"code) VALUES ('x', 250",
	"code) VALUES ('x', 354",
	"code, enhanced) VALUES ('x', 421, '4.3.2'",
	"code, enhanced) VALUES ('x', 600, '6.0.0'",
	"code, enhanced) VALUES ('x', 560, '5.0.0'",
	"code) VALUES ('x', 550.5",
	"code, enhanced) VALUES ('x', 5, '505.7.1'",
	"code, enhanced) VALUES ('x', 55, '55.7.1'",
	"code) VALUES ('x', 450",
	"enhanced) VALUES ('x', '4.7.1'",
	"enhanced) VALUES ('x', '5.7'",
	"enhanced) VALUES ('x', '5.7.'",
	"enhanced) VALUES ('x', '5..1'",
	"enhanced) VALUES ('x', '5.7.1.'",
	"enhanced) VALUES ('x', '5.7.1 x'",
	"enhanced) VALUES ('x', '5.7777.777'",
	"enhanced) VALUES ('x', '5.1234.1'",
	"enhanced) VALUES ('x', '5.1.1234'",
	"enhanced) VALUES ('x', '5.07.1'",
	"enhanced) VALUES ('x', '5.7.01'",
	"text) VALUES ('x', ''",
	"text) VALUES ('x', 'a' || char(13, 10) || '250 ok'",
	"text) VALUES ('x', 'a' || char(7)",
	"text) VALUES ('x', char(252)",
	"text) VALUES ('x', x'41'",
	"text) VALUES ('x', hex(zeroblob(201))",
};

/* No row may lead to a reply that is none. */
Test(policy, refuses_rows_of_the_wrong_shape)
{
	char sql[256];

	for (size_t i = 0; i < COUNT(wrong_rows); i++)
		cr_expect(!rows_run(wrong_rows[i]), "taken: %s", wrong_rows[i]);
	for (size_t i = 0; i < COUNT(wrong_rules); i++) {
		snprintf(sql, sizeof sql,
		    "INSERT INTO sender_rule (pattern, %s)", wrong_rules[i]);
		cr_expect(!rows_run(sql), "taken: %s", sql);
		snprintf(sql, sizeof sql,
		    "INSERT INTO client_rule (network, %s)", wrong_rules[i]);
		memcpy(strstr(sql, "'x'"), "'1'", 3);
		cr_expect(!rows_run(sql), "taken: %s", sql);
	}
	cr_expect(
	    rows_run("INSERT INTO sender_rule VALUES"
		     " ('x', 0, 554, '5.70.123', 'a''b \"c\" <d>', NULL, 0)"));
}

/* Where CHECK did not look, what is said does not break the reply. */
Test(policy, says_nothing_that_breaks_a_line)
{
	cr_assert(
	    rows_run("INSERT INTO domain (name) VALUES ('mx.example');"
		     "INSERT INTO alias (address, target, forward) VALUES"
		     " ('a@mx.example', 'b' || char(13, 10) || '@c', 1);"
		     "INSERT INTO mailbox (address, state, moved_to) VALUES"
		     " ('c@mx.example', 'moved', 'd' || char(10) || '@e')"));
	EXPECT_SAID(QUESTION_RCPT, "a@mx.example",
	    "251 2.1.5 User not local; will forward");
	EXPECT_SAID(QUESTION_RCPT, "c@mx.example", "551 5.1.6 User not local");
}

/*
 * Accounts
 */

Test(policy, asks_those_for_an_account_who_need_one)
{
	asker.auth_required = true;
	EXPECT_SAID(
	    QUESTION_MAIL, "a@b.example", "530 5.7.0 Authentication required");
	EXPECT_SAID(
	    QUESTION_VRFY, "a@b.example", "530 5.7.0 Authentication required");
	asker.account = "";
	EXPECT_SAID(QUESTION_MAIL, "", "530 5.7.0 Authentication required");
	asker.account = "ann";
	EXPECT_SAID(QUESTION_MAIL, "a@b.example", "0");
}

Test(policy, binds_an_account_to_its_reverse_paths)
{
	cr_assert(rows_run(
	    "INSERT INTO account_address (name, pattern) VALUES"
	    " ('ann', 'Ann@b.example'), ('ann', 'xn--bcher-kva.example'),"
	    " ('bob', 'bob@b.example')"));
	EXPECT_SAID(QUESTION_MAIL, "bob@b.example", "0");
	asker.account = "ann";
	EXPECT_SAID(QUESTION_MAIL, "ann@B.example", "0");
	EXPECT_SAID(QUESTION_MAIL, "\"ann\"@b.example", "0");
	EXPECT_SAID(QUESTION_MAIL, "any@xn--bcher-kva.example", "0");
	EXPECT_SAID(QUESTION_MAIL, "", "0");
	EXPECT_SAID(QUESTION_MAIL, "bob@b.example",
	    "553 5.7.1 Not an address of this account");
	EXPECT_SAID(QUESTION_MAIL, "ann@c.b.example",
	    "553 5.7.1 Not an address of this account");
	asker.account = "carl";
	EXPECT_SAID(QUESTION_MAIL, "bob@b.example", "0");
	cr_assert(rows_run("DELETE FROM account_address WHERE name = 'ann'"));
	asker.account = "ann";
	EXPECT_SAID(QUESTION_MAIL, "bob@b.example", "0");
}

Test(policy, keeps_senders_and_mailboxes_for_accounts)
{
	cr_assert(
	    rows_run("INSERT INTO sender_rule (pattern, authenticated) VALUES"
		     " ('b.example', 1);"
		     "INSERT INTO domain (name) VALUES ('mx.example');"
		     "INSERT INTO mailbox (address, authenticated) VALUES"
		     " ('all@mx.example', 1), ('ann@mx.example', 0)"));
	EXPECT_SAID(
	    QUESTION_MAIL, "a@b.example", "530 5.7.0 Authentication required");
	EXPECT_SAID(QUESTION_MAIL, "a@c.example", "0");
	EXPECT_SAID(QUESTION_RCPT, "all@mx.example",
	    "530 5.7.0 Authentication required");
	EXPECT_SAID(QUESTION_RCPT, "ann@mx.example", "0");
	asker.account = "ann";
	EXPECT_SAID(QUESTION_MAIL, "a@b.example", "0");
	EXPECT_SAID(QUESTION_RCPT, "all@mx.example", "0");
}

/*
 * Which tables are used
 */

/* Emptying it is a way to count ids anew; it must not open the gates. */
Test(policy, holds_without_the_sequence)
{
	cr_assert(rows_run("INSERT INTO domain (name) VALUES ('mx.example')"));
	rows_put("x", 1, 1);
	cr_assert(rows_run("DELETE FROM sqlite_sequence"));
	EXPECT_SAID(QUESTION_RCPT, "bob@else.example",
	    "550 5.7.1 Not a domain of this host");
	rows_put("x", 1, 1);
	EXPECT_SAID(QUESTION_RCPT, "bob@else.example",
	    "550 5.7.1 Not a domain of this host");
	cr_expect(rows_number("SELECT count(*) FROM sqlite_sequence") == 2);
}

Test(policy, says_which_row_decides)
{
	cr_assert(rows_run(
	    "INSERT INTO domain (name) VALUES ('mx.example');"
	    "INSERT INTO mailbox (address) VALUES ('bob@mx.example');"
	    "INSERT INTO alias (address, target)"
	    " VALUES ('*@mx.example', 'bob@mx.example');"
	    "INSERT INTO client_rule (network) VALUES ('192.0.2.0/24')"));
	EXPECT_SAID(QUESTION_RCPT, "bob+x@mx.example", "0");
	cr_expect_str_eq(answer.table, "mailbox");
	cr_expect_str_eq(answer.key, "bob@mx.example");
	EXPECT_SAID(QUESTION_RCPT, "ann@mx.example", "0");
	cr_expect_str_eq(answer.table, "alias");
	cr_expect_str_eq(answer.key, "*@mx.example");
	cr_expect_str_eq(answer_next_mailbox(&answer, NULL), "bob@mx.example");
	EXPECT_SAID(QUESTION_MAIL, "a@b.example", "554 5.7.1 Client refused");
	cr_expect_str_eq(answer.table, "client_rule");
	cr_expect_str_eq(answer.key, "192.0.2.0/24");
}

/* However many rules there are, the longest prefix counts. */
static void
check_networks(void)
{
	static const struct {
		const char *client, *network; /* "": none */
	} rows[] = {
		{ "10.1.2.3", "10.1.2.3" },
		{ "10.1.2.4", "10.1.2.4/32" },
		{ "10.1.2.5", "10.1.2.0/24" },
		{ "10.1.9.5", "10.0.0.0/8" },
		{ "11.1.9.5", "" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:3:3:4:5:6", "2001:db8::/32" },
		{ "2001:db9::1", "" },
		/* Rows that are not written as smtpd writes addresses. */
		{ "2001:db7::1", "" },
		{ "10.3.2.1", "10.0.0.0/8" },
		{ "2001:dba::1", "2001:DBA::/32" },
		{ "local", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		asker.client_address = rows[i].client;
		rows_said(QUESTION_MAIL, "a@b.example");
		cr_expect(strcmp(answer.key, rows[i].network) == 0,
		    "%s: want \"%s\", got \"%s\"", rows[i].client,
		    rows[i].network, answer.key);
	}
}

Test(policy, finds_the_network_of_a_client)
{
	cr_assert(rows_run("INSERT INTO client_rule (network) VALUES"
			   " ('10.0.0.0/8'), ('10.1.2.0/24'), ('10.1.2.4/32'),"
			   " ('10.1.2.3'), ('10.1.2.4/99'),"
			   " ('10.1.2.255/24'), ('2001:db8::/32'),"
			   " ('2001:db7:0::/32'), ('10.3.0.0/016'),"
			   " ('2001:DBA::/32'), ('0.0.0.0/00'), ('10.3'),"
			   " ('2001:db8:1:2::/64')"));
	check_networks();
	cr_assert(rows_run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
			   " SELECT i + 1 FROM n WHERE i < 200)"
			   " INSERT INTO client_rule (network)"
			   " SELECT '12.0.' || i || '.0/24' FROM n"));
	check_networks();
}

/* No mail is begun that the disk cannot hold (RFC 1870 s. 6.1). */
Test(policy, looks_at_the_disk)
{
	question.size = UINT64_C(1) << 62;
	cr_expect(rows_ask(QUESTION_MAIL, "a@b.example") == VERDICT_FULL);
	cr_expect(
	    strstr(store_error(st), "octets are free"), "%s", store_error(st));
	question.size = 1000;
	cr_expect(rows_ask(QUESTION_MAIL, "a@b.example") == VERDICT_OK);
}

/* As another program that keeps the database to itself. */
static sqlite3 *
lock_out(void)
{
	sqlite3 *db;

	cr_assert(sqlite3_open(box.database, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db,
		      "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE;"
		      "INSERT INTO domain (name) VALUES ('mx.example')",
		      NULL, NULL, NULL) == SQLITE_OK,
	    "%s", sqlite3_errmsg(db));
	return db;
}

/* The first rows count from the next MAIL on, later ones at once. */
Test(policy, looks_for_rows_at_mail)
{
	rows_put("x", 1, 1); /* before it nothing is known of the sequence */
	EXPECT_SAID(QUESTION_MAIL, "ann@client.example", "0");
	cr_assert(rows_run("INSERT INTO domain (name) VALUES ('mx.example')"));
	EXPECT_SAID(QUESTION_RCPT, "bob@other.example", "0");
	EXPECT_SAID(QUESTION_MAIL, "ann@client.example", "0");
	EXPECT_SAID(QUESTION_RCPT, "bob@other.example",
	    "550 5.7.1 Not a domain of this host");
	cr_assert(
	    rows_run("INSERT INTO domain (name) VALUES ('other.example')"));
	EXPECT_SAID(QUESTION_RCPT, "bob@other.example", "0");
	cr_assert(rows_run("DELETE FROM domain WHERE name = 'other.example'"));
	EXPECT_SAID(QUESTION_RCPT, "bob@other.example",
	    "550 5.7.1 Not a domain of this host");
}

Test(policy, waits_once_for_a_burst)
{
	static const int nquestions = 20;
	int64_t ms;
	sqlite3 *db;

	store_free(st);
	conf.wait_ms = 500;
	st = store_new(&conf);
	cr_assert(st);
	db = lock_out();
	policy_refresh(store_policy(st));
	ms = scratch_now_ms();
	for (int i = 0; i < nquestions; i++)
		cr_expect(
		    rows_ask(QUESTION_RCPT, "a@b.example") == VERDICT_BUSY);
	ms = scratch_now_ms() - ms;
	cr_expect(ms >= conf.wait_ms && ms < nquestions * conf.wait_ms / 2,
	    "%d ms", (int)ms);
	sqlite3_close(db);
	policy_refresh(store_policy(st));
	cr_expect(rows_ask(QUESTION_RCPT, "a@b.example") == VERDICT_OK);
}

/* Addresses that no row can mean do no harm. */
Test(policy, answers_whatever_is_asked)
{
	static const char *const odd[] = {
		"@",
		"@mx.example",
		"bob@",
		"\"\"@mx.example",
		"\"@mx.example",
		"\"\\\"@mx.example",
		"+@mx.example",
		"*@mx.example",
		"*",
		"",
		"<>",
		"<",
		"bob@xn--@mx.example",
		"bob@xn--999999999999999999999999",
		"%s%n@mx.example",
	};
	char long_one[600];

	cr_assert(rows_run("INSERT INTO domain (name) VALUES ('mx.example');"
			   "INSERT INTO sender_rule (pattern) VALUES ('x@y')"));
	memset(long_one, 'x', sizeof long_one);
	long_one[300] = '@';
	long_one[sizeof long_one - 1] = '\0';
	for (size_t i = 0; i <= COUNT(odd); i++) {
		const char *text = i < COUNT(odd) ? odd[i] : long_one;

		rows_said(QUESTION_MAIL, text);
		rows_said(QUESTION_RCPT, text);
		rows_said(QUESTION_VRFY, text);
		rows_said(QUESTION_EXPN, text);
	}
}
