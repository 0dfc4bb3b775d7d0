/*
 * What the writer does while its thread commits a mail.
 */
#include <sys/file.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/sessions.h"

TestSuite(writer_thread, .init = sessions_begin, .fini = sessions_end,
    .timeout = 600);

/* Takes the write lock, as another who writes for long. */
static int
hold_the_lock(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s-lock", sessions_box.path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, flock(fd, LOCK_EX)));
	return fd;
}

/* A session whose mail waits for that lock; another one, `*ret_other`. */
static int
begin_a_commit(int *ret_lock, int *ret_other)
{
	struct store *st = sessions_connect_store();
	int64_t id = 0;
	int fd;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	store_free(st);
	*ret_lock = hold_the_lock();
	*ret_other = sessions_connect("192.0.2.2");
	fd = sessions_connect("192.0.2.1");
	sessions_begin_mail(fd);
	sessions_send_last(fd, 1, false, 1, 1);
	return fd;
}

Test(writer_thread, answers_questions_while_a_mail_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 10; i++)
		sessions_begin_mail(other);
	cr_expect(zero(int, poll(&p, 1, 50)), "the mail waits");
	close(lock);
	sessions_expect_reply(fd, WIRE_RESULT);
	sessions_send_last(other, 1, false, 1, 1);
	sessions_expect_reply(other, WIRE_RESULT);
	EXPECT_QUERY(&sessions_box, "SELECT count(*) FROM message", "3");
	close(fd);
	close(other);
}

static void
await_waiter(int lock)
{
	int64_t deadline = scratch_now_ms() + 10000;

	while (scratch_waiters(lock) == 0 && scratch_now_ms() < deadline)
		poll(NULL, 0, 10);
}

/* The only one at that time; a big mail takes long. */
Test(writer_thread, answers_who_comes_while_a_big_mail_is_committed)
{
	struct store *st = sessions_connect_store(), *other;
	const struct answer *answer;
	int64_t id = 0;
	pid_t sender;
	int lock, status = -1;

	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	lock = hold_the_lock();
	sender = fork();
	cr_assert(ge(int, sender, 0));
	if (sender == 0) {
		close(lock);
		_exit(sessions_put(st, 300000, &id) != VERDICT_OK);
	}
	store_free(st);
	await_waiter(lock);
	other = sessions_connect_store();
	answer = sessions_ask(other, QUESTION_MAIL, "ann@a.example");
	cr_expect(eq(int, answer->verdict, VERDICT_OK));
	cr_expect(zero(int, waitpid(sender, &status, WNOHANG)), "it waits");
	close(lock);
	cr_assert(eq(int, waitpid(sender, &status, 0), sender));
	cr_expect(zero(int, status));
	store_free(other);
}

Test(writer_thread, keeps_a_mail_whose_session_goes_while_it_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);

	close(fd);
	for (int i = 0; i < 10; i++)
		sessions_begin_mail(other);
	close(lock);
	sessions_send_last(other, 1, false, 1, 1);
	sessions_expect_reply(other, WIRE_RESULT);
	EXPECT_QUERY(&sessions_box, "SELECT count(*) FROM message", "3");
	close(other);
}

Test(writer_thread, keeps_a_fact_for_the_mail_behind_the_one_that_is_committed)
{
	int lock, other, fd = begin_a_commit(&lock, &other);
	int teller = sessions_connect_teller(FACT_BIT(FACT_TLS));

	sessions_begin_mail(other);
	sessions_tell(teller, 3, FACT_TLS, "TLSv1.3 x");
	sessions_begin_mail(other);
	close(lock);
	sessions_expect_reply(fd, WIRE_RESULT);
	sessions_begin_mail(fd);
	sessions_send_last(fd, 1, false, 1, 1);
	sessions_expect_reply(fd, WIRE_RESULT);
	EXPECT_QUERY(&sessions_box,
	    "SELECT coalesce(tls, 'plain') FROM message ORDER BY id",
	    "plain plain TLSv1.3 x");
	close(fd);
	close(other);
	close(teller);
}
