/*
 * The table account, and how often a client has guessed wrongly: a window of
 * rate_count like those of policy/count.c, with the scope "auth".
 */
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../database.h"
#include "../server/log.h"
#include "private.h"

enum {
	/* Where rate_limit has no row "auth". */
	FAILURES_MAX = 20,
	WINDOW_SEC = 600,
	WAIT_MS = 5000,
};

struct accounts {
	struct database *db;
	bool has_secret;
	char secret[SECRET_LEN];
};

struct accounts *
accounts_open(const char *database)
{
	struct accounts *a = calloc(1, sizeof *a);

	if (a)
		a->db = database_new(database);
	if (!a || !a->db) {
		free(a);
		return NULL;
	}
	database_set_wait(a->db, WAIT_MS);
	return a;
}

static bool
fail(const struct accounts *a)
{
	log_line(LOG_ERR, "accounts: %s", database_error(a->db));
	return false;
}

static bool
fail_sqlite(struct accounts *a, int rc)
{
	database_fail_code(a->db, "reading accounts", rc);
	return fail(a);
}

static bool
read_secret(struct accounts *a)
{
	struct statement *q =
	    statement_take(a->db, "SELECT secret FROM account_secret");
	int rc;

	if (statement_row(q)) {
		struct span secret = statement_blob(q, 0);

		a->has_secret = secret.len == SECRET_LEN;
		if (a->has_secret)
			memcpy(a->secret, secret.p, SECRET_LEN);
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? true : fail_sqlite(a, rc);
}

static int
make_secret(struct accounts *a)
{
	char secret[SECRET_LEN];
	struct statement *s = statement_take(a->db,
	    "INSERT INTO account_secret (id, secret) VALUES (1, :secret)"
	    " ON CONFLICT DO NOTHING");

	if (getrandom(secret, sizeof secret, 0) != sizeof secret) {
		statement_end(s);
		return DATABASE_IO_ERROR;
	}
	statement_bind_blob(
	    s, ":secret", (struct span){ secret, sizeof secret });
	return statement_run(s);
}

/* Makes the secret if no process has done that yet. */
static bool
have_secret(struct accounts *a)
{
	int rc;

	if (a->has_secret || !read_secret(a) || a->has_secret)
		return a->has_secret;
	if (database_begin(a->db) != VERDICT_OK)
		return fail(a);
	rc = make_secret(a);
	if (rc != DATABASE_OK) {
		fail_sqlite(a, rc);
		database_rollback(a->db);
		return false;
	}
	if (database_commit(a->db) != VERDICT_OK)
		return fail(a);
	return read_secret(a) && a->has_secret;
}

static bool
find_text(struct accounts *a, const char *sql, struct span key,
    char ret[VERIFIER_SIZE])
{
	struct statement *q = statement_take(a->db, sql);
	int rc;

	statement_bind_span(q, ":key", key);
	if (statement_row(q)) {
		const char *text = statement_text(q, 0);

		if (text && strlen(text) < VERIFIER_SIZE)
			strcpy(ret, text);
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? true : fail_sqlite(a, rc);
}

bool
accounts_find(struct accounts *a, struct span key, bool by_subject,
    char ret[VERIFIER_SIZE])
{
	char pretended[VERIFIER_SIZE];
	struct verifier v;

	ret[0] = '\0';
	database_leave_if_moved(a->db);
	if (database_open(a->db) != VERDICT_OK)
		return fail(a);
	if (by_subject)
		return find_text(a,
		    "SELECT name FROM account WHERE subject = :key", key, ret);
	/*
	 * Do both for each name, since the time would tell which ones there
	 * are.
	 */
	if (!have_secret(a) || !verifier_pretend(a->secret, key, pretended) ||
	    !find_text(
		a, "SELECT verifier FROM account WHERE name = :key", key, ret))
		return false;
	if (!verifier_read(ret, &v))
		strcpy(ret, pretended);
	return true;
}

/*
 * Guesses
 */

struct window {
	bool is_limited;
	int64_t max, sec, failures;
};

static int
read_window(
    struct accounts *a, const char *key, int64_t now, struct window *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT l.scope, l.max_messages, l.window_sec,"
	    " (SELECT messages FROM rate_count WHERE scope = 'auth'"
	    "  AND key = :key AND ends_at > :now)"
	    " FROM (SELECT 1) AS one LEFT JOIN rate_limit AS l ON l.scope = "
	    "'auth'");

	*ret = (struct window){ true, FAILURES_MAX, WINDOW_SEC, 0 };
	statement_bind_text(q, ":key", key);
	statement_bind_integer(q, ":now", now);
	if (statement_row(q)) {
		if (!statement_is_null(q, 0)) {
			ret->is_limited = !statement_is_null(q, 1);
			ret->max = statement_integer(q, 1);
			ret->sec = statement_integer(q, 2);
		}
		ret->failures = statement_integer(q, 3);
	}
	return statement_end(q);
}

/* Also forgets windows behind this key that are over. */
static int
count_failure(struct accounts *a, const char *key, int64_t now, int64_t sec)
{
	static const char *const sqls[] = {
		"UPDATE rate_count SET messages = messages + 1"
		" WHERE scope = 'auth' AND key = :key AND ends_at > :now",
		"INSERT INTO rate_count"
		" (scope, key, ends_at, messages, recipients, octets)"
		" VALUES ('auth', :key, :now + :sec, 1, 0, 0)"
		" ON CONFLICT (scope, key COLLATE NOCASE) DO UPDATE"
		" SET ends_at = excluded.ends_at, messages = 1",
		"DELETE FROM rate_count WHERE scope = 'auth'"
		" AND ends_at <= :now AND key IN (SELECT key FROM rate_count"
		" WHERE scope = 'auth' AND key > :key LIMIT 64)",
	};

	for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
		struct statement *s = statement_take(a->db, sqls[i]);
		int rc;

		statement_bind_text(s, ":key", key);
		statement_bind_integer(s, ":now", now);
		statement_bind_integer(s, ":sec", sec);
		rc = statement_run(s);
		if (rc != DATABASE_OK ||
		    (i == 0 && database_changes(a->db) > 0))
			return rc;
	}
	return DATABASE_OK;
}

static void
write_source(const struct peer *peer, char ret[IP_TEXT_SIZE])
{
	struct ip ip;

	if (ip_read(peer->address, &ip))
		ip_write_source(&ip, ret);
	else
		snprintf(ret, IP_TEXT_SIZE, "%s", peer->address);
}

static bool
is_over(const struct window *w)
{
	return w->is_limited && w->failures >= w->max;
}

/* Once there are too many, there is nothing more to count. */
static enum auth_result
check_and_count(struct accounts *a, const char *key, int64_t now)
{
	struct window w;
	int rc;

	if (database_begin(a->db) != VERDICT_OK) {
		fail(a);
		return AUTH_TROUBLE;
	}
	rc = read_window(a, key, now, &w);
	if (rc == DATABASE_OK && !is_over(&w))
		rc = count_failure(a, key, now, w.sec);
	if (rc != DATABASE_OK)
		fail_sqlite(a, rc);
	if (rc != DATABASE_OK || is_over(&w)) {
		database_rollback(a->db);
		return rc != DATABASE_OK ? AUTH_TROUBLE : AUTH_TOO_OFTEN;
	}
	if (database_commit(a->db) == VERDICT_OK)
		return AUTH_DONE;
	fail(a);
	return AUTH_TROUBLE;
}

/* Only who has something to count takes the write lock. */
enum auth_result
accounts_check(struct accounts *a, const struct peer *peer, bool failed)
{
	int64_t now = clock_us() / 1000000;
	char key[IP_TEXT_SIZE];
	struct window w;
	int rc;

	write_source(peer, key);
	database_leave_if_moved(a->db);
	if (database_open(a->db) != VERDICT_OK) {
		fail(a);
		return AUTH_TROUBLE;
	}
	if (failed)
		return check_and_count(a, key, now);
	rc = read_window(a, key, now, &w);
	if (rc != DATABASE_OK) {
		fail_sqlite(a, rc);
		return AUTH_TROUBLE;
	}
	return is_over(&w) ? AUTH_TOO_OFTEN : AUTH_DONE;
}
