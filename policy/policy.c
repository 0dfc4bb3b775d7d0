/*
 * Each question reads in one transaction, so that it sees one state of the
 * tables.  While none of them ever had a row, all that is done is to find that
 * out (SQL_POLICY_USED), at MAIL and once for each burst of commands.
 */
#include "../policy.h"

#include <sys/statvfs.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/idn.h"
#include "../mail/ip.h"
#include "private.h"

enum {
	/* A mail is on the disk twice, spooled and in the log; and some air. */
	COPIES = 2,
	AIR = 1024 * 1024,
	/* Rules that are sooner looked through than asked for one by one. */
	RULES_FEW = 32,
};

void
policy_say(struct policy_answer *ret, const struct policy_query *q,
    enum reply what, const char *detail)
{
	struct reply_values values = { .detail = detail, .utf8 = q->utf8 };

	ret->code = replies[what].code;
	strcpy(ret->enhanced, replies[what].enhanced);
	reply_write_text(ret->text, sizeof ret->text, &replies[what], &values);
}

const char *
policy_shown(const char *mailbox, bool utf8)
{
	static char text[POLICY_ADDRESS_SIZE + 2];
	struct reply_values values = { .detail = mailbox, .utf8 = utf8 };

	reply_write_text(text, sizeof text, &replies[REPLY_MEMBER], &values);
	return text;
}

void
policy_note(struct policy_answer *ret, const char *table, const char *key)
{
	ret->table = table;
	snprintf(ret->key, sizeof ret->key, "%s", key ? key : "");
}

/* Forgets what was said. */
static void
clear_answer(struct policy_answer *ret)
{
	ret->code = 0;
	ret->enhanced[0] = ret->text[0] = ret->key[0] = '\0';
	ret->nmailboxes = 0;
	ret->table = "";
}

int
policy_find(sqlite3_stmt *q, const char *key)
{
	int rc = sqlite3_bind_text(q, 1, key, -1, SQLITE_TRANSIENT);

	return rc == SQLITE_OK ? sqlite3_step(q) : rc;
}

void
policy_refresh(struct store *st)
{
	st->policy_looked = false;
	st->policy_busy = false;
}

/*
 * Asks, if one of the `tables` is used.  Where some were at the last time, one
 * transaction is for finding that out as well.
 */
static int
look_and_ask(struct store *st, const struct policy_query *q,
    struct policy_answer *ret, int tables,
    int (*question)(
	struct store *, const struct policy_query *, struct policy_answer *))
{
	bool begun = st->policy_used > 0;
	int rc = begun ? statement_run(st, SQL_BEGIN_READ) : SQLITE_OK;

	if (rc == SQLITE_OK && !st->policy_looked)
		rc = policy_read_use(st, &st->policy_used);
	if (rc != SQLITE_OK)
		return rc;
	st->policy_looked = true;
	if (st->policy_used & tables) {
		if (!begun)
			rc = statement_run(st, SQL_BEGIN_READ);
		begun = true;
		if (rc == SQLITE_OK)
			rc = question(st, q, ret);
	}
	if (rc == SQLITE_OK && begun)
		rc = statement_run(st, SQL_COMMIT);
	return rc;
}

static enum verdict
ask(struct store *st, const struct policy_query *q, struct policy_answer *ret,
    int tables,
    int (*question)(
	struct store *, const struct policy_query *, struct policy_answer *))
{
	enum verdict result = VERDICT_BUSY;
	int rc;

	clear_answer(ret);
	st->policy_asked = true;
	/* A burst has thousands of commands; not each of them waits. */
	if (!st->policy_busy)
		result = store_open(st);
	st->policy_busy = result == VERDICT_BUSY;
	if (result != VERDICT_OK)
		return result;
	rc = look_and_ask(st, q, ret, tables, question);
	if (rc != SQLITE_OK)
		result = database_fail_sqlite(st, "reading the policy", rc);
	if (!sqlite3_get_autocommit(st->db))
		statement_run(st, SQL_ROLLBACK);
	st->policy_busy = result == VERDICT_BUSY;
	return result;
}

/*
 * MAIL
 */

/* What the rule of the row found says; nothing if it allows. */
static void
read_rule(sqlite3_stmt *rule, const char *table, struct policy_answer *ret)
{
	policy_note(ret, table, (const char *)sqlite3_column_text(rule, 0));
	if (sqlite3_column_int(rule, 1))
		return;
	ret->code = sqlite3_column_int(rule, 2);
	snprintf(ret->enhanced, sizeof ret->enhanced, "%s",
	    sqlite3_column_text(rule, 3));
	snprintf(
	    ret->text, sizeof ret->text, "%s", sqlite3_column_text(rule, 4));
}

/*
 * Does a rule of this key decide, either way?  `*ret_rc` is SQLITE_OK or the
 * error, with which the search is over as well.
 */
static bool
try_rule(struct store *st, enum sql which, const char *table, const char *key,
    struct policy_answer *ret, int *ret_rc)
{
	sqlite3_stmt *rule = statement_prepared(st, which);
	int rc;

	if (!rule) {
		*ret_rc = sqlite3_extended_errcode(st->db);
		return true;
	}
	rc = policy_find(rule, key);
	if (rc == SQLITE_ROW)
		read_rule(rule, table, ret);
	*ret_rc = sqlite3_reset(rule);
	return rc != SQLITE_DONE;
}

/* The bits of the prefix if the client is in this network, else -1. */
static int
match_network(const struct ip *client, const char *network)
{
	const char *slash = strchr(network, '/');
	char own[IP_TEXT_SIZE];
	uint64_t bits;

	if (!slash || !span_number(span_of(slash + 1), &bits) ||
	    bits > ip_nbits(client))
		return -1;
	ip_write_network(client, (unsigned)bits, own);
	return strcasecmp(own, network) == 0 ? (int)bits : -1;
}

/*
 * Looks through the rules, if they are few; false: they are not.  The network
 * that counts is "" if there is none.
 */
static bool
find_among_few(struct store *st, const struct ip *client,
    char ret_network[IP_TEXT_SIZE], int *ret_rc)
{
	sqlite3_stmt *q = statement_prepared(st, SQL_NETWORKS);
	int best = -1, nrows = 0;

	*ret_rc = SQLITE_OK;
	ret_network[0] = '\0';
	if (!q) {
		*ret_rc = sqlite3_extended_errcode(st->db);
		return true;
	}
	while (nrows <= RULES_FEW && sqlite3_step(q) == SQLITE_ROW) {
		const char *network = (const char *)sqlite3_column_text(q, 0);
		int bits = match_network(client, network);

		nrows++;
		if (bits > best) {
			best = bits;
			snprintf(ret_network, IP_TEXT_SIZE, "%s", network);
		}
	}
	*ret_rc = sqlite3_reset(q);
	return nrows <= RULES_FEW;
}

/* Asks for each of its networks, from the longest prefix to the shortest. */
static int
find_among_many(
    struct store *st, const struct ip *client, struct policy_answer *ret)
{
	char key[IP_TEXT_SIZE];
	int rc = SQLITE_OK;

	for (unsigned bits = ip_nbits(client) + 1; bits-- > 0;) {
		ip_write_network(client, bits, key);
		if (try_rule(st, SQL_CLIENT_RULE, "client_rule", key, ret, &rc))
			break;
	}
	return rc;
}

static int
check_client(struct store *st, const char *address, struct policy_answer *ret)
{
	char network[IP_TEXT_SIZE];
	struct ip client;
	int rc;

	if (try_rule(st, SQL_CLIENT_RULE, "client_rule", address, ret, &rc))
		return rc;
	if (!ip_read(address, &client))
		return SQLITE_OK;
	if (!find_among_few(st, &client, network, &rc))
		return find_among_many(st, &client, ret);
	if (rc == SQLITE_OK && network[0] != '\0')
		try_rule(st, SQL_CLIENT_RULE, "client_rule", network, ret, &rc);
	return rc;
}

/* The address and the domain, each by all names of the domain; then "*". */
static int
check_sender(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	static const char table[] = "sender_rule";
	char sent[POLICY_ADDRESS_SIZE], key[POLICY_ADDRESS_SIZE];
	struct policy_address a = { .domain = { "", 0 } };
	struct idn_forms forms = { .n = 0 };
	int rc;

	snprintf(sent, sizeof sent, "%.*s", (int)q->address.len, q->address.p);
	if (try_rule(st, SQL_SENDER_RULE, table, sent, ret, &rc))
		return rc;
	/* An address without a domain is of the host's, but <> is of none. */
	if (q->address.len > 0 &&
	    policy_read_address(q->address, q->hostname, &a))
		idn_forms(a.domain, &forms);
	for (unsigned i = 0; i < forms.n; i++) {
		if (policy_join(a.local, a.local_len, forms.form[i], key) &&
		    strcmp(key, sent) != 0 &&
		    try_rule(st, SQL_SENDER_RULE, table, key, ret, &rc))
			return rc;
	}
	for (unsigned i = 0; i < forms.n; i++) {
		if (try_rule(
			st, SQL_SENDER_RULE, table, forms.form[i], ret, &rc))
			return rc;
	}
	try_rule(st, SQL_SENDER_RULE, table, "*", ret, &rc);
	return rc;
}

bool
policy_exceeds(sqlite3_stmt *q, int column, uint64_t more)
{
	int64_t limit = sqlite3_column_int64(q, column);
	int64_t used = sqlite3_column_int64(q, column + 1);

	if (sqlite3_column_type(q, column) == SQLITE_NULL)
		return false;
	return used >= limit || more > (uint64_t)(limit - used);
}

static int
check_quota(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	sqlite3_stmt *quota = statement_prepared(st, SQL_QUOTA);

	if (!quota)
		return sqlite3_extended_errcode(st->db);
	if (sqlite3_step(quota) == SQLITE_ROW &&
	    (policy_exceeds(quota, 0, 1) ||
		policy_exceeds(quota, 2, q->size))) {
		policy_note(ret, "quota", "");
		policy_say(ret, q, REPLY_FULL, "");
	}
	return sqlite3_reset(quota);
}

static int
question_mail(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	int rc = SQLITE_OK;

	if (st->policy_used & POLICY_CLIENT_RULES)
		rc = check_client(st, q->client_address, ret);
	if (rc == SQLITE_OK && !ret->code &&
	    st->policy_used & POLICY_SENDER_RULES)
		rc = check_sender(st, q, ret);
	if (rc == SQLITE_OK && !ret->code && st->policy_used & POLICY_QUOTA)
		rc = check_quota(st, q, ret);
	if (rc == SQLITE_OK && !ret->code && st->policy_used & POLICY_RATES)
		rc = policy_check_rates(st, q, q->address, 0, ret);
	return rc;
}

/* Does a mail of this size fit on the disk?  Nobody's word that it will. */
static enum verdict
check_room(struct store *st, uint64_t size)
{
	struct statvfs fs;
	uint64_t room;

	if (size == 0 || statvfs(st->folder, &fs) < 0)
		return VERDICT_OK;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room > AIR && (room - AIR) / COPIES >= size)
		return VERDICT_OK;
	return database_fail(st, VERDICT_FULL,
	    "%llu octets are free on the disk, too few for a mail of %llu",
	    (unsigned long long)room, (unsigned long long)size);
}

enum verdict
policy_mail(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	enum verdict result = ask(st, q, ret,
	    POLICY_CLIENT_RULES | POLICY_SENDER_RULES | POLICY_QUOTA |
		POLICY_RATES,
	    question_mail);

	if (result == VERDICT_OK && ret->code < 400)
		result = check_room(st, q->size);
	return result;
}

/*
 * RCPT
 */

static int
question_rcpt(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	int rc = SQLITE_OK;

	if (st->policy_used & POLICY_DOMAINS)
		rc = policy_resolve(st, q, q->address, ret);
	if (rc == SQLITE_OK && ret->code < 400 &&
	    st->policy_used & POLICY_RATES)
		rc = policy_check_rates(
		    st, q, q->sender, q->nrecipients + 1, ret);
	return rc;
}

enum verdict
policy_rcpt(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	/* No table was used at MAIL: so be it for this mail. */
	if (st->policy_used == 0) {
		clear_answer(ret);
		return VERDICT_OK;
	}
	return ask(st, q, ret, POLICY_DOMAINS | POLICY_RATES, question_rcpt);
}

/*
 * VRFY, EXPN
 */

/* The rows whose local part it is, whatever their domain: none, one or two. */
static int
find_names(struct store *st, enum sql which, struct span local,
    char *ret_address, unsigned *ret_n)
{
	sqlite3_stmt *q = statement_prepared(st, which);
	char from[POLICY_ADDRESS_SIZE], to[POLICY_ADDRESS_SIZE];
	int rc;

	if (!q)
		return sqlite3_extended_errcode(st->db);
	/* "[" follows "@" where letters have no case. */
	snprintf(from, sizeof from, "%.*s@", (int)local.len, local.p);
	snprintf(to, sizeof to, "%.*s[", (int)local.len, local.p);
	*ret_n = 0;
	rc = sqlite3_bind_text(q, 2, to, -1, SQLITE_TRANSIENT);
	if (rc != SQLITE_OK)
		return rc;
	for (rc = policy_find(q, from); rc == SQLITE_ROW;
	     rc = sqlite3_step(q)) {
		snprintf(ret_address, POLICY_ADDRESS_SIZE, "%s",
		    sqlite3_column_text(q, 0));
		++*ret_n;
	}
	return sqlite3_reset(q);
}

static struct span
without_brackets(struct span text)
{
	text = span_trim(text);
	if (text.len >= 2 && text.p[0] == '<' && text.p[text.len - 1] == '>')
		text = (struct span){ text.p + 1, text.len - 2 };
	return text;
}

/*
 * Resolves an address, or a name whose domain is to be found among the rows;
 * `none` is said if there is no row.
 */
static int
resolve_name(struct store *st, const struct policy_query *q, enum sql which,
    enum reply none, struct policy_answer *ret)
{
	struct span name = without_brackets(q->address);
	char address[POLICY_ADDRESS_SIZE];
	unsigned n = 0;
	int rc;

	if (memchr(name.p, '@', name.len) || span_is(name, "postmaster"))
		return policy_resolve(st, q, name, ret);
	rc = find_names(st, which, name, address, &n);
	if (rc != SQLITE_OK)
		return rc;
	if (n == 1)
		return policy_resolve(st, q, span_of(address), ret);
	policy_say(ret, q, n == 0 ? none : REPLY_AMBIGUOUS, "");
	return SQLITE_OK;
}

/* Did a row of that name decide, and not '*@domain', which knows no names? */
static bool
is_verified(const struct policy_answer *ret)
{
	return ret->table[0] != '\0' && strncmp(ret->key, "*@", 2) != 0;
}

static int
question_vrfy(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	bool selective;
	int rc = policy_is_selective(st, &selective);

	if (rc != SQLITE_OK || !selective)
		return rc;
	rc = resolve_name(st, q, SQL_NAMES, REPLY_NO_MAILBOX, ret);
	if (rc == SQLITE_OK && !ret->code && is_verified(ret))
		policy_say(ret, q, REPLY_IS, ret->key);
	return rc;
}

static int
question_expn(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	bool selective;
	int rc = policy_is_selective(st, &selective);

	if (rc == SQLITE_OK && selective)
		rc = resolve_name(st, q, SQL_LISTS, REPLY_NO_LIST, ret);
	if (rc != SQLITE_OK || ret->code >= 400)
		return rc;
	if (is_verified(ret) && strcmp(ret->table, "alias") == 0)
		ret->code = 0;
	else
		policy_say(ret, q, REPLY_NO_LIST, "");
	return rc;
}

enum verdict
policy_vrfy(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	return ask(st, q, ret, POLICY_DOMAINS, question_vrfy);
}

enum verdict
policy_expn(
    struct store *st, const struct policy_query *q, struct policy_answer *ret)
{
	enum verdict result = ask(st, q, ret, POLICY_DOMAINS, question_expn);

	if (result == VERDICT_OK && ret->code == 0 && ret->nmailboxes == 0)
		policy_say(ret, q, REPLY_NO_LIST, "");
	return result;
}
