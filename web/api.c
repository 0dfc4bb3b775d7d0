/*
 * The part of Mailpit's API v1 that reads.  Names of fields and their forms
 * are Mailpit's.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../clock.h"
#include "../mime/json.h"
#include "../version.h"
#include "routes.h"

enum {
	LIMIT = 50,
	WAIT_SEC_MAX = 300,
};

/*
 * Pieces
 */

static void
add_id(struct json *j, const char *name, int64_t id)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)id);
	json_text(j, name, text);
}

static void
add_address(
    struct json *j, const char *name, const struct addresses *a, size_t i)
{
	json_open(j, name, '{');
	json_text(j, "Name", i < a->n ? a->list[i].name : "");
	json_text(j, "Address", i < a->n ? a->list[i].address : "");
	json_close(j, '}');
}

static void
add_addresses(struct json *j, const char *name, const struct addresses *a)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < a->n; i++)
		add_address(j, NULL, a, i);
	json_close(j, ']');
}

static void
add_none(struct json *j, const char *name)
{
	json_open(j, name, '[');
	json_close(j, ']');
}

/* Adds what lists and single mails have alike. */
static void
add_brief(struct json *j, const struct brief *b)
{
	add_id(j, "ID", b->id);
	json_text(j, "MessageID", b->message_id);
	add_address(j, "From", &b->from, 0);
	add_addresses(j, "To", &b->to);
	add_addresses(j, "Cc", &b->cc);
	add_addresses(j, "Bcc", &b->bcc);
	add_addresses(j, "ReplyTo", &b->reply_to);
	json_text(j, "Subject", b->subject);
	json_integer(j, "Size", b->size);
	json_open(j, "Tags", '[');
	if (*b->aside)
		json_text(j, NULL, "quarantine");
	json_close(j, ']');
	json_text(j, "Username", "");
}

/*
 * Lists
 */

static void
add_summary(struct json *j, struct request *r, int64_t id)
{
	const struct brief *b = mails_brief(&r->web->mails, id);

	if (!b)
		return;
	json_open(j, NULL, '{');
	add_brief(j, b);
	json_bool(j, "Read", mails_is_read(&r->web->mails, r->consumer, id));
	json_time(j, "Created", b->received_at);
	json_integer(j, "Attachments", (int64_t)b->nattached);
	json_text(j, "Snippet", b->snippet);
	json_close(j, '}');
}

static void
answer_list(struct request *r, struct response *ret,
    const struct mails_query *q, const struct mails_found *found)
{
	struct json j = { .to = response_open(ret) };
	int64_t total = 0, unread = 0;

	mails_count(&r->web->mails, &total);
	mails_unread(&r->web->mails, r->consumer, &unread);
	json_open(&j, NULL, '{');
	json_integer(&j, "total", total);
	json_integer(&j, "unread", unread);
	json_integer(&j, "count", (int64_t)found->n);
	json_integer(&j, "messages_count", found->total);
	json_integer(&j, "messages_unread", unread);
	json_integer(&j, "start", q->start);
	add_none(&j, "tags");
	json_open(&j, "messages", '[');
	for (size_t i = 0; i < found->n; i++)
		add_summary(&j, r, found->ids[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	response_json(ret, 200, j.to);
}

static void
find(struct request *r, struct response *ret, const char *words)
{
	const struct mails_query q = {
		.words = words,
		.start = request_bounded(r, "start", 0, INT64_MAX / 2),
		.limit = request_bounded(r, "limit", LIMIT, MAILS_FOUND_MAX),
		.consumer = r->consumer,
	};
	int64_t wait = request_bounded(r, "wait", 0, WAIT_SEC_MAX) * 1000;
	struct mails_found found;

	if (mails_find(&r->web->mails, &q, &found) < 0) {
		response_fail(ret, &r->web->mails);
		return;
	}
	if (found.total == 0 && wait > 0 && response_wait(ret, r, wait))
		return;
	answer_list(r, ret, &q, &found);
}

void
api_messages(struct request *r, struct response *ret)
{
	find(r, ret, NULL);
}

void
api_search(struct request *r, struct response *ret)
{
	const char *words = request_query(r, "query");

	if (words && *words)
		find(r, ret, words);
	else
		response_text(ret, 400, "Error: no search query");
}

/*
 * One mail
 */

static void
add_text(struct json *j, const char *name, const struct letter *l,
    enum part_role role)
{
	json_text_begin(j, name);
	letter_text(l, role, json_text_sink(j));
	json_text_end(j);
}

static void
add_part(struct json *j, const struct mime_part *part, size_t number)
{
	char name[FILE_NAME_SIZE];

	file_name(part, number, name);
	json_open(j, NULL, '{');
	add_id(j, "PartID", (int64_t)number);
	json_text(j, "FileName", name);
	json_text(j, "ContentType", part->type);
	json_text(j, "ContentID", part->id ? part->id : "");
	json_integer(j, "Size", (int64_t)mime_size(part));
	json_close(j, '}');
}

static void
add_parts(struct json *j, const char *name, const struct letter *l,
    enum part_role role)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		const struct mime_part *part = mime_part(l->mime, i);

		if (part_role(part) == role)
			add_part(j, part, i + 1);
	}
	json_close(j, ']');
}

/* Adds the links, which stand in angle brackets (RFC 2369). */
static void
add_unsubscribe(struct json *j, const struct letter *l)
{
	char *field = mime_field(l->mime, "List-Unsubscribe");
	char *post = mime_field(l->mime, "List-Unsubscribe-Post");
	char *at = field ? field : "", *end;

	json_open(j, "ListUnsubscribe", '{');
	json_text(j, "Header", field ? field : "");
	json_text(j, "HeaderPost", post ? post : "");
	json_text(j, "Errors", "");
	json_open(j, "Links", '[');
	while ((at = strchr(at, '<')) && (end = strchr(at, '>'))) {
		*end = '\0';
		json_text(j, NULL, at + 1);
		at = end + 1;
	}
	json_close(j, ']');
	json_close(j, '}');
	free(field);
	free(post);
}

void
api_message(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct json j = { .to = NULL };

	if (!request_letter(r, &l, ret))
		return;
	mails_mark(&r->web->mails, r->consumer, &l.mail.id, 1, true);
	j.to = response_open(ret);
	json_open(&j, NULL, '{');
	add_brief(&j, &l.brief);
	json_text(&j, "ReturnPath", l.brief.reverse_path);
	json_time(&j, "Date", letter_date(&l) * 1000000);
	add_unsubscribe(&j, &l);
	add_text(&j, "Text", &l, PART_TEXT);
	add_text(&j, "HTML", &l, PART_HTML);
	add_parts(&j, "Inline", &l, PART_INLINE);
	add_parts(&j, "Attachments", &l, PART_ATTACHED);
	json_close(&j, '}');
	response_json(ret, 200, j.to);
	letter_close(&l);
}

enum {
	FIELDS_MAX = 500, /* that are told: each is compared with the others */
};

/* Does a field of this name stand before the one at `at`? */
static bool
is_told(const struct letter *l, struct span name, const char *at)
{
	struct header_fields f = mime_fields(l->mime);
	struct span other, value;

	while (header_next(&f, &other, &value) && other.p != at) {
		if (other.len == name.len &&
		    strncasecmp(other.p, name.p, name.len) == 0)
			return true;
	}
	return false;
}

static void
add_values(struct json *j, const struct letter *l, struct span name)
{
	struct header_fields f = mime_fields(l->mime);
	struct span other, raw;
	int n = 0;

	while (n++ < FIELDS_MAX && header_next(&f, &other, &raw)) {
		char *value;

		if (other.len != name.len ||
		    strncasecmp(other.p, name.p, name.len) != 0)
			continue;
		value = mime_decode(raw);
		json_text(j, NULL, value);
		free(value);
	}
}

void
add_headers(struct json *j, const char *object, const struct letter *l)
{
	struct header_fields f = mime_fields(l->mime);
	struct span name, raw;
	int n = 0;

	json_open(j, object, '{');
	while (n++ < FIELDS_MAX && header_next(&f, &name, &raw)) {
		struct text copy = { 0 };
		char *key;

		if (name.len == 0 || is_told(l, name, name.p))
			continue;
		text_add(&copy, name);
		key = text_take(&copy);
		json_open(j, key, '[');
		add_values(j, l, name);
		json_close(j, ']');
		free(key);
	}
	json_close(j, '}');
}

void
api_headers(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct json j = { .to = NULL };

	if (!request_letter(r, &l, ret))
		return;
	j.to = response_open(ret);
	add_headers(&j, NULL, &l);
	response_json(ret, 200, j.to);
	letter_close(&l);
}

/*
 * The server
 */

static int64_t
octets_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

void
api_info(struct request *r, struct response *ret)
{
	struct mails *m = &r->web->mails;
	struct json j = { .to = response_open(ret) };
	struct rusage use = { .ru_maxrss = 0 };
	int64_t total = 0, unread = 0, last = 0;

	mails_count(m, &total);
	mails_unread(m, r->consumer, &unread);
	mails_last_id(m, &last);
	getrusage(RUSAGE_SELF, &use);
	json_open(&j, NULL, '{');
	json_text(&j, "Version", "smtpdb-web " VERSION);
	json_text(&j, "LatestVersion", "");
	json_text(&j, "Database", archive_file(m->archive));
	json_integer(&j, "DatabaseSize", octets_of(archive_file(m->archive)));
	json_integer(&j, "Messages", total);
	json_integer(&j, "Unread", unread);
	json_open(&j, "Tags", '{');
	json_close(&j, '}');
	json_open(&j, "RuntimeStats", '{');
	json_integer(&j, "Uptime", clock_us() / 1000000 - r->web->started_at);
	json_integer(&j, "Memory", use.ru_maxrss * INT64_C(1024));
	json_integer(&j, "MessagesDeleted", last - total);
	json_integer(&j, "SMTPAccepted", last);
	json_close(&j, '}');
	json_close(&j, '}');
	response_json(ret, 200, j.to);
}

/* Says what Mailpit's page may offer, of which little is here. */
void
api_config(struct request *r, struct response *ret)
{
	const struct web_options *o = r->web->options;
	struct json j = { .to = response_open(ret) };

	json_open(&j, NULL, '{');
	json_text(&j, "Label", "");
	json_open(&j, "MessageRelay", '{');
	json_bool(&j, "Enabled", false);
	json_close(&j, '}');
	json_bool(&j, "SpamAssassin", false);
	json_bool(&j, "ChaosEnabled", false);
	json_bool(&j, "DuplicatesIgnored", false);
	json_bool(&j, "HideDeleteAllButton", !o->allow_delete || o->read_only);
	json_close(&j, '}');
	response_json(ret, 200, j.to);
}

void
api_tags(struct request *r, struct response *ret)
{
	(void)r;
	response_text(ret, 200, "[]");
	ret->type = "application/json";
}

void
api_live(struct request *r, struct response *ret)
{
	(void)r;
	response_text(ret, 200, "ok");
}

void
api_ready(struct request *r, struct response *ret)
{
	int64_t last;

	if (mails_last_id(&r->web->mails, &last) < 0)
		response_fail(ret, &r->web->mails);
	else
		response_text(ret, 200, "ok");
}
