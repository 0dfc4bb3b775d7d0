/*
 * What filters change in a mail: instructions that stand in the spool behind
 * it, as mail/change.h writes them.  They may come from a session that was
 * taken over, so each is checked, and their number is limited.
 */
#include <errno.h>

#include "../mail/change.h"
#include "private.h"

enum {
	CHANGES_MAX = 10000, /* of one mail */
};

static const char change_sql[] =
    "INSERT INTO filter_change (message_id, position, filter, action, place,"
    " name, value) VALUES (:id, :position, :filter, :action, :place, :name,"
    " :value)";

/* Keeps the row as RCPT made it, but without a mailbox. */
static const char delete_recipient_sql[] =
    "UPDATE recipient SET mailbox = '' WHERE message_id = :id AND added = 0"
    " AND forward_path COLLATE NOCASE = :path COLLATE NOCASE";

static int
insert(struct store *st, int64_t id, const struct change *c, int position)
{
	struct statement *s = statement_take(st->db, change_sql);
	bool has_place =
	    change_has_name(c->action) && c->action != CHANGE_ADD_HEADER;

	statement_bind_integer(s, ":id", id);
	statement_bind_integer(s, ":position", position);
	statement_bind_span(s, ":filter", c->filter);
	statement_bind_text(s, ":action", change_action_name(c->action));
	if (has_place)
		statement_bind_integer(s, ":place", c->place);
	if (change_has_name(c->action))
		statement_bind_span(s, ":name", c->name);
	if (database_is_file() && change_is_text(c))
		statement_bind_span(s, ":value", c->value);
	else
		statement_bind_blob(s, ":value", c->value);
	return statement_run(s);
}

static int
delete_recipient(struct store *st, int64_t id, struct span path)
{
	struct statement *s = statement_take(st->db, delete_recipient_sql);

	statement_bind_integer(s, ":id", id);
	statement_bind_span(s, ":path", path);
	return statement_run(s);
}

/* A mail without a recipient goes nowhere. */
static int
put_aside(struct store *st, int64_t id)
{
	struct statement *s = statement_take(st->db,
	    "UPDATE main.message SET quarantine = 'filters took all recipients "
	    "away'"
	    " WHERE id = :id AND quarantine IS NULL AND NOT EXISTS"
	    " (SELECT 1 FROM recipient WHERE message_id = :id"
	    "  AND mailbox <> '')");

	statement_bind_integer(s, ":id", id);
	return statement_run(s);
}

enum verdict
changes_insert(struct store *st, int64_t id, uint64_t from)
{
	uint64_t end = spool_size(st->spool);
	int position = 0, rc = DATABASE_OK;
	bool deletes = false;

	for (int n = 0; from < end && rc == DATABASE_OK; n++) {
		struct unpack in = { .failed = false };
		struct change change;
		size_t len;

		if (spool_read(st->spool, from, &in.rest) < 0)
			return database_fail_errno(
			    st->db, "reading the spool", errno);
		len = in.rest.len;
		if (n == CHANGES_MAX || !change_read(&in, &change))
			return database_fail(st->db, VERDICT_FAILED,
			    "what filters change is malformed, or too much");
		from += len - in.rest.len;
		deletes |= change.action == CHANGE_DELETE_RECIPIENT;
		rc = change.action == CHANGE_DELETE_RECIPIENT
			 ? delete_recipient(st, id, change.value)
			 : insert(st, id, &change, ++position);
	}
	if (rc == DATABASE_OK && deletes)
		rc = put_aside(st, id);
	return rc == DATABASE_OK
		   ? VERDICT_OK
		   : database_fail_code(st->db, "writing the changes", rc);
}
