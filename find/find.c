/*
 * Indexes the words of what `smtpdb show` prints.
 */
#include "../find.h"

#include <stdlib.h>

#include "../mime/mime.h"
#include "query.h"

enum {
	TEXT_MAX = 1024 * 1024, /* octets of one mail that are indexed */
};

/* Takes octets up to TEXT_MAX. */
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

/*
 * Adds the text of the mail; its fields as well, where text can look like one.
 */
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

/* Splits the text in place; the result is lent by it. */
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
index_page(struct archive *a, struct search *s, const struct archive_page *page)
{
	struct archive_mail mail = { 0 };
	int result = 0;

	for (size_t i = 0; i < page->nrows && result >= 0; i++) {
		result = archive_read(a, page->rows[i].id, &mail);
		if (result > 0)
			result = index_mail(s, &mail, page->rows[i].recipients);
	}
	archive_mail_reset(&mail);
	return result < 0 ? -1 : 0;
}

int
find_index_some(struct archive *a, struct search *s, int pages)
{
	struct archive_filter filter = { 0 };
	struct archive_page page = { .nrows = 0 };
	int done = 0, result;

	if (search_begin(s) < 0)
		return -1;
	filter.after_id = search_last_id(s);
	result = filter.after_id < 0 ? -1 : 1;
	for (int i = 0; i < pages && result > 0; i++) {
		result = archive_list(a, &filter, &page);
		done += (int)page.nrows;
		if (result > 0 && index_page(a, s, &page) < 0)
			result = -1;
	}
	archive_page_reset(&page);
	if (result < 0 || search_end(s, filter.after_id) < 0)
		return -1;
	return done;
}

int
find_words(struct search *s, const char *words,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max)
{
	char *query = query_read(words, true);
	int n = search_find(s, query, which, newest_first, ret, max);

	free(query);
	if (n < 0) {
		query = query_read(words, false);
		n = search_find(s, query, which, newest_first, ret, max);
		free(query);
	}
	return n;
}
