#include "private.h"

struct statement *
lookup_begin(struct lookup *l, enum policy_sql which)
{
	return l->rc == DATABASE_OK
		   ? statement_take(l->policy->db, policy_sql[which])
		   : NULL;
}

void
lookup_bind(struct statement *s, const char *name, struct span text)
{
	if (s)
		statement_bind_span(s, name, text);
}

void
lookup_bind_integer(struct statement *s, const char *name, int64_t n)
{
	if (s)
		statement_bind_integer(s, name, n);
}

bool
lookup_step(struct statement *s)
{
	return s && statement_row(s);
}

void
lookup_end(struct lookup *l, struct statement *s)
{
	int rc = s ? statement_end(s) : DATABASE_OK;

	if (l->rc == DATABASE_OK)
		l->rc = rc;
}

void
lookup_run(struct lookup *l, struct statement *s)
{
	int rc = s ? statement_run(s) : DATABASE_OK;

	if (l->rc == DATABASE_OK)
		l->rc = rc;
}

struct statement *
lookup_find(struct lookup *l, enum policy_sql which, const char *key)
{
	struct statement *s = lookup_begin(l, which);

	if (!s)
		return NULL;
	statement_bind_nth(s, 1, key);
	if (statement_row(s))
		return s;
	lookup_end(l, s);
	return NULL;
}

const char *
lookup_text(struct statement *row, int column)
{
	const char *text = statement_text(row, column);

	return text ? text : "";
}
