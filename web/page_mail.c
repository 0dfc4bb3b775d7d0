/*
 * The page of one mail: its people, its views, its parts, and how it came.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../clock.h"
#include "page.h"
#include "routes.h"

/*
 * Addresses
 */

static char *
list_addresses(const struct addresses *a)
{
	struct text t = { 0 };

	for (size_t i = 0; i < a->n; i++)
		template_write(&t, "address.html",
		    (struct value[]){
			{ "comma", i > 0 ? "," : "" },
			{ "name", a->list[i].name },
			{ "address", a->list[i].address },
			{ NULL, NULL },
		    });
	return text_take(&t);
}

/*
 * What is read
 */

enum {
	VIEW_MAX = 256 * 1024, /* octets of a mail that stand in a page */
};

static bool
put_some(void *arg, struct span piece)
{
	struct text *t = arg;

	text_add(t, piece);
	return t->len < VIEW_MAX;
}

/* The text that smtpdb show prints: what a person reads, HTML as text. */
static char *
text_view(const struct letter *l, bool *ret_cut)
{
	struct text plain = { 0 }, t = { 0 };

	for (size_t i = 0; i < mime_nparts(l->mime) && !*ret_cut; i++) {
		if (mime_part(l->mime, i)->is_body)
			*ret_cut = !mime_text(mime_part(l->mime, i),
			    (struct sink){ put_some, &plain });
	}
	links_add(&t, (struct span){ plain.p, plain.len });
	text_free(&plain);
	return text_take(&t);
}

static char *
headers_view(const struct letter *l, bool *ret_cut)
{
	struct header_fields f = mime_fields(l->mime);
	struct span name, raw;
	struct text t = { 0 };

	while (!(*ret_cut = t.len > VIEW_MAX) && header_next(&f, &name, &raw)) {
		struct text copy = { 0 };
		char *value = mime_decode(raw), *key;

		text_add(&copy, name);
		key = text_take(&copy);
		template_write(&t, "field.html",
		    (struct value[]){
			{ "name", key },
			{ "value", value },
			{ NULL, NULL },
		    });
		free(key);
		free(value);
	}
	return text_take(&t);
}

static char *
source_view(const struct letter *l, bool *ret_cut)
{
	size_t len = l->mail.len < VIEW_MAX ? l->mail.len : VIEW_MAX;
	struct text t = { 0 };

	*ret_cut = len < l->mail.len;
	template_escape(&t, span_of(l->mail.trace));
	template_escape(&t, (struct span){ l->mail.data, len });
	return text_take(&t);
}

static const char *
role_name(enum part_role role)
{
	static const char *const names[] = {
		[PART_TEXT] = "text",
		[PART_HTML] = "HTML",
		[PART_INLINE] = "in the HTML",
		[PART_ATTACHED] = "attached",
	};

	return names[role];
}

static void
add_part(struct text *to, const struct letter *l, size_t i, const char *file)
{
	const struct mime_part *part = mime_part(l->mime, i);
	char id[PAGE_NUMBER_SIZE], number[PAGE_NUMBER_SIZE];
	char size[PAGE_SIZE_SIZE], name[FILE_NAME_SIZE];

	file_name(part, i + 1, name);
	template_write(to, file,
	    (struct value[]){
		{ "id", page_number(l->mail.id, id) },
		{ "part", page_number((int64_t)i + 1, number) },
		{ "type", part->type },
		{ "name", name },
		{ "has_name", part->name },
		{ "cid", part->id },
		{ "role", role_name(part_role(part)) },
		{ "size", page_size((int64_t)mime_size(part), size) },
		{ NULL, NULL },
	    });
}

static char *
parts_view(const struct letter *l, bool *ret_cut)
{
	struct text t = { 0 };

	(void)ret_cut;
	for (size_t i = 0; i < mime_nparts(l->mime); i++)
		add_part(&t, l, i, "part.html");
	return text_take(&t);
}

static char *
attachments(const struct letter *l)
{
	struct text t = { 0 };

	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		if (part_role(mime_part(l->mime, i)) == PART_ATTACHED)
			add_part(&t, l, i, "attachment.html");
	}
	return text_take(&t);
}

static bool
has_role(const struct letter *l, enum part_role role)
{
	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		if (part_role(mime_part(l->mime, i)) == role)
			return true;
	}
	return false;
}

/*
 * How it came
 */

/* Finds the row that decides about this recipient, as the tables are now. */
static void
explain(struct mails *m, const struct letter *l, const char *path,
    struct answer *ret)
{
	const struct policy_asker asker = {
		.hostname = "localhost",
		.client_address = l->mail.client_address,
		.now = clock_us() / 1000000,
		.account = l->mail.facts.text[FACT_ACCOUNT],
	};
	const struct question q = {
		.kind = QUESTION_RCPT,
		.address = span_of(path),
		.sender = span_of(l->mail.envelope.reverse_path),
	};

	if (archive_ask(m->archive, &asker, &q, ret) != VERDICT_OK)
		*ret->table = '\0';
}

static char *
recipients(struct mails *m, const struct letter *l)
{
	const struct envelope *e = &l->mail.envelope;
	struct text t = { 0 };

	for (unsigned i = 0; i < e->nrecipients; i++) {
		const struct recipient *rcpt = &e->recipients[i];
		const char *mailbox = recipient_mailbox(rcpt);
		struct answer answer;

		explain(m, l, rcpt->forward_path, &answer);
		template_write(&t, "recipient.html",
		    (struct value[]){
			{ "path", rcpt->forward_path },
			{ "mailbox",
			    strcasecmp(mailbox, rcpt->forward_path) == 0
				? ""
				: mailbox },
			{ "bcc",
			    addresses_have(&l->brief.bcc, rcpt->forward_path)
				? "yes"
				: "" },
			{ "table", answer.table },
			{ "key", *answer.table ? answer.key : "" },
			{ NULL, NULL },
		    });
	}
	return text_take(&t);
}

static char *
links_view(const struct letter *l, bool *ret_cut)
{
	(void)ret_cut;
	return links_of_html(l);
}

/*
 * The page
 */

static const struct view {
	const char *name;
	/* Sets `*ret_cut` where the page has not all of it. */
	char *(*make)(const struct letter *l, bool *ret_cut);
} views[] = {
	{ "html", links_view }, /* beside the frame, which shows the HTML */
	{ "text", text_view },
	{ "headers", headers_view },
	{ "source", source_view },
	{ "parts", parts_view },
};

enum {
	NVIEWS = sizeof views / sizeof *views,
};

/* Returns the view that is asked for; else HTML, if there is any. */
static const struct view *
find_view(const struct request *r, const struct letter *l)
{
	const char *name = request_query(r, "view");
	bool has_html = has_role(l, PART_HTML);

	for (size_t i = 0; name && i < NVIEWS; i++) {
		if (strcmp(views[i].name, name) == 0 && (i > 0 || has_html))
			return &views[i];
	}
	return &views[has_html ? 0 : 1];
}

/* Finds the ids beside this one in the list; 0: there is none. */
static void
find_neighbours(struct mails *m, int64_t id, int64_t *older, int64_t *newer)
{
	struct archive_filter before = { .up_to_id = id - 1 };
	struct archive_filter after = { .after_id = id };
	struct archive_page page = { .nrows = 0 };

	if (id > 1 && archive_list_newest(m->archive, &before, 1, &page) == 0 &&
	    page.nrows > 0)
		*older = page.rows[0].id;
	if (archive_list(m->archive, &after, &page) > 0)
		*newer = page.rows[0].id;
	archive_page_reset(&page);
}

static void
add_body(struct text *to, const struct request *r, const struct letter *l,
    const struct view *view)
{
	bool is_remote = page_is_remote(r);
	bool is_cut = false;
	char *made = view->make(l, &is_cut);
	char id[PAGE_NUMBER_SIZE], file[32];

	snprintf(file, sizeof file, "view-%s.html", view->name);
	template_write(to, file,
	    (struct value[]){
		{ "id", page_number(l->mail.id, id) },
		{ "content", made },
		{ "remote", is_remote ? "?remote=1" : "" },
		{ "local", is_remote ? "" : "yes" },
		{ "cut", is_cut ? "yes" : "" },
		{ NULL, NULL },
	    });
	free(made);
}

static void
add_tabs(struct text *to, const struct letter *l, const struct view *view)
{
	static const char *const titles[NVIEWS] = { "HTML", "Text", "Headers",
		"Source", "Structure" };
	char id[PAGE_NUMBER_SIZE];

	for (size_t i = has_role(l, PART_HTML) ? 0 : 1; i < NVIEWS; i++)
		template_write(to, "tab.html",
		    (struct value[]){
			{ "id", page_number(l->mail.id, id) },
			{ "view", views[i].name },
			{ "title", titles[i] },
			{ "current", &views[i] == view ? "page" : "" },
			{ NULL, NULL },
		    });
}

/* What the page is made of; each to be freed. */
struct pieces {
	char *from, *to, *cc, *bcc, *reply_to, *recipients, *attachments;
	struct text tabs, body;
};

static void
make_pieces(struct request *r, const struct letter *l, struct pieces *ret)
{
	const struct view *view = find_view(r, l);
	const struct brief *b = &l->brief;

	*ret = (struct pieces){
		.from = list_addresses(&b->from),
		.to = list_addresses(&b->to),
		.cc = list_addresses(&b->cc),
		.bcc = list_addresses(&b->bcc),
		.reply_to = list_addresses(&b->reply_to),
		.recipients = recipients(&r->web->mails, l),
		.attachments = attachments(l),
	};
	add_tabs(&ret->tabs, l, view);
	add_body(&ret->body, r, l, view);
}

static void
free_pieces(struct pieces *p)
{
	char *const texts[] = { p->from, p->to, p->cc, p->bcc, p->reply_to,
		p->recipients, p->attachments };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	text_free(&p->tabs);
	text_free(&p->body);
}

static void
add_mail(struct text *to, struct request *r, const struct letter *l)
{
	const struct envelope *e = &l->mail.envelope;
	const struct brief *b = &l->brief;
	char id[PAGE_NUMBER_SIZE], older[PAGE_NUMBER_SIZE];
	char newer[PAGE_NUMBER_SIZE], size[PAGE_SIZE_SIZE];
	char received[PAGE_TIME_SIZE], date[PAGE_TIME_SIZE];
	int64_t older_id = 0, newer_id = 0;
	struct pieces p;

	make_pieces(r, l, &p);
	find_neighbours(&r->web->mails, l->mail.id, &older_id, &newer_id);
	template_write(to, "mail.html",
	    (struct value[]){
		{ "id", page_number(l->mail.id, id) },
		{ "subject", *b->subject ? b->subject : "(no subject)" },
		{ "from", p.from },
		{ "to", p.to },
		{ "cc", p.cc },
		{ "bcc", p.bcc },
		{ "reply_to", p.reply_to },
		{ "date", page_time(letter_date(l), date) },
		{ "aside", b->aside },
		{ "tabs", p.tabs.p },
		{ "body", p.body.p },
		{ "attachments", p.attachments },
		{ "size", page_size(b->size, size) },
		{ "received",
		    page_time(l->mail.received_at / 1000000, received) },
		{ "client", l->mail.client_address },
		{ "helo", e->helo },
		{ "protocol", e->protocol },
		{ "account", l->mail.facts.text[FACT_ACCOUNT] },
		{ "claimed", e->claimed_as ? e->claimed_as : "" },
		{ "tls", l->mail.facts.text[FACT_TLS] },
		{ "subject_of_client",
		    l->mail.facts.text[FACT_CLIENT_SUBJECT] },
		{ "requiretls", e->requiretls ? "yes" : "" },
		{ "sender", e->reverse_path },
		{ "recipients", p.recipients },
		{ "older", older_id ? page_number(older_id, older) : "" },
		{ "newer", newer_id ? page_number(newer_id, newer) : "" },
		{ NULL, NULL },
	    });
	free_pieces(&p);
}

void
page_mail(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct text main = { 0 };
	char *title;

	if (!request_letter(r, &l, ret)) {
		page_fail(r, ret, ret->status, "There is no such mail.");
		return;
	}
	/* A link on another site marks nothing. */
	if (!r->is_cross_site)
		mails_mark(&r->web->mails, r->consumer, &l.mail.id, 1, true);
	add_mail(&main, r, &l);
	title = text_copy(*l.brief.subject ? l.brief.subject : "(no subject)");
	letter_close(&l);
	page_end(r, ret, 200, title, &main);
	free(title);
}
