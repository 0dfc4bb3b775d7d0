/*
 * Compares the schema with that of a new database, part by part.
 *
 * SQLite keeps the statements that made it, and those are compared token by
 * token, except for order: an update adds columns at the end.  PostgreSQL's
 * catalog has no such texts, and less is compared (database_read_schema()).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"
#include "private.h"

struct comparison {
	struct parts wanted, there;
	void (*one)(void *context, const struct archive_flaw *flaw);
	void *context;
};

enum {
	NAME_MAX_OCTETS = 80, /* of a constraint, whose name is its text */
};

static bool
is_name(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

/*
 * Forms
 */

static struct span
second_token(struct span text)
{
	parts_token(&text);
	return parts_token(&text);
}

static struct span
body_of(struct span function)
{
	struct span token;

	do
		token = parts_token(&function);
	while (token.len > 0 && *token.p != '$');
	if (token.len < 4)
		return token;
	return (struct span){ token.p + 2, token.len - 4 };
}

/* Where there are no texts: what is wanted must be there, more may be. */
static bool
has_words(struct span wanted, struct span there)
{
	static const char *const words[] = { "NOT", "DEFAULT", "CHECK",
		"UNIQUE", "PRIMARY" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (parts_have(wanted, words[i]) &&
		    !parts_have(there, words[i]))
			return false;
	}
	return true;
}

static bool
is_loosely_as_wanted(const struct part *wanted, const struct part *there)
{
	switch (wanted->kind) {
	case PART_COLUMN:
		return parts_are_same(second_token(wanted->text),
			   second_token(there->text)) &&
		       has_words(wanted->text, there->text);
	case PART_INDEX:
		return has_words(wanted->text, there->text);
	case PART_FUNCTION:
		return parts_are_same(
		    body_of(wanted->text), body_of(there->text));
	case PART_TABLE:
	case PART_CONSTRAINT:
	case PART_VIEW:
	case PART_TRIGGER:
	case PART_SEQUENCE:
	case PART__COUNT:
		break;
	}
	return true;
}

static bool
is_as_wanted(const struct part *wanted, const struct part *there)
{
	if (!archive_is_file())
		return is_loosely_as_wanted(wanted, there);
	return wanted->kind == PART_TABLE
		   ? parts_are_same(wanted->tail, there->tail)
		   : parts_are_same(wanted->text, there->text);
}

/* A constraint without a name is another one if its text is another. */
static bool
is_the_part(const struct part *wanted, const struct part *there)
{
	if (wanted->kind != there->kind ||
	    !is_name(wanted->table, there->table))
		return false;
	if (wanted->kind != PART_CONSTRAINT)
		return is_name(wanted->name, there->name);
	return archive_is_file() ? parts_are_same(wanted->text, there->text)
				 : has_words(wanted->text, there->text);
}

static const struct part *
find(const struct parts *in, const struct part *wanted)
{
	for (size_t i = 0; i < in->n; i++) {
		if (is_the_part(wanted, &in->part[i]))
			return &in->part[i];
	}
	return NULL;
}

static bool
has_table(const struct parts *in, struct span name)
{
	const struct part wanted = { .kind = PART_TABLE, .name = name };

	return find(in, &wanted);
}

/*
 * Remedies
 */

/* What NOT NULL needs in the rows that there are. */
static const char *
default_of(struct span column)
{
	struct span type = second_token(column);

	if (!parts_have(column, "NOT") || parts_have(column, "DEFAULT"))
		return "";
	return span_is(type, "INTEGER") || span_is(type, "bigint")
		   ? " DEFAULT 0"
		   : " DEFAULT ''";
}

/* NULL: no statement mends it, or there is no memory. */
static char *
add_column(const struct part *wanted, const char *line)
{
	char *sql = NULL;

	if (parts_have(wanted->text, "PRIMARY") ||
	    parts_have(wanted->text, "UNIQUE") ||
	    asprintf(&sql, "ALTER TABLE %.*s ADD COLUMN %s%s",
		(int)wanted->table.len, wanted->table.p, line,
		default_of(wanted->text)) < 0)
		return NULL;
	return sql;
}

static char *
make_anew(const char *kind, const struct part *wanted, const char *line)
{
	char *sql = NULL;
	int len;

	if (wanted->kind == PART_FUNCTION)
		len = asprintf(
		    &sql, "CREATE OR REPLACE%s", line + strlen("CREATE"));
	else
		len = asprintf(&sql, "DROP %s %.*s; %s", kind,
		    (int)wanted->name.len, wanted->name.p, line);
	return len < 0 ? NULL : sql;
}

/* To be freed. */
static char *
write_remedy(const char *kind, const struct part *wanted, bool is_there)
{
	char *line = parts_line(wanted->text), *sql = NULL;

	if (!line)
		return NULL;
	switch (wanted->kind) {
	case PART_COLUMN:
		sql = is_there ? NULL : add_column(wanted, line);
		break;
	case PART_TABLE:
		sql = is_there || is_name(wanted->name, span_of("message"))
			  ? NULL
			  : strdup(line);
		break;
	case PART_INDEX:
	case PART_VIEW:
	case PART_TRIGGER:
	case PART_FUNCTION:
		sql = is_there ? make_anew(kind, wanted, line) : strdup(line);
		break;
	case PART_SEQUENCE:
		sql = strdup(line);
		break;
	case PART_CONSTRAINT:
	case PART__COUNT:
		break;
	}
	free(line);
	return sql;
}

/*
 * Comparison
 */

static int
tell(const struct comparison *c, const struct part *wanted, bool is_there)
{
	static const char *const kinds[PART__COUNT] = {
		[PART_TABLE] = "table",
		[PART_COLUMN] = "column",
		[PART_CONSTRAINT] = "constraint",
		[PART_INDEX] = "index",
		[PART_VIEW] = "view",
		[PART_TRIGGER] = "trigger",
		[PART_FUNCTION] = "function",
		[PART_SEQUENCE] = "sequence",
	};
	const char *kind = kinds[wanted->kind];
	char *name = parts_line(wanted->name), full[256];
	char *remedy = write_remedy(kind, wanted, is_there);
	const struct archive_flaw flaw = { kind, full, is_there, remedy };

	if (wanted->kind == PART_CONSTRAINT)
		snprintf(full, sizeof full, "%.*s of %.*s", NAME_MAX_OCTETS,
		    name ? name : "", (int)wanted->table.len, wanted->table.p);
	else
		snprintf(full, sizeof full, "%.*s%s%s", (int)wanted->table.len,
		    wanted->table.len > 0 ? wanted->table.p : "",
		    wanted->table.len > 0 ? "." : "", name ? name : "");
	if (name)
		c->one(c->context, &flaw);
	free(remedy);
	free(name);
	return name ? DATABASE_OK : DATABASE_NO_MEMORY;
}

/* The columns of a table that is not there are not told of one by one. */
static int
compare(const struct comparison *c)
{
	int rc = DATABASE_OK;

	for (size_t i = 0; i < c->wanted.n && rc == DATABASE_OK; i++) {
		const struct part *wanted = &c->wanted.part[i];
		const struct part *there = find(&c->there, wanted);

		if (there && is_as_wanted(wanted, there))
			continue;
		if (wanted->table.len > 0 &&
		    !has_table(&c->there, wanted->table))
			continue;
		rc = tell(c, wanted, there);
	}
	return rc;
}

int
archive_check_schema(struct archive *a,
    void (*one)(void *context, const struct archive_flaw *flaw), void *context)
{
	struct comparison c = { .one = one, .context = context };
	char *text = NULL;
	int rc = database_read_schema(a->db, &text);

	if (rc == DATABASE_OK && (parts_read(database_schema, &c.wanted) < 0 ||
				     parts_read(text, &c.there) < 0))
		rc = DATABASE_NO_MEMORY;
	if (rc == DATABASE_OK)
		rc = compare(&c);
	parts_reset(&c.wanted);
	parts_reset(&c.there);
	free(text);
	return rc == DATABASE_OK ? 0 : archive_fail(a, "schema", rc);
}
