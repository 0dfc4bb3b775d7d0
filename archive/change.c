/*
 * What a person changes.  Each change is a transaction under the write lock,
 * short enough for the sessions that wait for it.
 */
#include "../mail/header.h"
#include "private.h"

enum {
	/* Limits of one transaction of archive_prune(): some milliseconds. */
	PRUNE_MAILS = 100,
	PRUNE_OCTETS = 16 * 1024 * 1024,
};

int
archive_begin(struct archive *a)
{
	enum verdict result;

	database_expect(a->db, 0); /* no mail, so it needs no id */
	result = database_begin(a->db);

	return result == VERDICT_OK ? 0 : archive_fail_result(a, result);
}

int
archive_end(struct archive *a, int so_far)
{
	enum verdict result;

	if (so_far < 0) {
		database_rollback(a->db);
		return so_far;
	}
	result = database_commit(a->db);
	if (result != VERDICT_OK)
		return archive_fail_result(a, result);
	/* A failure here loses nothing: the next writer tries again. */
	store_tidy(a->store);
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

static enum verdict
insert(struct archive *a, const struct archive_mail *m)
{
	struct header header;
	struct store_mail mail = {
		.envelope = &m->envelope,
		.header = &header,
		.received_at = m->received_at,
		.client_address = m->client_address,
		.client_port = m->client_port,
		.facts = &m->facts,
		.trace = m->trace,
	};
	enum verdict result;
	int64_t id;

	read_header(m, &header);
	store_append(a->store, (struct span){ m->data, m->len });
	result = store_insert(a->store, &mail, &id);
	store_drop(a->store);
	return result;
}

static enum verdict
insert_all(struct archive *a, const struct archive_mail *mails, size_t n)
{
	enum verdict result = store_begin(a->store, (int)n);

	if (result != VERDICT_OK)
		return result;
	for (size_t i = 0; i < n && result == VERDICT_OK; i++)
		result = insert(a, &mails[i]);
	if (result == VERDICT_OK)
		return store_end(a->store);
	store_abandon(a->store);
	return result;
}

int
archive_add(struct archive *a, const struct archive_mail *mails, size_t n,
    size_t *ret_added)
{
	size_t at_once = n;
	enum verdict result = VERDICT_OK;

	*ret_added = 0;
	while (*ret_added < n && result == VERDICT_OK) {
		result = insert_all(a, mails + *ret_added, at_once);
		if (result == VERDICT_OK)
			*ret_added += at_once;
		else if (at_once > 1)
			at_once = 1, result = VERDICT_OK;
	}
	store_tidy(a->store);
	return result == VERDICT_OK ? 0 : archive_fail_result(a, result);
}

static int
delete_by_id(struct archive *a, int64_t id)
{
	struct statement *q =
	    statement_take(a->db, "DELETE FROM message WHERE id = :id");

	statement_bind_integer(q, ":id", id);
	return archive_run(a, q, "delete");
}

/*
 * Deleting
 */

/* Reads no row beyond :last_id where only ids count. */
#define PRUNE_WHICH                                                            \
	"SELECT id, size FROM message WHERE id > :after_id AND id <= :last_id" \
	" AND (id <= :up_to_id OR received_at < :before)"
#define PRUNE_ORDER " ORDER BY id LIMIT :limit"

static const char prune_which[] = PRUNE_WHICH PRUNE_ORDER;
static const char prune_which_had[] =
    PRUNE_WHICH " AND EXISTS (SELECT 1 FROM delivery WHERE message_id = id"
		"  AND consumer = :had_by AND done = 1)" PRUNE_ORDER;

struct portion {
	int64_t ids[PRUNE_MAILS];
	int nids;
	uint64_t octets;
};

/* Reads the ids of the next portion, which begins where the last one ended. */
static int
choose(
    struct archive *a, const struct archive_prune *p, struct portion *portion)
{
	int max = p->at_once > 0 ? p->at_once : PRUNE_MAILS;
	struct statement *q =
	    statement_take(a->db, p->had_by ? prune_which_had : prune_which);
	int rc;

	statement_bind_integer(q, ":after_id", p->after_id);
	statement_bind_integer(q, ":up_to_id", p->up_to_id);
	statement_bind_integer(
	    q, ":last_id", p->before > 0 ? INT64_MAX : p->up_to_id);
	statement_bind_integer(q, ":before", p->before);
	statement_bind_text(q, ":had_by", p->had_by);
	statement_bind_integer(q, ":limit", max);
	while (portion->nids < max && portion->octets < PRUNE_OCTETS &&
	       statement_row(q)) {
		portion->ids[portion->nids++] = statement_integer(q, 0);
		portion->octets += (uint64_t)statement_integer(q, 1);
	}
	rc = statement_end(q);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "prune", rc);
}

/* A mail that another process has deleted meanwhile is counted as well. */
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

static int
delete_sparingly(struct archive *a, const struct portion *portion)
{
	database_delete_sparingly(a->db);
	return delete_portion(a, portion);
}

/*
 * On a full disk a checkpoint makes room in the WAL.  Where a single mail does
 * not fit even then, it is deleted without writing over what it held.
 */
static int
delete_if_it_fits(struct archive *a, const struct portion *portion)
{
	int result = delete_portion(a, portion);

	if (is_full(a, result) && store_checkpoint(a->store) == VERDICT_OK)
		result = delete_portion(a, portion);
	if (is_full(a, result) && portion->nids == 1)
		result = delete_sparingly(a, portion);
	return result;
}

/* Drops whole partitions, before mails are chosen.  1: some mails went. */
static int
drop(struct archive *a, struct archive_prune *p)
{
	uint64_t mails, octets;
	int rc;

	if (p->after_id > 0 || p->had_by || p->dry_run)
		return 0;
	rc =
	    database_drop_mails(a->db, p->up_to_id, p->before, &mails, &octets);
	if (rc != DATABASE_OK)
		return archive_fail(a, "prune", rc);
	p->mails += mails;
	p->octets += octets;
	return mails > 0;
}

int
archive_prune(struct archive *a, struct archive_prune *p)
{
	struct portion portion = { .nids = 0 };
	int result = drop(a, p);

	if (result != 0)
		return result;
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
	for (int i = 0; i < portion.nids; i++) {
		if (archive_move_on(a, &p->after_id, portion.ids[i]) < 0)
			return -1;
	}
	p->mails += (uint64_t)portion.nids;
	p->octets += portion.octets;
	return 1;
}

int
archive_id_to_keep(struct archive *a, uint64_t keep, int64_t *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT id FROM message ORDER BY id DESC LIMIT 1 OFFSET :keep");

	statement_bind_integer(q, ":keep", (int64_t)keep);
	return archive_run_integer(a, q, "prune", ret);
}

int
archive_id_to_fit(struct archive *a, uint64_t octets, int64_t *ret)
{
	struct statement *q = statement_take(a->db,
	    "SELECT id FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) AS "
	    "sum"
	    " FROM message) AS m WHERE sum > :octets ORDER BY id DESC LIMIT 1");

	statement_bind_integer(
	    q, ":octets", octets < INT64_MAX ? (int64_t)octets : INT64_MAX);
	return archive_run_integer(a, q, "prune", ret);
}

int
archive_vacuum(struct archive *a)
{
	enum verdict result = database_vacuum(a->db);

	return result == VERDICT_OK ? 0 : archive_fail_result(a, result);
}

/*
 * Consumers
 */

/*
 * Changes what a consumer has of a mail, as one transaction; 1 when a row was
 * changed.  The statement is taken in it: a connection that was lost since the
 * last one is made anew when it begins.
 */
static int
change_delivery(struct archive *a, const char *sql, const char *consumer,
    int64_t id, int64_t now, int64_t until)
{
	struct statement *q;
	int result;

	if (archive_begin(a) < 0)
		return -1;
	q = statement_take(a->db, sql);
	statement_bind_text(q, ":consumer", consumer);
	statement_bind_integer(q, ":id", id);
	statement_bind_integer(q, ":now", now);
	statement_bind_integer(q, ":until", until);
	result = archive_run(a, q, "delivery");
	if (result == 0)
		result = database_changes(a->db) > 0;
	return archive_end(a, result);
}

int
archive_lease(struct archive *a, const char *consumer, int64_t id, int64_t now,
    int64_t until)
{
	return change_delivery(a,
	    "INSERT INTO delivery (message_id, consumer, done, at)"
	    " SELECT id, :consumer, 0, :until FROM message WHERE id = :id"
	    " ON CONFLICT (message_id, consumer) DO UPDATE SET at = excluded.at"
	    " WHERE delivery.done = 0 AND delivery.at <= :now",
	    consumer, id, now, until);
}

int
archive_done(struct archive *a, const char *consumer, int64_t id, int64_t now)
{
	return change_delivery(a,
	    "INSERT INTO delivery (message_id, consumer, done, at)"
	    " SELECT id, :consumer, 1, :now FROM message WHERE id = :id"
	    " ON CONFLICT (message_id, consumer) DO UPDATE SET done = 1, at = "
	    "excluded.at",
	    consumer, id, now, 0);
}

int
archive_give_back(
    struct archive *a, const char *consumer, int64_t id, int64_t until)
{
	return change_delivery(a,
	    "DELETE FROM delivery WHERE message_id = :id"
	    " AND consumer = :consumer AND done = 0 AND at = :until",
	    consumer, id, 0, until);
}

int
archive_is_done(struct archive *a, const char *consumer, int64_t id)
{
	struct statement *q = statement_take(a->db,
	    "SELECT done FROM delivery WHERE message_id = "
	    ":id AND consumer = :consumer");
	int64_t done = 0;

	statement_bind_text(q, ":consumer", consumer);
	statement_bind_integer(q, ":id", id);
	return archive_run_integer(a, q, "delivery", &done) < 0 ? -1
								: (int)done;
}

char *
archive_consumers(struct archive *a)
{
	struct statement *q = statement_take(a->db,
	    "SELECT group_concat(consumer, char(10)) FROM"
	    " (SELECT DISTINCT consumer FROM (SELECT consumer FROM delivery"
	    "  ORDER BY message_id DESC LIMIT 1000) AS newest ORDER BY 1)"
	    " AS names");
	char *names = NULL;

	if (statement_row(q))
		names = archive_column(q, 0);
	statement_end(q);
	return names;
}
