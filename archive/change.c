/*
 * What a person changes: each is a transaction within the turnstile, short
 * enough for the sessions that queue behind it.
 */
#include "../database/wal.h"
#include "../mail/header.h"
#include "private.h"

enum {
	/* Of one transaction of archive_prune(): some milliseconds. */
	PRUNE_MAILS = 100,
	PRUNE_OCTETS = 16 * 1024 * 1024,
};

int
archive_begin(struct archive *a)
{
	enum verdict result = wal_enter(a->store);
	int rc;

	if (result != VERDICT_OK)
		return archive_fail_result(a, result);
	rc = statement_run(a->store, SQL_BEGIN);
	if (rc == SQLITE_OK)
		return 0;
	archive_fail(a, "begin", rc);
	wal_leave(a->store);
	return -1;
}

/* What is said to be done is on the disk. */
static int
confirm(struct archive *a, int so_far)
{
	enum verdict result = wal_confirm(a->store);

	return result == VERDICT_OK ? so_far : archive_fail_result(a, result);
}

int
archive_end(struct archive *a, int so_far)
{
	struct store *st = a->store;
	int rc = SQLITE_OK;

	if (so_far >= 0)
		rc = statement_run(st, SQL_COMMIT);
	if (rc != SQLITE_OK)
		so_far = archive_fail(a, "commit", rc);
	if (!sqlite3_get_autocommit(st->db))
		statement_run(st, SQL_ROLLBACK);
	wal_leave(st);
	if (so_far >= 0)
		so_far = confirm(a, so_far);
	/* Trouble here is not ours: whoever writes next tries it again. */
	store_tidy(st);
	return so_far;
}

/*
 * Adding
 */

static void
read_header(const struct archive_mail *m, struct header *ret)
{
	header_start(ret);
	header_feed(ret, (struct span){ m->data, m->len });
	header_end(ret);
}

int
archive_add(struct archive *a, const struct archive_mail *m, int64_t *ret_id)
{
	struct header header;
	struct store_mail mail = {
		.envelope = &m->envelope,
		.header = &header,
		.received_at = m->received_at,
		.client_address = m->client_address,
		.client_port = m->client_port,
		.trace = m->trace,
	};
	enum verdict result;

	archive_forget(a);
	read_header(m, &header);
	store_append(a->store, (struct span){ m->data, m->len });
	result = store_commit(a->store, &mail, ret_id);
	if (result != VERDICT_OK)
		return archive_fail_result(a, result);
	store_tidy(a->store);
	return 0;
}

static int
delete_by_id(struct archive *a, int64_t id)
{
	sqlite3_stmt *q =
	    archive_prepare(a, "DELETE FROM message WHERE id = :id");

	archive_bind_integer(q, ":id", id);
	return archive_run(a, q, "delete");
}

/*
 * Deleting
 */

/* Ends at :last_id, so that nothing beyond is read where only ids count. */
static const char prune_which[] =
    "SELECT id, size FROM message WHERE id > :after_id AND id <= :last_id"
    " AND (id <= :up_to_id OR received_at < :before)"
    " AND (:had_by IS NULL OR EXISTS (SELECT 1 FROM delivery"
    "  WHERE message_id = id AND consumer = :had_by AND done))"
    " ORDER BY id LIMIT :limit";

struct portion {
	int64_t ids[PRUNE_MAILS];
	int nids;
	uint64_t octets;
};

/* Reads which are next; goes on where the last portion ended. */
static int
choose(
    struct archive *a, const struct archive_prune *p, struct portion *portion)
{
	int max = p->at_once > 0 ? p->at_once : PRUNE_MAILS;
	sqlite3_stmt *q = archive_prepare(a, prune_which);
	int rc;

	if (!q)
		return -1;
	archive_bind_integer(q, ":after_id", p->after_id);
	archive_bind_integer(q, ":up_to_id", p->up_to_id);
	archive_bind_integer(
	    q, ":last_id", p->before > 0 ? INT64_MAX : p->up_to_id);
	archive_bind_integer(q, ":before", p->before);
	archive_bind_text(q, ":had_by", p->had_by);
	archive_bind_integer(q, ":limit", max);
	while (portion->nids < max && portion->octets < PRUNE_OCTETS &&
	       sqlite3_step(q) == SQLITE_ROW) {
		portion->ids[portion->nids++] = sqlite3_column_int64(q, 0);
		portion->octets += (uint64_t)sqlite3_column_int64(q, 1);
	}
	rc = archive_finish(a, q);
	return rc == SQLITE_OK ? 0 : archive_fail(a, "prune", rc);
}

/* A mail that somebody else deleted meanwhile counts all the same. */
static int
delete_portion(struct archive *a, const struct portion *portion)
{
	int result = 0;

	if (archive_begin(a) < 0)
		return -1;
	for (int i = 0; i < portion->nids && result >= 0; i++)
		result = delete_by_id(a, portion->ids[i]);
	return archive_end(a, result);
}

static bool
is_full(const struct archive *a, int result)
{
	return result < 0 && archive_result(a) == VERDICT_FULL;
}

/* On a full disk there is room in the log when it begins anew. */
static int
delete_if_it_fits(struct archive *a, const struct portion *portion)
{
	int result = delete_portion(a, portion);

	if (!is_full(a, result))
		return result;
	archive_forget(a);
	if (store_checkpoint(a->store) != VERDICT_OK)
		return archive_fail_result(a, VERDICT_FULL);
	return delete_portion(a, portion);
}

int
archive_prune(struct archive *a, struct archive_prune *p)
{
	struct portion portion = { .nids = 0 };
	int result = 0;

	if (choose(a, p, &portion) < 0)
		return -1;
	if (portion.nids == 0)
		return 0;
	if (!p->dry_run)
		result = delete_if_it_fits(a, &portion);
	if (is_full(a, result) && portion.nids > 1) {
		p->at_once = portion.nids / 2;
		return 1;
	}
	if (result < 0)
		return -1;
	p->after_id = portion.ids[portion.nids - 1];
	p->mails += (uint64_t)portion.nids;
	p->octets += portion.octets;
	return 1;
}

int
archive_id_to_keep(struct archive *a, uint64_t keep, int64_t *ret)
{
	sqlite3_stmt *q = archive_prepare(
	    a, "SELECT id FROM message ORDER BY id DESC LIMIT 1 OFFSET :keep");

	archive_bind_integer(q, ":keep", (int64_t)keep);
	return archive_run_integer(a, q, "prune", ret);
}

int
archive_id_to_fit(struct archive *a, uint64_t octets, int64_t *ret)
{
	sqlite3_stmt *q =
	    archive_prepare(a, "SELECT id, size FROM message ORDER BY id DESC");
	uint64_t sum = 0;
	int64_t id = 0;
	int rc;

	if (!q)
		return -1;
	while (id == 0 && sqlite3_step(q) == SQLITE_ROW) {
		sum += (uint64_t)sqlite3_column_int64(q, 1);
		if (sum > octets)
			id = sqlite3_column_int64(q, 0);
	}
	rc = archive_finish(a, q);
	if (rc != SQLITE_OK)
		return archive_fail(a, "prune", rc);
	*ret = id;
	return 0;
}

/*
 * VACUUM goes through the log, which is then as long as the database; only
 * the checkpoint after it makes the file shorter.
 */
int
archive_vacuum(struct archive *a)
{
	enum verdict result = wal_enter(a->store);
	int rc;

	if (result != VERDICT_OK)
		return archive_fail_result(a, result);
	rc = sqlite3_exec(a->store->db, "VACUUM", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(a->store->db, "main",
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	wal_leave(a->store);
	return rc == SQLITE_OK ? 0 : archive_fail(a, "vacuum", rc);
}

/*
 * Consumers
 */

/* Runs it as one transaction; 1 when a row was changed. */
static int
change_delivery(struct archive *a, sqlite3_stmt *q)
{
	int result;

	if (!q)
		return -1;
	if (archive_begin(a) < 0) {
		archive_finish(a, q);
		return -1;
	}
	result = archive_run(a, q, "delivery");
	if (result == 0)
		result = sqlite3_changes(a->store->db) > 0;
	return archive_end(a, result);
}

int
archive_lease(struct archive *a, const char *consumer, int64_t id, int64_t now,
    int64_t until)
{
	sqlite3_stmt *q = archive_prepare(a,
	    "INSERT INTO delivery (message_id, consumer, done, at)"
	    " SELECT id, :consumer, 0, :until FROM message WHERE id = :id"
	    " ON CONFLICT DO UPDATE SET at = excluded.at"
	    " WHERE NOT done AND at <= :now");

	archive_bind_text(q, ":consumer", consumer);
	archive_bind_integer(q, ":id", id);
	archive_bind_integer(q, ":now", now);
	archive_bind_integer(q, ":until", until);
	return change_delivery(a, q);
}

int
archive_done(struct archive *a, const char *consumer, int64_t id, int64_t now)
{
	sqlite3_stmt *q = archive_prepare(a,
	    "INSERT INTO delivery (message_id, consumer, done, at)"
	    " SELECT id, :consumer, 1, :now FROM message WHERE id = :id"
	    " ON CONFLICT DO UPDATE SET done = 1, at = excluded.at");

	archive_bind_text(q, ":consumer", consumer);
	archive_bind_integer(q, ":id", id);
	archive_bind_integer(q, ":now", now);
	return change_delivery(a, q);
}

int
archive_is_done(struct archive *a, const char *consumer, int64_t id)
{
	sqlite3_stmt *q =
	    archive_prepare(a, "SELECT done FROM delivery WHERE message_id = "
			       ":id AND consumer = :consumer");
	int64_t done = 0;

	archive_bind_text(q, ":consumer", consumer);
	archive_bind_integer(q, ":id", id);
	return archive_run_integer(a, q, "delivery", &done) < 0 ? -1
								: (int)done;
}

char *
archive_consumers(struct archive *a)
{
	sqlite3_stmt *q = archive_prepare(a,
	    "SELECT group_concat(consumer, char(10)) FROM"
	    " (SELECT DISTINCT consumer FROM (SELECT consumer FROM delivery"
	    "  ORDER BY message_id DESC LIMIT 1000) ORDER BY 1)");
	char *names = NULL;

	if (q && sqlite3_step(q) == SQLITE_ROW)
		names = archive_column(q, 0);
	if (q)
		archive_finish(a, q);
	return names;
}

int
archive_give_back(struct archive *a, const char *consumer, int64_t id)
{
	sqlite3_stmt *q =
	    archive_prepare(a, "DELETE FROM delivery WHERE message_id = :id"
			       " AND consumer = :consumer AND NOT done");

	archive_bind_text(q, ":consumer", consumer);
	archive_bind_integer(q, ":id", id);
	return change_delivery(a, q);
}
