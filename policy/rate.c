/*
 * How much may come in a time.  count.c fills the windows of rate_limit.  This
 * reads them before the mail is counted, so mails that arrive at the same time
 * can exceed a limit together.
 */
#include <stdio.h>
#include <string.h>

#include "../mail/plural.h"
#include "private.h"

const char *const policy_scopes[] = { "client", "sender", "total" };

void
policy_write_client(const char *address, char ret[IP_TEXT_SIZE])
{
	struct ip ip;

	if (ip_read(address, &ip))
		ip_write_source(&ip, ret);
	else
		snprintf(ret, IP_TEXT_SIZE, "%s", address);
}

/* Only these scopes are counted with the mail. */
static void
note_scope(struct policy *p, const char *scope, int64_t ends_at)
{
	for (int i = 0; i < POLICY_NSCOPES; i++) {
		if (strcmp(scope, policy_scopes[i]) != 0)
			continue;
		p->limited |= 1 << i;
		p->window_ends[i] = ends_at;
	}
}

/* Would one more mail with so many recipients exceed the limit? */
static bool
is_over(struct statement *limit, uint64_t nrecipients, uint64_t size)
{
	return policy_exceeds(limit, 1, 1) ||
	       policy_exceeds(limit, 3, nrecipients) ||
	       policy_exceeds(limit, 5, size);
}

static void
refuse(struct decision *d, struct statement *limit)
{
	int64_t ends_at = statement_integer(limit, 7), now = d->asker->now;
	/* No window is open if this mail alone exceeds the limit. */
	int64_t seconds = ends_at > now ? ends_at - now : 1;
	char wait[32];

	snprintf(wait, sizeof wait, "%lld second%s", (long long)seconds,
	    plural(seconds));
	answer_note_row(d->answer, "rate_limit", lookup_text(limit, 0));
	answer_say(d->answer, REPLY_RATE, wait);
	answer_drop_mailboxes(d->answer);
}

void
policy_decide_rates(struct decision *d)
{
	struct lookup *l = &d->lookup;
	bool is_rcpt = d->q->kind == QUESTION_RCPT;
	uint64_t nrecipients = is_rcpt ? d->q->nrecipients + 1 : 0;
	struct statement *limits =
	    lookup_begin(l, is_rcpt ? SQL_RATES_RCPT : SQL_RATES);
	char client[IP_TEXT_SIZE];

	policy_write_client(d->asker->client_address, client);
	lookup_bind(limits, ":client", span_of(client));
	lookup_bind(limits, ":sender", d->q->sender);
	lookup_bind_integer(limits, ":now", d->asker->now);
	if (!is_rcpt)
		l->policy->limited = 0;
	while (lookup_step(limits)) {
		note_scope(l->policy, lookup_text(limits, 0),
		    statement_integer(limits, 7));
		if (is_over(limits, nrecipients, d->q->size)) {
			refuse(d, limits);
			break;
		}
	}
	lookup_end(l, limits);
}
