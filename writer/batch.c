/*
 * One transaction for all mails at hand.  A savepoint keeps each mail's
 * trouble its own; but a full disk, an I/O error or a lack of memory may take
 * the whole transaction back (sqlite.org/lang_transaction.html, s. 3), and then
 * the others are done again.
 *
 * A big mail is alone in its transaction: its commit is long, and small ones
 * need not wait in the same queue.
 */
#include <stdio.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/trace.h"
#include "private.h"

enum {
	/* What one transaction holds of small mails, about. */
	BATCH_OCTETS = 4 * 1024 * 1024,
};

void
batch_start(struct writer *w)
{
	w->small.end = &w->small.first;
	w->big.end = &w->big.first;
}

void
batch_add(struct client *c)
{
	struct queue *q = c->granted ? &c->writer->big : &c->writer->small;

	c->next = NULL;
	*q->end = c;
	q->end = &c->next;
}

struct client *
batch_take(struct queue *q, struct store *store)
{
	struct client *first = q->first, *last = first;
	uint64_t octets = first->envelope.size;

	while (last->next && !first->granted) {
		octets += last->next->envelope.size;
		if (octets > BATCH_OCTETS)
			break;
		last = last->next;
	}
	q->first = last->next;
	last->next = NULL;
	if (!q->first)
		q->end = &q->first;
	for (struct client *c = first; c; c = c->next)
		store_move_beside(c->store, store);
	return first;
}

static void
note_failure(struct client *c, enum verdict verdict)
{
	c->result.verdict = verdict;
	snprintf(c->result.cause, sizeof c->result.cause, "%s",
	    store_error(c->store));
}

static enum verdict
insert(struct client *c)
{
	const struct writer_conf *conf = c->writer->conf;
	const struct trace_mail lines = {
		.envelope = &c->envelope,
		.peer = &c->peer,
		.facts = &c->facts,
		.hostname = conf->hostname,
		.received_at = clock_us(),
		.header = conf->submission ? &c->header : NULL,
		.process_id = (long)getpid(),
	};
	struct store_mail mail = store_mail_of(&lines, &c->header);

	mail.dedupe_sec = conf->dedupe_sec;
	mail.changes = c->changes;
	if (c->quarantine[0] != '\0')
		mail.quarantine = c->quarantine;
	return store_insert(c->store, &mail, &c->result.id);
}

/*
 * Inserts those that have not failed.  False: the transaction is lost, with
 * one more that has failed, or that is found when they are inserted again.
 */
static bool
insert_all(struct client *first)
{
	bool one = !first->next;

	for (struct client *c = first; c; c = c->next) {
		enum verdict verdict;

		if (c->result.verdict != VERDICT_OK)
			continue;
		verdict = one ? VERDICT_OK : store_save(c->store);
		if (verdict == VERDICT_OK)
			verdict = insert(c);
		c->result.again = store_was_known(c->store);
		if (!one && verdict != VERDICT_OK &&
		    store_can_single_out(c->store))
			return false;
		if (verdict != VERDICT_OK)
			note_failure(c, verdict);
		if (!one && !store_settle(c->store, verdict == VERDICT_OK))
			return false;
	}
	return true;
}

static bool
is_anything_left(const struct client *first)
{
	for (; first; first = first->next) {
		if (first->result.verdict == VERDICT_OK)
			return true;
	}
	return false;
}

static void
fail_the_rest(struct client *first, enum verdict verdict)
{
	for (struct client *c = first; c; c = c->next) {
		if (c->result.verdict == VERDICT_OK)
			note_failure(c, verdict);
	}
}

static int
count(const struct client *first)
{
	int n = 0;

	for (; first; first = first->next)
		n++;
	return n;
}

/* Each round commits, finds one more that has failed, or is there to find it. */
static void
commit_all(struct store *store, struct client *first)
{
	while (is_anything_left(first)) {
		enum verdict verdict = store_begin(store, count(first));

		if (verdict == VERDICT_OK && !insert_all(first)) {
			store_abandon(store);
			continue;
		}
		if (verdict == VERDICT_OK && !is_anything_left(first)) {
			store_abandon(store);
			return;
		}
		if (verdict == VERDICT_OK)
			verdict = store_end(store);
		if (verdict != VERDICT_OK && first->next &&
		    store_can_single_out(store))
			continue;
		if (verdict != VERDICT_OK)
			fail_the_rest(first, verdict);
		return;
	}
}

void
batch_commit(struct store *store, struct client *first)
{
	for (struct client *c = first; c; c = c->next)
		c->result = (struct wire_result){ .verdict = VERDICT_OK };
	commit_all(store, first);
}
