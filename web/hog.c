/*
 * MailHog's API v2, as far as test suites use it.  A part's content is given
 * decoded, or as base64, with fields that say so, whatever its encoding was.
 */
#include <stdlib.h>
#include <string.h>

#include "../mime/json.h"
#include "base64.h"
#include "routes.h"

enum {
	LIMIT = 50,
	LIMIT_MAX = 250,             /* of whole mails */
	LIST_MAX = 64 * 1024 * 1024, /* octets of JSON; then the list ends */
};

/* "ann@a.example" in its two halves. */
static void
add_path(struct json *j, const char *name, const char *path)
{
	const char *at = strrchr(path, '@');
	struct text local = { 0 };
	char *copy;

	text_add(&local,
	    at ? (struct span){ path, (size_t)(at - path) } : span_of(path));
	copy = text_take(&local);
	json_open(j, name, '{');
	json_text(j, "Relays", NULL);
	json_text(j, "Mailbox", copy);
	json_text(j, "Domain", at ? at + 1 : "");
	json_text(j, "Params", "");
	json_close(j, '}');
	free(copy);
}

static void
add_field(struct json *j, const char *name, const char *value)
{
	json_open(j, name, '[');
	json_text(j, NULL, value);
	json_close(j, ']');
}

static void
add_part_fields(struct json *j, const struct mime_part *part, size_t number)
{
	struct text type = { 0 }, disposition = { 0 };
	char name[FILE_NAME_SIZE];

	text_add(&type, span_of(part->type));
	if (part->is_text)
		text_add(&type, span_of("; charset=utf-8"));
	json_open(j, "Headers", '{');
	add_field(j, "Content-Type", type.p);
	add_field(
	    j, "Content-Transfer-Encoding", part->is_text ? "8bit" : "base64");
	if (part_role(part) == PART_ATTACHED) {
		file_name(part, number, name);
		for (char *p = name; *p; p++) {
			if (*p == '"')
				*p = '\'';
		}
		text_add(&disposition, span_of("attachment; filename=\""));
		text_add(&disposition, span_of(name));
		text_add_char(&disposition, '"');
		add_field(j, "Content-Disposition", disposition.p);
	}
	if (part->id)
		add_field(j, "Content-ID", part->id);
	json_close(j, '}');
	text_free(&type);
	text_free(&disposition);
}

static void
add_part(struct json *j, const struct mime_part *part, size_t number)
{
	struct text encoded = { 0 };

	json_open(j, NULL, '{');
	add_part_fields(j, part, number);
	json_text_begin(j, "Body");
	if (part->is_text) {
		mime_source(part, json_text_sink(j));
	} else {
		base64_part(part, &encoded);
		sink_put(
		    json_text_sink(j), (struct span){ encoded.p, encoded.len });
	}
	json_text_end(j);
	json_integer(j, "Size", (int64_t)mime_size(part));
	json_text(j, "MIME", NULL);
	json_close(j, '}');
	text_free(&encoded);
}

static void
add_mime(struct json *j, const struct letter *l)
{
	size_t n = mime_nparts(l->mime);

	if (n < 2) {
		json_text(j, "MIME", NULL);
		return;
	}
	json_open(j, "MIME", '{');
	json_open(j, "Parts", '[');
	for (size_t i = 0; i < n; i++)
		add_part(j, mime_part(l->mime, i), i + 1);
	json_close(j, ']');
	json_close(j, '}');
}

static void
add_octets(struct json *j, const char *name, struct span octets)
{
	json_text_begin(j, name);
	sink_put(json_text_sink(j), octets);
	json_text_end(j);
}

static void
add_raw(struct json *j, const struct archive_mail *m)
{
	const struct envelope *e = &m->envelope;

	json_open(j, "Raw", '{');
	json_text(j, "From", e->reverse_path);
	json_open(j, "To", '[');
	for (unsigned i = 0; i < e->nrecipients; i++)
		json_text(j, NULL, e->recipients[i].forward_path);
	json_close(j, ']');
	add_octets(j, "Data", (struct span){ m->data, m->len });
	json_text(j, "Helo", e->helo);
	json_close(j, '}');
}

static void
add_mail(struct json *j, const struct letter *l)
{
	const struct archive_mail *m = &l->mail;
	const struct envelope *e = &m->envelope;
	size_t at = m->header_size < m->len ? m->header_size : m->len;
	char id[24];

	snprintf(id, sizeof id, "%lld", (long long)m->id);
	json_open(j, NULL, '{');
	json_text(j, "ID", id);
	add_path(j, "From", e->reverse_path);
	json_open(j, "To", '[');
	for (unsigned i = 0; i < e->nrecipients; i++)
		add_path(j, NULL, e->recipients[i].forward_path);
	json_close(j, ']');
	json_open(j, "Content", '{');
	add_headers(j, "Headers", l);
	add_octets(j, "Body", (struct span){ m->data + at, m->len - at });
	json_integer(j, "Size", (int64_t)m->len);
	json_text(j, "MIME", NULL);
	json_close(j, '}');
	json_time(j, "Created", m->received_at);
	add_mime(j, l);
	add_raw(j, m);
	json_close(j, '}');
}

static void
find(struct request *r, struct response *ret, const char *words)
{
	const struct mails_query q = {
		.words = words,
		.start = request_bounded(r, "start", 0, INT64_MAX / 2),
		.limit = request_bounded(r, "limit", LIMIT, LIMIT_MAX),
		.consumer = r->consumer,
	};
	struct mails_found found;
	struct json j = { .to = NULL };
	size_t n;

	if (mails_find(&r->web->mails, &q, &found) < 0) {
		response_fail(ret, &r->web->mails);
		return;
	}
	j.to = response_open(ret);
	json_open(&j, NULL, '{');
	json_integer(&j, "total", found.total);
	json_integer(&j, "start", q.start);
	json_open(&j, "items", '[');
	for (n = 0; n < found.n && ftell(j.to) < LIST_MAX; n++) {
		struct letter l = { .mime = NULL };

		if (letter_open(&l, r->web->mails.archive, found.ids[n]) > 0)
			add_mail(&j, &l);
		letter_close(&l);
	}
	json_close(&j, ']');
	json_integer(&j, "count", (int64_t)n);
	json_close(&j, '}');
	response_json(ret, 200, j.to);
}

void
hog_messages(struct request *r, struct response *ret)
{
	find(r, ret, NULL);
}

/* kind=from, to or containing. */
void
hog_search(struct request *r, struct response *ret)
{
	const char *kind = request_query(r, "kind");
	const char *words = request_query(r, "query");
	struct text query = { 0 };

	if (!kind || !words || !*words) {
		response_text(ret, 400, "kind= and query= are needed");
		return;
	}
	if (strcmp(kind, "containing") != 0) {
		text_add(&query,
		    span_of(strcmp(kind, "to") == 0 ? "to:\"" : "from:\""));
		for (; *words; words++) {
			if (*words != '"')
				text_add_char(&query, *words);
		}
		text_add_char(&query, '"');
	} else {
		text_add(&query, span_of(words));
	}
	find(r, ret, query.p);
	text_free(&query);
}

void
hog_message(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct json j = { .to = NULL };

	if (!request_letter(r, &l, ret))
		return;
	j.to = response_open(ret);
	add_mail(&j, &l);
	response_json(ret, 200, j.to);
	letter_close(&l);
}
