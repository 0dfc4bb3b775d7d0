/*
 * doctor: does the database have the tables, columns and so on of its version?
 */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

struct flaws {
	char lacking[1024], other[1024]; /* lists of names */
	char *sql;                       /* that mends; NULL: none */
	bool
	    has_lost; /* something that may have held rows, and no SQL brings back */
};

static void
append(char *list, size_t size, const struct archive_flaw *flaw)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%sthe %s %s", len > 0 ? ", " : "",
	    flaw->kind, flaw->name);
}

static void
note(void *context, const struct archive_flaw *flaw)
{
	struct flaws *flaws = context;
	char *more = NULL;

	if (flaw->is_there)
		append(flaws->other, sizeof flaws->other, flaw);
	else
		append(flaws->lacking, sizeof flaws->lacking, flaw);
	if (!flaw->remedy) {
		flaws->has_lost |=
		    !flaw->is_there && strcmp(flaw->kind, "constraint") != 0;
	} else if (asprintf(&more, "%s%s%s;", flaws->sql ? flaws->sql : "",
		       flaws->sql ? " " : "", flaw->remedy) >= 0) {
		free(flaws->sql);
		flaws->sql = more;
	}
}

/* Copies have the schema of a new database, and all rows. */
static void
mend(const struct patient *p, const struct flaws *flaws, struct finding *f)
{
	char *quoted = flaws->sql ? doctor_quote(flaws->sql) : NULL;

	if (flaws->has_lost)
		MEND(f, "smtpdb copy BACKUP new.db  # for the place of %s",
		    p->path);
	else if (quoted && archive_is_file())
		MEND(
		    f, "flock %s-lock sqlite3 %s %s", p->path, p->path, quoted);
	else if (quoted)
		MEND(f, "psql -c %s '%s'", quoted, p->path);
	else
		MEND(f, "smtpdb copy %s new.db  # for the place of %s", p->path,
		    p->path);
	free(quoted);
}

void
doctor_check_schema(const struct patient *p, struct finding *f)
{
	struct flaws flaws = { .sql = NULL };

	SAY(f, "tables, columns and all else are those of version %d",
	    archive_schema_version());
	if (archive_check_schema(p->archive, note, &flaws) < 0) {
		f->state = STATE_BAD;
		SAY(f, "%s", archive_error(p->archive));
	} else if (*flaws.lacking || *flaws.other) {
		f->state = STATE_BAD;
		SAY(f, "%s%s%s%s%s%s",
		    *flaws.lacking ? "the database lacks " : "", flaws.lacking,
		    flaws.has_lost ? ", and what was in it" : "",
		    *flaws.lacking && *flaws.other ? "; " : "",
		    *flaws.other ? "not as smtpd makes it: " : "", flaws.other);
		mend(p, &flaws, f);
	}
	free(flaws.sql);
}
