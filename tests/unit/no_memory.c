/*
 * No memory at any allocation of a session: every transcript, with each of its
 * allocations failing in turn, by itself and with all that follow.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../support/corpus.h"
#include "../support/player.h"
#include "../support/poor.h"

enum {
	ALLOCATIONS_MAX = 10000, /* no transcript needs so many */
};

/* What the client of the script says, whatever it hears. */
static void
talk(struct player *p, const struct script *s)
{
	for (unsigned i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == SCRIPT_SEND)
			player_send(p, s->steps[i].text);
		else if (s->steps[i].kind == SCRIPT_END)
			player_end(p, s->steps[i].end);
	}
	player_end(p, SESSION_EOF);
}

static bool
says(struct player *p, const char *reply)
{
	struct span said = buffer_span(player_output(p));

	return memmem(said.p, said.len, reply, strlen(reply));
}

/* False: there is no nth allocation. */
static bool
play_poor(const struct script *s, unsigned n, bool for_good)
{
	struct player *p;
	unsigned nfailed;

	poor_begin(n, for_good);
	p = player_new(&s->conf, PLAY_BURSTS, NULL);
	if (!p) {
		cr_expect(n == 1 || s->conf.auth != SESSION_AUTH_NONE ||
			      s->conf.xclient,
		    "%s: a session needs one block, and one for AUTH or "
		    "XCLIENT",
		    s->path);
		return poor_end() > 0;
	}
	talk(p, s);
	nfailed = poor_end();
	cr_expect(!player_broken(p), "%s: allocation %u: %s", s->path, n,
	    player_broken(p));
	cr_expect(nfailed == 0 || says(p, "452 4.3.1 "),
	    "%s: allocation %u failed, and no 452", s->path, n);
	player_free(p);
	return nfailed > 0;
}

static void
play_all_poor(const char *path)
{
	struct script_error error;
	struct script *s = script_read(path, &error);

	cr_assert(s, "%s", error.text);
	for (int for_good = 0; for_good < 2; for_good++) {
		unsigned n = 1;

		while (n < ALLOCATIONS_MAX && play_poor(s, n, for_good))
			n++;
		cr_expect(n > 1 && n < ALLOCATIONS_MAX,
		    "%s: the %uth allocation", path, n);
	}
	script_free(s);
}

Test(no_memory, at_any_allocation_of_a_transcript_is_a_452, .timeout = 600)
{
	size_t nfiles = corpus_count();
	struct corpus_file *files = calloc(nfiles + 1, sizeof *files);

	corpus_copy(files, nfiles);
	for (size_t i = 0; i < nfiles; i++)
		play_all_poor(files[i].path);
	cr_expect(nfiles > 0);
	free(files);
}
