/*
 * What the catalog says of our tables, in the words of the statements that
 * would make them.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* Its name, as schema-postgresql.sql has it. */
#define NAME                                                                   \
	"CASE n.nspname WHEN 'main' THEN 'main.' ELSE '' END"                  \
	" || quote_ident(c.relname)"
#define CLASSES                                                                \
	" FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace" \
	" WHERE (n.nspname = 'main' OR pg_table_is_visible(c.oid)"             \
	" AND n.nspname NOT IN ('pg_catalog', 'pg_toast'))"

/* " UNIQUE" if the column alone has a constraint of that kind. */
#define IF_CONSTRAINED(kind, words)                                            \
	" || CASE WHEN EXISTS (SELECT FROM pg_constraint AS k"                 \
	" WHERE k.conrelid = c.oid AND k.contype = '" kind "'"                 \
	" AND k.conkey = ARRAY[a.attnum]) THEN '" words "' ELSE '' END"

/* The columns of a table, and what several of them share. */
#define ITEMS                                                                  \
	"(SELECT string_agg(item, ', ') FROM ("                                \
	"SELECT quote_ident(a.attname) || ' ' || CASE t.typname"               \
	" WHEN 'int8' THEN 'bigint' WHEN 'int4' THEN 'integer'"                \
	" ELSE t.typname END"                                                  \
	" || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END"              \
	" || CASE WHEN a.atthasdef OR a.attidentity <> '' THEN ' DEFAULT'"     \
	" ELSE '' END" IF_CONSTRAINED("c", " CHECK") IF_CONSTRAINED(           \
	    "u", " UNIQUE") IF_CONSTRAINED("p",                                \
	    " PRIMARY KEY") " AS item"                                         \
			    " FROM pg_attribute AS a JOIN pg_type AS t ON "    \
			    "t.oid = a.atttypid"                               \
			    " WHERE a.attrelid = c.oid AND a.attnum > 0 AND "  \
			    "NOT a.attisdropped"                               \
			    " UNION ALL SELECT CASE k.contype WHEN 'c' THEN "  \
			    "'CHECK'"                                          \
			    " WHEN 'u' THEN 'UNIQUE' ELSE 'PRIMARY KEY' END"   \
			    " FROM pg_constraint AS k WHERE k.conrelid = "     \
			    "c.oid"                                            \
			    " AND k.contype IN ('c', 'u', 'p') AND "           \
			    "cardinality(k.conkey) > 1"                        \
			    ") AS items)"

static const char statements[] =
    "SELECT string_agg(statement, ';' || chr(10)) || ';' FROM ("
    "SELECT 'CREATE TABLE ' || " NAME " || ' (' || " ITEMS
    " || ')' AS statement" CLASSES
    " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " UNION ALL SELECT 'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE '"
    " ELSE '' END || 'INDEX ' || " NAME
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indisvalid"
    " WHERE n.nspname = 'main' OR pg_table_is_visible(c.oid)"
    " UNION ALL SELECT 'CREATE ' || CASE c.relkind WHEN 'v' THEN 'VIEW '"
    " ELSE 'SEQUENCE ' END || " NAME CLASSES " AND c.relkind IN ('v', 'S')"
    " UNION ALL SELECT 'CREATE TRIGGER ' || quote_ident(tgname)"
    " FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    " UNION ALL SELECT 'CREATE FUNCTION main.' || quote_ident(p.proname)"
    " || '() $$' || p.prosrc || '$$' FROM pg_proc AS p"
    " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
    " WHERE n.nspname = 'main' AND position('$$' IN p.prosrc) = 0"
    ") AS all_of_them";

int
database_read_schema(struct database *db, char **ret)
{
	struct statement *q = statement_take(db, statements);
	const char *text = statement_row(q) ? statement_text(q, 0) : NULL;
	int rc;

	*ret = strdup(text ? text : "");
	rc = statement_end(q);
	return rc == DATABASE_OK && !*ret ? DATABASE_NO_MEMORY : rc;
}
