/*
 * One mail, read whole.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	SMALL_OCTETS = 64 * 1024, /* a mail that may be in memory twice */
};

void
archive_mail_reset(struct archive_mail *m)
{
	free(m->client_address);
	free(m->trace);
	free(m->data);
	free(m->quarantine);
	envelope_free(&m->envelope);
	*m = (struct archive_mail){ 0 };
}

/* The column's text, kept by the envelope; NULL for NULL. */
static const char *
keep(struct envelope *e, struct statement *q, int column)
{
	const char *text = statement_text(q, column);

	return text ? envelope_text(e, span_of(text)) : NULL;
}

static void
read_fact(struct facts *f, enum fact fact, struct statement *q, int column)
{
	const char *text = statement_text(q, column);

	facts_set(f, fact, span_of(text ? text : ""));
}

/* The data of a small mail is in its row.  Otherwise `m` is left as it is. */
static void
read_small_data(struct statement *q, int column, struct archive_mail *m)
{
	struct span data = statement_blob(q, column);

	if (statement_is_null(q, column))
		return;
	m->data = malloc(data.len + 1);
	if (!m->data)
		return;
	if (data.len > 0)
		memcpy(m->data, data.p, data.len);
	m->data[data.len] = '\0';
	m->len = data.len;
}

static void
read_message(struct statement *q, struct archive_mail *m)
{
	struct envelope *e = &m->envelope;
	int at = 0;

	m->id = statement_integer(q, at++);
	m->received_at = statement_integer(q, at++);
	m->client_address = archive_column(q, at++);
	m->client_port = statement_integer(q, at++);
	e->helo = keep(e, q, at++);
	e->protocol = keep(e, q, at++);
	e->verb = keep(e, q, at++);
	e->reverse_path = keep(e, q, at++);
	e->body_type = keep(e, q, at++);
	e->smtputf8 = statement_integer(q, at++);
	e->envelope_id = keep(e, q, at++);
	e->dsn_return = keep(e, q, at++);
	e->size = (uint64_t)statement_integer(q, at++);
	m->header_size = (size_t)statement_integer(q, at++);
	m->trace = archive_column(q, at++);
	e->bare_line_ends = statement_integer(q, at++);
	m->quarantine = archive_column(q, at++);
	e->requiretls = statement_integer(q, at++);
	e->claimed_as = keep(e, q, at++);
	read_fact(&m->facts, FACT_ACCOUNT, q, at++);
	read_fact(&m->facts, FACT_TLS, q, at++);
	read_fact(&m->facts, FACT_CLIENT_SUBJECT, q, at++);
	read_small_data(q, at++, m);
}

static bool
is_whole(const struct archive_mail *m)
{
	const struct envelope *e = &m->envelope;

	return m->client_address && m->trace && e->helo && e->protocol &&
	       e->verb && e->reverse_path && e->body_type;
}

static int
read_recipients(struct archive *a, int64_t id, struct envelope *e)
{
	struct statement *q = statement_take(a->db,
	    "SELECT forward_path, notify, original_recipient, mailbox"
	    " FROM recipient WHERE message_id = :id AND (mailbox <> '' OR :all "
	    "= 1)"
	    " ORDER BY position");
	bool ok = true;
	int rc;

	statement_bind_integer(q, ":id", id);
	statement_bind_integer(q, ":all", a->as_sent);
	while (ok && statement_row(q)) {
		struct recipient r = {
			.forward_path = keep(e, q, 0),
			.notify = keep(e, q, 1),
			.original_recipient = keep(e, q, 2),
			.mailbox = keep(e, q, 3),
		};

		ok = r.forward_path && envelope_add(e, &r) == 0;
	}
	rc = statement_end(q);
	if (!ok)
		rc = DATABASE_NO_MEMORY;
	return rc == DATABASE_OK ? 0 : archive_fail(a, "recipients", rc);
}

/* Reads the data into memory of ours: a column would hold it a second time. */
static int
read_data(struct archive *a, struct archive_mail *m)
{
	struct blob *blob;
	int rc;

	if (m->data)
		return 0;
	blob = blob_begin(a->db, m->id, false);
	m->len = blob_size(blob);
	m->data = malloc(m->len + 1);
	if (m->data)
		blob_read(blob, m->data, m->len, 0);
	rc = blob_end(blob);
	if (rc == DATABASE_OK && !m->data)
		rc = DATABASE_NO_MEMORY;
	if (rc != DATABASE_OK)
		return archive_fail(a, "reading the mail", rc);
	m->data[m->len] = '\0';
	return 0;
}

static int
read_mail(struct archive *a, int64_t id, struct archive_mail *m)
{
	struct statement *q = statement_take(a->db,
	    "SELECT id, received_at, client_address, client_port, helo,"
	    " protocol, verb, reverse_path, body_type, smtputf8, envelope_id,"
	    " dsn_return, size, header_size, trace, bare_line_ends, quarantine,"
	    " requiretls, claimed_as, authenticated_as, tls, client_subject,"
	    " CASE WHEN size <= :small THEN data END"
	    " FROM message WHERE id = :id");
	int rc;

	statement_bind_integer(q, ":id", id);
	statement_bind_integer(q, ":small", SMALL_OCTETS);
	if (statement_row(q))
		read_message(q, m);
	rc = statement_end(q);
	if (rc == DATABASE_OK && m->id == id && !is_whole(m))
		rc = DATABASE_NO_MEMORY;
	if (rc != DATABASE_OK)
		return archive_fail(a, "reading the mail", rc);
	if (m->id != id)
		return 0;
	if (read_recipients(a, id, &m->envelope) < 0 || read_data(a, m) < 0)
		return -1;
	return a->as_sent || archive_follow(a, m) == 0 ? 1 : -1;
}

void
archive_read_as_sent(struct archive *a)
{
	a->as_sent = true;
}

/* In one transaction, so that nobody deletes the mail between two reads. */
int
archive_read(struct archive *a, int64_t id, struct archive_mail *ret)
{
	int result, rc;

	archive_mail_reset(ret);
	rc = database_begin_read(a->db);
	if (rc != DATABASE_OK)
		return archive_fail(a, "begin", rc);
	result = id > 0 ? read_mail(a, id, ret) : 0;
	database_end_read(a->db);
	if (result <= 0)
		archive_mail_reset(ret);
	return result;
}
