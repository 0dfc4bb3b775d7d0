/*
 * Transactions, and what the end of a COMMIT means:
 *
 *	COMMIT                  it is stored, on standbys as well, as
 *	                        synchronous_commit says
 *	COMMIT and a warning    somebody cancelled the wait for standbys: no 250
 *	an error                nothing is stored
 *	nothing in time         it may wait for a standby: 451, and until it ends
 *	                        this connection does nothing else
 *	the connection breaks   nobody knows: resolve()
 *
 * Each writer has a row in main.writer, under a random name, and each of its
 * transactions that stores mails writes its number there.  So the row tells
 * whether the last one was committed.  look() writes to the row as well, and so
 * waits for a transaction that is still on its way, and for the standbys to
 * have what it has seen.
 *
 * Ids: a row becomes visible when its COMMIT is over, which may be later than
 * that of a transaction with greater ids.  main.begin_batch() gives out ids and
 * the transaction's number under one lock, held for that moment only, so both
 * have the same order; and the view `message` shows no row as long as a
 * transaction with a lower number is open (schema-postgresql.sql).
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "private.h"

enum {
	/* Between two looks at a server that is not there. */
	LOOK_MS = 300,
};

/* Forgets what the last transaction has left. */
static void
forget(struct database *db)
{
	bulk_forget_all(db);
	PQclear(db->used);
	db->used = NULL;
	db->has_ids = false;
	db->big_octets = 0;
}

void
database_expect(struct database *db, int mails)
{
	db->expected = mails;
}

/*
 * Sends BEGIN, and where talk_deadline() has no end, one for the wait for
 * locks: as SET LOCAL, since the connection may be that of a pooler.
 */
static int
send_begin(struct database *db)
{
	char sql[64];
	int rc = pipeline_send_text(db, "BEGIN");

	snprintf(
	    sql, sizeof sql, "SET LOCAL lock_timeout TO %d", db->timeout_ms);
	return rc == DATABASE_OK && db->as_it_is ? pipeline_send_text(db, sql)
						 : rc;
}

/* A server that was set so since we connected is refused as one found so. */
static int
look_at_settings(struct database *db, const char *values)
{
	if (settings_judge(db, values, settings_may_be_unsafe(db)) ==
	    VERDICT_OK)
		return DATABASE_OK;
	return error_own(db, DATABASE_IO_ERROR, VERDICT_UNUSABLE, db->error);
}

/*
 * Begins, takes ids, and asks which tables have rows, in one round trip.  The
 * lock in begin_batch() belongs to the connection until it is released, so
 * after a failure the connection is closed.  The server waits for us no longer
 * than we for it: the open transaction of a host that has vanished would hide
 * what others store.
 */
static int
begin_batch(struct database *db)
{
	PGresult *got[3] = { NULL, NULL, NULL };
	struct statement *used = statement_take(db, database_tables_used);
	struct statement *s = statement_take(db,
	    "SELECT main.begin_batch(:token, :batch, :mails), set_config("
	    "'idle_in_transaction_session_timeout', :wait_ms, "
	    "true), " SETTINGS);
	char wait_ms[NUMBER_SIZE];
	int rc = DATABASE_OK;

	statement_bind_text(s, ":token", db->token);
	statement_bind_integer(s, ":batch", ++db->batch);
	statement_bind_integer(s, ":mails", db->expected);
	snprintf(wait_ms, sizeof wait_ms, "%d", db->timeout_ms);
	statement_bind_text(s, ":wait_ms", wait_ms);
	if ((rc = statement_prepare(s)) == DATABASE_OK &&
	    (rc = statement_prepare(used)) == DATABASE_OK &&
	    (rc = send_begin(db)) == DATABASE_OK &&
	    (rc = pipeline_send(db, s)) == DATABASE_OK &&
	    (rc = pipeline_send(db, used)) == DATABASE_OK)
		rc = pipeline_read(db, talk_deadline(db, false), got, 3);
	if (rc == DATABASE_OK)
		rc = look_at_settings(db, PQgetvalue(got[1], 0, 2));
	if (rc == DATABASE_OK) {
		db->next_id = strtoll(PQgetvalue(got[1], 0, 0), NULL, 10);
		db->last_id = db->next_id + db->expected - 1;
		db->used = got[2];
		got[2] = NULL;
		db->has_ids = true;
	}
	for (int i = 0; i < 3; i++)
		PQclear(got[i]);
	statement_end(s);
	statement_end(used);
	return rc;
}

static int
begin(struct database *db)
{
	int rc = send_begin(db), rc_end = bulk_await(db);

	return rc == DATABASE_OK ? rc_end : rc;
}

enum verdict
database_begin(struct database *db)
{
	enum verdict result = VERDICT_OK;
	bool was_silent = false;
	int rc;

	forget(db);
	db->can_single_out = false;
	/* A connection may have died while nobody looked. */
	for (int i = 0; i < 2 && !was_silent; i++) {
		result = database_open(db);
		if (result == VERDICT_OK && db->expected > 0)
			partition_look(db);
		if (result == VERDICT_OK && !db->connection)
			result = database_open(db);
		if (result == VERDICT_OK && talk_is_standby(db))
			result = database_fail(db, VERDICT_UNUSABLE,
			    "%s is a standby, and read-only", db->place);
		if (result != VERDICT_OK)
			break;
		rc = db->expected > 0 ? begin_batch(db) : begin(db);
		if (rc == DATABASE_OK)
			break;
		result = database_fail_code(db, "begin", rc);
		was_silent = db->is_pipelined || db->is_mute;
		talk_close(db);
	}
	db->expected = 0;
	return result;
}

bool
database_can_single_out(const struct database *db)
{
	return db->can_single_out;
}

int
database_lock_counts(struct database *db)
{
	return database_run(db, "SELECT pg_advisory_xact_lock(1936553060, 3)");
}

int
database_begin_read(struct database *db)
{
	db->begins_read = true;
	return DATABASE_OK;
}

void
database_end_read(struct database *db)
{
	db->begins_read = false;
	rounds_end(db);
	/* A question that failed may have left answers, and the transaction. */
	if (db->is_pipelined)
		bulk_await(db);
	if (talk_is_in_transaction(db))
		query_send(db, "COMMIT");
}

/*
 * There are no savepoints: they would be half of all that is sent to the
 * server.  Mails fail alone so seldom that the others may as well be written
 * again.
 */
int
database_save(struct database *db)
{
	(void)db;
	return DATABASE_OK;
}

bool
database_settle(struct database *db, bool keep)
{
	return keep &&
	       (db->is_pipelined ||
		   PQtransactionStatus(db->connection) == PQTRANS_INTRANS);
}

int
database_next_id(struct database *db, int64_t *ret)
{
	if (!db->has_ids || db->next_id > db->last_id)
		return error_own(db, DATABASE_IO_ERROR, VERDICT_FAILED,
		    "more mails than were expected");
	*ret = db->next_id++;
	return DATABASE_OK;
}

/*
 * Tells those who listen, in a transaction of its own that waits for no
 * standby: NOTIFY holds a lock of the whole server until its COMMIT is over.
 * Nobody waits for its answer here either.
 */
static void
notify(struct database *db)
{
	char sql[160];

	snprintf(sql, sizeof sql,
	    "BEGIN; SET LOCAL synchronous_commit TO off;"
	    " NOTIFY smtpd_message, '%" PRId64 "'; COMMIT",
	    db->next_id - 1);
	query_send(db, sql);
}

/*
 * The end
 */

/* 1: it is committed; 0: it is not; -1: that cannot be told yet. */
static int
look(struct database *db)
{
	char batch[32], sql[160];

	if (!db->is_ready && database_open(db) != VERDICT_OK)
		return -1;
	snprintf(sql, sizeof sql,
	    "UPDATE main.writer SET at = now() WHERE token = '%s'"
	    " RETURNING batch",
	    db->token);
	if (query_ask(db, sql, batch, sizeof batch) != DATABASE_OK ||
	    db->has_warned) {
		talk_close(db);
		return -1;
	}
	return strtoll(batch, NULL, 10) == db->batch;
}

static enum verdict
resolve(struct database *db)
{
	int64_t until = talk_deadline(db, true);
	char cause[DATABASE_ERROR_MAX];
	int found;

	snprintf(cause, sizeof cause, "%s", db->message);
	talk_close(db);
	while ((found = look(db)) < 0 && clock_ms() < until)
		poll(NULL, 0, LOOK_MS);
	if (found > 0)
		return VERDICT_OK;
	return database_fail(db, VERDICT_FAILED,
	    found == 0 ? "commit: %s; it was not stored"
		       : "commit: %s; whether it was stored is not known",
	    cause);
}

static enum verdict
read_end(struct database *db, PGresult *result, int rc)
{
	const char *tag = PQcmdStatus(result);

	if (rc != DATABASE_OK)
		return database_fail_code(db, "writing the mails", rc);
	if (strcmp(tag, "COMMIT") != 0)
		return database_fail(
		    db, VERDICT_FAILED, "commit: the transaction had failed");
	if (db->has_warned)
		return database_fail(
		    db, VERDICT_FAILED, "commit: %s", db->message);
	return VERDICT_OK;
}

/* The rows and the COMMIT go together, and their answers come together. */
enum verdict
database_commit(struct database *db)
{
	enum verdict result;
	PGresult *end = NULL;
	bool had_ids = db->has_ids;
	int rc;

	talk_settle(db);
	db->has_warned = false;
	rc = bulk_send_all(db);
	if (rc == DATABASE_OK)
		rc = pipeline_send_text(db, "COMMIT");
	if (rc == DATABASE_OK)
		rc = pipeline_read(db, talk_deadline(db, true), &end, 1);
	if (PQstatus(db->connection) != CONNECTION_OK) {
		PQclear(end);
		db->can_single_out = false;
		return had_ids ? resolve(db)
			       : database_fail_code(db, "commit", rc);
	}
	if (db->is_pipelined) {
		PQclear(end);
		db->can_single_out = false;
		db->is_stuck = true;
		return pipeline_fail_stuck(db);
	}
	result = read_end(db, end, rc);
	PQclear(end);
	if (rc == DATABASE_OK)
		db->is_careful = false;
	if (talk_is_in_transaction(db))
		database_rollback(db);
	else if (had_ids)
		notify(db);
	return result;
}

void
database_rollback(struct database *db)
{
	bool had_ids = db->has_ids;

	forget(db);
	if (!db->connection || db->is_stuck)
		return;
	bulk_await(db);
	if (talk_is_in_transaction(db) &&
	    query_run(db, "ROLLBACK") == DATABASE_OK) {
		/* Mails of others with greater ids can be seen now. */
		if (had_ids)
			notify(db);
	} else if (PQtransactionStatus(db->connection) != PQTRANS_IDLE) {
		talk_close(db);
	}
}
