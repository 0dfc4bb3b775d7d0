#include "statement.h"

#include <string.h>

#include "store_private.h"

/* As the indexes mailbox_domain and alias_domain have it. */
#define DOMAIN_OF                                                              \
	"substr(address, length(rtrim(address, replace(address, '@', ''))) + " \
	"1) COLLATE NOCASE "

/* The limits, with what is counted for this client and sender. */
#define RATES                                                                  \
	"SELECT l.scope, l.max_messages, c.messages, l.max_recipients,"        \
	" c.recipients, l.max_octets, c.octets, c.ends_at"                     \
	" FROM rate_limit AS l LEFT JOIN rate_count AS c"                      \
	" ON c.scope = l.scope AND c.ends_at > :now AND c.key ="               \
	" CASE l.scope WHEN 'client' THEN :client"                             \
	" WHEN 'sender' THEN :sender ELSE '' END"

/* Counts a mail for its mailbox, or for all of them. */
#define COUNT_MAILBOX(is)                                                      \
	"UPDATE mailbox SET messages = messages + 1,"                          \
	" octets = octets + :octets,"                                          \
	" counted_from = coalesce(counted_from, :id)"                          \
	" WHERE address " is                                                   \
	" (SELECT mailbox FROM recipient WHERE message_id = :id) AND"          \
	" coalesce(quota_messages, quota_octets, counted_from) NOT NULL"

static const char *const sql_text[SQL__COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	/* What AUTOINCREMENT will choose; the trace names it. */
	[SQL_NEXT_ID] = "SELECT 1 + max("
			" coalesce((SELECT seq FROM sqlite_sequence"
			"           WHERE name = 'message'), 0),"
			" coalesce((SELECT max(id) FROM message), 0))",
	/* Changes when another connection has committed. */
	[SQL_DATA_VERSION] = "PRAGMA data_version",
	[SQL_INSERT_MESSAGE] =
	    "INSERT INTO message (id, received_at, client_address,"
	    " client_port, helo, protocol, verb, reverse_path, body_type,"
	    " smtputf8, envelope_id, dsn_return, size, trace, header_size,"
	    " header_from, header_to, header_subject, header_date,"
	    " header_message_id, data)"
	    " VALUES (:id, :received_at, :client_address,"
	    " :client_port, :helo, :protocol, :verb, :reverse_path, :body_type,"
	    " :smtputf8, :envelope_id, :dsn_return, :size, coalesce(:trace,"
	    " :trace_before_id || :id || :trace_after_id), :header_size,"
	    " :header_from, :header_to, :header_subject, :header_date,"
	    " :header_message_id, :data)",
	[SQL_INSERT_RECIPIENT] =
	    "INSERT INTO recipient (message_id, position, forward_path,"
	    " notify, original_recipient, mailbox)"
	    " VALUES (:message_id, :position, :forward_path,"
	    " :notify, :original_recipient, :mailbox)",
	[SQL_BEGIN_READ] = "BEGIN",
	[SQL_POLICY_USED] = "SELECT name FROM sqlite_sequence",
	[SQL_DOMAIN_USED] = "SELECT EXISTS (SELECT 1 FROM domain)",
	[SQL_DOMAIN] = "SELECT name FROM domain WHERE name = ?",
	[SQL_DOMAIN_CLOSED] =
	    "SELECT EXISTS (SELECT 1 FROM mailbox WHERE " DOMAIN_OF "= ?1)"
	    " OR EXISTS (SELECT 1 FROM alias WHERE " DOMAIN_OF "= ?1)",
	[SQL_MAILBOX] = "SELECT address, state, moved_to, quota_permanent,"
			" quota_messages, messages, quota_octets, octets"
			" FROM mailbox WHERE address = ?",
	[SQL_ALIAS] =
	    "SELECT address, target, forward FROM alias WHERE address = ?",
	/* Up to two, as two are as ambiguous as many. */
	[SQL_NAMES] = "SELECT address FROM mailbox"
		      " WHERE address >= ?1 AND address < ?2"
		      " UNION SELECT address FROM alias"
		      " WHERE address >= ?1 AND address < ?2 LIMIT 2",
	[SQL_LISTS] = "SELECT DISTINCT address FROM alias"
		      " WHERE address >= ?1 AND address < ?2 LIMIT 2",
	[SQL_CLIENT_RULE] = "SELECT network, allow, code, enhanced, text"
			    " FROM client_rule WHERE network = ?",
	[SQL_NETWORKS] = "SELECT network FROM client_rule",
	[SQL_SENDER_RULE] = "SELECT pattern, allow, code, enhanced, text"
			    " FROM sender_rule WHERE pattern = ?",
	[SQL_QUOTA] = "SELECT max_messages, messages, max_octets, octets"
		      " FROM quota",
	[SQL_RATES] = RATES,
	[SQL_RATES_RCPT] = RATES " WHERE l.max_recipients NOT NULL",
	[SQL_COUNT_RATE] =
	    "UPDATE rate_count SET messages = messages + 1,"
	    " recipients = recipients + :recipients,"
	    " octets = octets + :octets"
	    " WHERE scope = :scope AND key = :key AND ends_at > :now",
	[SQL_BEGIN_RATE] =
	    "INSERT OR REPLACE INTO rate_count"
	    " (scope, key, ends_at, messages, recipients, octets)"
	    " SELECT scope, :key, :now + window_sec, 1, :recipients, :octets"
	    " FROM rate_limit WHERE scope = :scope",
	[SQL_COUNT_MAILBOX] = COUNT_MAILBOX("="),
	/* For IN, SQLite makes a table: 24,000 instructions of a mail. */
	[SQL_COUNT_MAILBOXES] = COUNT_MAILBOX("IN"),
	[SQL_COUNT_QUOTA] = "UPDATE quota SET"
			    " messages = coalesce(messages + 1, (SELECT "
			    "count(*) FROM message)),"
			    " octets = coalesce(octets + :octets,"
			    " (SELECT sum(size) FROM message))",
	/* Of those behind a key that is as good as any other. */
	[SQL_PURGE_RATES] =
	    "DELETE FROM rate_count WHERE ends_at <= :now AND (scope, key) IN"
	    " (SELECT scope, key FROM rate_count"
	    " WHERE (scope, key) > (:scope, :key) LIMIT 64)",
	[SQL_CANDIDATES] =
	    "SELECT id FROM message WHERE id > :after AND size = :size"
	    " AND client_address = :client_address"
	    " AND reverse_path = :reverse_path AND verb = :verb"
	    " AND body_type = :body_type"
	    " AND smtputf8 = :smtputf8 AND envelope_id IS :envelope_id"
	    " AND dsn_return IS :dsn_return AND received_at >= :since"
	    /* Others may have emptied it. */
	    " AND typeof(data) = 'blob' AND length(data) = :size"
	    " ORDER BY id DESC",
	[SQL_RECIPIENTS] =
	    "SELECT forward_path, notify, original_recipient, mailbox"
	    " FROM recipient WHERE message_id = ? ORDER BY position",
};

sqlite3_stmt *
statement_prepared(struct store *st, enum sql which)
{
	sqlite3_stmt **q = &st->stmts[which];

	if (!*q)
		sqlite3_prepare_v3(st->db, sql_text[which], -1,
		    SQLITE_PREPARE_PERSISTENT, q, NULL);
	return *q;
}

int
statement_run(struct store *st, enum sql which)
{
	sqlite3_stmt *q = statement_prepared(st, which);

	if (!q)
		return sqlite3_extended_errcode(st->db);
	sqlite3_step(q);
	return sqlite3_reset(q);
}

int
statement_run_integer(struct store *st, enum sql which, int64_t *ret)
{
	sqlite3_stmt *q = statement_prepared(st, which);

	if (!q)
		return sqlite3_extended_errcode(st->db);
	if (sqlite3_step(q) == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	return sqlite3_reset(q);
}

/*
 * Mostly they are bound in their order: to try the next one first saves 10,000
 * instructions of the 110,000 that the store takes for a mail.
 */
int
statement_parameter(sqlite3_stmt *q, const char *name)
{
	static sqlite3_stmt *last;
	static int at;
	const char *next;

	at = q == last ? at + 1 : 1;
	last = q;
	next = sqlite3_bind_parameter_name(q, at);
	if (!next || strcmp(next, name) != 0)
		at = sqlite3_bind_parameter_index(q, name);
	return at;
}

int
statement_bind_text(sqlite3_stmt *q, const char *name, const char *text)
{
	return sqlite3_bind_text(
	    q, statement_parameter(q, name), text, -1, SQLITE_STATIC);
}

int
statement_bind_integer(sqlite3_stmt *q, const char *name, int64_t n)
{
	return sqlite3_bind_int64(q, statement_parameter(q, name), n);
}

void
statement_finalize_all(struct store *st)
{
	for (size_t i = 0; i < SQL__COUNT; i++) {
		sqlite3_finalize(st->stmts[i]);
		st->stmts[i] = NULL;
	}
}
