/*
 * Applies the changes of filters (filter_change) to a mail that was read: the
 * header becomes a list of fields, the changes alter that list, and the mail
 * is put together again.  A session that was taken over may have written the
 * rows, so those that are not valid are passed over.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../mail/change.h"
#include "private.h"

enum {
	/* All that is behind so many fields counts as one more. */
	FIELDS_MAX = 10000,
};

struct field {
	struct span text; /* with its line end */
	char *owned;      /* its memory, if it was made here */
};

struct rewrite {
	struct field *fields;
	size_t nfields, cap;
	struct span end; /* the empty line behind them, if there is one */
	char *body;
	size_t body_len, body_cap;
	bool has_body; /* a filter has replaced it */
	bool failed;   /* no memory */
};

static const char rows_sql[] =
    "SELECT action, place, name, value FROM filter_change"
    " WHERE message_id = :id ORDER BY position";

/*
 * Fields
 */

static void
insert_field(struct rewrite *w, size_t at, struct field field)
{
	if (w->nfields == w->cap) {
		size_t cap = w->cap > 0 ? w->cap * 2 : 64;
		struct field *grown =
		    realloc(w->fields, cap * sizeof *w->fields);

		if (!grown) {
			free(field.owned);
			w->failed = true;
			return;
		}
		w->fields = grown;
		w->cap = cap;
	}
	if (at > w->nfields)
		at = w->nfields;
	memmove(w->fields + at + 1, w->fields + at,
	    (w->nfields - at) * sizeof *w->fields);
	w->fields[at] = field;
	w->nfields++;
}

/* Cuts off the empty line, or one of blanks, that ends a header section. */
static struct span
cut_end(struct span *header)
{
	struct span end = { header->p, header->len };
	size_t from = header->len > 0 ? header->len - 1 : 0;

	while (from > 0 && header->p[from - 1] != '\n')
		from--;
	end.p += from;
	end.len -= from;
	for (size_t i = 0; i < end.len; i++) {
		if (!memchr(" \t\r\n", end.p[i], 4))
			return (struct span){ "", 0 };
	}
	header->len -= end.len;
	return end;
}

static void
read_fields(struct rewrite *w, struct span header)
{
	w->end = cut_end(&header);
	while (header.len > 0) {
		struct span field = header;

		if (w->nfields < FIELDS_MAX)
			field = header_take_field(&header);
		else
			header.len = 0;
		insert_field(w, w->nfields, (struct field){ field, NULL });
	}
}

/* The index of the field of that name at a place, from 1; nfields: none. */
static size_t
find_field(const struct rewrite *w, const char *name, int64_t place)
{
	size_t len = strlen(name), at;

	for (at = 0; at < w->nfields; at++) {
		struct span text = w->fields[at].text;
		size_t behind = len;

		if (text.len <= len || strncasecmp(text.p, name, len) != 0)
			continue;
		while (behind < text.len && memchr(" \t", text.p[behind], 2))
			behind++;
		if (behind < text.len && text.p[behind] == ':' && --place <= 0)
			break;
	}
	return at;
}

static struct field
make_field(struct rewrite *w, const char *name, struct span value)
{
	size_t len = strlen(name) + 1 + value.len + 2;
	char *text = malloc(len + 1);
	char *at = text;

	if (!text) {
		w->failed = true;
		return (struct field){ { "", 0 }, NULL };
	}
	at = stpcpy(at, name);
	*at++ = ':';
	if (value.len > 0)
		memcpy(at, value.p, value.len);
	memcpy(at + value.len, "\r\n", 3);
	return (struct field){ { text, len }, text };
}

static void
remove_field(struct rewrite *w, size_t at)
{
	if (!w->fields || at >= w->nfields)
		return;
	free(w->fields[at].owned);
	w->nfields--;
	memmove(w->fields + at, w->fields + at + 1,
	    (w->nfields - at) * sizeof *w->fields);
}

/*
 * Instructions
 */

static void
append_body(struct rewrite *w, struct span piece)
{
	w->has_body = true;
	if (w->body_len + piece.len > w->body_cap) {
		size_t cap = (w->body_len + piece.len) * 2;
		char *grown = realloc(w->body, cap);

		if (!grown) {
			w->failed = true;
			return;
		}
		w->body = grown;
		w->body_cap = cap;
	}
	if (w->body && piece.len > 0)
		memcpy(w->body + w->body_len, piece.p, piece.len);
	w->body_len += piece.len;
}

/* Changes the reverse-path, also in the Return-Path that begins the trace. */
static void
change_sender(struct rewrite *w, struct archive_mail *m, struct span sender)
{
	static const char name[] = "Return-Path: <";
	const char *path = envelope_text(&m->envelope, sender);
	const char *end = strchr(m->trace, '\n');
	char *trace;

	if (!path) {
		w->failed = true;
		return;
	}
	m->envelope.reverse_path = path;
	if (strncmp(m->trace, name, sizeof name - 1) != 0 || !end)
		return;
	trace = malloc(sizeof name + sender.len + 3 + strlen(end));
	if (!trace) {
		w->failed = true;
		return;
	}
	strcpy(stpcpy(stpcpy(stpcpy(trace, name), path), ">\r"), end);
	free(m->trace);
	m->trace = trace;
}

static void
follow_header(struct rewrite *w, const struct change *c, const char *name)
{
	size_t at = w->nfields;

	if (c->action == CHANGE_INSERT_HEADER)
		at = c->place;
	else if (c->action != CHANGE_ADD_HEADER)
		at = find_field(w, name, c->place);
	if (c->action == CHANGE_CHANGE_HEADER ||
	    c->action == CHANGE_DELETE_HEADER)
		remove_field(w, at);
	if (c->action != CHANGE_DELETE_HEADER)
		insert_field(w, at, make_field(w, name, c->value));
}

/* Applies one row, which another program may have written. */
static void
follow_row(struct rewrite *w, struct archive_mail *m, struct statement *q)
{
	const char *action = statement_text(q, 0);
	int64_t place = statement_integer(q, 1);
	const char *named = statement_text(q, 2);
	const char *name = named ? named : "";
	struct change c = {
		.action = action ? change_action_of(action) : CHANGE__COUNT,
		.filter = span_of("x"),
		.place = place > 0 && place < INT32_MAX ? (uint32_t)place : 0,
		.name = span_of(name),
		.value = statement_blob(q, 3),
	};

	if (!c.value.p)
		c.value = span_of("");
	if (!change_is_valid(&c))
		return;
	if (change_has_name(c.action))
		follow_header(w, &c, name);
	else if (c.action == CHANGE_REPLACE_BODY)
		append_body(w, c.value);
	else if (c.action == CHANGE_SENDER)
		change_sender(w, m, c.value);
}

/*
 * The mail
 */

static size_t
put(char *to, size_t at, struct span text)
{
	if (text.len > 0)
		memcpy(to + at, text.p, text.len);
	return at + text.len;
}

/* Puts the mail together: a line end behind each field, an empty line last. */
static bool
write_anew(struct rewrite *w, struct archive_mail *m)
{
	struct span body = { w->body, w->body_len };
	size_t size = 4, at = 0;
	char *data;

	if (!w->has_body)
		body = (struct span){ m->data + m->header_size,
			m->len - m->header_size };
	for (size_t i = 0; i < w->nfields; i++)
		size += w->fields[i].text.len;
	data = malloc(size + w->end.len + body.len + 1);
	if (!data)
		return false;
	for (size_t i = 0; i < w->nfields; i++) {
		at = put(data, at, w->fields[i].text);
		if (at > 0 && data[at - 1] != '\n')
			at = put(data, at, span_of("\r\n"));
	}
	at = put(data, at, w->end.len > 0 ? w->end : span_of("\r\n"));
	m->header_size = at;
	m->len = put(data, at, body);
	data[m->len] = '\0';
	free(m->data);
	m->data = data;
	m->envelope.size = m->len;
	return true;
}

static void
clear(struct rewrite *w)
{
	for (size_t i = 0; i < w->nfields; i++)
		free(w->fields[i].owned);
	free(w->fields);
	free(w->body);
}

int
archive_follow(struct archive *a, struct archive_mail *m)
{
	struct statement *q = statement_take(a->db, rows_sql);
	struct rewrite w = { .nfields = 0 };
	bool is_changed = false;
	int rc;

	statement_bind_integer(q, ":id", m->id);
	if (m->header_size > m->len)
		m->header_size = m->len;
	while (!w.failed && statement_row(q)) {
		if (!is_changed)
			read_fields(
			    &w, (struct span){ m->data, m->header_size });
		is_changed = true;
		follow_row(&w, m, q);
	}
	rc = statement_end(q);
	if (rc == DATABASE_OK && is_changed && (w.failed || !write_anew(&w, m)))
		rc = DATABASE_NO_MEMORY;
	clear(&w);
	return rc == DATABASE_OK ? 0
				 : archive_fail(a, "what filters change", rc);
}
