/*
 * A database that another has made or damaged (image.h): as archive.h reads
 * it, and if that was opened, as a session asks its rows and adds a mail.
 * Whatever is in it, each call comes to an end, and what it returns is what its
 * header says.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../archive.h"
#include "../../database.h"
#include "../../policy.h"
#include "../../store.h"
#include "fuzz.h"
#include "image.h"

enum {
	/* More than there can be in a file of this size. */
	PAGES_MAX = 400,
	NOW = 1700000100,
};

static bool
holds(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

static void
check_verdict(enum verdict v, const char *cause)
{
	fuzz_promise(v >= VERDICT_OK && v <= VERDICT_UNUSABLE, "a verdict");
	fuzz_promise(v == VERDICT_OK || (cause[0] && !strchr(cause, '\n')),
	    "trouble has a cause");
}

/*
 * Reading
 */

static void
read_mail(struct archive *a, int64_t id)
{
	struct archive_mail m = { 0 };
	int found = archive_read(a, id, &m);

	if (found > 0) {
		fuzz_promise(m.data && m.data[m.len] == '\0', "data ends");
		fuzz_promise(m.trace && m.client_address, "a mail is whole");
		fuzz_promise(m.envelope.reverse_path && m.envelope.helo &&
				 m.envelope.verb && m.envelope.protocol &&
				 m.envelope.body_type,
		    "an envelope is whole");
		for (unsigned i = 0; i < m.envelope.nrecipients; i++)
			fuzz_promise(m.envelope.recipients[i].forward_path,
			    "a recipient has a path");
		fuzz_promise(
		    m.header_size <= m.len, "a header is a part of the mail");
	}
	archive_mail_reset(&m);
}

static void
check_row(const struct archive_row *row)
{
	fuzz_promise(
	    row->client_address && row->reverse_path && row->recipients,
	    "a row is whole");
}

/* To the end: the ids only grow. */
static void
list(struct archive *a, struct archive_filter *filter)
{
	static struct archive_page page;
	int64_t last = filter->after_id;
	int npages = 0;

	while (archive_list(a, filter, &page) > 0) {
		for (size_t i = 0; i < page.nrows; i++) {
			fuzz_promise(page.rows[i].id > last, "ids only grow");
			last = page.rows[i].id;
			check_row(&page.rows[i]);
			if (npages == 0 && i < 8)
				read_mail(a, last);
		}
		fuzz_promise(++npages < PAGES_MAX, "a list ends");
	}
	archive_page_reset(&page);
}

static void
read_lists(struct archive *a)
{
	static struct archive_page page;
	struct archive_filter all = { .now = NOW };
	struct archive_filter some = { .from = "a", .to = "b", .now = NOW };
	struct archive_filter fresh = { .new_to = "me", .now = NOW };
	struct archive_filter newest = { .now = NOW };
	int64_t id;

	list(a, &all);
	list(a, &some);
	list(a, &fresh);
	if (archive_list_newest(a, &newest, 10, &page) == 0) {
		for (size_t i = 0; i < page.nrows; i++)
			check_row(&page.rows[i]);
	}
	archive_page_reset(&page);
	archive_skip_to_newest(a, &newest, 3);
	archive_last_id(a, &id);
	archive_version(a, &id);
	archive_id_to_keep(a, 2, &id);
	archive_id_to_fit(a, 500, &id);
}

static void
read_rules(struct archive *a)
{
	for (int i = 0; i < RULES__COUNT; i++) {
		struct archive_table table = { 0 };

		archive_rules_list(a, (enum archive_rules)i, &table);
		archive_table_reset(&table);
	}
}

static void
read_rest(struct archive *a)
{
	struct archive_stats stats;
	struct archive_hour hours[24];
	struct search *s = search_open(a, false, false);
	const struct archive_filter all = { 0 };
	int64_t ids[16];

	archive_stats(a, &stats);
	archive_hours(a, hours, 24);
	free(archive_check(a));
	if (s) {
		search_last_id(s);
		search_find(s, "text", &all, false, ids, 16);
		search_find(s, "text", &all, true, ids, 16);
		search_close(s);
	}
}

/*
 * Changes
 */

static void
change(struct archive *a)
{
	struct archive_prune prune = { .up_to_id = 1 };
	int nrounds = 0;

	archive_lease(a, "me", 2, NOW, NOW + 60);
	archive_done(a, "me", 2, NOW);
	archive_is_done(a, "me", 2);
	archive_give_back(a, "me", 3, 0);
	while (archive_prune(a, &prune) > 0)
		fuzz_promise(++nrounds < PAGES_MAX, "a prune ends");
}

static void
ask(struct database *db)
{
	static const char *const addresses[] = { "all@b.example",
		"ann@b.example", "x@mx.example", "Postmaster",
		"a@spam.example" };
	static const char *const clients[] = { "198.51.100.7", "2001:db8::1",
		"local" };
	static struct answer answer;
	struct policy *p = policy_new(db);

	if (!p)
		abort();
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		const struct policy_asker asker = { "mx.example", clients[i],
			NOW };

		for (int kind = QUESTION_MAIL; kind <= QUESTION_EXPN; kind++) {
			size_t at = (i + (size_t)kind) %
				    (sizeof addresses / sizeof *addresses);
			const struct question q = {
				.kind = (enum question_kind)kind,
				.address = span_of(addresses[at]),
				.sender = span_of("a@client.example"),
				.size = 1000,
				.mail.verb = "MAIL",
			};

			policy_refresh(p);
			policy_ask(p, &asker, &q, &answer);
			check_verdict(answer.verdict, database_error(db));
		}
	}
	policy_free(p);
}

static void
serve(const struct scratch *box)
{
	struct store *st = store_new(&box->conf);
	enum verdict v;
	int64_t id;

	if (!st)
		abort();
	ask(store_database(st));
	v = scratch_commit(st, 1, 3000, &id);
	check_verdict(v, store_error(st));
	store_tidy(st);
	store_free(st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct scratch *box =
	    image_make((struct span){ (const char *)data, len });
	const struct archive_conf conf = {
		.path = box->path,
		.wait_ms = 100,
		.holds = holds,
	};
	struct archive *a = archive_new(&conf);
	enum verdict v;

	if (!a)
		abort();
	v = archive_open(a);
	check_verdict(v, archive_error(a));
	if (v == VERDICT_OK) {
		read_lists(a);
		read_rules(a);
		read_rest(a);
		change(a);
	}
	archive_free(a);
	if (v == VERDICT_OK)
		serve(box);
	return 0;
}
