#include "transaction.h"

#include <string.h>

enum {
	/* 100 RCPTs always fit (5321 s. 4.5.3.1.8), each to 100 mailboxes. */
	MAILBOXES_MAX = 100 * 100,
};

void
transaction_free(struct transaction *t)
{
	envelope_free(&t->envelope);
}

void
transaction_drop(struct transaction *t)
{
	if (t->envelope.size > 0 && !t->dropped)
		t->must_drop = true;
	t->dropped = true;
}

void
transaction_reset(struct transaction *t)
{
	transaction_drop(t);
	envelope_reset(&t->envelope);
	t->announced_size = 0;
	t->nrcpts = 0;
	t->deferred_recipient = t->refused_recipient = false;
	t->dropped = false;
	t->state = t->greeted ? ST_IDLE : ST_START;
}

void
transaction_forget(struct transaction *t)
{
	t->greeted = t->esmtp = false;
	t->helo[0] = '\0';
	transaction_reset(t);
}

void
transaction_greet(struct transaction *t, struct span name, bool esmtp)
{
	memcpy(t->helo, name.p, name.len);
	t->helo[name.len] = '\0';
	t->esmtp = esmtp;
	t->greeted = true;
	transaction_reset(t);
}

enum reply
transaction_begin(struct transaction *t, const struct question *q)
{
	if (!question_begin_mail(q, &t->envelope)) {
		transaction_reset(t);
		return REPLY_NO_MEMORY;
	}
	t->state = ST_MAIL;
	return REPLY_NONE;
}

enum reply
transaction_add(
    struct transaction *t, const struct question *q, const struct answer *a)
{
	if (!question_add_recipient(q, a, &t->envelope))
		return REPLY_NO_MEMORY;
	t->nrcpts++;
	t->state = ST_RCPT;
	return REPLY_NONE;
}

void
transaction_note_rcpt(struct transaction *t, int code)
{
	if (code >= 500)
		t->refused_recipient = true;
	else if (code >= 400)
		t->deferred_recipient = true;
}

bool
transaction_is_full(const struct transaction *t, unsigned max_recipients)
{
	unsigned n = t->envelope.nrecipients;

	return t->nrcpts >= max_recipients ||
	       (n >= max_recipients && n >= MAILBOXES_MAX);
}

enum reply
transaction_check_text(const struct transaction *t, bool lmtp)
{
	switch (t->state) {
	case ST_RCPT:
	case ST_CHUNKS:
		return REPLY_NONE;
	case ST_MAIL:
		if (lmtp)
			return REPLY_NEEDS_RCPT;
		if (t->refused_recipient)
			return REPLY_NO_RECIPIENTS;
		return t->deferred_recipient ? REPLY_NO_RECIPIENTS_YET
					     : REPLY_NEEDS_RCPT;
	case ST_START:
	case ST_IDLE:
	case ST_DATA:
	case ST_CHUNK:
		break;
	}
	return REPLY_NEEDS_MAIL;
}

bool
transaction_is_binary(const struct transaction *t)
{
	return strcmp(t->envelope.body_type, "BINARYMIME") == 0;
}

bool
transaction_take(struct transaction *t, size_t len, uint64_t max_size)
{
	if (t->dropped)
		return false;
	t->envelope.size += len;
	if (t->envelope.size > max_size)
		transaction_drop(t);
	return !t->dropped;
}
