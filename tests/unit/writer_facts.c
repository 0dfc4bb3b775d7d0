/*
 * What helpers tell the writer of a session.  The first session of a test has
 * number 1, since each test is a process of its own.
 */
#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/sessions.h"

TestSuite(
    writer_facts, .init = sessions_begin, .fini = sessions_end, .timeout = 600);

Test(writer_facts, hears_a_fact_before_what_the_session_says_next)
{
	int teller = sessions_connect_teller(FACT_BIT(FACT_TLS));
	struct store *other = sessions_connect_store(),
		     *st = sessions_connect_store();
	int64_t id = 0;

	for (int i = 0; i < 20; i++) {
		sessions_tell(
		    teller, 2, FACT_TLS, "TLSv1.3 TLS_AES_256_GCM_SHA384");
		EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
		EXPECT_RESULT(other, VERDICT_OK, sessions_put(other, 10, &id));
		store_free(st);
		store_free(other);
		other = sessions_connect_store();
		st = sessions_connect_store();
		sessions_tell(teller, 2, FACT_TLS, "of one who is gone");
		sessions_tell(
		    teller, 4 + 2 * (uint64_t)i, FACT_TLS, "TLSv1.2 x");
		EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	}
	EXPECT_QUERY(&sessions_box,
	    "SELECT protocol, count(*) FROM message GROUP BY 1 ORDER BY 1",
	    "ESMTP|20 ESMTPS|40");
	EXPECT_QUERY(&sessions_box,
	    "SELECT tls, client_subject, substr(trace, instr(trace, 'tls '), "
	    "25)"
	    " FROM message WHERE id = 1",
	    "TLSv1.3 TLS_AES_256_GCM_SHA384|NULL|tls TLS_AES_256_GCM_SHA38");
	store_free(st);
	store_free(other);
	close(teller);
}

/* What the writer says of a session. */
static void
expect_known(int fd, uint64_t asked, uint64_t want, const char *address,
    const char *subject)
{
	char octets[2048];
	struct pack m = { .p = octets, .size = sizeof octets };
	struct unpack in = { .rest = { octets, 0 } };
	struct facts facts;
	struct peer peer;
	uint64_t number = 99;

	wire_begin(&m, WIRE_WHO);
	wire_write_who(&m, asked);
	cr_assert(eq(sz, (size_t)send(fd, m.p, m.len, MSG_NOSIGNAL), m.len));
	in.rest.len = (size_t)recv(fd, octets, sizeof octets, 0);
	cr_assert(eq(int, (int)wire_kind(&in), WIRE_KNOWN));
	cr_assert(wire_read_known(&in, &number, &peer, &facts));
	cr_expect(eq(u64, number, want));
	cr_expect(eq(str, peer.address, (char *)address));
	cr_expect(eq(str, facts.text[FACT_CLIENT_SUBJECT], (char *)subject));
}

Test(writer_facts, says_who_a_session_is_to_who_checks_passwords)
{
	int tls = sessions_connect_teller(FACT_BIT(FACT_CLIENT_SUBJECT));
	int auth = sessions_connect_teller(FACT_BIT(FACT_ACCOUNT));
	int session = sessions_connect("192.0.2.1");

	sessions_tell(tls, 1, FACT_CLIENT_SUBJECT, "/CN=printer");
	expect_known(auth, 1, 1, "192.0.2.1", "/CN=printer");
	expect_known(auth, 7, 0, "", "");
	close(session);
	close(tls);
	close(auth);
}

/* As who has waited too long for the answer, and went on with others. */
Test(writer_facts, hears_a_fact_behind_a_question_that_was_given_up)
{
	int auth = sessions_connect_teller(FACT_BIT(FACT_ACCOUNT));
	int session = sessions_connect("192.0.2.1");
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };

	sessions_begin_mail(session);
	kill(sessions_writer(), SIGSTOP);
	wire_begin(&m, WIRE_WHO);
	wire_write_who(&m, 1);
	sessions_send(auth, &m);
	sessions_send(auth, &m);
	sessions_tell(auth, 1, FACT_ACCOUNT, "ann");
	sessions_send_question(session, QUESTION_MAIL, "ann@a.example");
	kill(sessions_writer(), SIGCONT);
	sessions_expect_reply(session, WIRE_ANSWER);
	sessions_send_question(session, QUESTION_RCPT, "bob@b.example");
	sessions_expect_reply(session, WIRE_ANSWER);
	sessions_send_last(session, 1, false, 0, 1);
	sessions_expect_reply(session, WIRE_RESULT);
	EXPECT_QUERY(
	    &sessions_box, "SELECT authenticated_as FROM message", "ann");
	close(session);
	close(auth);
}

Test(writer_facts, takes_the_account_from_who_checks_passwords)
{
	int auth = sessions_connect_teller(FACT_BIT(FACT_ACCOUNT));
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	sessions_tell(auth, 1, FACT_ACCOUNT, "ann");
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT protocol, authenticated_as, claimed_as FROM message",
	    "ESMTPA|ann|NULL");
	store_free(st);
	close(auth);
}

Test(writer_facts, forgets_the_mail_begun_before_the_fact)
{
	int teller = sessions_connect_teller(FACT_BIT(FACT_TLS));
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	sessions_ask(st, QUESTION_MAIL, "ann@a.example");
	sessions_tell(teller, 1, FACT_TLS, "TLSv1.3 x");
	sessions_ask(st, QUESTION_RCPT, "bob@b.example");
	cr_expect(ne(int, sessions_commit(st, 10, &id), VERDICT_OK));
	store_free(st);
	close(teller);
}

Test(writer_facts, takes_no_fact_from_who_has_no_right_to_it)
{
	struct store *st = sessions_connect_store();
	int session = sessions_connect("192.0.2.1");
	int teller = sessions_connect_teller(FACT_BIT(FACT_CLIENT_SUBJECT));
	int64_t id = 0;

	sessions_tell(session, 2, FACT_TLS, "TLSv1.3 x");
	cr_expect(sessions_is_hung_up(session));
	sessions_tell(teller, 1, FACT_TLS, "TLSv1.3 x");
	cr_expect(sessions_is_hung_up(teller));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box, "SELECT protocol FROM message", "ESMTP");
	store_free(st);
	close(session);
	close(teller);
}
