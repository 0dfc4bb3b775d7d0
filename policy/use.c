/*
 * Which of the policy's tables are used, so that a host that uses none pays for
 * none.  sqlite_sequence says so in one page: a table has a row there from its
 * first row on.
 */
#include <string.h>

#include "private.h"

static int
use_of(const char *name)
{
	static const struct {
		const char *name;
		int use;
	} tables[] = {
		{ "domain", POLICY_DOMAINS },
		{ "client_rule", POLICY_CLIENT_RULES },
		{ "sender_rule", POLICY_SENDER_RULES },
		{ "rate_limit", POLICY_RATES },
		{ "quota", POLICY_QUOTA },
		{ "mailbox", POLICY_MAILBOXES },
		{ "account_address", POLICY_ACCOUNTS },
	};

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		if (strcmp(name, tables[i].name) == 0)
			return tables[i].use;
	}
	return 0;
}

int
policy_read_use(struct policy *p, int *ret_used)
{
	struct statement *q = statement_take(p->db, database_tables_used);
	bool known = false;
	int used = 0, rc;

	while (statement_row(q)) {
		const char *name = statement_text(q, 0);

		known |= name && strcmp(name, "message") == 0;
		used |= name ? use_of(name) : 0;
	}
	rc = statement_end(q);
	if (rc == DATABASE_OK)
		*ret_used = known ? used : POLICY_ALL;
	return rc;
}

/*
 * Somebody emptied sqlite_sequence.  This mail brings the row of `message`
 * back, so this must bring back those of the other tables.
 */
static int
repair_sequence(struct policy *p)
{
	static const char sql[] =
	    "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM ("
	    " SELECT 'domain' AS name, max(id) AS seq FROM domain UNION ALL"
	    " SELECT 'client_rule', max(id) FROM client_rule UNION ALL"
	    " SELECT 'sender_rule', max(id) FROM sender_rule UNION ALL"
	    " SELECT 'rate_limit', max(id) FROM rate_limit UNION ALL"
	    " SELECT 'quota', max(id) FROM quota UNION ALL"
	    " SELECT 'mailbox', max(id) FROM mailbox UNION ALL"
	    " SELECT 'account_address', max(id) FROM account_address)"
	    " WHERE seq NOT NULL"
	    " AND name NOT IN (SELECT name FROM sqlite_sequence)";

	return database_run(p->db, sql);
}

void
policy_begin(struct policy *p)
{
	p->looks->counted = false;
}

int
policy_look(struct policy *p)
{
	struct policy_looks *l = p->looks;
	int rc = l->counted ? DATABASE_OK : policy_read_use(p, &l->to_count);

	if (rc == DATABASE_OK && l->to_count & POLICY_NOT_KNOWN)
		return repair_sequence(p);
	l->counted = rc == DATABASE_OK;
	return rc;
}
