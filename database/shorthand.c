/*
 * Statements in one call, for SQLite and PostgreSQL alike.
 */
#include "../database.h"

int
statement_run_integer(struct statement *s, int64_t *ret)
{
	int64_t n = statement_row(s) ? statement_integer(s, 0) : 0;
	int rc = statement_end(s);

	if (rc == DATABASE_OK)
		*ret = n;
	return rc;
}

int
database_run(struct database *db, const char *sql)
{
	return statement_run(statement_take(db, sql));
}
