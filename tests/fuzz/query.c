/*
 * Words that people search for: whatever stands in them, FTS5 takes the query
 * that comes of it; and what is split for the index is found by itself.
 */
#include "../../find/query.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "fuzz.h"

static sqlite3_stmt *match;

static void
make_index(void)
{
	sqlite3 *db;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_exec(db,
		"CREATE VIRTUAL TABLE words USING fts5"
		"(\"from\", \"to\", subject, text);"
		"INSERT INTO words VALUES ('ann', 'bob', 'hi', 'text');",
		NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
		"SELECT count(*) FROM words WHERE words MATCH ?", -1, &match,
		NULL) != SQLITE_OK)
		abort();
}

static int
ask(const char *query)
{
	int rc;

	sqlite3_bind_text(match, 1, query, -1, SQLITE_STATIC);
	rc = sqlite3_step(match);
	sqlite3_reset(match);
	sqlite3_clear_bindings(match);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *words = fuzz_string((struct span){ (const char *)data, len });
	char *query = query_read(words, false);
	struct text split = { .p = NULL };

	if (!match)
		make_index();
	if (query)
		fuzz_promise_of(ask(query) == SQLITE_ROW,
		    "no word is an error: ", span_of(query));
	free(query);
	query = query_read(words, true);
	if (query)
		ask(query);
	free(query);
	query_split(span_of(words), &split);
	for (struct span rest = { split.p, split.len }; rest.len > 0;) {
		uint32_t code;
		size_t n = text_read(rest, &code);

		fuzz_promise(code != TEXT_NONE, "what is indexed is UTF-8");
		rest.p += n;
		rest.len -= n;
	}
	text_free(&split);
	free(words);
	return 0;
}
