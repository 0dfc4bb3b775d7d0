/*
 * The images of a cut are all choices of which uncertain changes got through.
 * As time goes by, changes are added, and so images, and confirmed mails, so
 * demands; until a sync makes changes certain.  So the images just before a
 * sync returns hold those of all cuts since the one before, and are held to
 * more: these are the cuts that matter.  At each of them every image is tried
 * if they are few, else those at the edges and some by chance.  Of the other
 * cuts a few images are tried nevertheless, for the argument may be wrong.
 */
#include "explore.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"
#include "disk.h"
#include "random.h"

enum {
	PATH_LEN = 4096,
	STALE_SHM = 4, /* one of so many has an old -shm file */
	SHM_SIZE = 32768,
	REOPENED = 8,         /* one of so many images is given to the store */
	LOSSES_TOLD = 5,      /* by each process */
	IMAGES_MAX = 1 << 16, /* for each cut */
};

/* Which file each name is, and what survived of it. */
struct image {
	unsigned file[NAME__COUNT];
	struct survival survival[NAME__COUNT];
};

struct explorer {
	const struct explore *x;
	struct disk *disk;
	struct content content[NAME__COUNT];
	struct random random;
	struct explored *sum; /* of this process */
	size_t cut;
	char path[PATH_LEN];
	uint64_t *tried; /* hashes of the images of this cut */
	unsigned ntried;
	/* What the names may be, and the choice of that under way. */
	unsigned candidates[NAME__COUNT][DISK_CANDIDATES];
	unsigned ncandidates[NAME__COUNT];
};

/*
 * Making and checking an image
 */

static void
write_file(const char *path, const struct content *c)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t done = 0;

	if (fd < 0)
		err(EX_CANTCREAT, "%s", path);
	while (done < c->len) {
		ssize_t n = write(fd, c->octets + done, c->len - done);

		if (n < 0)
			err(EX_IOERR, "%s", path);
		done += (size_t)n;
	}
	close(fd);
}

static void
write_image(const struct explorer *e, const struct image *im, const char *path)
{
	char name[PATH_LEN + 16];

	for (int n = 0; n < NAME__COUNT; n++) {
		snprintf(name, sizeof name, "%s%s", path, name_suffix[n]);
		if (im->file[n])
			write_file(name, &e->content[n]);
	}
}

/* Of the shared memory anything may have reached the disk. */
static void
write_stale_shm(struct explorer *e)
{
	uint64_t noise[SHM_SIZE / sizeof(uint64_t)];
	struct content shm = { (unsigned char *)noise, sizeof noise, 0 };
	char name[PATH_LEN + 16];

	for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
		noise[i] = random_next(&e->random);
	snprintf(name, sizeof name, "%s-shm", e->path);
	write_file(name, &shm);
}

static void
fill_image(struct explorer *e, const struct image *im)
{
	for (int n = 0; n < NAME__COUNT; n++) {
		if (im->file[n])
			disk_content(e->disk, im->file[n], &im->survival[n],
			    &e->content[n]);
	}
}

static uint64_t
hash(uint64_t h, const struct content *c)
{
	uint64_t word;
	size_t i = 0;

	for (; i + sizeof word <= c->len; i += sizeof word) {
		memcpy(&word, c->octets + i, sizeof word);
		h = (h ^ word) * 0x9fb21c651e98df25u;
		h ^= h >> 29;
	}
	for (; i < c->len; i++)
		h = (h ^ c->octets[i]) * 0x100000001b3u;
	return (h ^ c->len) * 0x9fb21c651e98df25u;
}

/* Has the image been tried at this cut? */
static bool
is_known(struct explorer *e, const struct image *im)
{
	uint64_t h = 0;

	for (int n = 0; n < NAME__COUNT; n++) {
		h = h * 31 + (im->file[n] != 0);
		if (im->file[n])
			h = hash(h, &e->content[n]);
	}
	for (unsigned i = 0; i < e->ntried; i++) {
		if (e->tried[i] == h)
			return true;
	}
	e->tried[e->ntried++] = h;
	return false;
}

static void
describe(const struct image *im, char *ret, size_t size)
{
	static const char *const how[SURVIVE__COUNT] = {
		[SURVIVE_NONE] = "nothing",
		[SURVIVE_ALL] = "all",
		[SURVIVE_FIRST] = "the first",
		[SURVIVE_BUT_ONE] = "all but",
		[SURVIVE_ONE] = "only",
		[SURVIVE_MASK] = "by mask",
		[SURVIVE_SOME] = "per cent",
		[SURVIVE_TORN] = "per cent of sectors",
	};
	size_t len = 0;

	for (int n = 0; n < NAME__COUNT && len < size; n++) {
		const struct survival *s = &im->survival[n];

		if (!im->file[n])
			continue;
		len += (size_t)snprintf(ret + len, size - len,
		    " [database%s: file %u, %s %u %llx]", name_suffix[n],
		    im->file[n], how[s->which], s->n,
		    (unsigned long long)s->seed);
	}
}

static void
tell_loss(struct explorer *e, const struct image *im, const char *why)
{
	const struct explore *x = e->x;
	char what[400] = "", path[PATH_LEN];

	if (++e->sum->losses > LOSSES_TOLD)
		return;
	describe(im, what, sizeof what);
	fprintf(stderr, "LOSS %s, cut before event %zu (%s), survived:%s: %s\n",
	    x->title, e->cut, events_describe(x->events, e->cut), what, why);
	if (!x->keep)
		return;
	snprintf(
	    path, sizeof path, "%s/%d-%zu.db", x->keep, (int)getpid(), e->cut);
	fill_image(e, im);
	write_image(e, im, path);
}

/*
 * What the lock file may say
 */

/* Its file is never synced, so it may say what it likes. */
static enum mark
choose_mark(struct explorer *e)
{
	return (enum mark)random_below(&e->random, MARK__COUNT);
}

static void
try_image(struct explorer *e, const struct image *im)
{
	struct check c = {
		.events = e->x->events,
		.seed = e->x->mail_seed,
		.path = e->path,
	};
	char why[CHECK_WHY_MAX];

	if (e->ntried == IMAGES_MAX)
		return;
	fill_image(e, im);
	if (is_known(e, im))
		return;
	write_image(e, im, e->path);
	if (random_below(&e->random, STALE_SHM) == 0)
		write_stale_shm(e);
	c.with_store = random_below(&e->random, REOPENED) == 0;
	c.mark = choose_mark(e);
	e->sum->images++;
	e->sum->reopened += c.with_store;
	if (!check_image(&c, e->cut, &e->sum->looked_for, why))
		tell_loss(e, im, why);
	check_clean(e->path);
}

/*
 * The images of a cut
 */

static void
list_candidates(struct explorer *e)
{
	for (int n = 0; n < NAME__COUNT; n++)
		e->ncandidates[n] =
		    disk_candidates(e->disk, (enum name)n, e->candidates[n]);
}

static unsigned
count_choices_of_names(const struct explorer *e)
{
	unsigned count = 1;

	for (int n = 0; n < NAME__COUNT; n++)
		count *= e->ncandidates[n];
	return count;
}

/* The `number`-th choice of what the names are. */
static void
choose_names(const struct explorer *e, unsigned number, struct image *ret)
{
	for (int n = 0; n < NAME__COUNT; n++) {
		ret->file[n] = e->candidates[n][number % e->ncandidates[n]];
		number /= e->ncandidates[n];
	}
}

static unsigned
count_changes(const struct explorer *e, const struct image *im)
{
	unsigned count = 0;

	for (int n = 0; n < NAME__COUNT; n++)
		count += disk_uncertain(e->disk, im->file[n]);
	return count;
}

/* Of how many images is it a matter?  More than 2^20 are as many. */
static unsigned long
count_images(const struct explorer *e)
{
	unsigned long count = 0;

	for (unsigned i = 0; i < count_choices_of_names(e); i++) {
		struct image im = { { 0 }, { { 0 } } };
		unsigned changes;

		choose_names(e, i, &im);
		changes = count_changes(e, &im);
		count += 1ul << (changes < 20 ? changes : 20);
	}
	return count;
}

static void
try_all(struct explorer *e)
{
	for (unsigned i = 0; i < count_choices_of_names(e); i++) {
		struct image im = { { 0 }, { { 0 } } };
		unsigned long masks;

		choose_names(e, i, &im);
		masks = 1ul << count_changes(e, &im);
		for (unsigned long mask = 0; mask < masks; mask++) {
			unsigned long rest = mask;

			for (int n = 0; n < NAME__COUNT; n++) {
				im.survival[n] = (struct survival){
					.which = SURVIVE_MASK,
					.seed = rest,
				};
				rest >>= disk_uncertain(e->disk, im.file[n]);
			}
			try_image(e, &im);
		}
	}
}

/* All or nothing, file by file. */
static void
try_edges(struct explorer *e, unsigned limit)
{
	for (unsigned i = 0; i < count_choices_of_names(e); i++) {
		struct image im = { { 0 }, { { 0 } } };

		choose_names(e, i, &im);
		for (unsigned bits = 0; bits < 1u << NAME__COUNT; bits++) {
			for (int n = 0; n < NAME__COUNT; n++)
				im.survival[n].which =
				    bits >> n & 1 ? SURVIVE_ALL : SURVIVE_NONE;
			if (e->ntried < limit)
				try_image(e, &im);
		}
	}
}

static struct survival
choose_survival(struct explorer *e, unsigned file)
{
	static const unsigned percents[] = { 2, 10, 50, 90, 98 };
	struct survival s;
	unsigned changes = disk_uncertain(e->disk, file);

	do
		s.which =
		    (enum survive)random_below(&e->random, SURVIVE__COUNT);
	while (s.which == SURVIVE_MASK);
	if (s.which == SURVIVE_SOME || s.which == SURVIVE_TORN)
		s.n = percents[random_below(
		    &e->random, sizeof percents / sizeof *percents)];
	else
		s.n = random_below(&e->random, changes);
	s.seed = random_next(&e->random);
	return s;
}

static void
choose_image(struct explorer *e, struct image *ret)
{
	unsigned choices = count_choices_of_names(e);

	choose_names(e, random_below(&e->random, choices), ret);
	for (int n = 0; n < NAME__COUNT; n++)
		ret->survival[n] = choose_survival(e, ret->file[n]);
}

static void
try_some(struct explorer *e, unsigned tries)
{
	for (unsigned i = 0; i < tries; i++) {
		struct image im;

		choose_image(e, &im);
		try_image(e, &im);
	}
}

static void
try_cut(struct explorer *e, bool matters)
{
	unsigned images = e->x->images;

	e->ntried = 0;
	e->sum->cuts++;
	e->random = random_stream(e->x->seed, e->cut);
	list_candidates(e);
	if (!matters) {
		try_some(e, 1);
	} else if (count_images(e) <= images) {
		try_all(e);
		try_some(e, images / 4); /* torn */
		e->sum->exhausted++;
	} else {
		try_edges(e, images / 2);
		try_some(e, images - images / 2);
	}
}

/*
 * The cuts of a round
 */

/* Is the cut before event `number` one that matters? */
static bool
matters(const struct events *ev, size_t number)
{
	return number == events_count(ev) ||
	       events_at(ev, number)->kind == EVENT_SYNCED;
}

/* The first cut: there was no power cut while the files were put there. */
static size_t
begin(const struct events *ev)
{
	size_t number = 0;

	while (number < events_count(ev) &&
	       events_at(ev, number)->writer == EVENT_BEFORE)
		number++;
	return number;
}

/* Every `jobs`-th of the cuts, from the `job`-th on. */
static void
explore_share(const struct explore *x, unsigned job, struct explored *sum)
{
	struct explorer *e = calloc(1, sizeof *e);
	struct random r = random_stream(x->seed, 0);
	size_t ncuts = 0;

	if (!e || !(e->tried = calloc(IMAGES_MAX, sizeof *e->tried)))
		err(EX_OSERR, "memory");
	e->x = x;
	e->sum = sum;
	e->disk = disk_new(x->events);
	snprintf(e->path, sizeof e->path, "%s/%u.db", x->folder, job);
	for (e->cut = begin(x->events); e->cut <= events_count(x->events);
	     e->cut++) {
		bool yes = matters(x->events, e->cut);

		if (!yes && random_below(&r,
				(unsigned)events_count(x->events)) >= x->others)
			continue;
		if (ncuts++ % x->jobs != job)
			continue;
		disk_advance(e->disk, e->cut);
		try_cut(e, yes);
	}
	disk_free(e->disk);
	for (int n = 0; n < NAME__COUNT; n++)
		content_free(&e->content[n]);
	free(e->tried);
	free(e);
}

static void
add(struct explored *to, const struct explored *n)
{
	to->cuts += n->cuts;
	to->exhausted += n->exhausted;
	to->images += n->images;
	to->reopened += n->reopened;
	to->looked_for += n->looked_for;
	to->losses += n->losses;
}

void
explore(const struct explore *x, struct explored *sum)
{
	struct explored *shares = mmap(NULL, x->jobs * sizeof *shares,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (shares == MAP_FAILED)
		err(EX_OSERR, "memory");
	fflush(NULL);
	for (unsigned job = 0; job < x->jobs; job++) {
		switch (fork()) {
		case -1:
			err(EX_OSERR, "fork");
		case 0:
			explore_share(x, job, &shares[job]);
			_exit(0);
		}
	}
	for (unsigned job = 0; job < x->jobs; job++) {
		if (wait(&status) < 0 || status != 0)
			errx(EX_SOFTWARE, "a check ended with status %d",
			    status);
	}
	for (unsigned job = 0; job < x->jobs; job++)
		add(sum, &shares[job]);
	munmap(shares, x->jobs * sizeof *shares);
}

/* In the later half, where there is something to lose. */
static size_t
choose_cut(struct explorer *e)
{
	const struct events *ev = e->x->events;
	size_t cut = (begin(ev) + events_count(ev)) / 2;

	return cut +
	       random_below(&e->random, (unsigned)(events_count(ev) - cut));
}

size_t
explore_one(const struct explore *x, const char *path)
{
	struct explorer *e = calloc(1, sizeof *e);
	struct image im;
	size_t cut;

	if (!e)
		err(EX_OSERR, "memory");
	e->x = x;
	e->random = random_stream(x->seed, 1);
	e->cut = choose_cut(e);
	e->disk = disk_new(x->events);
	disk_advance(e->disk, e->cut);
	list_candidates(e);
	choose_image(e, &im);
	fill_image(e, &im);
	write_image(e, &im, path);
	check_lock_file(path, choose_mark(e));
	disk_free(e->disk);
	for (int n = 0; n < NAME__COUNT; n++)
		content_free(&e->content[n]);
	cut = e->cut;
	free(e);
	return cut;
}
