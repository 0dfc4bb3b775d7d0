/*
 * How a mail becomes a row:
 *
 *	1. Its text is spooled; no lock is held while a client sends.
 *	2. database_begin() waits for the write lock, where the kernel queues
 *	   the writers, heals what a failed sync has left, and begins.
 *	3. The rows are inserted: the message, its recipients, what the policy
 *	   counts; a big text is copied from the spool into zeros.
 *	4. database_commit() returns when they are on the disk, and only then
 *	   can others read them.
 *	5. VERDICT_OK.
 *
 * store_commit() does 2 to 4 for one mail; for several in one transaction there
 * are store_begin(), store_insert() and store_end().
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "mail/trace.h"
#include "policy.h"
#include "store/columns.h"
#include "store/private.h"

enum {
	/* Pages of the WAL that are worth a checkpoint: about 8 MB. */
	TIDY_PAGES = 2000,
};

void
store_start(void)
{
	database_start();
}

/* `first` is NULL, or another store in the same database. */
static struct store *
make(const struct store_conf *conf, struct database *db, struct store *first)
{
	struct store *st = calloc(1, sizeof *st);

	if (!st)
		return NULL;
	st->conf = conf;
	st->db = db;
	st->spool = spool_new();
	st->policy = first ? policy_beside(first->policy) : policy_new(db);
	if (st->spool && st->policy)
		return st;
	spool_free(st->spool);
	policy_free(st->policy);
	free(st);
	return NULL;
}

/* With a database of its own; NULL: there was no memory for it. */
static struct store *
make_with(const struct store_conf *conf, struct database *db)
{
	struct store *st = db ? make(conf, db, NULL) : NULL;

	if (st)
		st->owns_database = true;
	else
		database_free(db);
	return st;
}

struct store *
store_new(const struct store_conf *conf)
{
	return make_with(conf, database_new(conf->path));
}

struct store *
store_new_to_ask(const struct store_conf *conf)
{
	return make_with(conf, database_new_to_read(conf->path));
}

struct store *
store_connect(const struct store_conf *conf, int writer)
{
	struct store *st = calloc(1, sizeof *st);

	if (st) {
		st->conf = conf;
		st->spool = spool_new();
		st->link = link_new(writer);
	}
	if (st && st->spool && st->link)
		return st;
	store_free(st);
	return NULL;
}

struct store *
store_beside(struct store *first)
{
	return make(first->conf, first->db, first);
}

void
store_move_beside(struct store *st, struct store *first)
{
	st->db = first->db;
	policy_move_beside(st->policy, first->policy);
}

void
store_free(struct store *st)
{
	if (!st)
		return;
	if (st->owns_database)
		database_free(st->db);
	link_free(st->link);
	spool_free(st->spool);
	policy_free(st->policy);
	free(st);
}

struct database *
store_database(struct store *st)
{
	return st->db;
}

struct policy *
store_policy(struct store *st)
{
	database_set_wait(st->db, st->conf->wait_ms);
	return st->policy;
}

const char *
store_error(const struct store *st)
{
	return st->link ? link_error(st->link) : database_error(st->db);
}

enum verdict
store_introduce(struct store *st, const struct fronted *said)
{
	return st->link ? link_introduce(st->link, said) : VERDICT_OK;
}

void
store_ask(struct store *st, const struct policy_asker *asker,
    const struct question *q, struct answer *ret)
{
	if (st->link)
		link_ask(st->link, q, ret);
	else
		policy_ask(store_policy(st), asker, q, ret);
}

void
store_tell(struct store *st, uint64_t number, const struct facts *facts)
{
	if (st->link)
		link_tell(st->link, number, facts);
}

void
store_retract(struct store *st)
{
	if (st->link)
		link_retract(st->link);
}

void
store_refresh(struct store *st)
{
	if (!st->link)
		policy_refresh(st->policy);
}

/*
 * The rows
 */

static const char message_sql[] =
    "INSERT INTO main.message ("
    "id, received_at, client_address, client_port,"
    " helo, protocol, verb, reverse_path,"
    " body_type, smtputf8, envelope_id, dsn_return, size,"
    " trace,"
    " header_size, header_from, header_to,"
    " header_subject, header_date, header_message_id,"
    " bare_line_ends, authenticated_as, claimed_as,"
    " quarantine, tls, client_subject, requiretls, data"
    ") VALUES ("
    ":id, :received_at, :client_address, :client_port,"
    " :helo, :protocol, :verb, :reverse_path,"
    " :body_type, :smtputf8, :envelope_id, :dsn_return, :size,"
    " coalesce(:trace, :trace_before_id || :id || :trace_after_id),"
    " :header_size, :header_from, :header_to,"
    " :header_subject, :header_date, :header_message_id,"
    " :bare_line_ends, :authenticated_as, :claimed_as,"
    " :quarantine, :tls, :client_subject, :requiretls, :data)";

static const char recipient_sql[] =
    "INSERT INTO recipient ("
    "message_id, position, forward_path, notify,"
    " original_recipient, mailbox, added"
    ") VALUES ("
    ":message_id, :position, :forward_path, :notify,"
    " :original_recipient, :mailbox, :added)";

static void
bind_trace(struct statement *s, const struct store_mail *m, struct trace *lines)
{
	if (m->trace_mail)
		trace_write(m->trace_mail, lines);
	statement_bind_text(s, ":trace", m->trace);
	statement_bind_text(s, ":trace_before_id",
	    m->trace_mail ? lines->before_id : m->trace_before_id);
	statement_bind_text(s, ":trace_after_id",
	    m->trace_mail ? lines->after_id : m->trace_after_id);
}

/*
 * A small mail is bound as it lies in memory.  For a big one a row of zeros is
 * made, to be filled: bound whole, 50 MiB would be 53 MB of memory.
 */
static int
bind_data(struct statement *s, struct spool *spool, uint64_t size)
{
	struct span all;

	if (spool_is_big(spool)) {
		statement_bind_zeros(s, ":data", size);
		return DATABASE_OK;
	}
	if (spool_read(spool, 0, &all) < 0)
		return DATABASE_IO_ERROR;
	all.len = (size_t)size;
	statement_bind_blob(s, ":data", all);
	return DATABASE_OK;
}

static int
insert_message(struct store *st, const struct store_mail *m, int64_t id)
{
	struct statement *s = statement_take(st->db, message_sql);
	struct trace trace;
	int rc, rc_run;

	statement_bind_integer(s, ":id", id);
	statement_bind_integer(s, ":received_at", m->received_at);
	statement_bind_text(s, ":client_address", m->client_address);
	if (m->client_port)
		statement_bind_integer(s, ":client_port", m->client_port);
	columns_bind_envelope(s, m->envelope);
	columns_bind_facts(s, m->facts);
	bind_trace(s, m, &trace);
	columns_bind_header(s, m->header);
	statement_bind_integer(
	    s, ":bare_line_ends", m->envelope->bare_line_ends);
	statement_bind_text(s, ":quarantine", m->quarantine);
	rc = bind_data(s, st->spool, spool_size(st->spool) - m->changes);
	rc_run = rc == DATABASE_OK ? statement_run(s) : statement_end(s);
	return rc == DATABASE_OK ? rc_run : rc;
}

static int
insert_recipients(struct store *st, const struct envelope *e, int64_t id)
{
	int rc = DATABASE_OK;

	for (unsigned i = 0; i < e->nrecipients && rc == DATABASE_OK; i++) {
		const struct recipient *r = &e->recipients[i];
		struct statement *s = statement_take(st->db, recipient_sql);

		statement_bind_integer(s, ":message_id", id);
		statement_bind_integer(s, ":position", i + 1);
		statement_bind_text(s, ":forward_path", r->forward_path);
		statement_bind_text(s, ":notify", r->notify);
		statement_bind_text(
		    s, ":original_recipient", r->original_recipient);
		statement_bind_text(s, ":mailbox", recipient_mailbox(r));
		statement_bind_integer(s, ":added", r->added);
		rc = statement_run(s);
	}
	return rc;
}

/* Copies a big mail from the spool into the row made for it. */
static enum verdict
fill_data(struct store *st, int64_t id, uint64_t size)
{
	struct blob *blob = blob_begin(st->db, id, true);
	struct span piece;
	int rc;

	for (uint64_t at = 0; at < size; at += piece.len) {
		if (spool_read(st->spool, at, &piece) < 0) {
			int error = errno;

			blob_end(blob);
			return database_fail_errno(
			    st->db, "reading the spool", error);
		}
		if (piece.len > size - at)
			piece.len = (size_t)(size - at);
		blob_write(blob, piece);
	}
	rc = blob_end(blob);
	return rc == DATABASE_OK
		   ? VERDICT_OK
		   : database_fail_code(st->db, "writing the mail", rc);
}

/* Writes the mail as row `id`. */
static enum verdict
write_mail(struct store *st, const struct store_mail *m, int64_t id)
{
	const struct policy_mail counted = {
		.envelope = m->envelope,
		.client_address = m->client_address,
		.received_at = m->received_at,
		.id = id,
	};
	uint64_t size = spool_size(st->spool) - m->changes;
	enum verdict result = VERDICT_OK;
	int rc;

	if ((rc = policy_look(st->policy)) ||
	    (rc = insert_message(st, m, id)) ||
	    (rc = insert_recipients(st, m->envelope, id)))
		return database_fail_code(st->db, "writing the mail", rc);
	if (m->changes > 0)
		result = changes_insert(st, id, size);
	if (result != VERDICT_OK)
		return result;
	rc = policy_count(st->policy, &counted);
	if (rc != DATABASE_OK)
		return database_fail_code(st->db, "writing the mail", rc);
	return spool_is_big(st->spool) ? fill_data(st, id, size) : VERDICT_OK;
}

static enum verdict
insert(struct store *st, const struct store_mail *m, int64_t *ret_id)
{
	int64_t id = 0, known = 0;
	int rc = database_next_id(st->db, &id);

	if (rc == DATABASE_OK && m->dedupe_sec > 0)
		rc = dedupe_find(st, m, id, &known);
	if (rc != DATABASE_OK)
		return database_fail_code(st->db, "reading the mails", rc);
	st->was_known = known > 0;
	*ret_id = known > 0 ? known : id;
	return known > 0 ? VERDICT_OK : write_mail(st, m, id);
}

/*
 * The transaction
 */

enum verdict
store_begin(struct store *st, int mails)
{
	database_expect(st->db, mails);
	database_set_wait(st->db, st->conf->wait_ms);
	policy_begin(st->policy);
	return database_begin(st->db);
}

enum verdict
store_insert(struct store *st, const struct store_mail *mail, int64_t *ret_id)
{
	int64_t id = 0;
	enum verdict result = st->spooled;

	if (result == VERDICT_OK)
		result = insert(st, mail, &id);
	if (result == VERDICT_OK)
		*ret_id = id;
	return result;
}

enum verdict
store_end(struct store *st)
{
	return database_commit(st->db);
}

void
store_abandon(struct store *st)
{
	database_rollback(st->db);
}

bool
store_can_single_out(const struct store *st)
{
	return database_can_single_out(st->db);
}

enum verdict
store_save(struct store *st)
{
	int rc = database_save(st->db);

	return rc == DATABASE_OK ? VERDICT_OK
				 : database_fail_code(st->db, "savepoint", rc);
}

bool
store_settle(struct store *st, bool keep)
{
	return database_settle(st->db, keep);
}

static enum verdict
commit(struct store *st, const struct store_mail *mail, int64_t *ret_id)
{
	enum verdict result = st->spooled;

	if (result == VERDICT_OK && st->link)
		return link_commit(
		    st->link, mail, st->spool, ret_id, &st->was_known);
	if (result == VERDICT_OK)
		result = store_begin(st, 1);
	if (result != VERDICT_OK)
		return result;
	result = store_insert(st, mail, ret_id);
	if (result == VERDICT_OK)
		return store_end(st);
	store_abandon(st);
	return result;
}

enum verdict
store_commit(struct store *st, const struct store_mail *mail, int64_t *ret_id)
{
	int64_t id = 0;
	enum verdict result = commit(st, mail, &id);

	store_drop(st);
	if (result == VERDICT_OK)
		*ret_id = id;
	return result;
}

bool
store_was_known(const struct store *st)
{
	return st->was_known;
}

enum verdict
store_tidy(struct store *st)
{
	if (st->link)
		return VERDICT_OK;
	database_set_wait(st->db, st->conf->wait_ms);
	return database_tidy(st->db, TIDY_PAGES);
}

bool
store_is_untidy(const struct store *st)
{
	return database_is_untidy(st->db, TIDY_PAGES);
}

enum verdict
store_checkpoint(struct store *st)
{
	database_set_wait(st->db, st->conf->wait_ms);
	return database_checkpoint(st->db);
}
