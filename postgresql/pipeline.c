/*
 * What answers nothing needs no answer before the next one is sent: the rows of a
 * batch go to the server without a wait between them.  What went wrong comes out
 * before the next answer that is waited for, the COMMIT's at last; then nothing of
 * the transaction is stored, and the next one waits for each answer, so that what
 * fails by itself fails alone.
 */
#include <poll.h>

#include "../clock.h"
#include "private.h"

bool
pipeline_takes(const struct database *db, const struct statement *s)
{
	return db->has_ids && !db->is_careful && s->is_prepared &&
	       s->rc == DATABASE_OK;
}

int
pipeline_send(struct database *db, struct statement *s)
{
	if (!db->is_pipelined && !PQenterPipelineMode(db->connection))
		return error_of_talk(db, PQerrorMessage(db->connection));
	db->is_pipelined = true;
	if (!PQsendQueryPrepared(db->connection, s->name, s->parameters.n,
		s->values, s->lengths, s->formats, 0) ||
	    PQflush(db->connection) < 0)
		return error_of_talk(db, PQerrorMessage(db->connection));
	return DATABASE_OK;
}

/* Reads up to the end that was sent; the first error. */
static int
read_results(struct database *db)
{
	int64_t until = clock_ms() + db->timeout_ms;
	int rc = DATABASE_OK;

	for (;;) {
		PGresult *result;
		ExecStatusType is;

		if (talk_wait(db, until) <= 0)
			return error_of_talk(
			    db, "no answer from the server in time");
		result = PQgetResult(db->connection);
		is = PQresultStatus(result);
		if (result && is != PGRES_PIPELINE_SYNC &&
		    is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK &&
		    is != PGRES_PIPELINE_ABORTED && rc == DATABASE_OK)
			rc = error_of_result(db, result);
		PQclear(result);
		if (PQstatus(db->connection) != CONNECTION_OK)
			return error_of_talk(
			    db, PQerrorMessage(db->connection));
		if (is == PGRES_PIPELINE_SYNC)
			return rc;
	}
}

int
pipeline_end(struct database *db)
{
	int rc;

	if (!db->is_pipelined)
		return DATABASE_OK;
	rc = PQpipelineSync(db->connection)
		 ? read_results(db)
		 : error_of_talk(db, PQerrorMessage(db->connection));
	db->is_careful = rc != DATABASE_OK;
	/* Where answers are still to come, nothing else can be said. */
	if (PQexitPipelineMode(db->connection))
		db->is_pipelined = false;
	else
		talk_close(db);
	return rc;
}
