/*
 * One connection to the server.  Every wait has an end, which is a deadline or
 * that of the connection (keepalives): a server that is cut off sends nothing,
 * and TCP alone would not find out for hours.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../clock.h"
#include "private.h"

enum {
	RETRY_MS = 500, /* from one connection that failed to the next try */
	KEYWORDS_MAX = 16,
	/* A server and its standbys write at least so fast. */
	OCTETS_PER_MS = 4000,
	POLL_MS_MAX = 60000,
};

/* Warnings matter in a COMMIT (transaction.c); nothing is printed. */
static void
take_notice(void *arg, const PGresult *notice)
{
	struct database *db = arg;
	const char *severity =
	    PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	if (!severity || strcmp(severity, "WARNING") != 0)
		return;
	db->has_warned = true;
	snprintf(db->message, sizeof db->message, "%s", text ? text : "?");
}

/* Notes where the connection leads to, for people: without a password. */
static void
note_place(struct database *db)
{
	const char *host = PQhost(db->connection);
	const char *port = PQport(db->connection);
	const char *name = PQdb(db->connection);
	const char *user = PQuser(db->connection);

	if (host && host[0] == '/')
		snprintf(db->place, sizeof db->place,
		    "postgresql://%s@/%s?host=%s", user ? user : "",
		    name ? name : "", host);
	else
		snprintf(db->place, sizeof db->place,
		    "postgresql://%s@%s:%s/%s", user ? user : "",
		    host ? host : "", port ? port : "", name ? name : "");
}

/*
 * In libpq the later value wins: `path` over what stands before it, and the
 * encoding over `path`.
 */
static PGconn *
start(const char *path, const char *target)
{
	/* clang-format off */
	static const char *const keywords[KEYWORDS_MAX] = {
		"connect_timeout", "tcp_user_timeout", "keepalives_idle",
		"keepalives_interval", "keepalives_count",
		"target_session_attrs", "fallback_application_name", "dbname",
		"client_encoding", NULL
	};
	const char *const values[KEYWORDS_MAX] = {
		"5", "20000", "10", "5", "3", target, "smtpd", path,
		"UTF8", NULL
	};
	/* clang-format on */

	return PQconnectdbParams(keywords, values, 1);
}

/* Did all servers refuse because they are read-only? */
static bool
is_read_only(const PGconn *c)
{
	const char *why = PQerrorMessage(c);

	return strstr(why, "read-only") || strstr(why, "hot standby");
}

int
talk_open(struct database *db)
{
	int rc = DATABASE_OK;

	if (clock_ms() < db->retry_at)
		return error_of_talk(db, db->message);
	db->connection = start(db->path, "read-write");
	if (db->as_it_is && PQstatus(db->connection) != CONNECTION_OK &&
	    is_read_only(db->connection)) {
		PQfinish(db->connection);
		db->connection = start(db->path, "any");
	}
	if (!db->connection)
		return DATABASE_NO_MEMORY;
	note_place(db);
	if (PQstatus(db->connection) != CONNECTION_OK) {
		rc = error_of_talk(db, PQerrorMessage(db->connection));
		talk_close(db);
		db->retry_at = clock_ms() + RETRY_MS;
		return rc;
	}
	PQsetNoticeReceiver(db->connection, take_notice, db);
	PQsetnonblocking(db->connection, 1);
	db->connections++;
	return DATABASE_OK;
}

void
talk_close(struct database *db)
{
	PQclear(db->used);
	db->used = NULL;
	PQfinish(db->connection);
	db->connection = NULL;
	db->is_ready = db->is_stuck = db->has_ids = false;
	db->is_pipelined = db->owes_answer = db->begins_read = false;
	db->is_mute = false;
}

bool
talk_is_in_transaction(const struct database *db)
{
	PGTransactionStatusType is = db->connection
					 ? PQtransactionStatus(db->connection)
					 : PQTRANS_UNKNOWN;

	return is == PQTRANS_INTRANS || is == PQTRANS_INERROR;
}

bool
talk_is_standby(const struct database *db)
{
	const char *is = PQparameterStatus(db->connection, "in_hot_standby");

	return is && strcmp(is, "on") == 0;
}

bool
talk_is_alive(struct database *db)
{
	struct pollfd p = { .fd = PQsocket(db->connection), .events = POLLIN };

	/*
	 * Reads what the server says unasked, or that it has closed the
	 * connection.
	 */
	while (PQstatus(db->connection) == CONNECTION_OK &&
	       poll(&p, 1, 0) > 0 && PQconsumeInput(db->connection))
		;
	return PQstatus(db->connection) == CONNECTION_OK && !db->is_mute;
}

int64_t
talk_deadline(const struct database *db, bool is_commit)
{
	if (db->as_it_is && !is_commit)
		return INT64_MAX;
	return clock_ms() + db->timeout_ms +
	       (int64_t)(db->big_octets / OCTETS_PER_MS);
}

int
talk_wait(struct database *db, int64_t until)
{
	PGconn *c = db->connection;

	for (;;) {
		int left = PQflush(c), n;
		int64_t time = until - clock_ms();
		struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };

		if (left < 0)
			return -1;
		if (left == 0 && !PQisBusy(c))
			return 1;
		if (left > 0)
			p.events |= POLLOUT;
		if (time > POLL_MS_MAX)
			time = POLL_MS_MAX;
		n = poll(&p, 1, time > 0 ? (int)time : 0);
		if ((n < 0 && errno != EINTR) || (n > 0 && !PQconsumeInput(c)))
			return -1;
		if (n == 0 && time <= 0)
			return 0;
	}
}

PGresult *
talk_await(struct database *db, int *ret_rc)
{
	int64_t until = talk_deadline(db, false);
	PGresult *last = NULL, *next;
	int found = 0;

	while ((found = talk_wait(db, until)) > 0) {
		next = PQgetResult(db->connection);
		if (!next) {
			if (PQresultStatus(last) == PGRES_COMMAND_OK ||
			    PQresultStatus(last) == PGRES_TUPLES_OK)
				return last;
			break;
		}
		PQclear(last);
		last = next;
		/* When the connection breaks, libpq makes a result of that. */
		if (PQstatus(db->connection) != CONNECTION_OK)
			break;
	}
	if (found > 0 && PQresultErrorField(last, PG_DIAG_SQLSTATE))
		*ret_rc = error_of_result(db, last);
	else if (found == 0)
		*ret_rc = error_own(db, DATABASE_IO_ERROR, VERDICT_BUSY,
		    "no answer from the server in time");
	else
		*ret_rc = error_of_talk(db, PQerrorMessage(db->connection));
	db->is_mute = found == 0;
	PQclear(last);
	return NULL;
}

int
talk_settle(struct database *db)
{
	int rc = DATABASE_OK;

	if (!db->owes_answer)
		return DATABASE_OK;
	db->owes_answer = false;
	PQclear(talk_await(db, &rc));
	return db->is_mute ? rc : DATABASE_OK;
}

int
talk_prepare(struct database *db, const char *name, const char *text, int n,
    const Oid *types)
{
	PGresult *result;
	int rc = DATABASE_OK;

	if (!PQsendPrepare(db->connection, name, text, n, types))
		return error_of_talk(db, PQerrorMessage(db->connection));
	result = talk_await(db, &rc);
	PQclear(result);
	return rc;
}

bool
talk_has_prepared(const struct statement *s)
{
	return s->prepared_on > 0 && s->prepared_on == s->db->connections;
}

int
talk_send_statement(const struct statement *s)
{
	PGconn *c = s->db->connection;
	int sent = talk_has_prepared(s)
		       ? PQsendQueryPrepared(c, s->name, s->parameters.n,
			     s->values, s->lengths, s->formats, 0)
		       : PQsendQueryParams(c, s->text, s->parameters.n,
			     s->types, s->values, s->lengths, s->formats, 0);

	return sent ? DATABASE_OK : error_of_talk(s->db, PQerrorMessage(c));
}
