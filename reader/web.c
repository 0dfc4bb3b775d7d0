/*
 * web: smtpdb-web, which is a program of its own, so that this one links no HTTP.
 */
#include <sysexits.h>

#include "../mime/text.h"
#include "private.h"
#include "program.h"

/* All arguments behind `web` are those of smtpdb-web. */
int
web_run(struct smtpdb *t)
{
	char **args = text_resize(NULL, ((size_t)t->nargs + 4) * sizeof *args);
	int n = 0;

	args[n++] = "smtpdb-web";
	if (t->options[OPT_DATABASE]) {
		args[n++] = "-d";
		args[n++] = (char *)t->options[OPT_DATABASE];
	}
	for (int i = 0; i < t->nargs; i++)
		args[n++] = t->args[i];
	args[n] = NULL;
	program_run(args[0], args);
	return smtpdb_fail(EX_UNAVAILABLE,
	    "smtpdb-web cannot be run; is it installed?  (apt-get install "
	    "smtpdb-web)");
}
