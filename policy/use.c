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
	};

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		if (strcmp(name, tables[i].name) == 0)
			return tables[i].use;
	}
	return 0;
}

int
policy_read_use(struct store *st, int *ret_used)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_POLICY_USED);
	bool known = false;
	int used = 0, rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	while (sqlite3_step(q) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(q, 0);

		known |= name && strcmp(name, "message") == 0;
		used |= name ? use_of(name) : 0;
	}
	rc = sqlite3_reset(q);
	if (rc == SQLITE_OK)
		*ret_used = known ? used : POLICY_ALL;
	return rc;
}

/*
 * Somebody emptied sqlite_sequence.  This mail brings the row of `message`
 * back, so this must bring back those of the other tables.
 */
static int
repair_sequence(struct store *st)
{
	static const char sql[] =
	    "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM ("
	    " SELECT 'domain' AS name, max(id) AS seq FROM domain UNION ALL"
	    " SELECT 'client_rule', max(id) FROM client_rule UNION ALL"
	    " SELECT 'sender_rule', max(id) FROM sender_rule UNION ALL"
	    " SELECT 'rate_limit', max(id) FROM rate_limit UNION ALL"
	    " SELECT 'quota', max(id) FROM quota UNION ALL"
	    " SELECT 'mailbox', max(id) FROM mailbox)"
	    " WHERE seq NOT NULL"
	    " AND name NOT IN (SELECT name FROM sqlite_sequence)";

	return sqlite3_exec(st->db, sql, NULL, NULL, NULL);
}

int
policy_look(struct store *st, int *ret_used)
{
	int rc = policy_read_use(st, ret_used);

	if (rc == SQLITE_OK && *ret_used & POLICY_NOT_KNOWN)
		rc = repair_sequence(st);
	return rc;
}
