/*
 * Which reverse-path may be used: the rule of the address decides, or else that
 * of its domain (each by all names of the domain), or else that of "*".
 */
#include <stdio.h>
#include <string.h>

#include "../mail/idn.h"
#include "private.h"

static bool
try_pattern(struct decision *d, const char *pattern)
{
	return policy_try_rule(d, SQL_SENDER_RULE, "sender_rule", pattern);
}

void
policy_decide_sender(struct decision *d)
{
	struct span sender = d->q->address;
	char sent[ANSWER_ADDRESS_SIZE], key[ANSWER_ADDRESS_SIZE];
	struct policy_address a = { .domain = { "", 0 } };
	struct idn_forms forms = { .n = 0 };

	snprintf(sent, sizeof sent, "%.*s", (int)sender.len, sender.p);
	if (try_pattern(d, sent))
		return;
	/* An address without a domain has the host's; <> has none. */
	if (sender.len > 0 &&
	    policy_read_address(sender, d->asker->hostname, &a))
		idn_forms(a.domain, &forms);
	for (unsigned i = 0; i < forms.n; i++) {
		if (policy_join(a.local, a.local_len, forms.form[i], key) &&
		    strcmp(key, sent) != 0 && try_pattern(d, key))
			return;
	}
	for (unsigned i = 0; i < forms.n; i++) {
		if (try_pattern(d, forms.form[i]))
			return;
	}
	try_pattern(d, "*");
}
