
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const struct kind {
	const char *table;
	int nkeys;
	const char *columns[RULES_COLUMNS_MAX + 1];
} kinds[RULES__COUNT] = {
	[RULES_DOMAIN] = { "domain", 1, { "name" } },
	[RULES_MAILBOX] = { "mailbox", 1,
	    { "address", "state", "moved_to", "quota_messages", "quota_octets",
		"quota_permanent", "messages", "octets" } },
	[RULES_ALIAS] = { "alias", 2, { "address", "target", "forward" } },
	[RULES_SENDER] = { "sender_rule", 1,
	    { "pattern", "allow", "code", "enhanced", "text" } },
	[RULES_CLIENT] = { "client_rule", 1,
	    { "network", "allow", "code", "enhanced", "text" } },
};

const char *const *
archive_rules_columns(enum archive_rules which)
{
	return kinds[which].columns;
}

int
archive_rules_nkeys(enum archive_rules which)
{
	return kinds[which].nkeys;
}

/* Appends; what is built is bounded by the table above. */
static void
add(char *sql, size_t size, const char *text)
{
	size_t len = strlen(sql);

	snprintf(sql + len, size - len, "%s", text);
}

/* "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET b = ?2". */
static void
write_insert(
    const struct kind *k, const char *const *values, char *sql, size_t size)
{
	char list[512] = "", marks[128] = "", set[512] = "";
	char mark[16];

	for (int i = 0; k->columns[i]; i++) {
		if (!values[i])
			continue;
		snprintf(mark, sizeof mark, "?%d", i + 1);
		add(list, sizeof list, *list ? ", " : "");
		add(list, sizeof list, k->columns[i]);
		add(marks, sizeof marks, *marks ? ", " : "");
		add(marks, sizeof marks, mark);
		if (i < k->nkeys)
			continue;
		add(set, sizeof set, *set ? ", " : "");
		add(set, sizeof set, k->columns[i]);
		add(set, sizeof set, " = ");
		add(set, sizeof set, mark);
	}
	snprintf(sql, size,
	    "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO %s%s", k->table,
	    list, marks, *set ? "UPDATE SET " : "NOTHING", set);
}

static void
bind(sqlite3_stmt *q, const char *const *values, int n)
{
	for (int i = 0; q && i < n; i++) {
		if (values[i])
			sqlite3_bind_text(
			    q, i + 1, values[i], -1, SQLITE_STATIC);
	}
}

int
archive_rules_add(
    struct archive *a, enum archive_rules which, const char *const *values)
{
	const struct kind *k = &kinds[which];
	char sql[2048];
	sqlite3_stmt *q;
	int n = 0, rc;

	while (k->columns[n])
		n++;
	write_insert(k, values, sql, sizeof sql);
	if (archive_begin(a) < 0)
		return -1;
	q = archive_prepare(a, sql);
	if (!q)
		return archive_end(a, -1);
	bind(q, values, n);
	sqlite3_step(q);
	rc = archive_finish(a, q);
	if (rc == SQLITE_OK)
		return archive_end(a, 1);
	archive_fail(a, k->table, rc);
	archive_end(a, -1);
	return (rc & 0xff) == SQLITE_CONSTRAINT ? 0 : -1;
}

int
archive_rules_remove(
    struct archive *a, enum archive_rules which, const char *const *keys)
{
	const struct kind *k = &kinds[which];
	char sql[512];
	sqlite3_stmt *q;
	int n = -1;

	snprintf(sql, sizeof sql, "DELETE FROM %s WHERE %s = ?1%s%s%s",
	    k->table, k->columns[0], k->nkeys > 1 ? " AND (?2 IS NULL OR " : "",
	    k->nkeys > 1 ? k->columns[1] : "", k->nkeys > 1 ? " = ?2)" : "");
	if (archive_begin(a) < 0)
		return -1;
	q = archive_prepare(a, sql);
	bind(q, keys, k->nkeys);
	if (archive_run(a, q, k->table) == 0)
		n = sqlite3_changes(a->store->db);
	return archive_end(a, n);
}

static void
add_row(sqlite3_stmt *q, struct archive_table *t)
{
	size_t cells = (t->nrows + 1) * t->ncolumns;
	char **more = realloc(t->cells, cells * sizeof *more);

	if (!more)
		return;
	t->cells = more;
	for (size_t i = 0; i < t->ncolumns; i++)
		more[t->nrows * t->ncolumns + i] = archive_column(q, (int)i);
	t->nrows++;
}

int
archive_rules_list(
    struct archive *a, enum archive_rules which, struct archive_table *ret)
{
	const struct kind *k = &kinds[which];
	char sql[512] = "SELECT ";
	sqlite3_stmt *q;
	int rc;

	*ret = (struct archive_table){ 0 };
	for (; k->columns[ret->ncolumns]; ret->ncolumns++) {
		add(sql, sizeof sql, ret->ncolumns ? ", " : "");
		add(sql, sizeof sql, k->columns[ret->ncolumns]);
	}
	add(sql, sizeof sql, " FROM ");
	add(sql, sizeof sql, k->table);
	add(sql, sizeof sql, " ORDER BY 1, 2");
	if (ret->ncolumns < 2)
		sql[strlen(sql) - 3] = '\0';
	q = archive_prepare(a, sql);
	if (!q)
		return -1;
	while (sqlite3_step(q) == SQLITE_ROW)
		add_row(q, ret);
	rc = archive_finish(a, q);
	return rc == SQLITE_OK ? 0 : archive_fail(a, k->table, rc);
}

void
archive_table_reset(struct archive_table *t)
{
	for (size_t i = 0; i < t->nrows * t->ncolumns; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct archive_table){ 0 };
}

/*
 * What they make smtpd answer
 */

enum verdict
archive_ask(struct archive *a, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	policy_refresh(a->store);
	policy_ask(a->store, asker, q, ret);
	a->result = ret->verdict;
	return a->result;
}
