/*
 * SQL without parameters, sent as it is, and never in a pipeline.
 */
#include <stdio.h>

#include "private.h"

static PGresult *
run(struct database *db, const char *sql, int *ret_rc)
{
	*ret_rc = bulk_await(db);
	db->has_warned = false;
	if (*ret_rc != DATABASE_OK)
		return NULL;
	if (!PQsendQuery(db->connection, sql)) {
		*ret_rc = error_of_talk(db, PQerrorMessage(db->connection));
		return NULL;
	}
	return talk_await(db, ret_rc);
}

int
query_run(struct database *db, const char *sql)
{
	int rc;

	PQclear(run(db, sql, &rc));
	return rc;
}

void
query_send(struct database *db, const char *sql)
{
	if (bulk_await(db) != DATABASE_OK ||
	    !PQsendQuery(db->connection, sql) || PQflush(db->connection) < 0)
		talk_close(db);
	else
		db->owes_answer = true;
}

int
query_ask(struct database *db, const char *sql, char *ret, size_t size)
{
	int rc;
	PGresult *result = run(db, sql, &rc);

	*ret = '\0';
	if (rc == DATABASE_OK && PQntuples(result) > 0)
		snprintf(ret, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return rc;
}
