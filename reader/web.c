/*
 * web: smtpdb-web, which is a program of its own, so that this one links no HTTP.
 */
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mime/text.h"
#include "smtpdb.h"

/* Beside this program, as where it was built; else wherever programs are. */
static void
run(char **args)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	if (len > 0) {
		struct text beside = { 0 };

		path[len] = '\0';
		text_add(&beside, span_of(dirname(path)));
		text_add(&beside, span_of("/smtpdb-web"));
		execv(beside.p, args);
		text_free(&beside);
	}
	execvp(args[0], args);
}

/* The arguments are all its own. */
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
	run(args);
	return smtpdb_fail(EX_UNAVAILABLE,
	    "smtpdb-web cannot be run; is it installed?  (apt-get install "
	    "smtpdb-web)");
}
