/*
 * A statement without rows is sent before the one ahead of it is answered: a
 * batch is two round trips, one for its ids, and one for its rows and its
 * COMMIT.  An error in the second one shows at its end, when nobody can tell
 * which row it was.  Nothing of the transaction is stored then, and the next
 * one waits for each answer: the batch is done again
 * (database_can_single_out), and a mail that fails, fails alone.
 */
#include <poll.h>

#include "../clock.h"
#include "private.h"

bool
pipeline_takes(const struct database *db, const struct statement *s)
{
	return db->has_ids && !db->is_careful &&
	       (talk_has_prepared(s) || db->is_pooled) && s->rc == DATABASE_OK;
}

int
pipeline_begin(struct database *db)
{
	int rc = talk_settle(db);

	if (rc != DATABASE_OK)
		return rc;
	if (!db->is_pipelined && !PQenterPipelineMode(db->connection))
		return error_of_talk(db, PQerrorMessage(db->connection));
	db->is_pipelined = true;
	return DATABASE_OK;
}

/* libpq keeps what is small until somebody waits, and sends it all at once. */
int
pipeline_send(struct database *db, struct statement *s)
{
	int rc = pipeline_begin(db);

	return rc == DATABASE_OK ? talk_send_statement(s) : rc;
}

int
pipeline_send_text(struct database *db, const char *sql)
{
	int rc = pipeline_begin(db);

	if (rc == DATABASE_OK && !PQsendQueryParams(db->connection, sql, 0,
				     NULL, NULL, NULL, NULL, 0))
		rc = error_of_talk(db, PQerrorMessage(db->connection));
	return rc;
}

static void
keep(PGresult *result, PGresult **ret, int n)
{
	if (n == 0) {
		PQclear(result);
		return;
	}
	PQclear(ret[0]);
	for (int i = 1; i < n; i++)
		ret[i - 1] = ret[i];
	ret[n - 1] = result;
}

/* Reads up to the sync that was sent; returns the first error. */
static int
read_results(struct database *db, int64_t until, PGresult **ret, int n)
{
	int rc = DATABASE_OK;
	bool warned = false; /* by the last; other warnings mean nothing */

	for (;;) {
		PGresult *result;
		ExecStatusType is;
		int found = talk_wait(db, until);

		if (found == 0)
			return error_own(db, DATABASE_IO_ERROR, VERDICT_BUSY,
			    "no answer from the server in time");
		result = found > 0 ? PQgetResult(db->connection) : NULL;
		is = PQresultStatus(result);
		/* An error of the server says more than a lost connection. */
		if (result && is == PGRES_FATAL_ERROR && rc == DATABASE_OK)
			rc = error_of_result(db, result);
		if (PQstatus(db->connection) != CONNECTION_OK || found < 0) {
			PQclear(result);
			return rc != DATABASE_OK
				   ? rc
				   : error_of_talk(
					 db, PQerrorMessage(db->connection));
		}
		if (!result)
			continue;
		if (is == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			db->has_warned = warned;
			return rc;
		}
		keep(result, ret, n);
		warned = db->has_warned;
		db->has_warned = false;
	}
}

int
pipeline_read(struct database *db, int64_t until, PGresult **ret, int n)
{
	int rc = PQpipelineSync(db->connection)
		     ? read_results(db, until, ret, n)
		     : error_of_talk(db, PQerrorMessage(db->connection));

	if (rc != DATABASE_OK) {
		db->can_single_out |= !db->is_careful;
		db->is_careful = true;
	}
	if (PQexitPipelineMode(db->connection))
		db->is_pipelined = false;
	return rc;
}

bool
pipeline_has_ended(struct database *db)
{
	read_results(db, clock_ms(), NULL, 0);
	return PQstatus(db->connection) != CONNECTION_OK ||
	       PQexitPipelineMode(db->connection);
}

enum verdict
pipeline_fail_stuck(struct database *db)
{
	return database_fail(db, VERDICT_BUSY,
	    "%s has not ended a COMMIT: it waits for a standby "
	    "(synchronous_standby_names), or cannot be reached",
	    db->place);
}
