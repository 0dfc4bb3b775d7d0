#include "question.h"

#include <string.h>
#include <strings.h>

/* Copies the beginning of a text that is too long. */
static void
copy(char *ret, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(ret, text, len);
	ret[len] = '\0';
}

void
answer_clear(struct answer *a)
{
	a->verdict = VERDICT_OK;
	a->reply = REPLY_NONE;
	a->code = 0;
	a->enhanced[0] = a->detail[0] = a->table[0] = a->key[0] = '\0';
	answer_drop_mailboxes(a);
}

void
answer_say(struct answer *a, enum reply reply, const char *detail)
{
	a->reply = reply;
	a->code = 0;
	copy(a->detail, sizeof a->detail, detail);
}

void
answer_say_own(
    struct answer *a, int code, const char *enhanced, const char *text)
{
	a->code = code;
	copy(a->enhanced, sizeof a->enhanced, enhanced);
	copy(a->detail, sizeof a->detail, text);
}

void
answer_note_row(struct answer *a, const char *table, const char *key)
{
	copy(a->table, sizeof a->table, table);
	copy(a->key, sizeof a->key, key ? key : "");
}

bool
answer_add_mailbox(struct answer *a, const char *mailbox)
{
	size_t size = strlen(mailbox) + 1;

	for (const char *m = NULL; (m = answer_next_mailbox(a, m));) {
		if (strcasecmp(m, mailbox) == 0)
			return true;
	}
	if (a->nmailboxes == ANSWER_MAILBOXES_MAX || size > ANSWER_ADDRESS_SIZE)
		return false;
	memcpy(a->packed + a->packed_len, mailbox, size);
	a->packed_len += (unsigned)size;
	a->nmailboxes++;
	return true;
}

void
answer_drop_mailboxes(struct answer *a)
{
	a->nmailboxes = a->packed_len = 0;
}

const char *
answer_next_mailbox(const struct answer *a, const char *last)
{
	const char *next = last ? last + strlen(last) + 1 : a->packed;

	return next < a->packed + a->packed_len ? next : NULL;
}

struct reply_text
answer_reply(const struct answer *a)
{
	if (a->code != 0)
		return (struct reply_text){ a->code, a->enhanced, "@" };
	return replies[a->reply];
}

bool
answer_refuses(const struct answer *a)
{
	return answer_reply(a).code >= 400;
}

/*
 * Envelopes
 */

/* Copies a text, if there is one.  False: no memory. */
static bool
keep(struct envelope *e, struct span text, const char **ret)
{
	*ret = text.p ? envelope_text(e, text) : NULL;
	return !text.p || *ret;
}

bool
question_begin_mail(const struct question *q, struct envelope *e)
{
	e->verb = q->mail.verb;
	e->protocol = q->mail.protocol;
	e->smtputf8 = q->mail.smtputf8;
	e->requiretls = q->mail.requiretls;
	e->body_type = q->mail.body_type;
	e->dsn_return = q->mail.dsn_return;
	return keep(e, q->mail.helo, &e->helo) &&
	       keep(e, q->address, &e->reverse_path) &&
	       keep(e, q->mail.envelope_id, &e->envelope_id) &&
	       keep(e, q->mail.claimed_as, &e->claimed_as);
}

/* Adds a recipient for each mailbox, all of them or none. */
static bool
add_mailboxes(
    const struct answer *a, const struct recipient *to, struct envelope *e)
{
	unsigned nbefore = e->nrecipients;
	struct recipient r = *to;

	for (const char *m = NULL; (m = answer_next_mailbox(a, m));) {
		r.mailbox = envelope_text(e, span_of(m));
		if (!r.mailbox || envelope_add(e, &r) < 0) {
			e->nrecipients = nbefore;
			return false;
		}
	}
	return a->nmailboxes > 0 || envelope_add(e, &r) == 0;
}

bool
question_add_recipient(
    const struct question *q, const struct answer *a, struct envelope *e)
{
	struct recipient r = { .added = q->added };

	return keep(e, q->address, &r.forward_path) &&
	       keep(e, q->notify, &r.notify) &&
	       keep(e, q->original_recipient, &r.original_recipient) &&
	       add_mailboxes(a, &r, e);
}
