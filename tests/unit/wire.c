/*
 * The messages between session and writer (mail/wire.h): what one side writes
 * the other reads, and nothing that is cut, changed or made up gets through as
 * more than it is.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/wire.h"

static char message[WIRE_MAX];

static struct unpack
read_copy(const struct pack *m, size_t len, char **ret_block)
{
	*ret_block = malloc(len + 1);
	memcpy(*ret_block, m->p, len);
	return (struct unpack){ .rest = { *ret_block, len } };
}

static const struct question mail_question = {
	.kind = QUESTION_MAIL,
	.address = { "ann@a.example", 13 },
	.size = 1000,
	.mail = {
	    .verb = "MAIL",
	    .protocol = "ESMTP",
	    .body_type = "8BITMIME",
	    .dsn_return = "HDRS",
	    .helo = { "a.example", 9 },
	    .envelope_id = { "x", 1 },
	},
};

static void
write_question(struct pack *m, const struct question *q)
{
	wire_begin(m, WIRE_ASK);
	wire_write_question(m, q);
	cr_assert(!m->failed);
}

Test(wire, carries_a_question)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct question q;
	struct unpack u;
	char *block;

	write_question(&m, &mail_question);
	u = read_copy(&m, m.len, &block);
	cr_assert_eq(wire_kind(&u), WIRE_ASK);
	cr_assert(wire_read_question(&u, &q));
	cr_assert_eq(q.kind, QUESTION_MAIL);
	cr_assert(span_is(q.address, "ann@a.example"));
	cr_assert_eq(q.size, 1000);
	cr_assert_str_eq(q.mail.verb, "MAIL");
	cr_assert_str_eq(q.mail.body_type, "8BITMIME");
	cr_assert_str_eq(q.mail.dsn_return, "HDRS");
	cr_assert(span_is(q.mail.helo, "a.example"));
	cr_assert(span_is(q.mail.envelope_id, "x"));
	free(block);
}

Test(wire, reads_no_question_that_is_cut)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct question q;

	write_question(&m, &mail_question);
	for (size_t len = 0; len < m.len; len++) {
		char *block;
		struct unpack u = read_copy(&m, len, &block);

		wire_kind(&u);
		cr_assert(!wire_read_question(&u, &q), "cut at %zu", len);
		free(block);
	}
}

Test(wire, lets_no_session_say_that_it_has_tls)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct question q = mail_question;
	struct unpack u;
	char *block, *name;

	q.mail.protocol = "ESMTPSA";
	write_question(&m, &q);
	u = read_copy(&m, m.len, &block);
	wire_kind(&u);
	cr_assert(wire_read_question(&u, &q));
	cr_assert_str_eq(q.mail.protocol, "ESMTP");
	free(block);

	name = memmem(m.p, m.len, "ESMTP", 5);
	cr_assert(name);
	memcpy(name, "LMTPS", 5);
	u = read_copy(&m, m.len, &block);
	wire_kind(&u);
	cr_assert(!wire_read_question(&u, &q));
	free(block);
}

Test(wire, reads_no_question_with_words_of_its_own)
{
	static const struct {
		const char *verb, *protocol, *body_type, *dsn_return;
	} words[] = {
		{ "MAUL", "ESMTP", "7BIT", "FULL" },
		{ "MAIL", "ESMTP", "9BIT", "FULL" },
		{ "MAIL", "ESMTP", "7BIT", "SOME" },
		{ "MAIL", "ESMTP", NULL, "FULL" },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct pack m = { .p = message, .size = sizeof message };
		struct question q = mail_question;
		struct unpack u;
		char *block;

		q.mail.verb = words[i].verb;
		q.mail.protocol = words[i].protocol;
		q.mail.body_type = words[i].body_type;
		q.mail.dsn_return = words[i].dsn_return;
		write_question(&m, &q);
		u = read_copy(&m, m.len, &block);
		wire_kind(&u);
		cr_assert(!wire_read_question(&u, &q), "row %zu", i);
		free(block);
	}
}

Test(wire, reads_no_message_of_another_version)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct unpack u = { .rest = { message, 2 } };

	wire_begin(&m, WIRE_DROP);
	message[0]++;
	cr_assert_eq(wire_kind(&u), 0);
}

Test(wire, carries_an_answer_with_its_mailboxes)
{
	struct pack m = { .p = message, .size = sizeof message };
	static struct answer a, b;
	char cause[WIRE_CAUSE_MAX], *block;
	struct unpack u;
	bool is_open = false;

	answer_clear(&a);
	answer_say_own(&a, 250, "2.1.5", "As you like");
	cr_assert(answer_add_mailbox(&a, "one@b.example"));
	cr_assert(answer_add_mailbox(&a, "two@b.example"));
	wire_begin(&m, WIRE_ANSWER);
	wire_write_answer(&m, &a, true, "");
	cr_assert(!m.failed);
	for (size_t len = 0; len < m.len; len++) {
		u = read_copy(&m, len, &block);
		wire_kind(&u);
		cr_assert(!wire_read_answer(&u, &b, &is_open, cause));
		free(block);
	}
	u = read_copy(&m, m.len, &block);
	cr_assert_eq(wire_kind(&u), WIRE_ANSWER);
	cr_assert(wire_read_answer(&u, &b, &is_open, cause));
	cr_assert(is_open);
	cr_assert_eq(b.code, 250);
	cr_assert_str_eq(b.detail, "As you like");
	cr_assert_eq(b.nmailboxes, 2);
	cr_assert_str_eq(answer_next_mailbox(&b, NULL), "one@b.example");
	free(block);
}

/* The head of the last message of a mail with so many recipients. */
static void
write_last(struct pack *m, unsigned nrecipients)
{
	static struct header header;
	const struct recipient r = { .forward_path = "bob@b.example" };
	const struct wire_mail mail = { .size = 2, .header = &header };

	header_start(&header);
	header_feed(&header, (struct span){ "Subject: hi\r\n\r\n", 15 });
	header_end(&header);
	header.size = 2;
	wire_begin(m, WIRE_PIECE);
	for (unsigned i = 0; i < nrecipients; i++)
		cr_assert(wire_add_recipient(m, &r));
	wire_end_recipients(m);
	wire_make_last(m, &mail);
	cr_assert(!m->failed);
}

static bool
read_last(struct unpack *u, unsigned max, struct envelope *e)
{
	static struct header header;
	struct wire_mail mail;

	return wire_kind(u) == WIRE_LAST && wire_read_recipients(u, max, e) &&
	       wire_read_mail(u, &mail, &header);
}

Test(wire, carries_a_mail)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct envelope e = { .nrecipients = 0 };
	struct unpack u;
	char *block;

	write_last(&m, 2);
	pack_u8(&m, 'h');
	u = read_copy(&m, m.len, &block);
	cr_assert(read_last(&u, 2, &e));
	cr_assert_eq(u.rest.len, 1, "the rest is data");
	cr_assert_eq(e.nrecipients, 2);
	cr_assert_str_eq(e.recipients[1].forward_path, "bob@b.example");
	free(block);
	envelope_free(&e);
}

Test(wire, reads_no_more_recipients_than_there_may_be)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct envelope e = { .nrecipients = 0 };
	struct unpack u;
	char *block;

	write_last(&m, 2);
	u = read_copy(&m, m.len, &block);
	cr_assert(!read_last(&u, 1, &e));
	free(block);
	envelope_free(&e);
}

Test(wire, reads_no_mail_that_is_cut)
{
	struct pack m = { .p = message, .size = sizeof message };

	write_last(&m, 1);
	for (size_t len = 0; len < m.len; len++) {
		struct envelope e = { .nrecipients = 0 };
		char *block;
		struct unpack u = read_copy(&m, len, &block);

		cr_assert(!read_last(&u, 9, &e), "cut at %zu", len);
		free(block);
		envelope_free(&e);
	}
}

Test(wire, leaves_room_for_the_rest_behind_many_recipients)
{
	struct pack m = { .p = message, .size = sizeof message };
	const struct recipient r = { .forward_path = "bob@b.example" };
	unsigned n = 0;

	wire_begin(&m, WIRE_PIECE);
	while (wire_add_recipient(&m, &r))
		n++;
	cr_assert_gt(n, 1000);
	cr_assert_leq(m.len + 1 + WIRE_MAIL_MAX, sizeof message);
	cr_assert(!m.failed);
}

Test(wire, carries_a_result)
{
	struct pack m = { .p = message, .size = sizeof message };
	const struct wire_result full = { .verdict = VERDICT_FULL,
		.cause = "no room" };
	struct wire_result r;
	struct unpack u = { .rest = { message, 0 } };

	wire_begin(&m, WIRE_RESULT);
	wire_write_result(&m, &full);
	u.rest.len = m.len;
	cr_assert_eq(wire_kind(&u), WIRE_RESULT);
	cr_assert(wire_read_result(&u, &r));
	cr_assert_eq(r.verdict, VERDICT_FULL);
	cr_assert_str_eq(r.cause, "no room");
}

/* Whatever comes, reading ends, and stays inside the message. */
Test(wire, survives_any_octets)
{
	static struct answer a;
	unsigned seed = 1;

	for (int i = 0; i < 200000; i++) {
		size_t len = (size_t)rand_r(&seed) % 64;
		char *block = malloc(len + 1), cause[WIRE_CAUSE_MAX];
		struct unpack u = { .rest = { block, len } };
		struct envelope e = { .nrecipients = 0 };
		struct wire_result r;
		struct question q;
		bool is_open;

		for (size_t j = 0; j < len; j++)
			block[j] = (char)(rand_r(&seed) % 6);
		if (len > 0)
			block[0] = 1;
		switch (wire_kind(&u)) {
		case WIRE_ASK:
			wire_read_question(&u, &q);
			break;
		case WIRE_ANSWER:
			wire_read_answer(&u, &a, &is_open, cause);
			break;
		case WIRE_RESULT:
			wire_read_result(&u, &r);
			break;
		default:
			u = (struct unpack){ .rest = { block, len } };
			read_last(&u, 9, &e);
		}
		free(block);
		envelope_free(&e);
	}
}
