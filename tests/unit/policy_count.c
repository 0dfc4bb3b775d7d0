/*
 * What is counted against quotas and rates, and what is counted no more.
 */
#include "../support/rows.h"

TestSuite(policy_count, .init = rows_begin, .fini = rows_end, .timeout = 600);

/*
 * Counts
 */

Test(policy_count, counts_what_is_in_a_mailbox)
{
	static const char octets[] =
	    "SELECT octets FROM mailbox WHERE address = 'bob@mx.example'";

	rows_put("bob@mx.example", 7, 1);
	cr_assert(rows_run("INSERT INTO domain (name) VALUES ('mx.example');"
			   "INSERT INTO mailbox (address, quota_octets)"
			   " VALUES ('Bob@mx.example', 30)"));
	rows_put("bob@mx.example", 10, 1);
	rows_put("Bob@MX.example", 20, 1);
	cr_expect(rows_number(octets) == 30);
	EXPECT_SAID(QUESTION_RCPT, "bob@mx.example",
	    "452 4.2.2 Mailbox full, try again later");
	/* What came before is not counted, neither when it goes. */
	cr_assert(rows_run("DELETE FROM message WHERE size = 7"));
	cr_expect(rows_number(octets) == 30);
	cr_assert(rows_run("DELETE FROM message WHERE size = 20"));
	cr_expect(rows_number(octets) == 10);
	cr_expect(rows_number("SELECT messages FROM mailbox") == 1);
	EXPECT_SAID(QUESTION_RCPT, "bob@mx.example", "0");
	cr_assert(rows_run("DELETE FROM message"));
	cr_expect(rows_number(octets) == 0);
}

/* A consumer that takes its own copy and leaves the mail to the others. */
Test(policy_count, counts_a_recipient_that_goes_alone)
{
	cr_assert(rows_run("INSERT INTO mailbox (address, quota_octets)"
			   " VALUES ('bob@mx.example', 30)"));
	rows_put("bob@mx.example", 10, 1);
	cr_assert(rows_run("DELETE FROM recipient"));
	cr_expect(rows_number("SELECT octets + messages FROM mailbox") == 0);
	cr_assert(rows_run("DELETE FROM message"));
	cr_expect(rows_number("SELECT octets + messages FROM mailbox") == 0);
}

/* RCPT for bob, bob+1 and bob+2 must not fill his mailbox with one mail. */
Test(policy_count, counts_a_mail_once_in_a_mailbox)
{
	static const char counted[] =
	    "SELECT messages * 1000 + octets FROM mailbox";

	cr_assert(rows_run("INSERT INTO mailbox (address, quota_messages)"
			   " VALUES ('Bob@mx.example', 30)"));
	rows_put_to("bob@mx.example", 3, 10, 1);
	rows_put_to("Bob@mx.example", 2, 20, 1);
	cr_expect(rows_number(counted) == 2030);
	cr_assert(rows_run("DELETE FROM recipient WHERE position = 1"));
	cr_expect(rows_number(counted) == 2030);
	cr_assert(rows_run("DELETE FROM recipient WHERE message_id = 1"));
	cr_expect(rows_number(counted) == 1020);
	cr_assert(rows_run("DELETE FROM message"));
	cr_expect(rows_number(counted) == 0);
}

/* What is deleted under a new limit may have come without one. */
Test(policy_count, goes_on_counting_without_a_limit)
{
	cr_assert(rows_run("INSERT INTO mailbox (address, quota_messages)"
			   " VALUES ('bob@mx.example', 5)"));
	rows_put("bob@mx.example", 10, 1);
	cr_assert(rows_run("UPDATE mailbox SET quota_messages = NULL"));
	rows_put("bob@mx.example", 10, 1);
	cr_assert(rows_run("UPDATE mailbox SET quota_octets = 50"));
	cr_expect(rows_number("SELECT octets FROM mailbox") == 20);
	cr_assert(rows_run("DELETE FROM message"));
	cr_expect(rows_number("SELECT messages FROM mailbox") == 0);
	cr_expect(rows_number("SELECT octets FROM mailbox") == 0);
}

Test(policy_count, counts_what_is_in_the_database)
{
	rows_put("x", 10, 1);
	cr_assert(
	    rows_run("INSERT INTO quota (id, max_octets) VALUES (1, 60)"));
	rows_put("x", 20, 1); /* which counts the one before, too */
	cr_expect(rows_number("SELECT messages FROM quota") == 2);
	cr_expect(rows_number("SELECT octets FROM quota") == 30);
	rows_put("x", 30, 1);
	EXPECT_SAID(QUESTION_MAIL, "a@b.example",
	    "452 4.3.1 Mail store full, try later");
	cr_assert(rows_run("DELETE FROM message WHERE size < 30"));
	cr_expect(rows_number("SELECT octets FROM quota") == 30);
	EXPECT_SAID(QUESTION_MAIL, "a@b.example", "0");
}

/*
 * Rates
 */

Test(policy_count, counts_rates_in_windows)
{
	cr_assert(
	    rows_run("INSERT INTO rate_limit (scope, window_sec, max_messages)"
		     " VALUES ('client', 100, 2)"));
	asker.now = 1000;
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	rows_put("x", 1, 1000);
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	rows_put("x", 1, 1010);
	asker.now = 1040;
	EXPECT_SAID(QUESTION_MAIL, "z@client.example",
	    "450 4.7.1 Too much mail, try again in 60 seconds");
	asker.client_address = "192.0.2.8";
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	asker.client_address = "192.0.2.7";
	asker.now = 1100;
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	rows_put("x", 1, 1100);
	cr_expect(rows_number("SELECT messages FROM rate_count") == 1);
	cr_expect(rows_number("SELECT ends_at FROM rate_count") == 1200);
}

Test(policy_count, counts_the_network_of_an_ipv6_client)
{
	cr_assert(rows_run("INSERT INTO rate_limit (scope, max_messages)"
			   " VALUES ('client', 1)"));
	asker.client_address = "2001:db8:1:2:3:4:5:6";
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	rows_put("x", 1, asker.now);
	cr_expect(
	    rows_number("SELECT key = '2001:db8:1:2::/64' FROM rate_count"));
	asker.client_address = "2001:db8:1:2::1";
	EXPECT_SAID(QUESTION_MAIL, "a@client.example",
	    "450 4.7.1 Too much mail, try again in 3600 seconds");
	asker.client_address = "2001:db8:1:3::1";
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
}

/* Senders are made up by the million. */
Test(policy_count, forgets_windows_that_are_over)
{
	cr_assert(
	    rows_run("INSERT INTO rate_limit (scope, max_messages) VALUES"
		     " ('client', 1000), ('sender', 1000);"
		     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
		     " SELECT i + 1 FROM n WHERE i < 500)"
		     " INSERT INTO rate_count SELECT 'sender',"
		     " 'x' || i || '@client.example', 10, 1, 1, 1 FROM n"));
	EXPECT_SAID(QUESTION_MAIL, "a@client.example", "0");
	for (int i = 0; i < 320; i++)
		rows_put("x", 1, asker.now);
	cr_expect(rows_number("SELECT count(*) FROM rate_count") == 2);
	cr_expect(rows_number("SELECT min(messages) FROM rate_count") == 320);
}
