/*
 * Proves, as far as trying goes, that no power cut loses a mail that was
 * confirmed.  See README.md.
 */
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sqlite3.h>

#include "check.h"
#include "explore.h"
#include "random.h"
#include "workload.h"

enum {
	EXIT_LOSS = 1,
	EXIT_SKIPPED = 77,
	PATH_LEN = 4000,
	LARGE_IMAGES = 2,          /* they take long */
	MAILS_OF_A_ROUND = 100000, /* at most, of one writer */
	SYNC_US = 400,
};

static const char usage[] =
    "usage: powercut [--short | --long] [--seed N] [--rounds N] [--writers N]\n"
    "                [--mails N] [--images N] [--jobs N] [--fail-syncs "
    "PERCENT]\n"
    "                [--kill-at-failure] [--sabotage WHAT]\n"
    "                [--folder FOLDER] [--keep FOLDER] [--save FILE]\n"
    "       powercut --log FILE [--images N] [--jobs N] [--folder FOLDER]\n"
    "                [--keep FOLDER] [--print]\n"
    "\n"
    "Stores mails from many processes, then makes the disks that a power cut\n"
    "could have left at any time and looks in each for all that was confirmed\n"
    "by then.  Exits 0 if all is there, 1 if something is lost\n"
    "or a mail was refused for no reason, 77 if the\n"
    "sabotage does no harm with this SQLite, and else with the codes of\n"
    "sysexits.h.\n"
    "\n"
    "  --short            under half a minute (default)\n"
    "  --long             some minutes\n"
    "  --seed N           of all that is left to chance (1)\n"
    "  --rounds N         databases, one after the other\n"
    "  --writers N        processes that store mails at once\n"
    "  --mails N          that each of them stores, in each round\n"
    "  --images N         disks to make for each cut that matters\n"
    "  --jobs N           processes that check (2)\n"
    "  --fail-syncs N     per cent of syncs that fail, in rounds where they "
    "do\n"
    "  --kill-at-failure  who is told of a failed sync is killed\n"
    "  --sabotage WHAT    break it: NORMAL for FULL (normal), retry failed\n"
    "                     syncs (retry), leave out the mark (mark) or the\n"
    "                     healing (heal), checkpoint without the write lock\n"
    "                     (checkpoint)\n"
    "  --folder FOLDER    for the files of the test (/dev/shm or $TMPDIR)\n"
    "  --keep FOLDER      keeps the disks that lost something\n"
    "  --save FILE        writes the log of the last round, or the first with\n"
    "                     a loss\n"
    "  --log FILE         checks that log again\n"
    "  --print            and prints its events first\n";

struct options {
	uint64_t seed;
	unsigned rounds, writers, mails, images, jobs, fail_percent;
	bool kill_at_failure, print;
	enum sabotage sabotage;
	const char *folder, *keep, *save, *log;
};

/* Kinds of rounds, taken in turn. */
static const struct kind {
	const char *name;
	bool kills, listener, reader, checkpointer, large, goes_on;
	bool
	    alone; /* one writer, which is killed when it is told of an error */
	unsigned fails; /* so many times the share of syncs that is asked for */
} kinds[] = {
	{ .name = "killed writers", .kills = true },
	{ .name = "alone with failed syncs", .alone = true, .fails = 3 },
	{ .name = "failed syncs", .kills = true, .fails = 3 },
	{ .name = "after a cut",
	    .goes_on = true,
	    .kills = true,
	    .reader = true },
	{ .name = "failed syncs after a cut",
	    .goes_on = true,
	    .fails = 1,
	    .reader = true },
	{ .name = "others checkpoint", .kills = true, .checkpointer = true },
	{ .name = "listener", .kills = true, .listener = true },
	{ .name = "failed syncs of a listener", .fails = 1, .listener = true },
	{ .name = "long WAL", .large = true },
};

/*
 * Options
 */

static unsigned
number(const char *text, unsigned max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || n > max)
		errx(EX_USAGE, "%s is no number up to %u", text, max);
	return (unsigned)n;
}

static enum sabotage
sabotage_of(const char *text)
{
	static const char *const names[SABOTAGE__COUNT] = {
		[SABOTAGE_NONE] = "none",
		[SABOTAGE_NORMAL] = "normal",
		[SABOTAGE_RETRY] = "retry",
		[SABOTAGE_CHECKPOINT] = "checkpoint",
		[SABOTAGE_MARK] = "mark",
		[SABOTAGE_HEAL] = "heal",
	};

	for (int i = 0; i < SABOTAGE__COUNT; i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum sabotage)i;
	}
	errx(EX_USAGE, "no sabotage is called %s", text);
}

static void
set_long(struct options *o)
{
	o->rounds = 40;
	o->writers = 6;
	o->mails = 40;
	o->images = 64;
}

static const struct option long_options[] = {
	{ "short", no_argument, NULL, 'S' },
	{ "long", no_argument, NULL, 'L' },
	{ "seed", required_argument, NULL, 's' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "writers", required_argument, NULL, 'w' },
	{ "mails", required_argument, NULL, 'm' },
	{ "images", required_argument, NULL, 'i' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "fail-syncs", required_argument, NULL, 'f' },
	{ "kill-at-failure", no_argument, NULL, 'k' },
	{ "sabotage", required_argument, NULL, 'b' },
	{ "folder", required_argument, NULL, 'd' },
	{ "keep", required_argument, NULL, 'K' },
	{ "save", required_argument, NULL, 'o' },
	{ "log", required_argument, NULL, 'l' },
	{ "print", no_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		/* clang-format off */
		switch (c) {
		case 'S': break;
		case 'L': set_long(o); break;
		case 's': o->seed = number(optarg, 1u << 31); break;
		case 'r': o->rounds = number(optarg, 10000); break;
		case 'w': o->writers = number(optarg, 50); break;
		case 'm': o->mails = number(optarg, MAILS_OF_A_ROUND); break;
		case 'i': o->images = number(optarg, 60000); break;
		case 'j': o->jobs = number(optarg, 64); break;
		case 'f': o->fail_percent = number(optarg, 100); break;
		case 'k': o->kill_at_failure = true; break;
		case 'b': o->sabotage = sabotage_of(optarg); break;
		case 'd': o->folder = optarg; break;
		case 'K': o->keep = optarg; break;
		case 'o': o->save = optarg; break;
		case 'l': o->log = optarg; break;
		case 'p': o->print = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default:  fputs(usage, stderr); exit(EX_USAGE);
		}
		/* clang-format on */
	}
	if (optind < argc || o->jobs == 0 || o->images == 0) {
		fputs(usage, stderr);
		exit(EX_USAGE);
	}
}

/*
 * Rounds
 */

struct run {
	const struct options *o;
	char folder[PATH_LEN]; /* of the whole run, for us alone */
	char database[PATH_LEN + 16];
	struct events *events; /* of the round before; or NULL */
	struct worked worked;
	struct explored explored;
	struct events_seeds seeds;
	size_t nevents;
	unsigned damaged; /* writers that were told so */
	bool saved;
};

/* Syncs cost nothing where the disk is memory. */
static void
make_folder(struct run *run)
{
	const char *folder = run->o->folder, *tmp = getenv("TMPDIR");

	if (!folder)
		folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
			 : tmp                         ? tmp
						       : "/tmp";
	snprintf(run->folder, sizeof run->folder, "%s/powercut-XXXXXX", folder);
	if (!mkdtemp(run->folder))
		err(EX_CANTCREAT, "%s", run->folder);
	snprintf(
	    run->database, sizeof run->database, "%s/round.db", run->folder);
}

static void
set_explore(const struct run *run, struct explore *ret)
{
	*ret = (struct explore){
		.events = run->events,
		.images = run->o->images,
		.others = run->o->images * 4,
		.jobs = run->o->jobs,
		.folder = run->folder,
		.keep = run->o->keep,
		.mail_seed = run->seeds.mails,
	};
}

static void
save(struct run *run, bool lost)
{
	if (run->o->save && !run->saved)
		events_save(run->events, run->o->save, &run->seeds);
	run->saved = run->saved || lost;
}

static void
check_round(struct run *run, const char *title, bool large)
{
	struct explore x;
	unsigned long losses = run->explored.losses;
	unsigned damaged = 0;

	set_explore(run, &x);
	x.seed = run->seeds.choices;
	x.title = title;
	if (large)
		x.images = x.others = LARGE_IMAGES;
	explore(&x, &run->explored);
	for (size_t i = 0; i < events_count(run->events); i++)
		damaged += events_at(run->events, i)->kind == EVENT_DAMAGED;
	if (damaged > 0)
		fprintf(stderr,
		    "LOSS %s: damage was found while it ran, "
		    "without a cut\n",
		    title);
	run->nevents += events_count(run->events);
	run->damaged += damaged;
	save(run, run->explored.losses > losses || damaged > 0);
}

static void
run_round(struct run *run, unsigned number, const struct kind *kind)
{
	const struct options *o = run->o;
	bool bad = o->sabotage == SABOTAGE_CHECKPOINT;
	struct random r = random_stream(o->seed, number);
	struct workload w = {
		.path = run->database,
		.mail_seed = run->seeds.mails,
		.writers = kind->alone ? 1 : (int)o->writers,
		.first = number * MAILS_OF_A_ROUND,
		.mails = kind->large ? 1 + 14 / o->writers
			 : kind->alone ? o->mails * 2
				       : o->mails,
		.large = kind->large,
		/* Who comes after a kill heals, and so mends that race. */
		.kills = kind->kills && !bad,
		.listener = kind->listener,
		/* A reader keeps the WAL from being begun anew. */
		.reader = kind->reader && !bad,
		.checkpointer = kind->checkpointer || bad,
		.plan = {
			.seed = random_next(&r),
			.sabotage = o->sabotage,
			.fail_percent = kind->fails * o->fail_percent,
			.delay_us = SYNC_US,
			.kill_at_failure = kind->alone || o->kill_at_failure,
		},
	};
	struct events *ev = events_new();
	struct explore x;
	char title[200];

	check_clean(run->database);
	if (kind->goes_on && run->events) {
		set_explore(run, &x);
		x.seed = random_next(&r);
		w.before = run->events;
		w.cut = explore_one(&x, run->database);
	}
	snprintf(title, sizeof title, "seed %llu, round %u (%s)",
	    (unsigned long long)o->seed, number, kind->name);
	workload_run(&w, ev, &run->worked);
	events_free(run->events);
	run->events = ev;
	run->seeds.choices = random_next(&r);
	check_round(run, title, kind->large);
}

static void
check_log(struct run *run)
{
	const char *path = run->o->log;

	run->events = events_load(path, &run->seeds);
	run->saved = true; /* it is already */
	for (size_t i = 0; run->o->print && i < events_count(run->events); i++)
		printf("%zu: %s\n", i, events_describe(run->events, i));
	check_round(run, path, false);
}

static void
print_summary(const struct run *run)
{
	const struct worked *w = &run->worked;
	const struct explored *x = &run->explored;

	if (w->mails > 0)
		printf("%u mails, %u confirmed; %u writers killed; %u syncs, "
		       "%u failed; WAL begun anew %u times\n",
		    w->mails, w->acks, w->killed, w->syncs, w->failed_syncs,
		    w->resets);
	if (run->o->sabotage == SABOTAGE_CHECKPOINT)
		printf("%u checkpoints without the write lock met a new "
		       "WAL\n",
		    w->races);
	printf("%zu events, %lu cuts (%lu of them exhaustively), %lu images, "
	       "%lu of them used by the store, %lu confirmed mails looked "
	       "for\n",
	    run->nevents, x->cuts, x->exhausted, x->images, x->reopened,
	    x->looked_for);
	if (w->refused > 0)
		printf("%u mails were refused for no reason\n", w->refused);
	printf("losses: %lu\n", x->losses + run->damaged);
}

/* The race is mended in 3.51.3, and in two branches that Debian has not. */
static bool
is_harmless(enum sabotage s)
{
	int v = sqlite3_libversion_number();

	return s == SABOTAGE_CHECKPOINT &&
	       (v >= 3051003 || v == 3050007 || v == 3044006);
}

int
main(int argc, char **argv)
{
	struct options o = {
		.seed = 1,
		.rounds = 2 * sizeof kinds / sizeof *kinds,
		.writers = 4,
		.mails = 12,
		.images = 16,
		.jobs = 2,
		.fail_percent = 5,
	};
	struct run run = { .o = &o };

	read_options(argc, argv, &o);
	if (is_harmless(o.sabotage)) {
		printf("SQLite %s has not that race\n", sqlite3_libversion());
		return EXIT_SKIPPED;
	}
	run.seeds.mails = o.seed;
	make_folder(&run);
	if (o.log)
		check_log(&run);
	for (unsigned i = 0; !o.log && i < o.rounds; i++)
		run_round(&run, i, &kinds[i % (sizeof kinds / sizeof *kinds)]);
	print_summary(&run);
	events_free(run.events);
	check_clean(run.database);
	rmdir(run.folder);
	return run.explored.losses + run.damaged + run.worked.refused > 0
		   ? EXIT_LOSS
		   : 0;
}
