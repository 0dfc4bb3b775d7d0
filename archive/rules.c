/*
 * The rules of what is accepted: SQL for the columns that a caller gives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define NOCASE " COLLATE NOCASE"

static const struct kind {
	const char *table;
	int nkeys;
	const char *order; /* collation of the keys; "": exact */
	const char *columns[RULES_COLUMNS_MAX + 1];
} kinds[RULES__COUNT] = {
	[RULES_DOMAIN] = { "domain", 1, NOCASE, { "name" } },
	[RULES_MAILBOX] = { "mailbox", 1, NOCASE,
	    { "address", "state", "moved_to", "quota_messages", "quota_octets",
		"quota_permanent", "messages", "octets", "authenticated" } },
	[RULES_ALIAS] = { "alias", 2, NOCASE,
	    { "address", "target", "forward" } },
	[RULES_SENDER] = { "sender_rule", 1, NOCASE,
	    { "pattern", "allow", "code", "enhanced", "text",
		"authenticated" } },
	[RULES_CLIENT] = { "client_rule", 1, NOCASE,
	    { "network", "allow", "code", "enhanced", "text" } },
	[RULES_QUOTA] = { "quota", 1, "",
	    { "id", "max_messages", "max_octets", "messages", "octets" } },
	[RULES_RATE] = { "rate_limit", 1, "",
	    { "scope", "window_sec", "max_messages", "max_recipients",
		"max_octets" } },
};

const char archive_rules_default[] = "default";

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

/*
 * "INSERT INTO t (k, b) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET b =
 * excluded.b".  A column that is left out has its default value in a new row,
 * and in "excluded".
 */
static void
write_insert(
    const struct kind *k, const char *const *values, char *sql, size_t size)
{
	char list[512] = "", marks[128] = "", set[512] = "", keys[128] = "";
	char mark[16];

	for (int i = 0; k->columns[i]; i++) {
		if (!values[i])
			continue;
		if (i >= k->nkeys) {
			add(set, sizeof set, *set ? ", " : "");
			add(set, sizeof set, k->columns[i]);
			add(set, sizeof set, " = excluded.");
			add(set, sizeof set, k->columns[i]);
		}
		if (i < k->nkeys) {
			add(keys, sizeof keys, *keys ? ", " : "");
			add(keys, sizeof keys, k->columns[i]);
			add(keys, sizeof keys, k->order);
		}
		if (values[i] == archive_rules_default)
			continue;
		snprintf(mark, sizeof mark, "?%d", i + 1);
		add(list, sizeof list, *list ? ", " : "");
		add(list, sizeof list, k->columns[i]);
		add(marks, sizeof marks, *marks ? ", " : "");
		add(marks, sizeof marks, mark);
	}
	snprintf(sql, size,
	    "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO %s%s",
	    k->table, list, marks, keys, *set ? "UPDATE SET " : "NOTHING", set);
}

static void
bind(struct statement *q, const char *const *values, int n)
{
	for (int i = 0; i < n; i++) {
		if (values[i] && values[i] != archive_rules_default)
			statement_bind_nth(q, i + 1, values[i]);
	}
}

/* Is there a row with this text in a column of the key?  1, 0 or -1. */
static int
has(struct archive *a, const struct kind *k, int key, const char *name)
{
	char sql[256];
	struct statement *q;
	int64_t found = 0;

	snprintf(sql, sizeof sql, "SELECT 1 FROM %s WHERE %s%s = ?1%s LIMIT 1",
	    k->table, k->columns[key], k->order, k->order);
	q = statement_take(a->db, sql);
	bind(q, &name, 1);
	if (archive_run_integer(a, q, k->table, &found) < 0)
		return -1;
	return found != 0;
}

/* The name that a key has in the table; the first one for a new row. */
static int
choose_name(struct archive *a, const struct kind *k, int key,
    const char *const *names, const char **ret)
{
	int first = has(a, k, key, names[0]);
	int second = first == 0 && names[1] ? has(a, k, key, names[1]) : 0;

	*ret = names[second > 0];
	return first < 0 || second < 0 ? -1 : 0;
}

static int
insert(struct archive *a, const struct kind *k, const char *const *values)
{
	char sql[2048];
	struct statement *q;
	int n = 0, rc;

	while (k->columns[n])
		n++;
	write_insert(k, values, sql, sizeof sql);
	q = statement_take(a->db, sql);
	bind(q, values, n);
	rc = statement_run(q);
	if (rc == DATABASE_OK)
		return 1;
	archive_fail(a, k->table, rc);
	return (rc & 0xff) == DATABASE_CONSTRAINT ? 0 : -1;
}

int
archive_rules_add(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys, const char *const *values)
{
	const struct kind *k = &kinds[which];
	const char *row[RULES_COLUMNS_MAX];
	int result = 0;

	memcpy(row, values, sizeof row);
	if (archive_begin(a) < 0)
		return -1;
	for (int i = 0; i < k->nkeys && result == 0; i++)
		result = choose_name(a, k, i, keys->name[i], &row[i]);
	if (result == 0)
		result = insert(a, k, row);
	if (archive_end(a, result > 0 ? result : -1) < 0 && result > 0)
		return -1;
	return result;
}

/* "name IN (?1, ?2, ?3)", with the collation of the key. */
static void
write_names(const struct kind *k, int key, char *sql, size_t size)
{
	char mark[24];

	add(sql, size, k->columns[key]);
	add(sql, size, k->order);
	for (int i = 0; i < RULES_NAMES_MAX; i++) {
		snprintf(mark, sizeof mark, "%s?%d", i == 0 ? " IN (" : ", ",
		    key * RULES_NAMES_MAX + i + 1);
		add(sql, size, mark);
		add(sql, size, k->order);
	}
	add(sql, size, ")");
}

int
archive_rules_remove(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys)
{
	const struct kind *k = &kinds[which];
	char sql[512];
	struct statement *q;
	int n = -1;

	snprintf(sql, sizeof sql, "DELETE FROM %s WHERE ", k->table);
	write_names(k, 0, sql, sizeof sql);
	if (k->nkeys > 1 && keys->name[1][0]) {
		add(sql, sizeof sql, " AND ");
		write_names(k, 1, sql, sizeof sql);
	}
	if (archive_begin(a) < 0)
		return -1;
	q = statement_take(a->db, sql);
	bind(q, &keys->name[0][0], RULES_NAMES_MAX * k->nkeys);
	if (archive_run(a, q, k->table) == 0)
		n = database_changes(a->db);
	return archive_end(a, n);
}

int
archive_rules_has(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys)
{
	const struct kind *k = &kinds[which];
	int found = has(a, k, 0, keys->name[0][0]);

	if (found == 0 && keys->name[0][1])
		found = has(a, k, 0, keys->name[0][1]);
	return found;
}

static void
add_row(struct statement *q, struct archive_table *t)
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
	struct statement *q;
	int rc;

	*ret = (struct archive_table){ 0 };
	for (; k->columns[ret->ncolumns]; ret->ncolumns++) {
		add(sql, sizeof sql, ret->ncolumns ? ", " : "");
		add(sql, sizeof sql, k->columns[ret->ncolumns]);
	}
	add(sql, sizeof sql, " FROM ");
	add(sql, sizeof sql, k->table);
	for (int i = 0; i < k->nkeys; i++) {
		add(sql, sizeof sql, i == 0 ? " ORDER BY " : ", ");
		add(sql, sizeof sql, k->columns[i]);
		add(sql, sizeof sql, k->order);
	}
	q = statement_take(a->db, sql);
	while (statement_row(q))
		add_row(q, ret);
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, k->table, rc);
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
 * Questions
 */

enum verdict
archive_ask(struct archive *a, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	struct policy *policy = store_policy(a->store);

	policy_refresh(policy);
	policy_ask(policy, asker, q, ret);
	a->result = ret->verdict;
	return a->result;
}
