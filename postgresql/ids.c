/*
 * Which ids a table has given: its sequence.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

enum {
	SQL_MAX = 512,
};

/* `table` is a word of ours, so it can stand in the text. */
static void
write_sequence(const char *table, char ret[SQL_MAX])
{
	if (strcmp(table, "message") == 0)
		strcpy(ret, "CAST('main.message_id' AS regclass)");
	else
		snprintf(ret, SQL_MAX,
		    "CAST(pg_get_serial_sequence('%s', 'id') AS regclass)",
		    table);
}

int
database_last_given(struct database *db, const char *table, int64_t *ret)
{
	char sequence[SQL_MAX], sql[2 * SQL_MAX];

	write_sequence(table, sequence);
	snprintf(sql, sizeof sql,
	    "SELECT coalesce(pg_sequence_last_value(%s), 0)", sequence);
	return statement_run_integer(statement_take(db, sql), ret);
}

/* setval() takes effect at once, even if the transaction is rolled back. */
int
database_give_from(struct database *db, const char *table, int64_t id)
{
	char sequence[SQL_MAX], sql[3 * SQL_MAX];
	struct statement *s;

	if (id <= 0)
		return DATABASE_OK;
	write_sequence(table, sequence);
	snprintf(sql, sizeof sql,
	    "SELECT setval(%s, greatest(:id, pg_sequence_last_value(%s)))",
	    sequence, sequence);
	s = statement_take(db, sql);
	statement_bind_integer(s, ":id", id);
	return statement_run(s);
}
