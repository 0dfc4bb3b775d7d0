/*
 * The parser of transcripts; and what it takes is played, where it must come
 * to the same however the input is cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/play.h"
#include "fuzz.h"

enum {
	SENT_MAX = 64 * 1024, /* octets of a script that is played */
};

static void
play(const struct script *s)
{
	struct script_error first = { "" }, error;
	bool ok = play_script(s, &s->conf, PLAY_BURSTS, &first);
	int n = 0; /* of octets that say so */

	sscanf(first.text, "input:%*u: the machine broke its promise%n", &n);
	fuzz_promise(ok || n == 0, first.text);
	for (int cut = PLAY_BURSTS + 1; cut < PLAY__COUNT; cut++) {
		fuzz_promise(
		    play_script(s, &s->conf, (enum play_cut)cut, &error) == ok,
		    "all cuts come to the same");
		fuzz_promise(ok || strcmp(first.text, error.text) == 0,
		    "all cuts fail for the same reason");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span input = { (const char *)data, len };
	char *copy = fuzz_copy(input);
	struct script_error error = { "" };
	struct script *s =
	    script_parse("input", (struct span){ copy, len }, &error);
	size_t sent = 0;

	fuzz_promise((s == NULL) == (error.text[0] != '\0'),
	    "what is no transcript has an error");
	if (s) {
		for (unsigned i = 0; i < s->nsteps; i++)
			sent += s->steps[i].text.len;
		if (!s->needs_program && sent <= SENT_MAX)
			play(s);
	}
	script_free(s);
	free(copy);
	return 0;
}
