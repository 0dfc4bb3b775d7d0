/*
 * index and search: the words of what show would print.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../archive.h"
#include "list.h"
#include "mime.h"
#include "options.h"
#include "query.h"
#include "smtpdb.h"

enum {
	NOTHING_FOUND = 1, /* exit status, as grep(1) has it */
	FOUND_MAX = 1000,
	PAGES = 16,             /* of one transaction of the index */
	TEXT_MAX = 1024 * 1024, /* octets of one mail that are indexed */
};

/* As many octets of a mail as are indexed. */
static bool
put_words(void *arg, struct span piece)
{
	struct text *words = arg;
	size_t room = TEXT_MAX - words->len;

	if (words->len >= TEXT_MAX)
		return false;
	text_add(words,
	    (struct span){ piece.p, piece.len < room ? piece.len : room });
	return true;
}

static void
add_words(struct text *words, const char *more)
{
	if (more)
		put_words(words, span_of(more));
	put_words(words, span_of("\n"));
}

static void
add_field(struct text *words, const struct mime *m, const char *name)
{
	char *value = mime_field(m, name);

	add_words(words, value);
	free(value);
}

/* What show prints: also fields, where text can look like one. */
static void
add_text(struct text *words, const struct mime *m)
{
	struct header_fields f = mime_fields(m);
	struct span name, raw;

	while (mime_is_header_open(m) && header_next(&f, &name, &raw)) {
		char *value = mime_decode(raw);

		put_words(words, name);
		put_words(words, span_of(" "));
		add_words(words, value);
		free(value);
	}
	for (size_t i = 0; i < mime_nparts(m); i++) {
		const struct mime_part *part = mime_part(m, i);

		if (part->name)
			add_words(words, part->name);
		if (part->is_body)
			mime_text(part, (struct sink){ put_words, words });
		put_words(words, span_of("\n"));
	}
}

/* Borrowed from the text, which it changes. */
static const char *
split(struct text *words)
{
	struct text apart = { 0 };

	query_split((struct span){ words->p, words->len }, &apart);
	text_add(&apart, span_of(""));
	text_free(words);
	*words = apart;
	return words->p;
}

static int
index_mail(
    struct search *s, const struct archive_mail *m, const char *recipients)
{
	struct mime *mime = mime_open((struct span){ m->data, m->len });
	struct text from = { 0 }, to = { 0 }, subject = { 0 }, text = { 0 };
	struct search_words words;
	int result;

	add_words(&from, m->envelope.reverse_path);
	add_field(&from, mime, "From");
	add_words(&to, recipients);
	add_field(&to, mime, "To");
	add_field(&to, mime, "Cc");
	add_field(&subject, mime, "Subject");
	add_text(&text, mime);
	mime_free(mime);
	words = (struct search_words){ split(&from), split(&to),
		split(&subject), split(&text) };
	result = search_add(s, m->id, &words);
	text_free(&from);
	text_free(&to);
	text_free(&subject);
	text_free(&text);
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

static int
print_all(struct smtpdb *t, const int64_t *ids, int n)
{
	struct lister lister;

	list_start(&lister, t);
	for (int i = 0; i < n; i++) {
		if (print_found(t, &lister, ids[i]) < 0)
			return smtpdb_fail_archive(t);
	}
	return n > 0 ? EX_OK : NOTHING_FOUND;
}

/* What makes no sense with operators does so without. */
static int
search(struct smtpdb *t, struct search *s, const char *words)
{
	int64_t ids[FOUND_MAX];
	char *query = query_read(words, true);
	int n = search_find(s, query, ids, FOUND_MAX);

	free(query);
	if (n < 0) {
		query = query_read(words, false);
		n = search_find(s, query, ids, FOUND_MAX);
		free(query);
	}
	return n < 0 ? smtpdb_fail_archive(t) : print_all(t, ids, n);
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
	struct text words = { 0 };
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	s = search_open(t->archive, false, false);
	if (!s)
		return smtpdb_fail(
		    EX_NOINPUT, "there is no index; smtpdb index makes it");
	for (int i = 0; i < t->nargs; i++) {
		text_add(&words, span_of(t->args[i]));
		text_add_char(&words, ' ');
	}
	status = tell_missing(t, s);
	if (status == EX_OK)
		status = search(t, s, words.p);
	text_free(&words);
	search_close(s);
	return status;
}
