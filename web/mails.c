#include "mails.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../find.h"

enum {
	/* So many new mails are indexed while a search waits. */
	INDEX_AT_ONCE = 4 * ARCHIVE_PAGE,
	/* If a count takes longer, the next is made while no request waits. */
	COUNT_AT_ONCE_US = 20000,
	AT_ONCE = 200, /* changes in one transaction */
};

int
mails_open(struct mails *m, const char *path, bool read_only)
{
	int64_t n;

	m->path = path;
	m->read_only = read_only;
	m->conf = (struct archive_conf){
		.path = path,
		.wait_ms = STORE_WAIT_MS,
		.holds = mime_holds,
	};
	m->version = -1;
	m->archive = archive_new(&m->conf);
	if (!m->archive || archive_open(m->archive) != VERDICT_OK)
		return -1;
	/* Counts now, so that the first page does not wait for it. */
	return mails_count(m, &n);
}

void
mails_close(struct mails *m)
{
	search_close(m->index);
	for (size_t i = 0; i < MAILS_BRIEFS; i++)
		brief_reset(&m->briefs[i]);
	archive_free(m->archive);
}

const char *
mails_error(const struct mails *m)
{
	return m->archive ? archive_error(m->archive) : "no memory";
}

/*
 * How much
 */

/* Counts all mails, or only those that have come since the last count. */
static int
count(struct mails *m, bool anew)
{
	int64_t began = clock_us(), more;
	int64_t after = anew ? 0 : m->counted_up_to;

	if (archive_count(m->archive, after, &more) < 0)
		return -1;
	m->count = anew ? more : m->count + more;
	m->counted_up_to = m->last_id;
	if (anew) {
		m->cost_us = clock_us() - began;
		m->is_count_old = false;
		/* Counting takes at most a hundredth of the time. */
		m->count_at_ms = clock_ms() + m->cost_us / 10;
	}
	return 0;
}

/*
 * Makes the next look see a change: the version tells only of other processes.
 */
static void
forget_version(struct mails *m)
{
	m->version = -1;
	m->changes++;
}

bool
mails_have_changed(struct mails *m)
{
	int64_t version, last;

	if (archive_version(m->archive, &version) < 0 ||
	    version == m->version || archive_last_id(m->archive, &last) < 0)
		return false;
	m->version = version;
	m->changes++;
	m->last_id = last;
	m->is_count_old = true;
	return true;
}

int
mails_count(struct mails *m, int64_t *ret)
{
	mails_have_changed(m);
	if (m->is_count_old && count(m, m->counted_up_to == 0 ||
					    m->cost_us < COUNT_AT_ONCE_US) < 0)
		return -1;
	*ret = m->count;
	return 0;
}

int
mails_unread(struct mails *m, const char *consumer, int64_t *ret)
{
	int64_t all;

	if (mails_count(m, &all) < 0)
		return -1;
	if (m->done_at != m->changes || strcmp(m->done_by, consumer) != 0) {
		if (archive_count_done(m->archive, consumer, &m->done) < 0)
			return -1;
		m->done_at = m->changes;
		snprintf(m->done_by, sizeof m->done_by, "%s", consumer);
	}
	*ret = all > m->done ? all - m->done : 0;
	return 0;
}

int
mails_last_id(struct mails *m, int64_t *ret)
{
	return archive_last_id(m->archive, ret);
}

/*
 * The index
 */

static int64_t
not_indexed(struct mails *m)
{
	int64_t last = search_last_id(m->index);

	return last < 0 || last >= m->last_id ? 0 : m->last_id - last;
}

static int
index_some(struct mails *m)
{
	int n = m->read_only ? 0 : find_index_some(m->archive, m->index, 1);

	if (n < 0) { /* closing it rolls back what was begun */
		search_close(m->index);
		m->index = NULL;
	}
	return n;
}

static int
open_index(struct mails *m)
{
	if (!m->index)
		m->index = search_open(m->archive, !m->read_only, false);
	if (!m->index)
		return -1;
	mails_have_changed(m);
	for (int n = 0; n < INDEX_AT_ONCE && not_indexed(m) > 0;
	     n += ARCHIVE_PAGE) {
		int done = index_some(m);

		if (done <= 0)
			return done;
	}
	return 0;
}

bool
mails_tidy(struct mails *m)
{
	if (m->index && not_indexed(m) > 0)
		return index_some(m) > 0;
	if (m->is_count_old && clock_ms() >= m->count_at_ms)
		count(m, true);
	return false;
}

/*
 * Lists
 */

/* Returns the words without is:unread and is:read, to be freed. */
static char *
take_state(const char *words, bool *ret_unread, bool *ret_read)
{
	char *copy = text_copy(words ? words : ""), *rest = copy, *word;
	struct text left = { 0 };

	while ((word = strsep(&rest, " \t"))) {
		if (strcmp(word, "is:unread") == 0) {
			*ret_unread = true;
		} else if (strcmp(word, "is:read") == 0) {
			*ret_read = true;
		} else if (*word) {
			text_add(&left, span_of(word));
			text_add_char(&left, ' ');
		}
	}
	free(copy);
	return text_take(&left);
}

/* Finds all mails that have the words, then takes the page from them. */
static int
search(struct mails *m, const struct mails_query *q,
    const struct archive_filter *which, const char *words,
    struct mails_found *ret)
{
	int64_t all[MAILS_FOUND_MAX];
	int n;

	if (open_index(m) < 0)
		return -1;
	ret->not_indexed = not_indexed(m);
	n = find_words(m->index, words, which, true, all, MAILS_FOUND_MAX);
	for (int64_t i = q->start; i < n && (int64_t)ret->n < q->limit; i++)
		ret->ids[ret->n++] = all[i];
	ret->total = n;
	return n < 0 ? -1 : 0;
}

static size_t
least(int64_t wanted)
{
	return wanted < ARCHIVE_PAGE ? (size_t)wanted : ARCHIVE_PAGE;
}

/* Finds where the list begins, if no mail has to be looked at for that. */
static int
skip(struct mails *m, struct archive_filter *filter, int64_t *start)
{
	if (*start <= 0 || filter->new_to || filter->had_by ||
	    filter->up_to_id != 0)
		return 0;
	if (archive_id_behind(m->archive, *start, &filter->up_to_id) < 0)
		return -1;
	if (filter->up_to_id == 0)
		filter->up_to_id = -1; /* the list ends before that */
	*start = 0;
	return 0;
}

/* Lists the mails that are asked for, in pages as the archive has them. */
static int
list(struct mails *m, const struct mails_query *q, struct archive_filter *which,
    struct mails_found *ret)
{
	struct archive_page page = { .nrows = 0 };
	int64_t start = q->start;
	size_t wanted;

	if (skip(m, which, &start) < 0)
		return -1;
	do {
		wanted = least(start + q->limit - (int64_t)ret->n);
		if (archive_list_newest(m->archive, which, wanted, &page) < 0)
			return -1;
		if (page.nrows > 0)
			which->up_to_id = page.rows[0].id - 1;
		for (size_t i = page.nrows; i > 0; i--) {
			if (start > 0)
				start--;
			else if ((int64_t)ret->n < q->limit)
				ret->ids[ret->n++] = page.rows[i - 1].id;
		}
	} while ((int64_t)ret->n < q->limit && page.nrows == wanted &&
		 wanted > 0 && which->up_to_id > 0);
	archive_page_reset(&page);
	return 0;
}

/* Counts all mails, or all that are read or unread. */
static int
count_asked(struct mails *m, const struct mails_query *q, bool unread,
    bool read, int64_t *ret)
{
	int64_t n = 0;

	if (mails_count(m, ret) < 0 ||
	    ((unread || read) && mails_unread(m, q->consumer, &n) < 0))
		return -1;
	if (unread || read)
		*ret = unread ? n : *ret - n;
	return 0;
}

int
mails_find(
    struct mails *m, const struct mails_query *q, struct mails_found *ret)
{
	struct archive_filter which = {
		/* Before 1 there is no id, and 0 would mean all. */
		.up_to_id = q->before == 1 ? -1 : q->before - 1,
		.now = clock_us() / 1000000,
	};
	bool unread = false, read = false;
	char *words = take_state(q->words, &unread, &read);
	int result;

	*ret = (struct mails_found){ .n = 0 };
	if (q->before == 0)
		which.up_to_id = 0;
	which.new_to = unread ? q->consumer : NULL;
	which.had_by = read ? q->consumer : NULL;
	if (*words != '\0') {
		result = search(m, q, &which, words, ret);
	} else {
		result = list(m, q, &which, ret);
		if (result == 0)
			result = count_asked(m, q, unread, read, &ret->total);
	}
	free(words);
	return result;
}

/*
 * One of them
 */

const struct brief *
mails_brief(struct mails *m, int64_t id)
{
	struct brief *b = &m->briefs[(size_t)id % MAILS_BRIEFS];
	struct letter letter = { .mime = NULL };

	/* A mail that was deleted is in no list, so it is not asked for. */
	if (b->id == id)
		return b;
	if (letter_open(&letter, m->archive, id) > 0) {
		brief_reset(b);
		*b = letter.brief;
		letter.brief = (struct brief){ 0 };
	}
	letter_close(&letter);
	return b->id == id ? b : NULL;
}

bool
mails_is_read(struct mails *m, const char *consumer, int64_t id)
{
	return archive_is_done(m->archive, consumer, id) > 0;
}

/*
 * Changes
 */

int
mails_mark(struct mails *m, const char *consumer, const int64_t *ids, size_t n,
    bool read)
{
	int64_t now = clock_us() / 1000000;

	if (m->read_only)
		return 0;
	for (size_t i = 0; i < n; i += AT_ONCE) {
		size_t some = n - i < AT_ONCE ? n - i : AT_ONCE;

		if (archive_set_done(
			m->archive, consumer, ids + i, some, read, now) < 0)
			return -1;
	}
	forget_version(m);
	return 0;
}

int
mails_delete(struct mails *m, const int64_t *ids, size_t n)
{
	for (size_t i = 0; i < n && !m->read_only; i += AT_ONCE) {
		size_t some = n - i < AT_ONCE ? n - i : AT_ONCE;

		if (archive_remove(m->archive, ids + i, some) < 0)
			return -1;
	}
	m->counted_up_to = 0;
	forget_version(m);
	return 0;
}

int
mails_delete_all(struct mails *m)
{
	struct archive_prune p = { .up_to_id = INT64_MAX };
	int result = 0;

	while (!m->read_only && (result = archive_prune(m->archive, &p)) > 0)
		;
	m->counted_up_to = 0;
	forget_version(m);
	return result < 0 ? -1 : 0;
}
