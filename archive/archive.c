/*
 * Opening the database, and how the calls of this folder fail.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct archive *
archive_new(const struct archive_conf *conf)
{
	struct archive *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->conf = conf;
	a->store_conf.path = conf->path;
	a->store_conf.wait_ms = conf->wait_ms;
	a->store = store_new(&a->store_conf);
	if (!a->store) {
		free(a);
		return NULL;
	}
	a->db = store_database(a->store);
	return a;
}

void
archive_free(struct archive *a)
{
	if (!a)
		return;
	store_free(a->store);
	free(a);
}

enum verdict
archive_open(struct archive *a)
{
	database_set_wait(a->db, a->conf->wait_ms);
	a->result = database_open_as_it_is(a->db);
	if (a->result == VERDICT_OK)
		a->result = database_check_tables(a->db);
	return a->result;
}

bool
archive_is_torn(const struct archive *a)
{
	return database_is_torn(a->db);
}

enum verdict
archive_result(const struct archive *a)
{
	return a->result;
}

const char *
archive_error(const struct archive *a)
{
	return store_error(a->store);
}

int
archive_fail(struct archive *a, const char *what, int rc)
{
	a->result = database_fail_code(a->db, what, rc);
	return -1;
}

int
archive_fail_result(struct archive *a, enum verdict result)
{
	a->result = result;
	return -1;
}

int
archive_run(struct archive *a, struct statement *s, const char *what)
{
	int rc = statement_run(s);

	return rc == DATABASE_OK ? 0 : archive_fail(a, what, rc);
}

int
archive_run_integer(
    struct archive *a, struct statement *s, const char *what, int64_t *ret)
{
	int rc = statement_run_integer(s, ret);

	return rc == DATABASE_OK ? 0 : archive_fail(a, what, rc);
}

char *
archive_column(struct statement *q, int column)
{
	const char *text = statement_text(q, column);

	return text ? strdup(text) : NULL;
}

/* A damaged database can give the same rows again and again. */
int
archive_move_on(struct archive *a, int64_t *after_id, int64_t id)
{
	if (id <= *after_id)
		return archive_fail_result(
		    a, database_fail(a->db, VERDICT_CORRUPT,
			   "mail %lld comes behind %lld: ids that do not grow",
			   (long long)id, (long long)*after_id));
	*after_id = id;
	return 0;
}

int
archive_last_id(struct archive *a, int64_t *ret)
{
	return archive_run_integer(a,
	    statement_take(a->db, "SELECT max(id) FROM message"), "last id",
	    ret);
}

int
archive_version(struct archive *a, int64_t *ret)
{
	enum verdict result = database_data_version(a->db, ret);

	return result == VERDICT_OK ? 0 : archive_fail_result(a, result);
}

int
archive_listen(struct archive *a)
{
	return database_listen(a->db);
}
