#include "check.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sqlite3.h>

#include "mail.h"

enum {
	LATER_WRITER = 1000, /* of the mails that come after the cut */
	WAIT_MS = 10000,
	EARLIER_ROWS = 4096, /* of the rounds before */
};

/* What is wanted of an image; `why` is set when it is not as it must be. */
struct reading {
	const struct check *check;
	size_t cut;
	sqlite3 *db;
	sqlite3_stmt *recipients;
	uint64_t *key_of_id; /* of the rows read */
	size_t nids;
	uint64_t later_key; /* of the mail that the store added; 0: none */
	int64_t later_id;
	char *why;
};

__attribute__((format(printf, 2, 3))) static bool
fail(struct reading *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->why, CHECK_WHY_MAX, format, args);
	va_end(args);
	return false;
}

static bool
fail_sqlite(struct reading *r, const char *what)
{
	return fail(r, "%s: %s (%d)", what, sqlite3_errmsg(r->db),
	    sqlite3_extended_errcode(r->db));
}

static bool
is_text(sqlite3_stmt *q, int column, const char *want)
{
	const char *is = (const char *)sqlite3_column_text(q, column);

	return is && want ? strcmp(is, want) == 0 : is == want;
}

/*
 * Rows
 */

static const char sql_messages[] =
    "SELECT id, envelope_id, reverse_path, received_at, size, trace, data,"
    " helo, protocol, client_port"
    " FROM message ORDER BY id";

static const char sql_recipients[] =
    "SELECT forward_path, notify FROM recipient"
    " WHERE message_id = ? ORDER BY position";

static bool
check_recipients(struct reading *r, int64_t id, const struct mail *m)
{
	unsigned n = 0;
	bool same = true;

	sqlite3_bind_int64(r->recipients, 1, id);
	while (sqlite3_step(r->recipients) == SQLITE_ROW) {
		const struct recipient *want = &m->recipients[n];

		same = same && n < m->envelope.nrecipients &&
		       is_text(r->recipients, 0, want->forward_path) &&
		       is_text(r->recipients, 1, want->notify);
		n++;
	}
	if (sqlite3_reset(r->recipients) != SQLITE_OK)
		return fail_sqlite(r, "reading recipients");
	if (!same || n != m->envelope.nrecipients)
		return fail(r,
		    "row %" PRId64 " has %u recipients, not the %u of %s", id,
		    n, m->envelope.nrecipients, m->name);
	return true;
}

static bool
check_row(struct reading *r, sqlite3_stmt *q)
{
	static struct mail m; /* too big for some stacks */
	int64_t id = sqlite3_column_int64(q, 0);
	uint64_t key = mail_key_of((const char *)sqlite3_column_text(q, 1));
	char trace[3 * MAIL_TEXT_MAX];
	size_t len = (size_t)sqlite3_column_bytes(q, 6);

	if (key == 0)
		return fail(r, "row %" PRId64 " is no mail of ours", id);
	mail_make(r->check->seed, key, &m);
	snprintf(trace, sizeof trace, "%s%" PRId64 "%s", m.before_id, id,
	    m.after_id);
	if (!is_text(q, 1, m.name) || !is_text(q, 2, m.from) ||
	    sqlite3_column_int64(q, 3) != m.store.received_at ||
	    sqlite3_column_int64(q, 4) != (int64_t)m.data.len ||
	    !is_text(q, 5, trace) || !is_text(q, 7, m.envelope.helo) ||
	    !is_text(q, 8, m.envelope.protocol) ||
	    sqlite3_column_int(q, 9) != m.store.client_port)
		return fail(
		    r, "row %" PRId64 " is not what %s was", id, m.name);
	if (len != m.data.len ||
	    (len > 0 && memcmp(sqlite3_column_blob(q, 6), m.data.p, len) != 0))
		return fail(
		    r, "row %" PRId64 " has not the text of %s", id, m.name);
	if (!check_recipients(r, id, &m))
		return false;
	if ((uint64_t)id >= r->nids)
		return fail(r, "row %" PRId64 " has a number too high", id);
	r->key_of_id[id] = key;
	return true;
}

static bool
check_rows(struct reading *r)
{
	sqlite3_stmt *q = NULL;
	bool good = true;

	if (sqlite3_prepare_v2(r->db, sql_messages, -1, &q, NULL) ||
	    sqlite3_prepare_v2(r->db, sql_recipients, -1, &r->recipients, NULL))
		good = fail_sqlite(r, "preparing");
	while (good && sqlite3_step(q) == SQLITE_ROW)
		good = check_row(r, q);
	if (good && sqlite3_reset(q) != SQLITE_OK)
		good = fail_sqlite(r, "reading messages");
	sqlite3_finalize(q);
	sqlite3_finalize(r->recipients);
	r->recipients = NULL;
	return good;
}

/* One query that answers with one text. */
static bool
check_answer(struct reading *r, const char *sql, const char *want)
{
	sqlite3_stmt *q = NULL;
	bool good = true;

	if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW)
		good = fail_sqlite(r, sql);
	else if (!is_text(q, 0, want))
		good = fail(r, "%s: %s", sql, sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	return good;
}

/*
 * The demands
 */

static bool
check_acks(struct reading *r, unsigned long *looked_for)
{
	const struct events *ev = r->check->events;

	for (size_t i = 0; i < r->cut; i++) {
		const struct event *e = events_at(ev, i);

		if (e->kind != EVENT_ACK)
			continue;
		++*looked_for;
		if ((uint64_t)e->id >= r->nids || r->key_of_id[e->id] != e->key)
			return fail(r,
			    "mail %" PRIu64 ", confirmed by event %zu as row "
			    "%" PRId64 ", is not there",
			    e->key, i, e->id);
	}
	if (r->later_key && r->key_of_id[r->later_id] != r->later_key)
		return fail(r, "the mail stored after the cut is not there");
	return true;
}

static bool
nothing_confirmed(const struct reading *r)
{
	for (size_t i = 0; i < r->cut; i++) {
		if (events_at(r->check->events, i)->kind == EVENT_ACK)
			return false;
	}
	return r->later_key == 0;
}

/* A bound of the row numbers: each commit is some events of a round. */
static size_t
count_ids(const struct events *ev)
{
	return events_count(ev) + EARLIER_ROWS;
}

static bool
check_database(struct reading *r, unsigned long *looked_for)
{
	if (sqlite3_open_v2(r->check->path, &r->db, SQLITE_OPEN_READWRITE,
		"unix") != SQLITE_OK)
		return fail_sqlite(r, "open");
	/* The image is thrown away. */
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_exec(r->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	return check_answer(r, "PRAGMA integrity_check", "ok") &&
	       check_answer(r,
		   "SELECT count(*) FROM recipient"
		   " WHERE message_id NOT IN (SELECT id FROM message)",
		   "0") &&
	       check_rows(r) && check_acks(r, looked_for);
}

/*
 * The store, after the power came back
 */

void
check_lock_file(const char *path, enum mark mark)
{
	static const char *const content[MARK__COUNT] = {
		[MARK_NONE] = "",
		[MARK_CLEAR] = "-",
		[MARK_SET] = "!",
	};
	const char *text = content[mark];
	char name[4096];
	int fd;

	if (!text)
		return;
	snprintf(name, sizeof name, "%s-lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(EX_CANTCREAT, "%s", name);
	close(fd);
}

static bool
use_store(struct reading *r)
{
	static struct mail m;
	struct store_conf conf = { .path = r->check->path, .wait_ms = WAIT_MS };
	struct store *st = store_new(&conf);
	bool good = true;

	if (!st)
		errx(EX_OSERR, "memory");
	mail_make(r->check->seed, mail_key(LATER_WRITER, 0, false), &m);
	if (store_open(st) != VERDICT_OK || mail_store(st, &m, &r->later_id))
		good = fail(r, "the store cannot go on: %s", store_error(st));
	else
		r->later_key = m.key;
	store_free(st);
	return good;
}

bool
check_image(const struct check *c, size_t cut, unsigned long *looked_for,
    char ret_why[CHECK_WHY_MAX])
{
	struct reading r = { .check = c, .cut = cut, .why = ret_why };
	bool good = true;

	r.nids = count_ids(c->events);
	r.key_of_id = calloc(r.nids, sizeof *r.key_of_id);
	if (!r.key_of_id)
		err(EX_OSERR, "memory");
	if (c->with_store) {
		check_lock_file(c->path, c->mark);
		good = use_store(&r);
	}
	/* Before the first 250 there need not be a database. */
	if (good && !nothing_confirmed(&r))
		good = check_database(&r, looked_for);
	sqlite3_close(r.db);
	free(r.key_of_id);
	return good;
}

void
check_clean(const char *path)
{
	static const char *const suffix[] = { "", "-wal", "-journal", "-shm",
		"-lock" };
	char name[4096];

	for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffix[i]);
		unlink(name);
	}
}
