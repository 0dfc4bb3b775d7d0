/*
 * The writer in a process of its own, and sessions at the other ends of its
 * sockets: such as keep to the rules, and such as do not.
 */
#include <sys/file.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/wire.h"
#include "../../policy.h"
#include "../../server/introduce.h"
#include "../../store.h"
#include "../../writer.h"
#include "../support/scratch.h"

enum {
	PATIENCE_MS = 10000,
	MAX_SIZE = 1000000,
};

static struct scratch box;
static struct writer_conf conf;
static int introductions[2];
static int writer;

static int
run_writer(void *arg)
{
	(void)arg;
	close(introductions[0]);
	return writer_run(&conf, introductions[1]);
}

static void
start_writer(void)
{
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
				0, introductions)));
	writer = scratch_start(run_writer, NULL);
	close(introductions[1]);
}

static void
begin(void)
{
	scratch_make(&box, PATIENCE_MS);
	conf = (struct writer_conf){
		.database = box.path,
		.hostname = "mx.example",
		.max_size = MAX_SIZE,
		.max_recipients = 100,
	};
	start_writer();
}

/* Lets the writer end by itself, as it does when the listener has. */
static void
end(void)
{
	close(introductions[0]);
	cr_expect(zero(int, scratch_wait(writer)));
	scratch_remove(&box);
}

TestSuite(writer, .init = begin, .fini = end, .timeout = 60);

/* Introduces whoever has the end that is returned. */
static int
connect_as(struct introduction *i, enum introduce_fd what)
{
	int ends[2];

	cr_assert(zero(
	    int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	i->fds[what] = ends[1];
	cr_assert(zero(int, introduce(introductions[0], i, true)));
	close(ends[1]);
	return ends[0];
}

/* A session's end of its socket. */
static int
connect_session(const char *address)
{
	static uint64_t number;
	struct introduction i;

	introduction_clear(&i);
	i.number = ++number;
	i.peer.port = 4711;
	strcpy(i.peer.address, address);
	return connect_as(&i, INTRODUCE_LINK);
}

static struct store *
connect_store(void)
{
	return store_connect(&box.conf, connect_session("192.0.2.1"));
}

static struct question
question_of(enum question_kind kind, const char *address)
{
	return (struct question){
		.kind = kind,
		.address = span_of(address),
		.sender = span_of(""),
		.mail = { .verb = "MAIL",
		    .protocol = "ESMTP",
		    .body_type = "7BIT",
		    .helo = span_of("a.example") },
	};
}

static const struct answer *
ask(struct store *st, enum question_kind kind, const char *address)
{
	static const struct policy_asker asker = { .hostname = "mx.example" };
	static struct answer a;
	struct question q = question_of(kind, address);

	store_ask(st, &asker, &q, &a);
	return &a;
}

/* The mail as the session has it: from ann to bob, of `len` octets. */
static enum verdict
commit(struct store *st, size_t len, int64_t *ret_id)
{
	static struct header header;
	struct recipient to = { .forward_path = "bob@b.example" };
	const struct envelope e = {
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "a.example",
		.reverse_path = "ann@a.example",
		.body_type = "7BIT",
		.size = len,
		.recipients = &to,
		.nrecipients = 1,
	};
	const struct store_mail mail = { .envelope = &e, .header = &header };
	enum verdict verdict;

	scratch_append(st, 1, len, 10000);
	header_start(&header);
	header_end(&header);
	verdict = store_commit(st, &mail, ret_id);
	store_drop(st);
	return verdict;
}

static enum verdict
put(struct store *st, size_t len, int64_t *ret_id)
{
	const struct answer *a = ask(st, QUESTION_MAIL, "ann@a.example");

	if (a->verdict != VERDICT_OK || answer_refuses(a))
		return a->verdict;
	a = ask(st, QUESTION_RCPT, "bob@b.example");
	if (a->verdict != VERDICT_OK || answer_refuses(a))
		return a->verdict;
	return commit(st, len, ret_id);
}

Test(writer, stores_what_a_session_sends)
{
	struct store *st = connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 4096, &id));
	cr_expect(eq(i64, id, 1));
	cr_expect(scratch_holds(&box, 1, 1, 4096));
	EXPECT_QUERY(&box,
	    "SELECT client_address, client_port, helo, reverse_path,"
	    " forward_path, mailbox FROM message JOIN recipient",
	    "192.0.2.1|4711|a.example|ann@a.example|bob@b.example|"
	    "bob@b.example");
	store_free(st);
}

Test(writer, stores_an_empty_mail_and_mails_of_many_messages)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 262143,
		262144 };
	struct store *st = connect_store();
	int64_t id = 0;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		EXPECT_RESULT(st, VERDICT_OK, put(st, sizes[i], &id));
		cr_expect(scratch_holds(&box, id, 1, sizes[i]), "%zu octets",
		    sizes[i]);
	}
	store_free(st);
}

Test(writer, takes_a_big_mail_from_a_file)
{
	struct store *st = connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, put(st, MAX_SIZE, &id));
	cr_expect(scratch_holds(&box, id, 1, MAX_SIZE));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 262145, &id));
	cr_expect(scratch_holds(&box, id, 1, 262145));
	store_free(st);
}

enum {
	SESSIONS = 8,
	MAILS = 50,
};

static int
run_session(void *arg)
{
	struct store *st = store_connect(&box.conf, *(int *)arg);
	int64_t id, before = 0;

	for (int i = 0; i < MAILS; i++) {
		if (put(st, i % 10 == 9 ? 300000 : 3000, &id) != VERDICT_OK ||
		    id <= before)
			return 1;
		before = id;
	}
	store_free(st);
	return 0;
}

Test(writer, serves_many_sessions_at_once)
{
	int fds[SESSIONS], pids[SESSIONS];

	for (int i = 0; i < SESSIONS; i++)
		fds[i] = connect_session("192.0.2.1");
	for (int i = 0; i < SESSIONS; i++)
		pids[i] = scratch_start(run_session, &fds[i]);
	for (int i = 0; i < SESSIONS; i++)
		close(fds[i]);
	for (int i = 0; i < SESSIONS; i++)
		cr_expect(zero(int, scratch_wait(pids[i])));
	EXPECT_QUERY(&box, "SELECT count(*), min(id), max(id) FROM message",
	    "400|1|400");
	EXPECT_QUERY(&box, "PRAGMA integrity_check", "ok");
}

Test(writer, asks_the_policy_for_a_session)
{
	const struct store_conf own = { .path = box.path };
	struct store *st = store_new(&own);
	int64_t id = 0;
	sqlite3 *db;

	/* After the first mail it is known that no other table has a row. */
	EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 1, 10, &id));
	store_free(st);
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	db = scratch_connect(&box);
	scratch_exec(db, "INSERT INTO domain (name) VALUES ('b.example');"
			 "INSERT INTO mailbox (address, quota_messages)"
			 " VALUES ('carl@b.example', 5);"
			 "INSERT INTO alias (address, target)"
			 " VALUES ('bob@b.example', 'carl@b.example')");
	sqlite3_close(db);
	cr_expect(not(answer_refuses(ask(st, QUESTION_MAIL, "ann@a.example"))));
	cr_expect(answer_refuses(ask(st, QUESTION_RCPT, "x@b.example")));
	cr_expect(answer_refuses(ask(st, QUESTION_RCPT, "bob@c.example")));
	cr_expect(not(answer_refuses(ask(st, QUESTION_RCPT, "bob@b.example"))));
	EXPECT_RESULT(st, VERDICT_OK, commit(st, 10, &id));
	EXPECT_QUERY(&box,
	    "SELECT forward_path, mailbox FROM recipient WHERE message_id = 3",
	    "bob@b.example|carl@b.example");
	EXPECT_QUERY(&box, "SELECT messages FROM mailbox", "1");
	store_free(st);
}

Test(writer, counts_the_mails_of_a_sender)
{
	struct store *st = connect_store();
	int64_t id = 0;
	sqlite3 *db;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	db = scratch_connect(&box);
	scratch_exec(db, "INSERT INTO rate_limit (scope, max_messages)"
			 " VALUES ('sender', 1)");
	sqlite3_close(db);
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	cr_expect(answer_refuses(ask(st, QUESTION_MAIL, "ann@a.example")));
	cr_expect(not(answer_refuses(ask(st, QUESTION_MAIL, "eve@a.example"))));
	store_free(st);
}

Test(writer, forgets_a_mail_given_up)
{
	struct store *st = connect_store();
	int64_t id = 0;

	ask(st, QUESTION_MAIL, "ann@a.example");
	ask(st, QUESTION_RCPT, "bob@b.example");
	scratch_append(st, 2, 400000, 10000);
	store_drop(st);
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	cr_expect(scratch_holds(&box, 1, 1, 10));
	store_free(st);
}

/*
 * Filters
 */

static void
make_rows(void)
{
	sqlite3 *db = scratch_connect(&box);

	scratch_exec(db, "INSERT INTO domain (name) VALUES ('b.example');"
			 "INSERT INTO mailbox (address) VALUES"
			 " ('bob@b.example'), ('spam@b.example')");
	sqlite3_close(db);
}

static const struct answer *
ask_added(struct store *st, const char *address)
{
	static const struct policy_asker asker = { .hostname = "mx.example" };
	static struct answer a;
	struct question q = question_of(QUESTION_RCPT, address);

	q.added = true;
	store_ask(st, &asker, &q, &a);
	return &a;
}

Test(writer, forgets_a_recipient_that_a_filter_refuses)
{
	struct store *st = connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	make_rows();
	ask(st, QUESTION_MAIL, "ann@a.example");
	cr_expect(
	    not(answer_refuses(ask(st, QUESTION_RCPT, "spam@b.example"))));
	store_retract(st);
	store_retract(st);
	cr_expect(not(answer_refuses(ask(st, QUESTION_RCPT, "bob@b.example"))));
	EXPECT_RESULT(st, VERDICT_OK, commit(st, 10, &id));
	EXPECT_QUERY(&box,
	    "SELECT forward_path FROM recipient WHERE message_id = 2",
	    "bob@b.example");
	store_free(st);
}

Test(writer, adds_what_filters_add_where_the_rows_take_it)
{
	struct store *st = connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	make_rows();
	ask(st, QUESTION_MAIL, "ann@a.example");
	ask(st, QUESTION_RCPT, "bob@b.example");
	cr_expect(not(answer_refuses(ask_added(st, "spam@b.example"))));
	cr_expect(answer_refuses(ask_added(st, "nobody@b.example")));
	cr_expect(answer_refuses(ask_added(st, "x@elsewhere.example")));
	EXPECT_RESULT(st, VERDICT_OK, commit(st, 10, &id));
	EXPECT_QUERY(&box,
	    "SELECT forward_path, added FROM recipient WHERE message_id = 2",
	    "bob@b.example|0 spam@b.example|1");
	store_free(st);
}

/*
 * Who the client is
 */

static struct fronts fronts;

/* Starts the writer anew, with these fronts. */
static void
restart_with(const char *proxy, const char *xclient)
{
	close(introductions[0]);
	cr_assert(zero(int, scratch_wait(writer)));
	memset(&fronts, 0, sizeof fronts);
	if (proxy)
		cr_assert(networks_add(&fronts.proxy, proxy));
	if (xclient)
		cr_assert(networks_add(&fronts.xclient, xclient));
	conf.fronts = &fronts;
	start_writer();
}

static enum verdict
say_client(struct store *st, const struct peer *client, bool forwarded)
{
	const struct fronted said = { .client = *client,
		.forwarded = forwarded };

	return store_introduce(st, &said);
}

static const struct peer client = { .address = "203.0.113.1", .port = 4712 };

Test(writer, takes_the_client_of_a_proxy_before_anything_else)
{
	struct store *st;
	int64_t id = 0;

	restart_with("192.0.2.0/24", NULL);
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box, "SELECT client_address, client_port FROM message",
	    "203.0.113.1|4712");
	cr_expect(say_client(st, &client, false) != VERDICT_OK,
	    "the session was not ended by the second");
	store_free(st);
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	cr_expect(say_client(st, &client, false) != VERDICT_OK,
	    "a session was believed that had spoken before");
	store_free(st);
}

Test(writer, takes_no_client_from_a_session_of_others)
{
	struct store *st = connect_store();

	cr_expect(say_client(st, &client, false) != VERDICT_OK);
	store_free(st);
	restart_with("203.0.113.0/24", "203.0.113.0/24");
	st = connect_store();
	cr_expect(say_client(st, &client, false) != VERDICT_OK);
	store_free(st);
}

Test(writer, takes_another_client_as_long_as_the_last_one_may_say_so)
{
	const struct peer other = { .address = "192.0.2.7", .port = 1 };
	const struct peer local = { .address = PEER_LOCAL };
	struct store *st;
	int64_t id = 0;

	restart_with(NULL, "192.0.2.0/24");
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &other, false));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box,
	    "SELECT client_address, client_port FROM message"
	    " ORDER BY id DESC LIMIT 1",
	    "203.0.113.1|4712");
	cr_expect(say_client(st, &other, false) != VERDICT_OK);
	store_free(st);
	st = connect_store();
	cr_expect(say_client(st, &local, false) != VERDICT_OK);
	store_free(st);
}

Test(writer, lets_a_front_forward_the_mails_of_one_client_after_the_other)
{
	const struct peer other = { .address = "203.0.113.2", .port = 1 };
	struct store *st;
	int64_t id = 0;

	restart_with("198.51.100.0/24", "192.0.2.0/24");
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, true));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &other, true));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box, "SELECT client_address FROM message",
	    "203.0.113.1 203.0.113.2");
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	cr_expect(say_client(st, &other, true) != VERDICT_OK);
	store_free(st);
}

Test(writer, takes_the_account_of_a_client_from_a_front)
{
	const struct fronted said = {
		.client = { .address = "203.0.113.1", .port = 1 },
		.login = { "ann", 3 },
	};
	struct store *st;
	int64_t id = 0;

	restart_with(NULL, "192.0.2.0/24");
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, store_introduce(st, &said));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box, "SELECT authenticated_as, protocol FROM message",
	    "ann|ESMTPA");
	store_free(st);
}

/*
 * Facts.  The first session of a test has number 1, since each test is a process
 * of its own.
 */

static int
connect_teller(unsigned may_tell)
{
	struct introduction i;

	introduction_clear(&i);
	i.may_tell = may_tell;
	return connect_as(&i, INTRODUCE_TELLER);
}

static void
tell(int fd, uint64_t number, enum fact fact, const char *text)
{
	char octets[1024];
	struct pack m = { .p = octets, .size = sizeof octets };
	struct facts facts = { .text = { "" } };

	facts_set(&facts, fact, span_of(text));
	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, number, &facts);
	cr_assert(not(m.failed));
	cr_assert(eq(sz, (size_t)send(fd, m.p, m.len, MSG_NOSIGNAL), m.len));
}

Test(writer, hears_a_fact_before_what_the_session_says_next)
{
	int teller = connect_teller(FACT_BIT(FACT_TLS));
	struct store *other = connect_store(), *st = connect_store();
	int64_t id = 0;

	for (int i = 0; i < 20; i++) {
		tell(teller, 2, FACT_TLS, "TLSv1.3 TLS_AES_256_GCM_SHA384");
		EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
		EXPECT_RESULT(other, VERDICT_OK, put(other, 10, &id));
		store_free(st);
		store_free(other);
		other = connect_store();
		st = connect_store();
		tell(teller, 2, FACT_TLS, "of one who is gone");
		tell(teller, 4 + 2 * (uint64_t)i, FACT_TLS, "TLSv1.2 x");
		EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	}
	EXPECT_QUERY(&box,
	    "SELECT protocol, count(*) FROM message GROUP BY 1 ORDER BY 1",
	    "ESMTP|20 ESMTPS|40");
	EXPECT_QUERY(&box,
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

Test(writer, says_who_a_session_is_to_who_checks_passwords)
{
	int tls = connect_teller(FACT_BIT(FACT_CLIENT_SUBJECT));
	int auth = connect_teller(FACT_BIT(FACT_ACCOUNT));
	int session = connect_session("192.0.2.1");

	tell(tls, 1, FACT_CLIENT_SUBJECT, "/CN=printer");
	expect_known(auth, 1, 1, "192.0.2.1", "/CN=printer");
	expect_known(auth, 7, 0, "", "");
	close(session);
	close(tls);
	close(auth);
}

Test(writer, takes_the_account_from_who_checks_passwords)
{
	int auth = connect_teller(FACT_BIT(FACT_ACCOUNT));
	struct store *st = connect_store();
	int64_t id = 0;

	tell(auth, 1, FACT_ACCOUNT, "ann");
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box,
	    "SELECT protocol, authenticated_as, claimed_as FROM message",
	    "ESMTPA|ann|NULL");
	store_free(st);
	close(auth);
}

Test(writer, forgets_the_mail_begun_before_the_fact)
{
	int teller = connect_teller(FACT_BIT(FACT_TLS));
	struct store *st = connect_store();
	int64_t id = 0;

	ask(st, QUESTION_MAIL, "ann@a.example");
	tell(teller, 1, FACT_TLS, "TLSv1.3 x");
	ask(st, QUESTION_RCPT, "bob@b.example");
	cr_expect(ne(int, commit(st, 10, &id), VERDICT_OK));
	store_free(st);
	close(teller);
}

/* True: the writer has hung up. */
static bool is_hung_up(int fd);

Test(writer, takes_no_fact_from_who_has_no_right_to_it)
{
	struct store *st = connect_store();
	int session = connect_session("192.0.2.1");
	int teller = connect_teller(FACT_BIT(FACT_CLIENT_SUBJECT));
	int64_t id = 0;

	tell(session, 2, FACT_TLS, "TLSv1.3 x");
	cr_expect(is_hung_up(session));
	tell(teller, 1, FACT_TLS, "TLSv1.3 x");
	cr_expect(is_hung_up(teller));
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	EXPECT_QUERY(&box, "SELECT protocol FROM message", "ESMTP");
	store_free(st);
	close(session);
	close(teller);
}

/*
 * Sessions that were taken over
 */

static void
send_raw(int fd, const struct pack *m)
{
	cr_assert(not(m->failed));
	cr_assert(eq(sz, (size_t)send(fd, m->p, m->len, MSG_NOSIGNAL), m->len));
}

static bool
is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet;

	return poll(&p, 1, PATIENCE_MS) == 1 && recv(fd, &octet, 1, 0) == 0;
}

static void
expect_reply(int fd, enum wire_kind kind)
{
	char reply[4096];
	ssize_t n = recv(fd, reply, sizeof reply, 0);
	struct unpack u = { .rest = { reply, n > 0 ? (size_t)n : 0 } };

	cr_assert(eq(int, wire_kind(&u), kind));
}

static char message[WIRE_MAX];

static void
send_question(int fd, enum question_kind kind, const char *address)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct question q = question_of(kind, address);

	wire_begin(&m, WIRE_ASK);
	wire_write_question(&m, &q);
	send_raw(fd, &m);
}

/* The end of a mail that claims so much, with these recipients and octets. */
static void
send_last(
    int fd, uint64_t claimed, bool spooled, unsigned nrecipients, size_t octets)
{
	static struct header header;
	struct pack m = { .p = message, .size = sizeof message };
	const struct recipient r = { .forward_path = "eve@b.example" };
	const struct wire_mail mail = {
		.size = claimed, .spooled = spooled, .header = &header
	};

	wire_begin(&m, WIRE_PIECE);
	for (unsigned i = 0; i < nrecipients; i++)
		wire_add_recipient(&m, &r);
	wire_end_recipients(&m);
	wire_make_last(&m, &mail);
	for (size_t i = 0; i < octets; i++)
		pack_u8(&m, 'x');
	send_raw(fd, &m);
}

static void
begin_mail(int fd)
{
	send_question(fd, QUESTION_MAIL, "ann@a.example");
	expect_reply(fd, WIRE_ANSWER);
}

/* Makes the policy say something, so that each recipient is to be asked. */
static void
close_the_policy(void)
{
	struct store *st = connect_store();
	int64_t id = 0;
	sqlite3 *db;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	db = scratch_connect(&box);
	scratch_exec(db, "INSERT INTO domain (name) VALUES ('b.example');"
			 "DELETE FROM message");
	sqlite3_close(db);
	store_free(st);
}

/* The other sessions do not notice, and nothing was stored. */
static void
expect_nothing_of(int fd)
{
	struct store *st;
	int64_t id = 0;

	cr_expect(is_hung_up(fd));
	close(fd);
	st = connect_store();
	cr_expect(eq(
	    int, ask(st, QUESTION_MAIL, "x@y.example")->verdict, VERDICT_OK));
	store_free(st);
	(void)id;
	if (scratch_size(&box, "") > 0)
		EXPECT_QUERY(&box, "SELECT count(*) FROM message", "0");
}

/* Takes the write lock, as another who writes for long. */
static int
hold_the_lock(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s-lock", box.path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, flock(fd, LOCK_EX)));
	return fd;
}

/* A session whose mail waits for that lock; another one, `*ret_other`. */
static int
begin_a_commit(int *ret_lock, int *ret_other)
{
	struct store *st = connect_store();
	int64_t id = 0;
	int fd;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	store_free(st);
	*ret_lock = hold_the_lock();
	*ret_other = connect_session("192.0.2.2");
	fd = connect_session("192.0.2.1");
	begin_mail(fd);
	send_last(fd, 1, false, 1, 1);
	return fd;
}

Test(writer, answers_questions_while_a_mail_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 10; i++)
		begin_mail(other);
	cr_expect(zero(int, poll(&p, 1, 50)), "the mail waits");
	close(lock);
	expect_reply(fd, WIRE_RESULT);
	send_last(other, 1, false, 1, 1);
	expect_reply(other, WIRE_RESULT);
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "3");
	close(fd);
	close(other);
}

Test(writer, keeps_a_mail_whose_session_goes_while_it_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);

	close(fd);
	for (int i = 0; i < 10; i++)
		begin_mail(other);
	close(lock);
	send_last(other, 1, false, 1, 1);
	expect_reply(other, WIRE_RESULT);
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "3");
	close(other);
}

Test(writer, keeps_a_fact_for_the_mail_behind_the_one_that_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);
	int teller = connect_teller(FACT_BIT(FACT_TLS));

	begin_mail(other);
	tell(teller, 3, FACT_TLS, "TLSv1.3 x");
	begin_mail(other);
	close(lock);
	expect_reply(fd, WIRE_RESULT);
	begin_mail(fd);
	send_last(fd, 1, false, 1, 1);
	expect_reply(fd, WIRE_RESULT);
	EXPECT_QUERY(&box,
	    "SELECT coalesce(tls, 'plain') FROM message ORDER BY id",
	    "plain plain TLSv1.3 x");
	close(fd);
	close(other);
	close(teller);
}

Test(writer, takes_no_mail_without_a_question)
{
	int fd = connect_session("192.0.2.1");

	send_last(fd, 1, false, 1, 1);
	expect_nothing_of(fd);
}

Test(writer, takes_no_recipient_that_was_not_asked_about)
{
	int fd;

	close_the_policy();
	fd = connect_session("192.0.2.1");
	begin_mail(fd);
	send_last(fd, 1, false, 1, 1);
	expect_nothing_of(fd);
}

Test(writer, takes_no_mail_whose_recipients_were_all_refused)
{
	int fd;

	close_the_policy();
	fd = connect_session("192.0.2.1");
	begin_mail(fd);
	send_question(fd, QUESTION_RCPT, "eve@c.example");
	expect_reply(fd, WIRE_ANSWER);
	send_last(fd, 1, false, 0, 1);
	expect_nothing_of(fd);
}

Test(writer, takes_no_more_recipients_than_there_may_be)
{
	int fd = connect_session("192.0.2.1");

	begin_mail(fd);
	send_last(fd, 1, false, (unsigned)conf.max_recipients + 1, 1);
	expect_nothing_of(fd);
}

Test(writer, takes_no_octets_but_those_that_were_announced)
{
	static const struct {
		uint64_t claimed;
		size_t octets;
	} cases[] = { { 1, 2 }, { 2, 1 }, { MAX_SIZE + 1, 1 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = connect_session("192.0.2.1");

		begin_mail(fd);
		send_last(fd, cases[i].claimed, false, 1, cases[i].octets);
		expect_nothing_of(fd);
	}
}

Test(writer, takes_no_more_octets_than_a_mail_may_have)
{
	int fd = connect_session("192.0.2.1");
	struct pack m = { .p = message, .size = sizeof message };

	begin_mail(fd);
	wire_begin(&m, WIRE_PIECE);
	wire_end_recipients(&m);
	m.len = sizeof message;
	for (int i = 0; i < (MAX_SIZE + WIRE_CHANGES_ROOM) / WIRE_MAX; i++) {
		send_raw(fd, &m);
		expect_reply(fd, WIRE_RESULT);
	}
	send_raw(fd, &m);
	expect_nothing_of(fd);
}

Test(writer, takes_no_file_that_it_did_not_open)
{
	int fd = connect_session("192.0.2.1");

	begin_mail(fd);
	send_last(fd, 1000, true, 1, 0);
	expect_nothing_of(fd);
}

Test(writer, takes_no_file_that_is_shorter_than_said)
{
	int fd = connect_session("192.0.2.1");
	struct pack m = { .p = message, .size = sizeof message };

	begin_mail(fd);
	wire_begin(&m, WIRE_SPOOL);
	send_raw(fd, &m);
	expect_reply(fd, WIRE_RESULT);
	send_last(fd, 1000, true, 1, 0);
	expect_nothing_of(fd);
}

Test(writer, answers_no_message_that_is_malformed)
{
	static const struct {
		const char *octets;
		size_t len;
	} cases[] = {
		{ "\0", 1 },
		{ "\2", 1 },
		{ "\2\1", 2 },
		{ "\2\6", 2 },
		{ "\2\7", 2 },
		{ "\2\10\0", 3 },
		{ "\1\5", 2 },
		{ "\2\5x", 3 },
		{ "\2\1\0\xff\xff\xff\x7f", 7 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = connect_session("192.0.2.1");

		send(fd, cases[i].octets, cases[i].len, MSG_NOSIGNAL);
		cr_expect(is_hung_up(fd), "case %zu", i);
		close(fd);
	}
}

/*
 * Trouble
 */

Test(writer, that_is_killed_leaves_sessions_with_451_and_then_421)
{
	struct store *st = connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	ask(st, QUESTION_MAIL, "ann@a.example");
	kill(writer, SIGKILL);
	cr_expect(eq(int, scratch_wait(writer), -1));
	EXPECT_RESULT(st, VERDICT_FAILED, commit(st, 10, &id));
	cr_expect_str_eq(store_error(st), "the writer is gone");
	EXPECT_RESULT(st, VERDICT_UNUSABLE,
	    ask(st, QUESTION_MAIL, "ann@a.example")->verdict);
	store_free(st);
	close(introductions[0]);
	start_writer();
	st = connect_store();
	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	cr_expect(eq(i64, id, 2));
	store_free(st);
}

static void
begin_with_little_room(void)
{
	begin();
	close(introductions[0]);
	scratch_wait(writer);
	conf.max_spool = MAX_SIZE * 2 - 1;
	start_writer();
}

Test(writer, lets_big_mails_hold_no_more_than_there_is_room_for,
    .init = begin_with_little_room)
{
	struct store *first = connect_store(), *second = connect_store();
	int64_t id = 0;

	ask(first, QUESTION_MAIL, "ann@a.example");
	ask(first, QUESTION_RCPT, "bob@b.example");
	scratch_append(first, 1, 300000, 10000);
	EXPECT_RESULT(second, VERDICT_FULL, put(second, 300000, &id));
	EXPECT_RESULT(second, VERDICT_OK, put(second, 1000, &id));
	store_drop(first);
	EXPECT_RESULT(second, VERDICT_OK, put(second, 300000, &id));
	store_free(first);
	store_free(second);
}

/* What becomes of a mail of `size` octets, in a process of its own. */
struct sender {
	int fd;
	size_t size;
	enum verdict want;
};

static int
run_sender(void *arg)
{
	const struct sender *s = arg;
	struct store *st = store_connect(&box.conf, s->fd);
	int64_t id;

	return put(st, s->size, &id) != s->want;
}

/*
 * While a foreigner holds the write lock, mails gather behind the first one:
 * those that no row can hold fail alone, whether they take the transaction
 * along or not.
 */
Test(writer, keeps_one_mails_trouble_from_the_others)
{
	static struct sender senders[] = {
		{ -1, 10, VERDICT_OK },
		{ -1, 666, VERDICT_FAILED },
		{ -1, 11, VERDICT_OK },
		{ -1, 667, VERDICT_FAILED },
		{ -1, 12, VERDICT_OK },
	};
	int pids[sizeof senders / sizeof *senders];
	int64_t deadline = scratch_now_ms() + 500;
	struct store *st = connect_store();
	int64_t id = 0;
	sqlite3 *db;

	EXPECT_RESULT(st, VERDICT_OK, put(st, 10, &id));
	store_free(st);
	db = scratch_connect(&box);
	scratch_exec(db,
	    "CREATE TRIGGER no BEFORE INSERT ON message WHEN NEW.size = 666"
	    " BEGIN SELECT RAISE(ABORT, 'no'); END;"
	    "CREATE TRIGGER never BEFORE INSERT ON message"
	    " WHEN NEW.size = 667 BEGIN SELECT RAISE(ROLLBACK, 'never'); END;"
	    "BEGIN IMMEDIATE");
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		senders[i].fd = connect_session("192.0.2.1");
		pids[i] = scratch_start(run_sender, &senders[i]);
		close(senders[i].fd);
	}
	while (scratch_poll(deadline)) {
		/* They gather. */
	}
	scratch_exec(db, "COMMIT");
	sqlite3_close(db);
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
		cr_expect(zero(int, scratch_wait(pids[i])), "sender %zu", i);
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "4");
}
