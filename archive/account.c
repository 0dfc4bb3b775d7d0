/*
 * The accounts of AUTH.
 */
#include <stdio.h>

#include "private.h"

int
archive_account_has(struct archive *a, const char *name)
{
	struct statement *q = statement_take(
	    a->db, "SELECT EXISTS (SELECT 1 FROM account WHERE name = :name)");
	int64_t found = 0;

	statement_bind_text(q, ":name", name);
	if (archive_run_integer(a, q, "account", &found) < 0)
		return -1;
	return found != 0;
}

/* 1; 0: the table does not take it; or -1. */
static int
run(struct archive *a, const char *sql, const struct archive_account *account,
    const char *pattern)
{
	struct statement *q = statement_take(a->db, sql);
	int rc;

	statement_bind_text(q, ":name", account->name);
	statement_bind_text(q, ":verifier", account->verifier);
	statement_bind_text(q, ":subject", account->subject);
	statement_bind_text(q, ":pattern", pattern);
	rc = statement_run(q);
	if (rc == DATABASE_OK)
		return 1;
	archive_fail(a, "account", rc);
	return (rc & 0xff) == DATABASE_CONSTRAINT ? 0 : -1;
}

int
archive_account_put(struct archive *a, const struct archive_account *account,
    char *const *patterns)
{
	int result;

	if (archive_begin(a) < 0)
		return -1;
	/* NULL leaves what an account already has. */
	result = run(a,
	    "INSERT INTO account (name, verifier, subject)"
	    " VALUES (:name, :verifier, :subject)"
	    " ON CONFLICT (name) DO UPDATE SET"
	    " verifier = coalesce(excluded.verifier, account.verifier),"
	    " subject = coalesce(excluded.subject, account.subject)",
	    account, NULL);
	for (; result > 0 && *patterns; patterns++)
		result = run(a,
		    "INSERT INTO account_address (name, pattern)"
		    " VALUES (:name, :pattern) ON CONFLICT DO NOTHING",
		    account, *patterns);
	if (archive_end(a, result > 0 ? result : -1) < 0 && result > 0)
		return -1;
	return result;
}

int
archive_account_remove(
    struct archive *a, const char *name, char *const *patterns)
{
	const struct archive_account account = { .name = name };
	int n = 0;

	if (archive_begin(a) < 0)
		return -1;
	if (!*patterns)
		n = run(a, "DELETE FROM account WHERE name = :name", &account,
		    NULL);
	if (n > 0)
		n = database_changes(a->db);
	for (; n >= 0 && *patterns; patterns++) {
		if (run(a,
			"DELETE FROM account_address WHERE name = :name"
			" AND pattern COLLATE NOCASE"
			" = :pattern COLLATE NOCASE",
			&account, *patterns) <= 0)
			n = -1;
		else
			n += database_changes(a->db);
	}
	return archive_end(a, n);
}

int
archive_account_list(
    struct archive *a, void (*one)(void *, const char *const *), void *context)
{
	struct statement *q = statement_take(a->db,
	    "SELECT name, CASE WHEN verifier IS NOT NULL THEN 'yes' END, "
	    "subject,"
	    " (SELECT group_concat(pattern, ' ') FROM (SELECT pattern"
	    "  FROM account_address WHERE account_address.name = account.name"
	    "  ORDER BY id) AS a)"
	    " FROM account ORDER BY name");
	const char *row[ARCHIVE_ACCOUNT_COLUMNS];
	int rc;

	while (statement_row(q)) {
		for (int i = 0; i < ARCHIVE_ACCOUNT_COLUMNS; i++)
			row[i] = statement_text(q, i);
		one(context, row);
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "account", rc);
}

int
archive_auth(struct archive *a, int64_t now, struct archive_auth *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT (SELECT count(*) FROM account),"
	    " (SELECT count(*) FROM mailbox WHERE authenticated = 1)"
	    " + (SELECT count(*) FROM sender_rule WHERE authenticated = 1),"
	    " (SELECT count(*) FROM account_address"
	    "  WHERE name NOT IN (SELECT name FROM account)),"
	    " coalesce(sum(messages), 0), count(*), max(messages),"
	    " (SELECT key FROM rate_count WHERE scope = 'auth'"
	    "  AND ends_at > :now ORDER BY messages DESC LIMIT 1)"
	    " FROM rate_count WHERE scope = 'auth' AND ends_at > :now");
	const char *key;
	int rc;

	*ret = (struct archive_auth){ 0 };
	statement_bind_integer(q, ":now", now);
	if (statement_row(q)) {
		ret->accounts = statement_integer(q, 0);
		ret->asking = statement_integer(q, 1);
		ret->lost_bindings = statement_integer(q, 2);
		ret->guesses = statement_integer(q, 3);
		ret->guessers = statement_integer(q, 4);
		ret->most = statement_integer(q, 5);
		key = statement_text(q, 6);
		snprintf(ret->most_from, sizeof ret->most_from, "%s",
		    key ? key : "");
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "account", rc);
}
