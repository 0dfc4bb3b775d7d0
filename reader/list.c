/*
 * list, and the line for a mail that watch and search print as well.
 */
#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../mime/json.h"
#include "../mime/mime.h"
#include "columns.h"
#include "distinct.h"
#include "options.h"

enum {
	/* On a terminal.  From, To and Subject share what is left. */
	ID_COLUMNS = 6,
	TIME_COLUMNS = 16,
	SIZE_COLUMNS = 5,
	NAME_COLUMNS_MIN = 8,
};

/*
 * Calls `one` with each recipient, in order and once.  The list is a line each,
 * and is cut.
 */
static void
each_recipient(char *list, void (*one)(const char *path, void *arg), void *arg)
{
	struct distinct seen = { 0 };

	for (char *rest = list, *path; (path = strsep(&rest, "\n"));) {
		if (distinct_add(&seen, path))
			one(path, arg);
	}
	distinct_reset(&seen);
}

/* Decoded and safe; "" for NULL. */
static char *
readable(const char *value)
{
	char *decoded = mime_decode(span_of(value ? value : ""));
	char *safe = terminal_safe(span_of(decoded), TERMINAL_LINE);

	free(decoded);
	return safe;
}

static void
json_recipient(const char *path, void *arg)
{
	json_text(arg, NULL, path);
}

static void
print_json(const struct archive_row *row)
{
	static const char *const names[] = {
		"from",
		"to",
		"subject",
		"date",
		"message_id",
	};
	const char *const values[] = {
		row->header_from,
		row->header_to,
		row->header_subject,
		row->header_date,
		row->header_message_id,
	};
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	json_integer(&j, "id", row->id);
	json_time(&j, "received", row->received_at);
	json_integer(&j, "size", row->size);
	json_text(&j, "client", row->client_address);
	json_text(&j, "sender", row->reverse_path);
	json_open(&j, "recipients", '[');
	each_recipient(row->recipients, json_recipient, &j);
	json_close(&j, ']');
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char *decoded =
		    values[i] ? mime_decode(span_of(values[i])) : NULL;

		json_text(&j, names[i], decoded);
		free(decoded);
	}
	json_close(&j, '}');
}

static void
add_recipient(const char *path, void *arg)
{
	struct text *joined = arg;
	char *safe = terminal_safe(span_of(path), TERMINAL_LINE);

	if (joined->len > 0)
		text_add(joined, span_of(", "));
	text_add(joined, span_of(safe));
	free(safe);
}

static char *
join_recipients(char *list)
{
	struct text joined = { 0 };

	each_recipient(list, add_recipient, &joined);
	return text_take(&joined);
}

struct texts {
	char time[TERMINAL_TIME_MAX];
	char size[TERMINAL_SIZE_MAX];
	char *from;
	char *to;
	char *subject;
};

/* For programs that cut lines into fields: all there is, divided by tabs. */
static void
print_fields(const struct archive_row *row, const struct texts *texts)
{
	printf("%lld\t%s\t%lld\t%s\t%s\t%s\n", (long long)row->id, texts->time,
	    (long long)row->size, texts->from, texts->to, texts->subject);
}

static void
print_columns(const struct terminal *terminal, const struct archive_row *row,
    const struct texts *texts)
{
	struct columns_line line = { .room = terminal->columns };
	char id[24];
	int id_width =
	    snprintf(id, sizeof id, "%*lld", ID_COLUMNS, (long long)row->id);
	int rest = line.room -
		   (id_width + TIME_COLUMNS + SIZE_COLUMNS + 5 * COLUMNS_GAP);
	int name = rest / 4 > NAME_COLUMNS_MIN ? rest / 4 : NAME_COLUMNS_MIN;

	fputs(terminal->colour ? "\033[1m" : "", stdout);
	columns_cell(&line, id, id_width, true);
	fputs(terminal->colour ? "\033[0m" : "", stdout);
	columns_cell(&line, texts->time, TIME_COLUMNS, false);
	columns_cell(&line, texts->size, SIZE_COLUMNS, true);
	columns_cell(&line, texts->from, name, false);
	columns_cell(&line, texts->to, name, false);
	columns_cell(
	    &line, texts->subject, terminal_width(texts->subject), false);
	putchar('\n');
}

void
list_print(const struct lister *l, const struct archive_row *row)
{
	struct texts texts;

	if (l->json) {
		print_json(row);
		return;
	}
	terminal_time(row->received_at, texts.time);
	terminal_size(row->size, texts.size);
	texts.from =
	    readable(row->header_from ? row->header_from : row->reverse_path);
	texts.to = join_recipients(row->recipients);
	texts.subject = readable(row->header_subject);
	if (l->terminal.is_one)
		print_columns(&l->terminal, row, &texts);
	else
		print_fields(row, &texts);
	free(texts.from);
	free(texts.to);
	free(texts.subject);
}

void
list_start(struct lister *l, const struct smtpdb *t)
{
	l->json = t->options[OPT_JSON];
	terminal_find(&l->terminal);
}

int
listing_start(struct listing *l, struct smtpdb *t)
{
	int status = options_filter(t, &l->filter);

	l->most = UINT64_MAX;
	l->newest = -1;
	list_start(&l->lister, t);
	if (status == EX_OK && t->options[OPT_NUMBER])
		status = options_number(
		    "--number", t->options[OPT_NUMBER], &l->newest);
	return status;
}

static void
print_page(struct listing *l)
{
	for (size_t i = 0; i < l->page.nrows && l->printed < l->most; i++) {
		list_print(&l->lister, &l->page.rows[i]);
		l->printed++;
	}
}

int
listing_print(struct listing *l, struct archive *a)
{
	int result = 1;

	/* Whoever reads the output may have closed it. */
	while (l->printed < l->most && !ferror(stdout) &&
	       (result = archive_list(a, &l->filter, &l->page)) > 0)
		print_page(l);
	archive_page_reset(&l->page);
	return result < 0 ? -1 : 0;
}

/*
 * A few mails are read from the end at once.  For more, the place where they
 * begin is found first, and they are read in pages from there.
 */
int
listing_print_newest(struct listing *l, struct archive *a)
{
	uint64_t count = (uint64_t)l->newest;

	if (count > ARCHIVE_PAGE)
		return archive_skip_to_newest(a, &l->filter, count) < 0
			   ? -1
			   : listing_print(l, a);
	if (archive_list_newest(a, &l->filter, count, &l->page) < 0)
		return -1;
	print_page(l);
	archive_page_reset(&l->page);
	return 0;
}

int
list_run(struct smtpdb *t)
{
	struct listing l = { .newest = 0 };
	int status = listing_start(&l, t);
	int result;

	if (status == EX_OK)
		status = smtpdb_open(t, false);
	if (status != EX_OK)
		return status;
	if (l.newest >= 0)
		result = listing_print_newest(&l, t->archive);
	else
		result = listing_print(&l, t->archive);
	return result < 0 ? smtpdb_fail_archive(t) : EX_OK;
}
