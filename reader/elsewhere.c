/*
 * A database of PostgreSQL: smtpdb-postgresql has the same commands on top of
 * libpq, so that this program links no library for it.
 */
#include <sysexits.h>

#include "../cli.h"
#include "private.h"
#include "program.h"

int
smtpdb_change_over(const struct smtpdb *t)
{
	if (cli_is_postgresql(t->path) != archive_is_file())
		return EX_OK;
	if (!archive_is_file())
		return smtpdb_fail(
		    EX_USAGE, "'%s': not a database of PostgreSQL", t->path);
	program_run("smtpdb-postgresql", t->argv);
	return smtpdb_fail(EX_UNAVAILABLE,
	    "for PostgreSQL it wants smtpdb-postgresql; is it installed?  "
	    "(apt-get install smtpd-postgresql)");
}
