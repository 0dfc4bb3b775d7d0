/*
 * The session machine, by a tape (tape.h): whole, octet by octet and cut at
 * line ends, which must all come to the same; octet by octet beside a second
 * opinion (watch.h); and held to what play.h looks at in every case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/player.h"
#include "../support/poor.h"
#include "fuzz.h"
#include "tape.h"
#include "watch.h"

enum {
	QUEUE_SIZE = 256,
	/* What one command can be answered with, EHLO and HELP included. */
	OUTPUT_PER_COMMAND = 4096,
	LONG_TEXT = 420, /* the longest answer that session.h allows */
	/* Which of the codes are 4yz and 5yz. */
	REFUSAL_FIRST = 3,
	NREFUSALS = 9,
};

struct queue {
	struct tape_step steps[QUEUE_SIZE];
	unsigned from, to;
};

struct run {
	struct tape tape;
	struct queue answers, auths, commits;
	unsigned nevents, ncommands;
	struct player *player;
	size_t seen; /* of the output */
	struct watch *watch;
};

static void
push(struct queue *q, struct tape_step step)
{
	if (q->to < QUEUE_SIZE)
		q->steps[q->to++] = step;
}

/* All zero, when there is none. */
static struct tape_step
pop(struct queue *q)
{
	struct tape_step none = { .value = 0 };

	if (q->from == q->to)
		return none;
	none = q->steps[q->from++];
	if (q->from == q->to)
		q->from = q->to = 0;
	return none;
}

/*
 * The world
 */

static void
word_answer(unsigned char value, struct answer *ret)
{
	static const int codes[16] = { 250, 251, 252, 450, 451, 452, 550, 551,
		552, 553, 554, 421, 250, 550, 450, 250 };
	static const char *const enhanced[6] = {
		[2] = "2.1.5", [4] = "4.2.1", [5] = "5.1.1"
	};
	char text[LONG_TEXT + 1] = "text";
	int code = codes[value & 15];

	if (value & 64)
		memset(text, 'x', LONG_TEXT);
	text[LONG_TEXT] = '\0';
	answer_say_own(ret, code, enhanced[code / 100], text);
}

static void
answer(void *context, const struct question *q, struct answer *ret)
{
	struct run *r = context;
	struct tape_step step = pop(&r->answers);
	char mailbox[32];

	(void)q;
	r->nevents++;
	if (step.octet == 'R') {
		word_answer(step.value, ret);
	} else if (step.octet == 'M') {
		for (unsigned i = 0; i < step.value; i++) {
			snprintf(mailbox, sizeof mailbox, "%u@mx.example", i);
			answer_add_mailbox(ret, mailbox);
		}
	} else {
		ret->verdict = tape_verdict(step.value);
	}
}

static enum auth_result
authenticate(void *context, struct span *ret_challenge)
{
	struct run *r = context;
	unsigned value = pop(&r->auths).value;

	r->nevents++;
	*ret_challenge = span_of(value & 64 ? "dGVzdA==" : "");
	return (enum auth_result)((value & 63) % (AUTH_TROUBLE + 1));
}

static bool
refuse(void *context, struct answer *ret)
{
	struct run *r = context;

	if (r->commits.from == r->commits.to ||
	    r->commits.steps[r->commits.from].octet != 'Q')
		return false;
	r->nevents++;
	word_answer(REFUSAL_FIRST + pop(&r->commits).value % NREFUSALS, ret);
	return true;
}

static enum verdict
store(void *context)
{
	struct run *r = context;

	return tape_verdict(pop(&r->commits).value);
}

/*
 * The client
 */

static void
send(struct run *r, struct buffer *burst)
{
	struct watch_reaction reaction;

	if (!r->watch) {
		player_send(r->player, buffer_span(burst));
		buffer_clear(burst);
		return;
	}
	for (size_t i = 0; i < burst->len && !player_closed(r->player); i++) {
		struct buffer *output = player_output(r->player);

		player_send(r->player, (struct span){ burst->p + i, 1 });
		reaction = (struct watch_reaction){
			.said = { output->p + r->seen, output->len - r->seen },
			.closed = player_closed(r->player),
			.secured = player_secured(r->player),
			.mails = player_mails(r->player),
		};
		r->seen = output->len;
		watch_octet(r->watch, burst->p[i], &reaction);
		if (reaction.secured)
			break; /* the rest is lost, as in player_send() */
	}
	buffer_clear(burst);
}

/* Plays the tape to its end. */
static void
play(struct run *r)
{
	struct buffer burst = { .p = NULL };
	enum session_end end = SESSION_EOF;
	bool over = false;

	while (!over) {
		struct tape_step step = tape_next(&r->tape);
		char octet = (char)step.octet;

		switch (step.mark) {
		case TAPE_OCTET:
			r->ncommands += octet == '\n';
			buffer_add(&burst, (struct span){ &octet, 1 });
			break;
		case TAPE_ANSWER:
			push(&r->answers, step);
			break;
		case TAPE_AUTH:
			push(&r->auths, step);
			break;
		case TAPE_COMMIT:
			push(&r->commits, step);
			break;
		case TAPE_POOR:
			poor_begin(step.value & 127, step.value & 128);
			break;
		case TAPE_FLUSH:
			send(r, &burst);
			break;
		case TAPE_STOP:
			end = step.end;
			over = true;
			break;
		case TAPE_OVER:
			over = true;
			break;
		}
	}
	send(r, &burst);
	player_end(r->player, end);
	buffer_free(&burst);
}

static struct player *
run(struct span input, enum play_cut cut, bool watched)
{
	struct run r = { .nevents = 0 };
	const struct play_world world = { .context = &r,
		.answer = answer,
		.store = store,
		.refuse = refuse,
		.authenticate = authenticate };
	struct watch watch;
	size_t bound;

	if (!tape_begin(&r.tape, input))
		return NULL;
	r.player = player_new(&r.tape.conf, cut, &world);
	if (watched) {
		watch_begin(&watch, &r.tape.conf);
		r.watch = &watch;
		r.seen = player_output(r.player)->len;
	}
	play(&r);
	poor_end();
	if (watched)
		watch_end(&watch);
	bound = OUTPUT_PER_COMMAND * (size_t)(2 + r.ncommands + r.nevents);
	fuzz_promise(!player_broken(r.player), player_broken(r.player));
	fuzz_promise(player_output(r.player)->len <= bound,
	    "what is said does not grow without bound");
	return r.player;
}

/*
 * The same from all cuts
 */

static bool
is_same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool
is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static void
compare_mails(const struct mail *a, const struct mail *b)
{
	fuzz_promise(a->nrcpts == b->nrcpts, "as many recipients");
	for (int i = 0; i < SCRIPT_WORD__COUNT; i++)
		fuzz_promise(
		    is_same_text(a->field[i], b->field[i]), "one envelope");
	for (unsigned i = 0; i < a->nrcpts; i++)
		fuzz_promise(
		    is_same_text(a->rcpts[i], b->rcpts[i]), "one recipient");
	fuzz_promise(
	    is_same(buffer_span(&a->body), buffer_span(&b->body)), "one text");
}

static void
compare(struct player *a, struct player *b)
{
	const struct mails *x = player_mails(a), *y = player_mails(b);

	fuzz_promise_of(is_same(buffer_span(player_output(a)),
			    buffer_span(player_output(b))),
	    "how input is cut carries no meaning: ",
	    buffer_span(player_output(b)));
	fuzz_promise(x->nmails == y->nmails, "as many mails");
	for (unsigned i = 0; i < x->nmails; i++)
		compare_mails(&x->mail[i], &y->mail[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span input = { (const char *)data, len };
	struct player *whole = run(input, PLAY_BURSTS, false);

	if (!whole)
		return 0;
	for (int cut = PLAY_BURSTS + 1; cut < PLAY__COUNT; cut++) {
		struct player *again =
		    run(input, (enum play_cut)cut, cut == PLAY_OCTETS);

		compare(whole, again);
		player_free(again);
	}
	player_free(whole);
	return 0;
}
