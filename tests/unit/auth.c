/*
 * The messages of mail/auth.h.  What comes of them is in tests/system/auth.py.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/auth.h"
#include "../../session/line.h"

static char message[AUTH_MESSAGE_MAX];

static struct unpack
written(const struct pack *m)
{
	cr_assert(!m->failed);
	return (struct unpack){ .rest = { m->p, m->len } };
}

static bool
reads_step(struct span mechanism, struct span response)
{
	struct pack m = { .p = message, .size = sizeof message };
	const struct auth_step step = { mechanism, response };
	struct auth_step got;
	struct span subject;
	struct unpack in;

	auth_write_step(&m, &step, span_of("/CN=x"));
	in = written(&m);
	return auth_read_step(&in, &got, &subject) && subject.len == 5 &&
	       got.mechanism.len == mechanism.len &&
	       !got.response.p == !response.p &&
	       got.response.len == response.len;
}

Test(auth, carries_a_step)
{
	const struct span none = { NULL, 0 };
	static char longest[BASE64_LINE_MAX + 1];

	memset(longest, 'A', sizeof longest);
	cr_expect(reads_step(span_of("PLAIN"), none));
	cr_expect(reads_step(span_of("PLAIN"), span_of("")));
	cr_expect(reads_step(none, (struct span){ longest, BASE64_LINE_MAX }));
	cr_expect(!reads_step(none, none));
	cr_expect(!reads_step(none, span_of("no base64")));
	cr_expect(!reads_step(none, (struct span){ longest, 1 }));
	cr_expect(!reads_step(span_of("A-MECHANISM-THAT-IS-LONG"), none));
}

static bool
reads_answer(const struct auth_answer *a)
{
	struct pack m = { .p = message, .size = sizeof message };
	struct auth_answer got;
	struct unpack in;

	auth_write_answer(&m, a);
	in = written(&m);
	return auth_read_answer(&in, &got) && got.result == a->result &&
	       got.wait_ms == a->wait_ms;
}

Test(auth, carries_an_answer)
{
	const struct span text = { "YW5u", 4 }, none = { NULL, 0 };

	cr_expect(
	    reads_answer(&(struct auth_answer){ AUTH_MORE, text, none, 0 }));
	cr_expect(
	    reads_answer(&(struct auth_answer){ AUTH_DONE, none, text, 0 }));
	cr_expect(reads_answer(
	    &(struct auth_answer){ AUTH_REFUSED, none, none, 8000 }));
	cr_expect(
	    !reads_answer(&(struct auth_answer){ AUTH_MORE, none, none, 0 }));
	cr_expect(!reads_answer(
	    &(struct auth_answer){ AUTH_MORE, span_of("no"), none, 0 }));
	cr_expect(
	    !reads_answer(&(struct auth_answer){ AUTH_DONE, none, none, 0 }));
	cr_expect(!reads_answer(
	    &(struct auth_answer){ AUTH_REFUSED, none, none, 100000000 }));
}

/* Reading ends, and stays inside the message. */
Test(auth, survives_any_octets)
{
	unsigned seed = 1;

	for (int i = 0; i < 100000; i++) {
		size_t len = (size_t)rand_r(&seed) % 40;
		char *block = malloc(len + 1);
		struct unpack u = { .rest = { block, len } };
		struct auth_step step;
		struct auth_answer answer;
		struct span subject;

		for (size_t j = 0; j < len; j++)
			block[j] = (char)(rand_r(&seed) % 5);
		auth_read_step(&u, &step, &subject);
		u = (struct unpack){ .rest = { block, len } };
		auth_read_answer(&u, &answer);
		free(block);
	}
}

/* What is logged of a command. */
Test(auth, shows_no_password)
{
	static const char *const rows[][2] = {
		{ "AUTH PLAIN AGFubgBzZWNyZXQ=", "AUTH PLAIN" },
		{ "auth  scram-sha-256  biws ", "auth  scram-sha-256" },
		{ "AUTH X-1_2 =", "AUTH X-1_2" },
		{ "AUTH", "AUTH" },
		/* It stands where the mechanism should. */
		{ "AUTH AGFubgBzZWNyZXQ=", "AUTH" },
		{ "AUTH AAAAAAAAAAAAAAAAAAAAA", "AUTH" },
		{ "MAIL FROM:<a@b> AUTH=x", "MAIL FROM:<a@b> AUTH=x" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span got = line_to_show(span_of(rows[i][0]));

		cr_expect(got.len == strlen(rows[i][1]) &&
			      memcmp(got.p, rows[i][1], got.len) == 0,
		    "%s: \"%.*s\"", rows[i][0], (int)got.len, got.p);
	}
}
