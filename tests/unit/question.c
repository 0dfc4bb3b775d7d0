/*
 * The answer to a question about an address, as the policy fills it.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/question.h"

static struct answer answer;

/* A session that asks about one recipient does not pay for a hundred. */
Test(question, writes_no_more_of_an_answer_than_is_used)
{
	size_t untouched = 0;

	memset(&answer, 0x5a, sizeof answer);
	answer_clear(&answer);
	answer_say(&answer, REPLY_WILL_FORWARD, "bob@mx.example");
	answer_note_row(&answer, "alias", "bob@mx.example");
	cr_assert(answer_add_mailbox(&answer, "ann@mx.example"));
	for (size_t i = 0; i < sizeof answer; i++)
		untouched += ((unsigned char *)&answer)[i] == 0x5a;
	cr_expect(untouched > sizeof answer - 128, "%zu of %zu", untouched,
	    sizeof answer);
}

Test(question, keeps_each_mailbox_once_in_its_order)
{
	const char *m;

	answer_clear(&answer);
	cr_expect_null(answer_next_mailbox(&answer, NULL));
	cr_expect(answer_add_mailbox(&answer, "bob@mx.example"));
	cr_expect(answer_add_mailbox(&answer, "ann@mx.example"));
	cr_expect(answer_add_mailbox(&answer, "BOB@mx.example"));
	cr_expect(answer.nmailboxes == 2);
	m = answer_next_mailbox(&answer, NULL);
	cr_expect_str_eq(m, "bob@mx.example");
	m = answer_next_mailbox(&answer, m);
	cr_expect_str_eq(m, "ann@mx.example");
	cr_expect_null(answer_next_mailbox(&answer, m));
	answer_drop_mailboxes(&answer);
	cr_expect_null(answer_next_mailbox(&answer, NULL));
}

Test(question, has_room_for_the_most_and_longest_mailboxes)
{
	char mailbox[ANSWER_ADDRESS_SIZE + 1];
	unsigned n = 0;

	answer_clear(&answer);
	for (int i = 0; i < ANSWER_MAILBOXES_MAX; i++) {
		snprintf(mailbox, sizeof mailbox, "%0*d",
		    ANSWER_ADDRESS_SIZE - 1, i);
		cr_assert(answer_add_mailbox(&answer, mailbox));
	}
	cr_expect(answer_add_mailbox(&answer, mailbox), "it is there");
	cr_expect(!answer_add_mailbox(&answer, "one@too.many"));
	for (const char *m = NULL; (m = answer_next_mailbox(&answer, m));)
		n++;
	cr_expect(n == ANSWER_MAILBOXES_MAX, "%u", n);

	answer_clear(&answer);
	snprintf(mailbox, sizeof mailbox, "%0*d", ANSWER_ADDRESS_SIZE, 1);
	cr_expect(!answer_add_mailbox(&answer, mailbox), "it is too long");
}

Test(question, lets_a_row_word_the_reply)
{
	answer_clear(&answer);
	cr_expect(answer_reply(&answer).code == 0);
	cr_expect(!answer_refuses(&answer));
	answer_say_own(&answer, 554, "5.7.1", "100 % no, # or @");
	cr_expect(answer_refuses(&answer));
	cr_expect_str_eq(answer_reply(&answer).enhanced, "5.7.1");
	answer_say(&answer, REPLY_IS, "bob@mx.example");
	cr_expect(answer_reply(&answer).code == 250);
	cr_expect(!answer_refuses(&answer));
}
