/*
 * The partitions of the tables of mails (schema-partitions.sql).  They only
 * let prune drop old mails at a stroke: where no partition can be made, mails
 * are stored all the same, and prune deletes them one by one.
 */
#include <stdlib.h>

#include "../clock.h"
#include "private.h"

enum {
	/* Between two looks at whether it is time for the next one. */
	LOOK_MS = 5 * 60 * 1000,
};

static const char schema[] = {
#include "schema-partitions.inc"
	, '\0'
};

int
partition_make(struct database *db)
{
	return query_run(db, schema);
}

static bool
are_there(struct database *db)
{
	char text[8];

	return query_ask(db, "SELECT to_regclass('main.partition') IS NOT NULL",
		   text, sizeof text) == DATABASE_OK &&
	       text[0] == 't';
}

/* Divides the tables of a database that was made without partitions. */
void
partition_divide(struct database *db)
{
	if (are_there(db) || query_run(db, "BEGIN") != DATABASE_OK)
		return;
	if (query_run(db, "SET LOCAL lock_timeout TO '5s'") == DATABASE_OK &&
	    query_run(db, MAKE_LOCK) == DATABASE_OK &&
	    (are_there(db) || partition_make(db) == DATABASE_OK) &&
	    query_run(db, "COMMIT") == DATABASE_OK)
		return;
	query_run(db, "ROLLBACK");
}

/* After a failure the connection is closed, and its locks with it. */
void
partition_look(struct database *db)
{
	if (clock_ms() < db->partitions_at)
		return;
	db->partitions_at = clock_ms() + LOOK_MS;
	if (are_there(db) &&
	    query_run(db, "SELECT main.keep_partitions()") != DATABASE_OK)
		talk_close(db);
}

int
database_drop_mails(struct database *db, int64_t up_to_id, int64_t before,
    uint64_t *ret_mails, uint64_t *ret_octets)
{
	struct statement *s;
	int rc;

	*ret_mails = *ret_octets = 0;
	if (!are_there(db))
		return DATABASE_OK;
	s = statement_take(db, "SELECT mails, octets FROM"
			       " main.drop_partitions(:up_to_id, :before)");
	statement_bind_integer(s, ":up_to_id", up_to_id);
	statement_bind_integer(s, ":before", before);
	if (statement_row(s)) {
		*ret_mails = (uint64_t)statement_integer(s, 0);
		*ret_octets = (uint64_t)statement_integer(s, 1);
	}
	rc = statement_end(s);
	/* Others may hold a partition: its mails are deleted one by one. */
	return rc == DATABASE_OK || !db->connection ||
		       PQtransactionStatus(db->connection) == PQTRANS_IDLE
		   ? DATABASE_OK
		   : rc;
}
