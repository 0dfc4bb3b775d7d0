/*
 * How a mail becomes a row (docs/bench.md has what the steps save: the naive
 * store knows neither 2 nor 4):
 *
 *	1. Its text is spooled; no lock is held while a client sends.
 *	2. wal_enter() passes the turnstile, where the kernel queues the writers.
 *	3. BEGIN IMMEDIATE, INSERT, COMMIT with synchronous=NORMAL, so the
 *	   rows stand in the write-ahead log, unsynced.
 *	4. wal_leave(), and only then a sync of the log, one for all who wait
 *	   for it (sync.c).
 *	5. VERDICT_OK.
 *
 * It is sound because the frames of earlier commits stand before ours in the
 * same file, and because recovery takes the longest valid prefix of it: when
 * our sync has returned, all that we build on is on the disk as well.
 *
 * Checkpoints run only under the turnstile.  SQLite up to 3.51.2 may lose rows
 * if one connection resets the log while another copies from it; so no two of
 * ours ever do.  Nor does an application that writes without the turnstile,
 * since the write lock is held as well while we copy (what it checkpoints
 * itself is its own affair: smtpd-db(5)).
 *
 * What a sync that fails means is told in wal.c.
 */
#include "store.h"

#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "database/store_private.h"
#include "database/sync.h"
#include "database/wal.h"
#include "policy/private.h"
#include "store/spool.h"

enum {
	/* Pages of the log that are worth a checkpoint: about 8 MB. */
	CHECKPOINT_PAGES = 2000,
	/* Those that are not left to a housekeeper: about 128 MB. */
	KEPT_PAGES = 32000,
};

/*
 * One thread; nobody asks SQLite how much memory it has; and no 20 pages of
 * cache are made ready (and touched) at the start, of which a session uses 8.
 * Saves 4,000 instructions a mail, a tenth of them when a session opens the
 * database, and 13 page faults.
 */
void
store_start(void)
{
	static bool is_started;

	if (is_started)
		return;
	is_started = true;
	signal(SIGXFSZ, SIG_IGN);
	wal_watch();
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	sqlite3_initialize(); /* should it fail, so does the first opening */
}

struct store *
store_new(const struct store_conf *conf)
{
	struct store *st = calloc(1, sizeof *st);

	store_start();
	if (st)
		st->spool = spool_new();
	if (!st || !st->spool) {
		free(st);
		return NULL;
	}
	st->conf = conf;
	st->turnstile = -1;
	st->policy_used = -1;
	return st;
}

void
store_free(struct store *st)
{
	if (!st)
		return;
	database_close(st);
	spool_free(st->spool);
	free(st);
}

enum verdict
store_open(struct store *st)
{
	return st->db ? VERDICT_OK : database_open(st);
}

void
store_open_ahead(struct store *st)
{
	st->is_ahead = true;
	store_open(st);
	st->is_ahead = false;
	if (st->db)
		sqlite3_busy_timeout(st->db, st->conf->wait_ms);
}

/* Does the path, links followed, still lead to the file that is open? */
static bool
is_in_place(struct store *st)
{
	struct stat named, opened;
	int moved = 0;

	return stat(st->conf->path, &named) == 0 &&
	       stat(sqlite3_db_filename(st->db, "main"), &opened) == 0 &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino &&
	       sqlite3_file_control(st->db, "main", SQLITE_FCNTL_HAS_MOVED,
		   &moved) == SQLITE_OK &&
	       !moved;
}

void
store_leave_if_moved(struct store *st)
{
	if (st->db && !is_in_place(st))
		database_close(st);
}

const char *
store_error(const struct store *st)
{
	return st->error;
}

/*
 * A mail
 */

void
store_append(struct store *st, struct span data)
{
	if (st->spooled == VERDICT_OK && st->folder[0] == '\0')
		st->spooled = database_find_folder(st);
	if (st->spooled != VERDICT_OK)
		return;
	if (spool_append(st->spool, st->folder, data) < 0) {
		st->spooled =
		    database_fail_errno(st, "spooling the mail", errno);
		spool_reset(st->spool);
	}
}

void
store_drop(struct store *st)
{
	spool_reset(st->spool);
	st->spooled = VERDICT_OK;
}

/*
 * A small mail is bound as it lies in memory.  For a big one a row of zeros is
 * made, to be filled: bound whole, 50 MiB would be 53 MB of memory.
 */
static int
bind_data(struct store *st, sqlite3_stmt *q)
{
	int at = statement_parameter(q, ":data");
	uint64_t size = spool_size(st->spool);
	struct span all;

	if (size > SPOOL_MEMORY)
		return sqlite3_bind_zeroblob64(q, at, size);
	if (spool_read(st->spool, 0, &all) < 0)
		return SQLITE_IOERR;
	return sqlite3_bind_blob64(q, at, all.p, all.len, SQLITE_STATIC);
}

static int
bind_header(sqlite3_stmt *q, const struct header *h)
{
	static const char *const names[HEADER__COUNT] = {
		[HEADER_FROM] = ":header_from",
		[HEADER_TO] = ":header_to",
		[HEADER_SUBJECT] = ":header_subject",
		[HEADER_DATE] = ":header_date",
		[HEADER_MESSAGE_ID] = ":header_message_id",
	};
	int rc =
	    statement_bind_integer(q, ":header_size", h ? (int64_t)h->size : 0);

	for (size_t i = 0; i < HEADER__COUNT && rc == SQLITE_OK; i++) {
		if (h && h->has[i])
			rc = statement_bind_text(q, names[i], h->value[i]);
	}
	return rc;
}

static int
insert_message(struct store *st, const struct store_mail *m, int64_t id)
{
	const struct envelope *e = m->envelope;
	sqlite3_stmt *q = statement_prepared(st, SQL_INSERT_MESSAGE);
	int rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	if ((rc = statement_bind_integer(q, ":id", id)) ||
	    (rc = statement_bind_integer(q, ":received_at", m->received_at)) ||
	    (rc = statement_bind_text(
		 q, ":client_address", m->client_address)) ||
	    (rc = m->client_port ? statement_bind_integer(
				       q, ":client_port", m->client_port)
				 : SQLITE_OK) ||
	    (rc = statement_bind_text(q, ":helo", e->helo)) ||
	    (rc = statement_bind_text(q, ":protocol", e->protocol)) ||
	    (rc = statement_bind_text(q, ":verb", e->verb)) ||
	    (rc = statement_bind_text(q, ":reverse_path", e->reverse_path)) ||
	    (rc = statement_bind_text(q, ":body_type", e->body_type)) ||
	    (rc = statement_bind_integer(q, ":smtputf8", e->smtputf8)) ||
	    (rc = statement_bind_text(q, ":envelope_id", e->envelope_id)) ||
	    (rc = statement_bind_text(q, ":dsn_return", e->dsn_return)) ||
	    (rc = statement_bind_integer(q, ":size", (int64_t)e->size)) ||
	    (rc = statement_bind_text(q, ":trace", m->trace)) ||
	    (rc = statement_bind_text(
		 q, ":trace_before_id", m->trace_before_id)) ||
	    (rc = statement_bind_text(
		 q, ":trace_after_id", m->trace_after_id)) ||
	    (rc = bind_header(q, m->header)) || (rc = bind_data(st, q)))
		goto clear;
	sqlite3_step(q);
	rc = sqlite3_reset(q);
clear:
	sqlite3_clear_bindings(q); /* no pointer into the caller's memory */
	return rc;
}

/* Copies a big mail from the spool into the row made for it. */
static enum verdict
fill_data(struct store *st, int64_t id)
{
	uint64_t size = spool_size(st->spool);
	sqlite3_blob *blob;
	struct span piece;
	int rc =
	    sqlite3_blob_open(st->db, "main", "message", "data", id, 1, &blob);

	for (uint64_t at = 0; rc == SQLITE_OK && at < size; at += piece.len) {
		if (spool_read(st->spool, at, &piece) < 0) {
			int error = errno;

			sqlite3_blob_close(blob);
			return database_fail_errno(
			    st, "reading the spool", error);
		}
		rc = sqlite3_blob_write(blob, piece.p, (int)piece.len, (int)at);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_blob_close(blob);
	else
		sqlite3_blob_close(blob);
	return rc == SQLITE_OK
		   ? VERDICT_OK
		   : database_fail_sqlite(st, "writing the mail", rc);
}

static int
insert_recipients(struct store *st, const struct envelope *e, int64_t id)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_INSERT_RECIPIENT);
	int rc = SQLITE_OK;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	for (unsigned i = 0; i < e->nrecipients && rc == SQLITE_OK; i++) {
		const struct recipient *r = &e->recipients[i];

		if ((rc = statement_bind_integer(q, ":message_id", id)) ||
		    (rc = statement_bind_integer(q, ":position", i + 1)) ||
		    (rc = statement_bind_text(
			 q, ":forward_path", r->forward_path)) ||
		    (rc = statement_bind_text(
			 q, ":mailbox", recipient_mailbox(r))) ||
		    (rc = statement_bind_text(q, ":notify", r->notify)) ||
		    (rc = statement_bind_text(
			 q, ":original_recipient", r->original_recipient)))
			break;
		sqlite3_step(q);
		rc = sqlite3_reset(q);
	}
	sqlite3_clear_bindings(q);
	return rc;
}

/* Writes the mail as row `id`, in the transaction begun. */
static enum verdict
write_mail(struct store *st, const struct store_mail *m, int64_t id)
{
	int rc, used = 0;

	if ((rc = policy_look(st, &used)) || (rc = insert_message(st, m, id)) ||
	    (rc = insert_recipients(st, m->envelope, id)) ||
	    (rc = policy_count(st, m, id, used)))
		return database_fail_sqlite(st, "writing the mail", rc);
	return spool_size(st->spool) > SPOOL_MEMORY ? fill_data(st, id)
						    : VERDICT_OK;
}

/*
 * Ends the transaction whatever it takes, for nobody can write while it lasts:
 * where there is no memory to roll it back, by closing the database.
 */
static void
abandon(struct store *st)
{
	if (!sqlite3_get_autocommit(st->db))
		statement_run(st, SQL_ROLLBACK);
	/* And what it could not open to write, SQLite may have opened to read. */
	if (sqlite3_txn_state(st->db, "main") != SQLITE_TXN_NONE ||
	    (sqlite3_errcode(st->db) & 0xff) == SQLITE_READONLY)
		database_close(st);
}

/* One transaction, under the turnstile. */
static enum verdict
insert(struct store *st, const struct store_mail *m, int64_t *ret_id)
{
	enum verdict result = VERDICT_OK;
	int64_t id = 0, known = 0;
	int rc = statement_run(st, SQL_BEGIN);

	if (rc != SQLITE_OK)
		result = database_fail_sqlite(st, "begin", rc);
	else if ((rc = statement_run_integer(st, SQL_NEXT_ID, &id)) ||
		 (m->dedupe_sec > 0 && (rc = dedupe_find(st, m, id, &known))))
		result = database_fail_sqlite(st, "reading the mails", rc);
	else if (known == 0)
		result = write_mail(st, m, id);
	if (result == VERDICT_OK) {
		st->was_known = known > 0;
		*ret_id = known > 0 ? known : id;
		rc = statement_run(st, SQL_COMMIT);
		if (rc == SQLITE_OK)
			return VERDICT_OK;
		result = database_fail_sqlite(st, "commit", rc);
	}
	abandon(st);
	return result;
}

bool
store_was_known(const struct store *st)
{
	return st->was_known;
}

static enum verdict
commit(struct store *st, const struct store_mail *m, int64_t *ret_id)
{
	enum verdict result = st->spooled;

	if (result == VERDICT_OK)
		result = store_open(st);
	if (result != VERDICT_OK)
		return result;
	result = wal_enter(st);
	if (result != VERDICT_OK) {
		abandon(st); /* it may have been opened to read only */
		return result;
	}
	sync_begin(st);
	result = insert(st, m, ret_id);
	if (result == VERDICT_OK)
		sync_end(st);
	wal_leave(st);
	return result == VERDICT_OK ? wal_confirm(st) : result;
}

enum verdict
store_commit(struct store *st, const struct store_mail *mail, int64_t *ret_id)
{
	int64_t id = 0;
	enum verdict result = commit(st, mail, &id);

	st->was_big = spool_size(st->spool) > SPOOL_MEMORY;
	store_drop(st);
	if (result == VERDICT_OK)
		*ret_id = id;
	return result;
}

/* As far as readers let it.  `*ret_all`: they did, and it can begin anew. */
static enum verdict
copy_log(struct store *st, bool *ret_all)
{
	enum verdict result = database_begin_guard(st);
	int pages = 0, copied = -1, rc;

	if (result != VERDICT_OK)
		return result;
	rc = sqlite3_wal_checkpoint_v2(
	    st->db, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	database_end_guard(st);
	*ret_all = rc == SQLITE_OK && pages == copied;
	return rc == SQLITE_OK ? VERDICT_OK
			       : database_fail_sqlite(st, "checkpoint", rc);
}

/*
 * If the log is that long by now: others may have waited for the turnstile with
 * the same intent, and each would copy the few frames there are after the one
 * before it, with two syncs.
 */
static enum verdict
checkpoint(struct store *st, int64_t least)
{
	enum verdict result = wal_enter(st);
	bool all = false;
	int64_t frames;

	if (result != VERDICT_OK)
		return result;
	frames = sync_frames(st);
	if (frames < 0 || frames >= least)
		result = copy_log(st, &all);
	wal_leave(st);
	if (all)
		st->log_pages = 0; /* the next commit begins the log anew */
	return result;
}

/*
 * A reader with an old snapshot can keep a checkpoint from getting through;
 * then the next one is tried when the log has grown as much again.
 *
 * Behind a big mail there often comes another: if a housekeeper copies while it
 * is sent, mails of 50 MB come 12 % faster (docs/speed.md).  If all was left to
 * him, others would wait for him longer.
 */
enum verdict
store_tidy(struct store *st)
{
	int least =
	    st->conf->is_kept && st->was_big ? KEPT_PAGES : CHECKPOINT_PAGES;
	enum verdict result;

	if (st->log_pages < st->checkpointed_pages)
		st->checkpointed_pages = 0; /* it was begun anew */
	if (!st->db || st->log_pages - st->checkpointed_pages < least)
		return VERDICT_OK;
	result = checkpoint(st, least);
	st->checkpointed_pages = st->log_pages;
	return result;
}

enum verdict
store_checkpoint(struct store *st)
{
	enum verdict result;
	int64_t version = 0;
	int rc;

	if (!st->db)
		return VERDICT_OK;
	rc = statement_run_integer(st, SQL_DATA_VERSION, &version);
	if (rc != SQLITE_OK)
		return database_fail_sqlite(st, "reading the log", rc);
	if (version == st->checkpointed_version)
		return VERDICT_OK;
	result = checkpoint(st, 0);
	if (result == VERDICT_OK)
		st->checkpointed_version = version;
	return result;
}
