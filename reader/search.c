/*
 * index and search.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../archive.h"
#include "../find.h"
#include "../mail/plural.h"
#include "list.h"
#include "options.h"
#include "private.h"
#include "terminal.h"

enum {
	NOTHING_FOUND = 1, /* exit status, as grep(1) has it */
	FOUND_MAX = 1000,
	PAGES = 16, /* indexed in one transaction */
};

static int
index_all(struct smtpdb *t, struct search *s)
{
	struct progress progress;
	uint64_t done = 0;
	int n;

	progress_begin(&progress, "indexed");
	while ((n = find_index_some(t->archive, s, PAGES)) > 0) {
		done += (uint64_t)n;
		progress_tell(&progress, done);
	}
	progress_end(&progress);
	if (n < 0)
		return smtpdb_fail_archive(t);
	printf("indexed %llu mail%s\n", (unsigned long long)done,
	    plural((int64_t)done));
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

/* A mail that was deleted meanwhile is passed over. */
static int
print_found(struct smtpdb *t, const struct lister *l, int64_t id)
{
	struct archive_filter filter = {
		.after_id = id - 1,
		.up_to_id = id,
	};
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
	int printed = 0, result = 0;

	list_start(&lister, t);
	for (int i = 0; i < n && result >= 0; i++) {
		result = print_found(t, &lister, ids[i]);
		printed += result > 0;
	}
	if (result < 0)
		return smtpdb_fail_archive(t);
	return printed > 0 ? EX_OK : NOTHING_FOUND;
}

static int
search(struct smtpdb *t, struct search *s, const char *words)
{
	const struct archive_filter which = { .in_inbox = 1 };
	int64_t ids[FOUND_MAX];
	int n = find_words(s, words, &which, false, ids, FOUND_MAX);

	return n < 0 ? smtpdb_fail_archive(t) : print_all(t, ids, n);
}

/* Tells of mails that are not indexed; the others are searched all the same. */
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
	if (!s && !archive_is_file())
		return smtpdb_fail_archive(t);
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
