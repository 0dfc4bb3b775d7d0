/*
 * Pages with tables of what smtpdb tells as JSON, one object a line.
 */
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "page.h"
#include "routes.h"
#include "teller.h"

enum {
	WAIT_MS = 60000, /* for a large archive to be looked at */
	COLUMNS_MAX = 20,
	/* Of the plot, as it is drawn. */
	PLOT_HOURS = 24 * 14,
	PLOT_HEIGHT = 120,
	BAR_WIDTH = 3,
};

/* One JSON object, without others inside. */
struct object {
	char *names[COLUMNS_MAX];
	char *values[COLUMNS_MAX];
	size_t n;
};

static void
object_reset(struct object *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->names[i]);
		free(o->values[i]);
	}
	o->n = 0;
}

static const char *
value_of(const struct object *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++) {
		if (strcmp(o->names[i], name) == 0)
			return o->values[i];
	}
	return "";
}

/* Reads the next object of the lines; false: there are no more. */
static bool
read_object(struct span *lines, struct object *o)
{
	object_reset(o);
	if (!json_take(lines, '{'))
		return false;
	do {
		struct text name = { 0 }, value = { 0 };
		bool ok = json_read_string(lines, &name) &&
			  json_take(lines, ':') &&
			  json_read_value(lines, &value);

		if (ok && o->n < COLUMNS_MAX) {
			o->names[o->n] = text_take(&name);
			o->values[o->n++] = text_take(&value);
		}
		text_free(&name);
		text_free(&value);
		if (!ok)
			return false;
	} while (json_take(lines, ','));
	return json_take(lines, '}');
}

/*
 * Asks for what a command tells.  False: that is not there yet, and the
 * response waits.
 */
static bool
ask(struct request *r, struct response *ret, const char *what,
    struct span *lines)
{
	mails_have_changed(&r->web->mails);
	if (teller_ask(r->web->teller, what, r->web->mails.version, lines))
		return true;
	if (!response_wait(ret, r, WAIT_MS))
		page_fail(r, ret, 503, "That takes longer than a minute.");
	return false;
}

/*
 * Tables
 */

static void
add_cell(struct text *to, const char *file, const char *value)
{
	template_write(
	    to, file, (struct value[]){ { "value", value }, { NULL, NULL } });
}

/* Adds a table of the objects, with their names as its head. */
static void
add_table(
    struct text *to, const char *title, const char *none, struct span lines)
{
	struct text head = { 0 }, rows = { 0 };
	struct object o = { .n = 0 };

	while (read_object(&lines, &o)) {
		struct text cells = { 0 };

		for (size_t i = 0; i < o.n && !rows.p; i++)
			add_cell(&head, "head.html", o.names[i]);
		for (size_t i = 0; i < o.n; i++)
			add_cell(&cells, "cell.html", o.values[i]);
		template_write(&rows, "line.html",
		    (struct value[]){ { "cells", cells.p }, { NULL, NULL } });
		text_free(&cells);
	}
	object_reset(&o);
	template_write(to, "table.html",
	    (struct value[]){
		{ "title", title },
		{ "head", head.p },
		{ "rows", rows.p },
		{ "none", rows.len > 0 ? "" : none },
		{ NULL, NULL },
	    });
	text_free(&head);
	text_free(&rows);
}

void
page_rules(struct request *r, struct response *ret)
{
	static const struct {
		const char *what, *title, *none;
	} tables[] = {
		{ "domain", "Domains",
		    "None: mail is taken for every address." },
		{ "mailbox", "Mailboxes", "None: every address of a domain." },
		{ "alias", "Aliases", "None." },
		{ "sender", "Senders", "None: everybody may send." },
		{ "client", "Clients", "None: every host may send." },
		{ "quota", "Quota", "None: the database may grow." },
		{ "rate", "Rates", "None: as much as comes." },
	};
	struct text main = { 0 };

	text_add(&main, span_of("<h1>Rules</h1>"));
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		struct span lines;

		if (!ask(r, ret, tables[i].what, &lines)) {
			text_free(&main);
			return;
		}
		add_table(&main, tables[i].title, tables[i].none, lines);
	}
	page_end(r, ret, 200, "Rules", &main);
}

/*
 * Stats
 */

struct bar {
	int64_t hour, mails;
};

static size_t
read_bars(struct span lines, struct bar bars[PLOT_HOURS], int64_t *ret_max)
{
	struct object o = { .n = 0 };
	size_t n = 0;

	*ret_max = 1;
	while (n < PLOT_HOURS && read_object(&lines, &o)) {
		bars[n].hour = strtoll(value_of(&o, "hour"), NULL, 10);
		bars[n].mails = strtoll(value_of(&o, "messages"), NULL, 10);
		if (bars[n].mails > *ret_max)
			*ret_max = bars[n].mails;
		n++;
	}
	object_reset(&o);
	return n;
}

/* Draws the two weeks up to the last mail, a bar for each hour. */
static void
add_plot(struct text *to, struct span lines)
{
	static struct bar bars[PLOT_HOURS];
	int64_t max, last;
	size_t n = read_bars(lines, bars, &max);
	struct text drawn = { 0 };
	char highest[PAGE_NUMBER_SIZE], from[PAGE_TIME_SIZE];
	char until[PAGE_TIME_SIZE];

	if (n == 0)
		return;
	last = bars[n - 1].hour;
	for (size_t i = 0; i < n; i++) {
		int64_t at = PLOT_HOURS - 1 - (last - bars[i].hour);
		int64_t height = bars[i].mails * PLOT_HEIGHT / max;
		char rect[160];

		if (at < 0)
			continue;
		if (height == 0)
			height = 1;
		snprintf(rect, sizeof rect,
		    "<rect x=\"%lld\" y=\"%lld\" width=\"%d\" "
		    "height=\"%lld\"/>",
		    (long long)at * BAR_WIDTH,
		    (long long)(PLOT_HEIGHT - height), BAR_WIDTH - 1,
		    (long long)height);
		text_add(&drawn, span_of(rect));
	}
	template_write(to, "plot.html",
	    (struct value[]){
		{ "bars", drawn.p },
		{ "max", page_number(max, highest) },
		{ "from", page_time((last - PLOT_HOURS + 1) * 3600, from) },
		{ "until", page_time(last * 3600, until) },
		{ NULL, NULL },
	    });
	text_free(&drawn);
}

static const char *
named(const char *name)
{
	static const char *const names[][2] = {
		{ "messages", "Mails" },
		{ "octets", "Octets of them" },
		{ "recipients", "Recipients" },
		{ "last_id", "Mails ever stored" },
		{ "pages", "Pages of the database" },
		{ "free_pages", "Pages that are free" },
		{ "page_size", "Octets of a page" },
		{ "log_octets", "Octets of the log" },
		{ "max_messages", "Quota of mails (0: none)" },
		{ "max_octets", "Quota of octets (0: none)" },
		{ "first", "First mail" },
		{ "last", "Last mail" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(names[i][0], name) == 0)
			return names[i][1];
	}
	return name;
}

void
page_stats(struct request *r, struct response *ret)
{
	struct text main = { 0 }, rows = { 0 };
	struct object o = { .n = 0 };
	struct span stats, hours;

	if (!ask(r, ret, "stats", &stats) || !ask(r, ret, "hours", &hours))
		return;
	if (read_object(&stats, &o)) {
		for (size_t i = 0; i < o.n; i++)
			template_write(&rows, "number.html",
			    (struct value[]){
				{ "name", named(o.names[i]) },
				{ "value", o.values[i] },
				{ NULL, NULL },
			    });
	}
	object_reset(&o);
	text_add(&main, span_of("<h1>Stats</h1>"));
	add_plot(&main, hours);
	template_write(&main, "numbers.html",
	    (struct value[]){ { "rows", rows.p }, { NULL, NULL } });
	text_free(&rows);
	page_end(r, ret, 200, "Stats", &main);
}

void
page_metrics(struct request *r, struct response *ret)
{
	struct text body = { 0 };
	struct span lines;

	if (!ask(r, ret, "metrics", &lines))
		return;
	text_add(&body, lines);
	response_take(ret, 200,
	    "application/openmetrics-text; version=1.0.0; charset=utf-8",
	    &body);
}

/* Does the check need files outside of the folder that this process can see? */
static bool
needs_more(const char *check)
{
	return strcmp(check, "units") == 0 || strcmp(check, "tls") == 0;
}

void
page_doctor(struct request *r, struct response *ret)
{
	struct text main = { 0 }, rows = { 0 };
	struct object o = { .n = 0 };
	struct span lines;

	if (!ask(r, ret, "doctor", &lines))
		return;
	while (read_object(&lines, &o)) {
		if (needs_more(value_of(&o, "check")))
			continue;
		template_write(&rows, "finding.html",
		    (struct value[]){
			{ "check", value_of(&o, "check") },
			{ "verdict", value_of(&o, "verdict") },
			{ "text", value_of(&o, "text") },
			{ "remedy", value_of(&o, "remedy") },
			{ NULL, NULL },
		    });
	}
	object_reset(&o);
	template_write(&main, "doctor.html",
	    (struct value[]){ { "rows", rows.p }, { NULL, NULL } });
	text_free(&rows);
	page_end(r, ret, 200, "Doctor", &main);
}
