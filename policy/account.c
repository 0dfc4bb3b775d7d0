/*
 * Who has to authenticate, and which reverse-paths an account may use: those of
 * account_address, each by all names of its domain; an account without any may
 * use all.  <> says nothing of who sends.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/idn.h"
#include "private.h"

bool
policy_is_authenticated(const struct policy_asker *asker)
{
	return asker->account && *asker->account;
}

/* With --auth=any all claims are accepted, so a claim is enough. */
bool
policy_lacks_account(const struct policy_asker *asker, const struct question *q)
{
	return asker->auth_required && !policy_is_authenticated(asker) &&
	       q->kind != QUESTION_RCPT && !q->mail.claimed_as.p;
}

/* Is it the sender, by one of the names of its domain, or that domain? */
static bool
fits(const char *pattern, const struct policy_address *a,
    const struct idn_forms *forms)
{
	char key[ANSWER_ADDRESS_SIZE];

	for (unsigned i = 0; i < forms->n; i++) {
		if (strcasecmp(pattern, forms->form[i]) == 0)
			return true;
		if (policy_join(a->local, a->local_len, forms->form[i], key) &&
		    strcasecmp(pattern, key) == 0)
			return true;
	}
	return false;
}

void
policy_decide_account(struct decision *d)
{
	struct policy_address a = { .domain = { "", 0 } };
	struct idn_forms forms = { .n = 0 };
	bool is_bound = false, is_its_own = false;
	struct statement *rows;

	if (!policy_is_authenticated(d->asker) || d->q->address.len == 0)
		return;
	if (policy_read_address(d->q->address, d->asker->hostname, &a))
		idn_forms(a.domain, &forms);
	rows = lookup_begin(&d->lookup, SQL_ACCOUNT_ADDRESSES);
	lookup_bind(rows, ":name", span_of(d->asker->account));
	while (!is_its_own && lookup_step(rows)) {
		is_bound = true;
		is_its_own = fits(lookup_text(rows, 0), &a, &forms);
	}
	lookup_end(&d->lookup, rows);
	if (!is_bound)
		return;
	answer_note_row(d->answer, "account", d->asker->account);
	if (!is_its_own)
		answer_say(d->answer, REPLY_NOT_YOURS, "");
}
