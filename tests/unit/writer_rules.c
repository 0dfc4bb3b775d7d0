/*
 * Sessions that were taken over, and break the rules: they are ended, nothing
 * is stored, and the others do not notice.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../mail/change.h"
#include "../support/sessions.h"

static void
change(const char *sql)
{
	sqlite3 *db = scratch_connect(&sessions_box);

	scratch_exec(db, sql);
	sqlite3_close(db);
}

/*
 * After a mail it is known that no table has anything to say, and a session need
 * not ask about recipients.
 */
static void
begin(void)
{
	struct store *st;
	int64_t id = 0;

	sessions_begin();
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	store_free(st);
	change("DELETE FROM message");
}

TestSuite(writer_rules, .init = begin, .fini = sessions_end, .timeout = 600);

/* Makes the policy say something, so that each recipient is to be asked. */
static void
close_the_policy(void)
{
	change("INSERT INTO domain (name) VALUES ('b.example')");
}

/* The other sessions do not notice, and nothing was stored. */
static void
expect_nothing_of(int fd)
{
	struct store *st;

	cr_expect(sessions_is_hung_up(fd));
	close(fd);
	st = sessions_connect_store();
	cr_expect(
	    eq(int, sessions_ask(st, QUESTION_MAIL, "x@y.example")->verdict,
		VERDICT_OK));
	store_free(st);
	if (scratch_size(&sessions_box, "") > 0)
		EXPECT_QUERY(
		    &sessions_box, "SELECT count(*) FROM message", "0");
}

Test(writer_rules, takes_no_mail_without_a_question)
{
	int fd = sessions_connect("192.0.2.1");

	sessions_send_last(fd, 1, false, 1, 1);
	expect_nothing_of(fd);
}

Test(writer_rules, takes_no_recipient_that_was_not_asked_about)
{
	int fd;

	close_the_policy();
	fd = sessions_connect("192.0.2.1");
	sessions_begin_mail(fd);
	sessions_send_last(fd, 1, false, 1, 1);
	expect_nothing_of(fd);
}

Test(writer_rules, takes_no_mail_whose_recipients_were_all_refused)
{
	int fd;

	close_the_policy();
	fd = sessions_connect("192.0.2.1");
	sessions_begin_mail(fd);
	sessions_send_question(fd, QUESTION_RCPT, "eve@c.example");
	sessions_expect_reply(fd, WIRE_ANSWER);
	sessions_send_last(fd, 1, false, 0, 1);
	expect_nothing_of(fd);
}

Test(writer_rules, takes_no_more_recipients_than_there_may_be)
{
	int fd = sessions_connect("192.0.2.1");

	sessions_begin_mail(fd);
	sessions_send_last(fd, 1, false,
	    (unsigned)sessions_conf.max_recipients + CHANGE_RECIPIENTS_MAX + 1,
	    1);
	expect_nothing_of(fd);
}

/* A RCPT of 2 kB, which leads to 100 mailboxes. */
static void
ask_much(int fd, unsigned times, bool retracts)
{
	static char orcpt[2000];
	struct question q = sessions_question(QUESTION_RCPT, "all@b.example");
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };

	memset(orcpt, 'x', sizeof orcpt);
	q.original_recipient = (struct span){ orcpt, sizeof orcpt };
	for (unsigned i = 0; i < times; i++) {
		wire_begin(&m, WIRE_ASK);
		wire_write_question(&m, &q);
		sessions_send(fd, &m);
		sessions_expect_reply(fd, WIRE_ANSWER);
		wire_begin(&m, WIRE_RETRACT);
		if (retracts)
			sessions_send(fd, &m);
	}
}

static void
make_list(void)
{
	sqlite3 *db;

	close_the_policy();
	db = scratch_connect(&sessions_box);
	scratch_exec(db,
	    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 99)"
	    " INSERT INTO alias (address, target) SELECT 'all@b.example',"
	    " 'x' || i || '@c.example' FROM n");
	sqlite3_close(db);
}

Test(writer_rules, takes_an_end_of_recipients_that_were_asked_about)
{
	int fd;

	make_list();
	fd = sessions_connect("192.0.2.1");
	sessions_begin_mail(fd);
	ask_much(fd, 205, false);
	sessions_send_question(fd, QUESTION_RCPT, "bob@b.example");
	expect_nothing_of(fd);
}

#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */

/* Octets that the writer has of its own. */
static long
memory_of_writer(void)
{
	char path[64];
	long pages = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/statm", sessions_writer());
	file = fopen(path, "r");
	cr_assert(not(zero(ptr, file)));
	cr_assert(eq(int, fscanf(file, "%*d %ld", &pages), 1));
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

Test(writer_rules, keeps_no_text_of_recipients_that_are_taken_back)
{
	long before;
	int fd;

	make_list();
	fd = sessions_connect("192.0.2.1");
	sessions_begin_mail(fd);
	ask_much(fd, 10, true);
	before = memory_of_writer();
	ask_much(fd, 500, true);
	cr_expect(lt(long, memory_of_writer() - before, 300000));
	close(fd);
}

#endif

Test(writer_rules, takes_no_octets_but_those_that_were_announced)
{
	static const struct {
		uint64_t claimed;
		size_t octets;
	} cases[] = { { 1, 2 }, { 2, 1 }, { SESSIONS_MAX_SIZE + 1, 1 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = sessions_connect("192.0.2.1");

		sessions_begin_mail(fd);
		sessions_send_last(
		    fd, cases[i].claimed, false, 1, cases[i].octets);
		expect_nothing_of(fd);
	}
}

Test(writer_rules, takes_no_more_octets_in_messages_than_are_without_a_file)
{
	int fd = sessions_connect("192.0.2.1");
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };

	sessions_begin_mail(fd);
	wire_begin(&m, WIRE_PIECE);
	wire_end_recipients(&m);
	m.len = sizeof sessions_message;
	for (int i = 0; i < WIRE_DATA_MAX / WIRE_MAX; i++) {
		sessions_send(fd, &m);
		sessions_expect_reply(fd, WIRE_RESULT);
	}
	sessions_send(fd, &m);
	expect_nothing_of(fd);
}

Test(writer_rules, takes_no_file_that_it_did_not_open)
{
	int fd = sessions_connect("192.0.2.1");

	sessions_begin_mail(fd);
	sessions_send_last(fd, 1000, true, 1, 0);
	expect_nothing_of(fd);
}

/* Asks for a file, and gives it so many octets. */
static void
fill_file(int fd, off_t octets)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char reply[4096];
	struct iovec data = { reply, sizeof reply };
	struct msghdr head = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };
	int file;

	wire_begin(&m, WIRE_SPOOL);
	sessions_send(fd, &m);
	cr_assert(gt(int, (int)recvmsg(fd, &head, 0), 0));
	cr_assert(not(zero(ptr, CMSG_FIRSTHDR(&head))));
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&head)), sizeof file);
	cr_assert(zero(int, ftruncate(file, octets)));
	close(file);
}

Test(writer_rules, takes_no_file_that_is_shorter_than_said)
{
	int fd = sessions_connect("192.0.2.1");

	sessions_begin_mail(fd);
	fill_file(fd, WIRE_DATA_MAX);
	sessions_send_last(fd, WIRE_DATA_MAX + 1, true, 1, 0);
	expect_nothing_of(fd);
}

/*
 * A session may cut its file short while the mail is written, and a small mail
 * is one value, which would then end in whatever the memory held.
 */
Test(writer_rules, takes_no_file_of_a_mail_that_messages_have_room_for)
{
	int fd = sessions_connect("192.0.2.1");

	sessions_begin_mail(fd);
	fill_file(fd, WIRE_DATA_MAX);
	sessions_send_last(fd, WIRE_DATA_MAX, true, 1, 0);
	expect_nothing_of(fd);
}

/* Has a mail begun and asks for a file; -1: it was refused. */
static int
ask_for_file(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { sessions_message, sizeof sessions_message };
	struct msghdr head = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control };
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };
	int file = -1;

	sessions_begin_mail(fd);
	wire_begin(&m, WIRE_SPOOL);
	sessions_send(fd, &m);
	cr_assert(gt(long, recvmsg(fd, &head, 0), 0));
	if (CMSG_FIRSTHDR(&head))
		memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&head)), sizeof file);
	return file;
}

static void
drop_mail(int fd)
{
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };

	wire_begin(&m, WIRE_DROP);
	sessions_send(fd, &m);
}

static void
fill(int file, size_t octets)
{
	static const char kib[1024] = { 'x' };

	for (size_t at = 0; at < octets; at += sizeof kib)
		cr_assert(eq(long, pwrite(file, kib, sizeof kib, (off_t)at),
		    sizeof kib));
}

Test(writer_rules, lends_a_session_one_file_for_all_its_mails)
{
	int fd = sessions_connect("192.0.2.1"), first = ask_for_file(fd);
	struct stat one, other;

	cr_assert(ge(int, first, 0));
	drop_mail(fd);
	fill(first, 300000);
	cr_assert(eq(int, fstat(first, &one), 0));
	for (int i = 0; i < 3; i++) {
		int file = ask_for_file(fd);

		cr_assert(ge(int, file, 0));
		cr_assert(eq(int, fstat(file, &other), 0));
		cr_expect(eq(u64, other.st_ino, one.st_ino));
		cr_expect(eq(long, other.st_size, 0));
		close(file);
		drop_mail(fd);
	}
	close(first);
	close(fd);
}

static void
begin_with_little_room(void)
{
	sessions_begin();
	sessions_stop_writer();
	sessions_conf.max_spool = SESSIONS_MAX_SIZE * 2;
	sessions_start_writer();
}

Test(writer_rules, counts_the_files_that_sessions_fill_between_mails,
    .init = begin_with_little_room)
{
	int filler = sessions_connect("192.0.2.1"),
	    other = sessions_connect("192.0.2.2");
	int file = ask_for_file(filler);

	cr_assert(ge(int, file, 0));
	drop_mail(filler);
	/* The writer has taken the file back when it answers. */
	sessions_begin_mail(filler);
	fill(file, SESSIONS_MAX_SIZE + 100000);
	cr_expect(lt(int, ask_for_file(other), 0));
	cr_expect(eq(int, ftruncate(file, 0), 0));
	drop_mail(other);
	cr_expect(ge(int, ask_for_file(other), 0));
	close(file);
	close(filler);
	close(other);
}

static void
send_mail_question(int fd, const char *claimed_as, bool requiretls)
{
	struct question q = sessions_question(QUESTION_MAIL, "ann@a.example");
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };

	if (claimed_as)
		q.mail.claimed_as = span_of(claimed_as);
	q.mail.requiretls = requiretls;
	wire_begin(&m, WIRE_ASK);
	wire_write_question(&m, &q);
	sessions_send(fd, &m);
}

Test(writer_rules, takes_no_claim_in_place_of_an_account)
{
	int fd;

	close_the_policy();
	sessions_stop_writer();
	sessions_conf.auth_required = true;
	sessions_start_writer();
	fd = sessions_connect("192.0.2.1");
	send_mail_question(fd, "ann", false);
	expect_nothing_of(fd);
	sessions_stop_writer();
	sessions_conf.takes_claims = true;
	sessions_start_writer();
	fd = sessions_connect("192.0.2.1");
	send_mail_question(fd, "ann", false);
	sessions_expect_reply(fd, WIRE_ANSWER);
	sessions_send_question(fd, QUESTION_RCPT, "bob@b.example");
	sessions_expect_reply(fd, WIRE_ANSWER);
	sessions_send_last(fd, 1, false, 0, 1);
	sessions_expect_reply(fd, WIRE_RESULT);
	close(fd);
	EXPECT_QUERY(&sessions_box, "SELECT claimed_as FROM message", "ann");
}

Test(writer_rules, takes_no_word_for_tls_from_a_session)
{
	int fd = sessions_connect("192.0.2.1");

	send_mail_question(fd, NULL, true);
	expect_nothing_of(fd);
}

Test(writer_rules, answers_no_message_that_is_malformed)
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
		int fd = sessions_connect("192.0.2.1");

		send(fd, cases[i].octets, cases[i].len, MSG_NOSIGNAL);
		cr_expect(sessions_is_hung_up(fd), "case %zu", i);
		close(fd);
	}
}
