/*
 * Each question reads in one transaction, so it sees one state of the tables.
 * While no table ever had a row, one statement finds that out
 * (database_tables_used), at MAIL and once per group of commands.
 */
#include "../policy.h"

#include <stdlib.h>

#include "private.h"

struct policy *
policy_new(struct database *db)
{
	struct policy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->db = db;
	p->looks = &p->own;
	p->used = -1;
	return p;
}

struct policy *
policy_beside(struct policy *first)
{
	struct policy *p = policy_new(first->db);

	if (p)
		policy_move_beside(p, first);
	return p;
}

void
policy_move_beside(struct policy *p, struct policy *first)
{
	p->db = first->db;
	p->looks = first->looks;
}

void
policy_free(struct policy *p)
{
	free(p);
}

void
policy_refresh(struct policy *p)
{
	p->looks->looked = false;
	p->looks->busy = false;
}

bool
policy_is_open(const struct policy *p)
{
	return p->used == 0;
}

static void
decide_mail(struct decision *d)
{
	static const struct {
		int use;
		void (*decide)(struct decision *);
	} parts[] = {
		{ POLICY_CLIENT_RULES, policy_decide_client },
		{ POLICY_SENDER_RULES, policy_decide_sender },
		{ POLICY_ACCOUNTS, policy_decide_account },
		{ POLICY_QUOTA, policy_decide_quota },
		{ POLICY_RATES, policy_decide_rates },
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (d->lookup.policy->used & parts[i].use &&
		    !answer_refuses(d->answer))
			parts[i].decide(d);
	}
}

static void
decide_rcpt(struct decision *d)
{
	int used = d->lookup.policy->used;

	if (used & POLICY_DOMAINS)
		policy_decide_recipient(d, d->q->address);
	if (used & POLICY_RATES && !answer_refuses(d->answer))
		policy_decide_rates(d);
}

/* The tables that a question reads, and who decides it. */
static const struct {
	int uses;
	void (*decide)(struct decision *);
} kinds[] = {
	[QUESTION_MAIL] = { POLICY_CLIENT_RULES | POLICY_SENDER_RULES |
				POLICY_ACCOUNTS | POLICY_QUOTA | POLICY_RATES,
	    decide_mail },
	[QUESTION_RCPT] = { POLICY_DOMAINS | POLICY_RATES, decide_rcpt },
	[QUESTION_VRFY] = { POLICY_DOMAINS, policy_decide_vrfy },
	[QUESTION_EXPN] = { POLICY_DOMAINS, policy_decide_expn },
};

static int
decide_in_rounds(struct decision *d)
{
	struct database *db = d->lookup.policy->db;
	bool again = true;

	database_begin_rounds(db);
	while (again && d->lookup.rc == DATABASE_OK) {
		answer_clear(d->answer);
		kinds[d->q->kind].decide(d);
		if (d->lookup.rc == DATABASE_OK)
			d->lookup.rc = database_next_round(db, &again);
	}
	return d->lookup.rc;
}

/*
 * Decides, if one of the tables is used.  If some were used the last time, the
 * same transaction looks that up again.
 */
static int
decide_in_transaction(struct decision *d)
{
	struct policy *p = d->lookup.policy;
	bool begun = p->used > 0;
	int rc = begun ? database_begin_read(p->db) : DATABASE_OK;

	if (rc == DATABASE_OK && !p->looks->looked)
		rc = policy_read_use(p, &p->looks->used);
	if (rc != DATABASE_OK)
		return rc;
	p->looks->looked = true;
	p->used = p->looks->used;
	if (p->used & kinds[d->q->kind].uses) {
		if (!begun)
			rc = database_begin_read(p->db);
		if (rc == DATABASE_OK)
			rc = decide_in_rounds(d);
	}
	return rc;
}

static enum verdict
decide(struct decision *d)
{
	struct policy *p = d->lookup.policy;
	enum verdict result = VERDICT_BUSY;
	int rc;

	p->asked = true;
	/* A group may have thousands of commands, of which only one waits. */
	if (!p->looks->busy)
		result = database_open(p->db);
	p->looks->busy = result == VERDICT_BUSY;
	if (result != VERDICT_OK)
		return result;
	rc = decide_in_transaction(d);
	if (rc != DATABASE_OK)
		result = database_fail_code(p->db, "reading the policy", rc);
	database_end_read(p->db);
	p->looks->busy = result == VERDICT_BUSY;
	return result;
}

void
policy_ask(struct policy *p, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	struct decision d = {
		.lookup = { p, DATABASE_OK },
		.asker = asker,
		.q = q,
		.answer = ret,
	};

	answer_clear(ret);
	if (policy_lacks_account(asker, q)) {
		answer_say(ret, REPLY_AUTH_REQUIRED, "");
		return;
	}
	/* No table was used at MAIL, so none counts for this mail. */
	if (q->kind == QUESTION_RCPT && p->used == 0)
		return;
	ret->verdict = decide(&d);
	if (ret->verdict != VERDICT_OK || answer_refuses(ret))
		return;
	if (q->kind == QUESTION_MAIL)
		ret->verdict = policy_check_disk(p, q->size);
	/* Without a domain there is no list. */
	if (q->kind == QUESTION_EXPN && ret->nmailboxes == 0)
		answer_say(ret, REPLY_NO_LIST, "");
}
