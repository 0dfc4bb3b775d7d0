/*
 * deliver --lmtp.  A server can take a mail for some recipients and not for
 * others.  Each recipient that has it is kept as a consumer "NAME#POSITION",
 * until all have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "../clock.h"
#include "deliver.h"
#include "distinct.h"
#include "lmtp.h"

static char *
name_part(const struct delivery *d, unsigned i)
{
	char *name;

	return asprintf(&name, "%s#%u", d->consumer, i + 1) < 0 ? NULL : name;
}

/* Reads which recipients got the mail in an earlier try.  Returns 0 or -1. */
static int
read_parts(const struct delivery *d, const struct archive_mail *m, bool *had)
{
	struct archive *a = d->t->archive;
	int result = archive_is_done(a, d->consumer, m->id);

	if (result != 0) /* all have it, and are to have it again */
		return result < 0 ? -1 : 0;
	for (unsigned i = 0; i < m->envelope.nrecipients && result >= 0; i++) {
		char *name = name_part(d, i);

		result = name ? archive_is_done(a, name, m->id) : -1;
		had[i] = result > 0;
		free(name);
	}
	return result < 0 ? -1 : 0;
}

static int
keep_parts(const struct delivery *d, const struct archive_mail *m,
    const bool *before, const bool *had)
{
	int result = 0;

	for (unsigned i = 0; i < m->envelope.nrecipients && result >= 0; i++) {
		char *name;

		if (before[i] || !had[i])
			continue;
		name = name_part(d, i);
		result = name ? archive_done(d->t->archive, name, m->id,
				    clock_us() / 1000000)
			      : -1;
		free(name);
	}
	return result < 0 ? -1 : 0;
}

/* The first recipient that goes to the same mailbox. */
static unsigned
first_twin(const struct envelope *e, unsigned i)
{
	unsigned first = 0;

	while (strcasecmp(recipient_mailbox(&e->recipients[first]),
		   recipient_mailbox(&e->recipients[i])) != 0)
		first++;
	return first;
}

/* A mailbox that several recipients lead to gets the mail once. */
static void
pass_over_twins(const struct envelope *e, bool *had)
{
	struct distinct seen = { 0 };

	for (unsigned i = 0; i < e->nrecipients; i++) {
		if (distinct_add(&seen, recipient_mailbox(&e->recipients[i])))
			continue;
		had[first_twin(e, i)] |= had[i];
		had[i] = true;
	}
	distinct_reset(&seen);
}

static void
agree_with_twins(const struct envelope *e, bool *had)
{
	struct distinct seen = { 0 };

	for (unsigned i = 0; i < e->nrecipients; i++) {
		if (!distinct_add(&seen, recipient_mailbox(&e->recipients[i])))
			had[i] = had[first_twin(e, i)];
	}
	distinct_reset(&seen);
}

int
deliver_by_lmtp(
    const struct delivery *d, const struct archive_mail *m, bool *ret_lost)
{
	unsigned n = m->envelope.nrecipients;
	bool *had = calloc(2 * (size_t)n + 1, sizeof *had);
	bool *before;
	int status;

	if (!had)
		return smtpdb_fail_errno(EX_OSERR, "LMTP");
	before = had + n;
	if (read_parts(d, m, had) < 0) {
		status = smtpdb_fail_archive(d->t);
	} else {
		memcpy(before, had, n * sizeof *had);
		pass_over_twins(&m->envelope, had);
		status = lmtp_deliver(d->lmtp, m, had, ret_lost);
		agree_with_twins(&m->envelope, had);
		if (status != EX_OK && keep_parts(d, m, before, had) < 0)
			status = smtpdb_fail_archive(d->t);
	}
	free(had);
	return status;
}
