#include "mails.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
grow(void *array, unsigned nold, size_t size)
{
	array = reallocarray(array, nold + 1, size);
	if (!array)
		abort();
	return array;
}

struct mail *
mails_add(struct mails *m)
{
	m->mail = grow(m->mail, m->nmails, sizeof *m->mail);
	m->mail[m->nmails] = (struct mail){ .rcpts = NULL };
	return &m->mail[m->nmails++];
}

void
mail_set(struct mail *mail, enum script_word word, const char *text)
{
	free(mail->field[word]);
	mail->field[word] = text ? strdup(text) : NULL;
	if (text && !mail->field[word])
		abort();
}

void
mail_add_rcpt(struct mail *mail, const struct recipient *r)
{
	const char *path = r->forward_path;
	bool elsewhere = r->mailbox && strcmp(r->mailbox, path) != 0;
	char *text;

	if (asprintf(&text, "%s%s%s%s%s%s%s", path, r->notify ? " NOTIFY=" : "",
		r->notify ? r->notify : "",
		r->original_recipient ? " ORCPT=" : "",
		r->original_recipient ? r->original_recipient : "",
		elsewhere ? " -> " : "", elsewhere ? r->mailbox : "") < 0)
		abort();
	mail->rcpts = grow(mail->rcpts, mail->nrcpts, sizeof *mail->rcpts);
	mail->rcpts[mail->nrcpts++] = text;
}

static void
free_mail(struct mail *mail)
{
	for (size_t i = 0; i < SCRIPT_WORD__COUNT; i++)
		free(mail->field[i]);
	for (unsigned i = 0; i < mail->nrcpts; i++)
		free(mail->rcpts[i]);
	free(mail->rcpts);
	buffer_free(&mail->body);
}

void
mails_copy(struct mails *m, const struct envelope *e, struct span body)
{
	struct mail *mail = mails_add(m);

	mail_set(mail, SCRIPT_FROM, e->reverse_path);
	mail_set(mail, SCRIPT_PROTOCOL, e->protocol);
	mail_set(mail, SCRIPT_HELO, e->helo);
	mail_set(mail, SCRIPT_VERB, e->verb);
	mail_set(mail, SCRIPT_BODY_TYPE, e->body_type);
	mail_set(mail, SCRIPT_ENVID, e->envelope_id);
	mail_set(mail, SCRIPT_RET, e->dsn_return);
	mail_set(mail, SCRIPT_SMTPUTF8, e->smtputf8 ? "1" : NULL);
	mail_set(mail, SCRIPT_REQUIRETLS, e->requiretls ? "1" : NULL);
	mail_set(mail, SCRIPT_BARE_LINE_ENDS, e->bare_line_ends ? "1" : NULL);
	mail_set(mail, SCRIPT_CLAIMED_AS, e->claimed_as);
	for (unsigned i = 0; i < e->nrecipients; i++)
		mail_add_rcpt(mail, &e->recipients[i]);
	buffer_add(&mail->body, body);
}

void
mails_free(struct mails *m)
{
	for (unsigned i = 0; i < m->nmails; i++)
		free_mail(&m->mail[i]);
	free(m->mail);
	*m = (struct mails){ .mail = NULL };
}

/* Is the mail being listed, if any, listed to its end? */
static bool
match_rest(const struct mails *m, const struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error)
{
	const struct mail *mail;
	struct span rest;

	if (c->nmails == 0)
		return true;
	mail = &m->mail[c->nmails - 1];
	if (c->nrcpts < mail->nrcpts)
		return script_fault_at(ret_error, s, step,
		    "stored and not listed: rcpt",
		    span_of(mail->rcpts[c->nrcpts]));
	rest = buffer_span(&mail->body);
	rest.p += c->body_len;
	rest.len -= c->body_len;
	if (rest.len > 0)
		return script_fault_at(
		    ret_error, s, step, "stored and not listed: body", rest);
	return true;
}

bool
mails_match_all(const struct mails *m, const struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error)
{
	const char *from;

	if (!match_rest(m, c, s, step, ret_error))
		return false;
	if (c->nmails == m->nmails)
		return true;
	from = m->mail[c->nmails].field[SCRIPT_FROM];
	return script_fault_at(ret_error, s, step,
	    "stored and not listed: from", span_of(from ? from : ""));
}

static bool
match_text(const char *text, const struct script *s,
    const struct script_step *step, struct script_error *ret_error)
{
	struct span got = span_of(text ? text : "");

	if (got.len == step->text.len &&
	    memcmp(got.p, step->text.p, got.len) == 0)
		return true;
	return script_mismatch(ret_error, s, step, got);
}

static bool
match_rcpt(const struct mail *mail, struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error)
{
	if (c->nrcpts == mail->nrcpts)
		return script_fault(
		    ret_error, s, step, "the mail has no further recipient");
	return match_text(mail->rcpts[c->nrcpts++], s, step, ret_error);
}

static bool
match_body(const struct mail *mail, struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error)
{
	struct span got = buffer_span(&mail->body);

	got.p += c->body_len;
	got.len -= c->body_len;
	if (got.len > step->text.len)
		got.len = step->text.len;
	if (got.len < step->text.len ||
	    memcmp(got.p, step->text.p, got.len) != 0)
		return script_mismatch(ret_error, s, step, got);
	c->body_len += got.len;
	return true;
}

bool
mails_match(const struct mails *m, struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error)
{
	const struct mail *mail = m->mail;

	if (step->word == SCRIPT_NONE)
		return mails_match_all(m, c, s, step, ret_error);
	if (step->word == SCRIPT_FROM) {
		if (!match_rest(m, c, s, step, ret_error))
			return false;
		if (c->nmails == m->nmails)
			return script_fault(
			    ret_error, s, step, "no such mail is stored");
		*c = (struct mails_cursor){ .nmails = c->nmails + 1 };
	}
	if (c->nmails == 0)
		return script_fault(
		    ret_error, s, step, "\"= from\" must come first");

	mail += c->nmails - 1;
	if (step->word == SCRIPT_RCPT)
		return match_rcpt(mail, c, s, step, ret_error);
	if (step->word == SCRIPT_BODY)
		return match_body(mail, c, s, step, ret_error);
	return match_text(mail->field[step->word], s, step, ret_error);
}

bool
mails_match_script(const struct mails *m, const struct script *s,
    struct script_error *ret_error)
{
	struct mails_cursor c = { 0 };

	for (unsigned i = 0; i < s->nsteps; i++) {
		const struct script_step *step = &s->steps[i];

		if (step->kind != SCRIPT_STORED)
			continue;
		if (step->word == SCRIPT_NONE
			? !match_rest(m, &c, s, step, ret_error)
			: !mails_match(m, &c, s, step, ret_error))
			return false;
	}
	return mails_match_all(m, &c, s, NULL, ret_error);
}
