/*
 * Plays transcripts, such as --record writes, to the session machine, and says
 * where it answers otherwise.
 *
 *	build/tests/play FILE...
 */
#include <stdio.h>
#include <sysexits.h>

#include "support/play.h"
#include "support/script.h"

static bool
play(const char *path)
{
	struct script_error error = { "" };
	struct script *s = script_read(path, &error);
	bool ok = s && play_script(s, &s->conf, PLAY_BURSTS, &error);

	if (ok)
		printf("%s: the same answers\n", path);
	else
		fprintf(stderr, "%s\n", error.text);
	script_free(s);
	return ok;
}

int
main(int argc, char **argv)
{
	int status = EX_OK;

	if (argc < 2) {
		fputs("Usage: play FILE...\n", stderr);
		return EX_USAGE;
	}
	for (int i = 1; i < argc; i++) {
		if (!play(argv[i]))
			status = EX_DATAERR;
	}
	return status;
}
