/*
 * The SQL is SQLite's, written so that PostgreSQL needs few changes
 * (postgresql/dialect.c).  So it says again what SQLite knows of a column:
 * COLLATE NOCASE on both sides, for upper case like lower; and `main.message`
 * for the table, since readers have a view of that name.
 */
#include "private.h"

/* As the indexes mailbox_domain and alias_domain have it. */
#define DOMAIN_OF                                                              \
	"substr(address, length(rtrim(address, replace(address, '@', ''))) + " \
	"1) COLLATE NOCASE "

/* From ?1 to before ?2. */
#define IN_RANGE                                                               \
	"address COLLATE NOCASE >= ?1 COLLATE NOCASE"                          \
	" AND address COLLATE NOCASE < ?2 COLLATE NOCASE"

/* The limits, with what is counted for this client and sender. */
#define RATES                                                                  \
	"SELECT l.scope, l.max_messages, c.messages, l.max_recipients,"        \
	" c.recipients, l.max_octets, c.octets, c.ends_at"                     \
	" FROM rate_limit AS l LEFT JOIN rate_count AS c"                      \
	" ON c.scope = l.scope AND c.ends_at > :now"                           \
	" AND c.key COLLATE NOCASE = (CASE l.scope WHEN 'client' THEN :client" \
	" WHEN 'sender' THEN :sender ELSE '' END) COLLATE NOCASE"

/* Counts a mail for its mailbox, or for all of them. */
#define COUNT_MAILBOX(is)                                                      \
	"UPDATE mailbox SET messages = messages + 1,"                          \
	" octets = octets + :octets,"                                          \
	" counted_from = coalesce(counted_from, :id)"                          \
	" WHERE address COLLATE NOCASE " is                                    \
	" (SELECT mailbox COLLATE NOCASE FROM recipient"                       \
	"  WHERE message_id = :id)"                                            \
	" AND coalesce(quota_messages, quota_octets, counted_from) IS NOT "    \
	"NULL"

#define IF_OPEN "CASE WHEN c.ends_at > :now THEN "

const char *const policy_sql[SQL__COUNT] = {
	[SQL_DOMAIN_USED] = "SELECT EXISTS (SELECT 1 FROM domain)",
	[SQL_DOMAIN] = "SELECT name FROM domain"
		       " WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE",
	[SQL_DOMAIN_CLOSED] =
	    "SELECT EXISTS (SELECT 1 FROM mailbox WHERE " DOMAIN_OF
	    "= ?1 COLLATE NOCASE)"
	    " OR EXISTS (SELECT 1 FROM alias WHERE " DOMAIN_OF
	    "= ?1 COLLATE NOCASE)",
	[SQL_MAILBOX] =
	    "SELECT address, state, moved_to, quota_permanent,"
	    " quota_messages, messages, quota_octets, octets,"
	    " authenticated FROM mailbox WHERE address COLLATE NOCASE = ?1"
	    " COLLATE NOCASE",
	[SQL_ALIAS] = "SELECT address, target, forward FROM alias"
		      " WHERE address COLLATE NOCASE = ?1 COLLATE NOCASE"
		      " ORDER BY target COLLATE NOCASE",
	/* LIMIT 2: two are as ambiguous as many. */
	[SQL_NAMES] = "SELECT min(address) FROM ("
		      "SELECT address FROM mailbox WHERE " IN_RANGE
		      " UNION ALL SELECT address FROM alias WHERE " IN_RANGE
		      ") AS name GROUP BY address COLLATE NOCASE LIMIT 2",
	[SQL_LISTS] = "SELECT min(address) FROM alias WHERE " IN_RANGE
		      " GROUP BY address COLLATE NOCASE LIMIT 2",
	[SQL_CLIENT_RULE] = "SELECT network, allow, code, enhanced, text, 0"
			    " FROM client_rule WHERE network COLLATE NOCASE"
			    " = ?1 COLLATE NOCASE",
	[SQL_NETWORKS] = "SELECT network FROM client_rule",
	[SQL_SENDER_RULE] = "SELECT pattern, allow, code, enhanced, text,"
			    " authenticated"
			    " FROM sender_rule WHERE pattern COLLATE NOCASE"
			    " = ?1 COLLATE NOCASE",
	[SQL_ACCOUNT_ADDRESSES] =
	    "SELECT pattern FROM account_address WHERE name = :name",
	[SQL_QUOTA] = "SELECT max_messages, messages, max_octets, octets"
		      " FROM quota",
	[SQL_RATES] = RATES " WHERE l.scope <> 'auth'",
	[SQL_RATES_RCPT] =
	    RATES " WHERE l.scope <> 'auth' AND l.max_recipients IS NOT NULL",
	[SQL_COUNT_RATE] = "UPDATE rate_count SET messages = messages + 1,"
			   " recipients = recipients + :recipients,"
			   " octets = octets + :octets"
			   " WHERE scope = :scope AND ends_at > :now"
			   " AND key COLLATE NOCASE = :key COLLATE NOCASE",
	/* The same where the window may be over, or not be there. */
	[SQL_BEGIN_RATE] =
	    "INSERT INTO rate_count AS c"
	    " (scope, key, ends_at, messages, recipients, octets)"
	    " SELECT scope, :key, :now + window_sec, 1, :recipients, :octets"
	    " FROM rate_limit WHERE scope = :scope"
	    " ON CONFLICT (scope, key COLLATE NOCASE) DO UPDATE SET"
	    " ends_at = " IF_OPEN "c.ends_at ELSE excluded.ends_at END,"
	    " messages = 1 + " IF_OPEN "c.messages ELSE 0 END,"
	    " recipients = :recipients + " IF_OPEN "c.recipients ELSE 0 END,"
	    " octets = :octets + " IF_OPEN "c.octets ELSE 0 END",
	[SQL_COUNT_MAILBOX] = COUNT_MAILBOX("="),
	/* For IN, SQLite makes a table: 24,000 instructions of a mail. */
	[SQL_COUNT_MAILBOXES] = COUNT_MAILBOX("IN"),
	[SQL_COUNT_QUOTA] = "UPDATE quota SET"
			    " messages = coalesce(messages + 1, (SELECT "
			    "count(*) FROM main.message)),"
			    " octets = coalesce(octets + :octets,"
			    " (SELECT sum(size) FROM main.message))",
	/* Of those behind a key that is as good as any other. */
	[SQL_PURGE_RATES] =
	    "DELETE FROM rate_count WHERE ends_at <= :now AND (scope, key) IN"
	    " (SELECT scope, key FROM rate_count"
	    " WHERE (scope, key) > (:scope, :key) LIMIT 64)",
};
