/*
 * The writer in a process of its own, and sessions that keep to the rules.
 */
#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/sessions.h"

TestSuite(writer, .init = sessions_begin, .fini = sessions_end, .timeout = 600);

Test(writer, stores_what_a_session_sends)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 4096, &id));
	cr_expect(eq(i64, id, 1));
	cr_expect(scratch_holds(&sessions_box, 1, 1, 4096));
	EXPECT_QUERY(&sessions_box,
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
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, sizes[i], &id));
		cr_expect(scratch_holds(&sessions_box, id, 1, sizes[i]),
		    "%zu octets", sizes[i]);
	}
	store_free(st);
}

Test(writer, takes_a_big_mail_from_a_file)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, SESSIONS_MAX_SIZE, &id));
	cr_expect(scratch_holds(&sessions_box, id, 1, SESSIONS_MAX_SIZE));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 262145, &id));
	cr_expect(scratch_holds(&sessions_box, id, 1, 262145));
	store_free(st);
}

enum {
	SESSIONS = 8,
	MAILS = 50,
};

static int
run_session(void *arg)
{
	struct store *st = store_connect(&sessions_box.conf, *(int *)arg);
	int64_t id, before = 0;

	for (int i = 0; i < MAILS; i++) {
		if (sessions_put(st, i % 10 == 9 ? 300000 : 3000, &id) !=
			VERDICT_OK ||
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
		fds[i] = sessions_connect("192.0.2.1");
	for (int i = 0; i < SESSIONS; i++)
		pids[i] = scratch_start(run_session, &fds[i]);
	for (int i = 0; i < SESSIONS; i++)
		close(fds[i]);
	for (int i = 0; i < SESSIONS; i++)
		cr_expect(zero(int, scratch_wait(pids[i])));
	EXPECT_QUERY(&sessions_box,
	    "SELECT count(*), min(id), max(id) FROM message", "400|1|400");
	EXPECT_QUERY(&sessions_box, "PRAGMA integrity_check", "ok");
}

Test(writer, asks_the_policy_for_a_session)
{
	const struct store_conf own = { .path = sessions_box.path };
	struct store *st = store_new(&own);
	int64_t id = 0;
	sqlite3 *db;

	/* After the first mail it is known that no other table has a row. */
	EXPECT_RESULT(st, VERDICT_OK, scratch_commit(st, 1, 10, &id));
	store_free(st);
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	db = scratch_connect(&sessions_box);
	scratch_exec(db, "INSERT INTO domain (name) VALUES ('b.example');"
			 "INSERT INTO mailbox (address, quota_messages)"
			 " VALUES ('carl@b.example', 5);"
			 "INSERT INTO alias (address, target)"
			 " VALUES ('bob@b.example', 'carl@b.example')");
	sqlite3_close(db);
	cr_expect(not(
	    answer_refuses(sessions_ask(st, QUESTION_MAIL, "ann@a.example"))));
	cr_expect(
	    answer_refuses(sessions_ask(st, QUESTION_RCPT, "x@b.example")));
	cr_expect(
	    answer_refuses(sessions_ask(st, QUESTION_RCPT, "bob@c.example")));
	cr_expect(not(
	    answer_refuses(sessions_ask(st, QUESTION_RCPT, "bob@b.example"))));
	EXPECT_RESULT(st, VERDICT_OK, sessions_commit(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT forward_path, mailbox FROM recipient WHERE message_id = 3",
	    "bob@b.example|carl@b.example");
	EXPECT_QUERY(&sessions_box, "SELECT messages FROM mailbox", "1");
	store_free(st);
}

Test(writer, counts_the_mails_of_a_sender)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;
	sqlite3 *db;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	db = scratch_connect(&sessions_box);
	scratch_exec(db, "INSERT INTO rate_limit (scope, max_messages)"
			 " VALUES ('sender', 1)");
	sqlite3_close(db);
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	cr_expect(
	    answer_refuses(sessions_ask(st, QUESTION_MAIL, "ann@a.example")));
	cr_expect(not(
	    answer_refuses(sessions_ask(st, QUESTION_MAIL, "eve@a.example"))));
	store_free(st);
}

Test(writer, forgets_a_mail_given_up)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	sessions_ask(st, QUESTION_MAIL, "ann@a.example");
	sessions_ask(st, QUESTION_RCPT, "bob@b.example");
	scratch_append(st, 2, 400000, 10000);
	store_drop(st);
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	cr_expect(scratch_holds(&sessions_box, 1, 1, 10));
	store_free(st);
}

/*
 * Filters
 */

static void
make_rows(void)
{
	sqlite3 *db = scratch_connect(&sessions_box);

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
	struct question q = sessions_question(QUESTION_RCPT, address);

	q.added = true;
	store_ask(st, &asker, &q, &a);
	return &a;
}

Test(writer, forgets_a_recipient_that_a_filter_refuses)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	make_rows();
	sessions_ask(st, QUESTION_MAIL, "ann@a.example");
	cr_expect(not(
	    answer_refuses(sessions_ask(st, QUESTION_RCPT, "spam@b.example"))));
	store_retract(st);
	store_retract(st);
	cr_expect(not(
	    answer_refuses(sessions_ask(st, QUESTION_RCPT, "bob@b.example"))));
	EXPECT_RESULT(st, VERDICT_OK, sessions_commit(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT forward_path FROM recipient WHERE message_id = 2",
	    "bob@b.example");
	store_free(st);
}

Test(writer, adds_what_filters_add_where_the_rows_take_it)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	make_rows();
	sessions_ask(st, QUESTION_MAIL, "ann@a.example");
	sessions_ask(st, QUESTION_RCPT, "bob@b.example");
	cr_expect(not(answer_refuses(ask_added(st, "spam@b.example"))));
	cr_expect(answer_refuses(ask_added(st, "nobody@b.example")));
	cr_expect(answer_refuses(ask_added(st, "x@elsewhere.example")));
	EXPECT_RESULT(st, VERDICT_OK, sessions_commit(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT forward_path, added FROM recipient WHERE message_id = 2",
	    "bob@b.example|0 spam@b.example|1");
	store_free(st);
}

/*
 * Trouble
 */

Test(writer, that_is_killed_leaves_sessions_with_451_and_then_421)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	sessions_ask(st, QUESTION_MAIL, "ann@a.example");
	sessions_kill_writer();
	EXPECT_RESULT(st, VERDICT_FAILED, sessions_commit(st, 10, &id));
	cr_expect_str_eq(store_error(st), "the writer is gone");
	EXPECT_RESULT(st, VERDICT_UNUSABLE,
	    sessions_ask(st, QUESTION_MAIL, "ann@a.example")->verdict);
	store_free(st);
	sessions_start_writer();
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	cr_expect(eq(i64, id, 2));
	store_free(st);
}

/* The kernel tells of a socket that is closed while another has it open. */
Test(writer, forgets_a_session_whose_socket_the_listener_still_has_open)
{
	struct store *st = sessions_connect_store();
	int ends[2];
	int64_t id = 0;

	sessions_connect_both("192.0.2.1", ends);
	sessions_begin_mail(ends[0]);
	close(ends[0]);
	for (int i = 1; i <= 5; i++) {
		EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
		cr_expect(eq(i64, id, i));
	}
	close(ends[1]);
	store_free(st);
}

/* Has the writer, when it is started next, log to a disk that is full. */
static void
begin_with_a_full_log(void)
{
	int log = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int own = dup(STDERR_FILENO);

	sessions_begin();
	sessions_stop_writer();
	cr_assert(ge(int, dup2(log, STDERR_FILENO), 0));
	sessions_start_writer();
	dup2(own, STDERR_FILENO);
	close(own);
	close(log);
}

Test(writer, goes_on_when_it_cannot_log_that_it_has_no_descriptor,
    .init = begin_with_a_full_log)
{
	struct rlimit few = { 0, 0 }, all;
	struct store *st = sessions_connect_store();
	int64_t id = 0;
	int fd;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	store_free(st);
	cr_assert(
	    zero(int, prlimit(sessions_writer(), RLIMIT_NOFILE, NULL, &all)));
	few.rlim_max = all.rlim_max;
	cr_assert(
	    zero(int, prlimit(sessions_writer(), RLIMIT_NOFILE, &few, NULL)));
	fd = sessions_connect("192.0.2.1");
	cr_expect(sessions_is_hung_up(fd));
	close(fd);
	cr_assert(
	    zero(int, prlimit(sessions_writer(), RLIMIT_NOFILE, &all, NULL)));
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	store_free(st);
}

static void
begin_with_little_room(void)
{
	sessions_begin();
	sessions_stop_writer();
	sessions_conf.max_spool = SESSIONS_MAX_SIZE * 2 - 1;
	sessions_start_writer();
}

Test(writer, lets_big_mails_hold_no_more_than_there_is_room_for,
    .init = begin_with_little_room)
{
	struct store *first = sessions_connect_store(),
		     *second = sessions_connect_store();
	int64_t id = 0;

	sessions_ask(first, QUESTION_MAIL, "ann@a.example");
	sessions_ask(first, QUESTION_RCPT, "bob@b.example");
	scratch_append(first, 1, 300000, 10000);
	EXPECT_RESULT(second, VERDICT_FULL, sessions_put(second, 300000, &id));
	EXPECT_RESULT(second, VERDICT_OK, sessions_put(second, 1000, &id));
	store_drop(first);
	EXPECT_RESULT(second, VERDICT_OK, sessions_put(second, 300000, &id));
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
	struct store *st = store_connect(&sessions_box.conf, s->fd);
	int64_t id;

	return sessions_put(st, s->size, &id) != s->want;
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
	struct store *st = sessions_connect_store();
	int64_t id = 0;
	sqlite3 *db;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	store_free(st);
	db = scratch_connect(&sessions_box);
	scratch_exec(db,
	    "CREATE TRIGGER no BEFORE INSERT ON message WHEN NEW.size = 666"
	    " BEGIN SELECT RAISE(ABORT, 'no'); END;"
	    "CREATE TRIGGER never BEFORE INSERT ON message"
	    " WHEN NEW.size = 667 BEGIN SELECT RAISE(ROLLBACK, 'never'); END;"
	    "BEGIN IMMEDIATE");
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		senders[i].fd = sessions_connect("192.0.2.1");
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
	EXPECT_QUERY(&sessions_box, "SELECT count(*) FROM message", "4");
}
