/*
 * index and search: the words of what show would print.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <glib.h>

#include "../archive.h"
#include "list.h"
#include "mime.h"
#include "options.h"
#include "smtpdb.h"

enum {
	FOUND_MAX = 1000,
	PAGES = 16,             /* of one transaction of the index */
	TEXT_MAX = 1024 * 1024, /* octets of one mail that are indexed */
};

static char *
read_text(const struct mime *m)
{
	GString *all = g_string_new(NULL);

	for (size_t i = 0; i < mime_nparts(m) && all->len < TEXT_MAX; i++) {
		const struct mime_part *part = mime_part(m, i);
		char *text;

		if (part->name)
			g_string_append_printf(all, "%s\n", part->name);
		if (!part->is_body)
			continue;
		text = mime_text(part);
		g_string_append(all, text);
		g_string_append_c(all, '\n');
		free(text);
	}
	g_string_truncate(all, all->len < TEXT_MAX ? all->len : TEXT_MAX);
	return g_string_free(all, FALSE);
}

static int
index_mail(
    struct search *s, const struct archive_mail *m, const char *recipients)
{
	struct mime *mime = mime_open((struct span){ m->data, m->len });
	char *from = mime_field(mime, "From");
	char *subject = mime_field(mime, "Subject");
	char *text = read_text(mime);
	struct search_words words = {
		.from = from ? from : m->envelope.reverse_path,
		.to = recipients,
		.subject = subject,
		.text = text,
	};
	int result = search_add(s, m->id, &words);

	free(from);
	free(subject);
	g_free(text);
	mime_free(mime);
	return result;
}

static int
index_page(struct smtpdb *t, struct search *s, const struct archive_page *page)
{
	struct archive_mail mail = { 0 };
	int result = 0;

	for (size_t i = 0; i < page->nrows && result >= 0; i++) {
		result = archive_read(t->archive, page->rows[i].id, &mail);
		if (result > 0)
			result = index_mail(s, &mail, page->rows[i].recipients);
	}
	archive_mail_reset(&mail);
	return result < 0 ? -1 : 0;
}

/*
 * One transaction of the index.  It begins where the last one ended, whoever's
 * that was, so that several processes index no mail twice.  Returns how many
 * mails there were, or -1.
 */
static int
index_some(struct smtpdb *t, struct search *s)
{
	struct archive_filter filter = { 0 };
	struct archive_page page = { .nrows = 0 };
	int done = 0, result;

	if (search_begin(s) < 0)
		return -1;
	filter.after_id = search_last_id(s);
	result = filter.after_id < 0 ? -1 : 1;
	for (int i = 0; i < PAGES && result > 0; i++) {
		result = archive_list(t->archive, &filter, &page);
		done += (int)page.nrows;
		if (result > 0 && index_page(t, s, &page) < 0)
			result = -1;
	}
	archive_page_reset(&page);
	if (result < 0 || search_end(s, filter.after_id) < 0)
		return -1;
	return done;
}

static int
index_all(struct smtpdb *t, struct search *s)
{
	struct progress progress;
	uint64_t done = 0;
	int n;

	progress_begin(&progress, "indexed");
	while ((n = index_some(t, s)) > 0) {
		done += (uint64_t)n;
		progress_tell(&progress, done);
	}
	progress_end(&progress);
	if (n < 0)
		return smtpdb_fail_archive(t);
	printf("indexed %llu mails\n", (unsigned long long)done);
	return EX_OK;
}

int
index_run(struct smtpdb *t)
{
	struct search *s;
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	s = search_open(t->archive, true, t->options[OPT_REBUILD]);
	if (!s)
		return smtpdb_fail_archive(t);
	status = index_all(t, s);
	search_close(s);
	return status;
}

/* One that is gone meanwhile is passed over. */
static int
print_found(struct smtpdb *t, const struct lister *l, int64_t id)
{
	struct archive_filter filter = { .after_id = id - 1, .up_to_id = id };
	struct archive_page page = { .nrows = 0 };
	int result = archive_list(t->archive, &filter, &page);

	if (result > 0)
		list_print(l, &page.rows[0]);
	archive_page_reset(&page);
	return result;
}

/* Each word as it is, whatever it means to FTS5. */
static char *
quote(char **words)
{
	GString *query = g_string_new(NULL);

	for (; *words; words++) {
		g_string_append(query, " \"");
		for (const char *p = *words; *p; p++)
			g_string_append(
			    query, *p == '"' ? "\"\"" : (char[]){ *p, 0 });
		g_string_append_c(query, '"');
	}
	return g_string_free(query, FALSE);
}

static int
search(struct smtpdb *t, struct search *s, const char *query)
{
	int64_t ids[FOUND_MAX];
	struct lister lister;
	int n = search_find(s, query, ids, FOUND_MAX);

	if (n < 0) { /* "foo-bar" and "a@b" are no words of its language */
		char *quoted = quote(t->args);

		n = search_find(s, quoted, ids, FOUND_MAX);
		g_free(quoted);
	}
	list_start(&lister, t);
	for (int i = 0; i < n; i++) {
		if (print_found(t, &lister, ids[i]) < 0)
			n = -1;
	}
	return n < 0 ? smtpdb_fail_archive(t) : EX_OK;
}

/* What has come since is not found; that is no reason to find nothing. */
static int
tell_missing(struct smtpdb *t, struct search *s)
{
	int64_t indexed = search_last_id(s), last;

	if (indexed < 0 || archive_last_id(t->archive, &last) < 0)
		return smtpdb_fail_archive(t);
	if (last > indexed)
		smtpdb_fail(0,
		    "mails after %lld are not in the index; smtpdb index adds "
		    "them",
		    (long long)indexed);
	return EX_OK;
}

int
search_run(struct smtpdb *t)
{
	struct search *s;
	char *query;
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	s = search_open(t->archive, false, false);
	if (!s)
		return smtpdb_fail(
		    EX_NOINPUT, "there is no index; smtpdb index makes it");
	query = g_strjoinv(" ", t->args);
	status = tell_missing(t, s);
	if (status == EX_OK)
		status = search(t, s, query);
	g_free(query);
	search_close(s);
	return status;
}
