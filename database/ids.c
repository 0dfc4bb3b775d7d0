/*
 * Which ids a table has given; SQLite keeps that for AUTOINCREMENT.
 */
#include "private.h"

int
database_last_given(struct database *db, const char *table, int64_t *ret)
{
	struct statement *s = statement_take(
	    db, "SELECT seq FROM sqlite_sequence WHERE name = :table");

	statement_bind_text(s, ":table", table);
	return statement_run_integer(s, ret);
}

/*
 * sqlite_sequence has a row for a table once that has had a row
 * (database_tables_used).
 */
int
database_give_from(struct database *db, const char *table, int64_t id)
{
	static const char *const ways[] = {
		"UPDATE sqlite_sequence SET seq = max(seq, :id)"
		" WHERE name = :table",
		"INSERT INTO sqlite_sequence (name, seq)"
		" SELECT :table, :id WHERE :id > 0 AND NOT EXISTS"
		"  (SELECT 1 FROM sqlite_sequence WHERE name = :table)",
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < 2 && rc == SQLITE_OK; i++) {
		struct statement *s = statement_take(db, ways[i]);

		statement_bind_text(s, ":table", table);
		statement_bind_integer(s, ":id", id);
		rc = statement_run(s);
	}
	return rc;
}
