/*
 * Stands in for schema.c and search.c where the database is on a server
 * (postgresql/program.mk): what needs a file fails, and says so.
 */
#include "private.h"

static int
fail(struct archive *a, const char *what)
{
	return archive_fail_result(a,
	    database_fail(a->db, VERDICT_UNUSABLE,
		"%s is there for SQLite's files alone, and not for PostgreSQL",
		what));
}

int64_t
archive_lend_schema(struct archive *a, const char *path)
{
	(void)path;
	return fail(a, "--new-schema");
}

struct search *
search_open(struct archive *a, bool make, bool anew)
{
	(void)make;
	(void)anew;
	fail(a, "the index of search");
	return NULL;
}

/* search_open() gives no index, so nothing calls these. */

void
search_close(struct search *s)
{
	(void)s;
}

int64_t
search_last_id(struct search *s)
{
	(void)s;
	return -1;
}

int
search_begin(struct search *s)
{
	(void)s;
	return -1;
}

int
search_add(struct search *s, int64_t id, const struct search_words *words)
{
	(void)s;
	(void)id;
	(void)words;
	return -1;
}

int
search_end(struct search *s, int64_t last_id)
{
	(void)s;
	(void)last_id;
	return -1;
}

int
search_find(struct search *s, const char *query,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max)
{
	(void)s;
	(void)query;
	(void)which;
	(void)newest_first;
	(void)ret;
	(void)max;
	return -1;
}
