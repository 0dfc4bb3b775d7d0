/*
 * The list, the layout of all pages, and files.  The templates of pages are in
 * web/files; here are the values that fill them.
 */
#include "page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../clock.h"
#include "../mail/plural.h"
#include "../version.h"
#include "routes.h"

enum {
	ROWS = 50,
};

/* Only our own scripts, styles and pictures; frames only for mails. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

bool
page_is_remote(const struct request *r)
{
	const char *remote = request_query(r, "remote");

	return remote && *remote == '1' && !r->is_cross_site;
}

const char *
page_number(int64_t n, char ret[PAGE_NUMBER_SIZE])
{
	snprintf(ret, PAGE_NUMBER_SIZE, "%lld", (long long)n);
	return ret;
}

const char *
page_size(int64_t octets, char ret[PAGE_SIZE_SIZE])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double n = (double)octets;
	size_t i = 0;

	for (; n >= 1000 && i < 4; i++)
		n /= 1000;
	snprintf(ret, PAGE_SIZE_SIZE, n < 10 && i > 0 ? "%.1f %s" : "%.0f %s",
	    n, units[i]);
	return ret;
}

static bool
split(int64_t seconds, struct tm *ret)
{
	time_t t = (time_t)seconds;

	return localtime_r(&t, ret);
}

const char *
page_time(int64_t seconds, char ret[PAGE_TIME_SIZE])
{
	struct tm tm;

	ret[0] = '\0';
	if (split(seconds, &tm))
		strftime(ret, PAGE_TIME_SIZE, "%Y-%m-%d %H:%M:%S %z", &tm);
	return ret;
}

static const char *
short_time(int64_t seconds, char ret[PAGE_TIME_SIZE])
{
	struct tm now, tm;

	ret[0] = '\0';
	if (!split(seconds, &tm) || !split(clock_us() / 1000000, &now))
		return ret;
	if (tm.tm_year == now.tm_year && tm.tm_yday == now.tm_yday)
		strftime(ret, PAGE_TIME_SIZE, "%H:%M", &tm);
	else if (tm.tm_year == now.tm_year)
		strftime(ret, PAGE_TIME_SIZE, "%d %b", &tm);
	else
		strftime(ret, PAGE_TIME_SIZE, "%Y-%m-%d", &tm);
	return ret;
}

void
page_end(struct request *r, struct response *ret, unsigned status,
    const char *title, struct text *main)
{
	const struct web_options *o = r->web->options;
	const char *query =
	    strcmp(r->path, "/") == 0 ? request_query(r, "q") : NULL;
	char unread[PAGE_NUMBER_SIZE];
	struct text page = { 0 };
	int64_t n = 0;

	mails_unread(&r->web->mails, r->consumer, &n);
	template_write(&page, "layout.html",
	    (struct value[]){
		{ "title", title },
		{ "unread", n > 0 ? page_number(n, unread) : "" },
		{ "query", query },
		{ "deletes", o->allow_delete && !o->read_only ? "yes" : "" },
		{ "version", VERSION },
		{ "main", main->p },
		{ NULL, NULL },
	    });
	text_free(main);
	response_take(ret, status, "text/html; charset=utf-8", &page);
	ret->policy = policy;
}

void
page_fail(
    struct request *r, struct response *ret, unsigned status, const char *why)
{
	struct text main = { 0 };

	template_write(&main, "trouble.html",
	    (struct value[]){ { "why", why }, { NULL, NULL } });
	page_end(r, ret, status, "Trouble", &main);
}

/*
 * The list
 */

static const char *
name_of(const struct addresses *a, const char *otherwise)
{
	if (a->n == 0)
		return otherwise;
	return *a->list[0].name ? a->list[0].name : a->list[0].address;
}

/* "Bob, carl@x and 3 more" */
static char *
names_of(const struct brief *b)
{
	const struct addresses *const lists[] = { &b->to, &b->cc, &b->bcc };
	struct text t = { 0 };
	size_t n = 0;
	char more[32];

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < lists[i]->n; k++, n++) {
			const struct address *a = &lists[i]->list[k];

			if (n >= 2)
				continue;
			text_add(&t, span_of(n > 0 ? ", " : ""));
			text_add(&t, span_of(*a->name ? a->name : a->address));
		}
	}
	snprintf(more, sizeof more, " and %zu more", n - 2);
	if (n > 2)
		text_add(&t, span_of(more));
	return text_take(&t);
}

static void
add_row(struct text *to, struct request *r, int64_t id)
{
	const struct brief *b = mails_brief(&r->web->mails, id);
	char number[PAGE_NUMBER_SIZE], size[PAGE_SIZE_SIZE];
	char time[PAGE_TIME_SIZE], full[PAGE_TIME_SIZE];
	char attached[PAGE_NUMBER_SIZE];
	char *names;

	if (!b)
		return;
	names = names_of(b);
	template_write(to, "row.html",
	    (struct value[]){
		{ "id", page_number(id, number) },
		{ "unread", mails_is_read(&r->web->mails, r->consumer, id)
				? ""
				: "unread" },
		{ "from", name_of(&b->from, b->reverse_path) },
		{ "to", names },
		{ "subject", *b->subject ? b->subject : "(no subject)" },
		{ "aside", b->aside },
		{ "snippet", b->snippet },
		{ "attached", b->nattached > 0
				  ? page_number((int64_t)b->nattached, attached)
				  : "" },
		{ "size", page_size(b->size, size) },
		{ "time", short_time(b->received_at / 1000000, time) },
		{ "full", page_time(b->received_at / 1000000, full) },
		{ NULL, NULL },
	    });
	free(names);
}

/* Returns the query as it stands in a URL. */
static char *
url_of(const char *words)
{
	struct text t = { 0 };
	char hex[4];

	for (; words && *words; words++) {
		unsigned char c = (unsigned char)*words;

		snprintf(hex, sizeof hex, "%%%02X", c);
		if (isalnum(c) || (c < 0x80 && strchr("-_.~:@", c)))
			text_add_char(&t, (char)c);
		else
			text_add(&t, span_of(hex));
	}
	return text_take(&t);
}

static void
add_list(struct text *to, struct request *r, const struct mails_query *q,
    const struct mails_found *found)
{
	char total[PAGE_NUMBER_SIZE], older[PAGE_NUMBER_SIZE];
	char missing[PAGE_NUMBER_SIZE];
	struct text rows = { 0 };
	char *words = url_of(q->words);
	bool more = (int64_t)found->n == q->limit;

	for (size_t i = 0; i < found->n; i++)
		add_row(&rows, r, found->ids[i]);
	template_write(to, "list.html",
	    (struct value[]){
		{ "rows", rows.p },
		{ "nothing", found->n == 0 && !*words ? "yes" : "" },
		{ "not_found", found->n == 0 && *words ? "yes" : "" },
		{ "total", page_number(found->total, total) },
		{ "many", found->total >= MAILS_FOUND_MAX && *words ? "or more"
								    : "" },
		{ "s", plural(found->total) },
		{ "found", *words ? "yes" : "" },
		{ "all", *words ? "" : "yes" },
		{ "missing", found->not_indexed > 0
				 ? page_number(found->not_indexed, missing)
				 : "" },
		{ "older",
		    more ? page_number(found->ids[found->n - 1], older) : "" },
		{ "newest", q->before > 0 ? "yes" : "" },
		{ "query", words },
		{ NULL, NULL },
	    });
	text_free(&rows);
	free(words);
}

void
page_list(struct request *r, struct response *ret)
{
	const char *words = request_query(r, "q");
	const struct mails_query q = {
		.words = words,
		.before = request_bounded(r, "before", 0, INT64_MAX),
		.limit = ROWS,
		.consumer = r->consumer,
	};
	struct text main = { 0 };
	struct mails_found found;

	if (mails_find(&r->web->mails, &q, &found) < 0) {
		page_fail(r, ret, 503, mails_error(&r->web->mails));
		return;
	}
	add_list(&main, r, &q, &found);
	page_end(r, ret, 200, words && *words ? words : "Mail", &main);
}

/*
 * Pages that are always the same
 */

void
page_help(struct request *r, struct response *ret)
{
	struct text main = { 0 };

	template_write(&main, "help.html", (struct value[]){ { NULL, NULL } });
	page_end(r, ret, 200, "Help", &main);
}

static void
send_file(struct response *ret, const char *name, const char *type)
{
	const struct file *f = file_find(name);
	struct text copy = { 0 };

	text_add(&copy, (struct span){ (const char *)f->p, f->len });
	response_take(ret, 200, type, &copy);
	ret->is_static = true;
}

void
page_file(struct request *r, struct response *ret)
{
	static const struct {
		const char *name, *type;
	} types[] = {
		{ "style.css", "text/css; charset=utf-8" },
		{ "page.js", "text/javascript; charset=utf-8" },
		{ "icon.svg", "image/svg+xml" },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].name, r->args[0]) == 0) {
			send_file(ret, types[i].name, types[i].type);
			return;
		}
	}
	response_text(ret, 404, "There is no such file");
}

void
page_icon(struct request *r, struct response *ret)
{
	(void)r;
	send_file(ret, "icon.svg", "image/svg+xml");
}

void
events(struct request *r, struct response *ret)
{
	ret->status = 200;
	ret->type = "text/event-stream";
	ret->is_events = strcmp(r->method, "HEAD") != 0;
}
