/*
 * What a disk may hold when the power goes: the log of a round, played up to a
 * point, as the content that is certain and the changes that are not.  See
 * README.md for the model.
 */
#ifndef POWERCUT_DISK_H
#define POWERCUT_DISK_H

#include "events.h"

enum {
	DISK_SECTOR = 512,    /* written whole or not at all */
	DISK_CANDIDATES = 64, /* for one name */
};

struct disk;

/* An empty folder, before the first event.  Ends the program on trouble. */
struct disk *disk_new(const struct events *ev);
void disk_free(struct disk *d);

/* Plays the events before number `cut`; it only goes forward. */
void disk_advance(struct disk *d, size_t cut);

/*
 * The files that `name` may be after the cut, at most DISK_CANDIDATES, the
 * certain one first; 0: none.  Returns how many.
 */
unsigned disk_candidates(
    const struct disk *d, enum name name, unsigned ret_files[DISK_CANDIDATES]);

/* How many changes of the file are not certain. */
unsigned disk_uncertain(const struct disk *d, unsigned file);

/* Which of them got through. */
enum survive {
	SURVIVE_NONE,
	SURVIVE_ALL,
	SURVIVE_FIRST,   /* the first `n` */
	SURVIVE_BUT_ONE, /* all but the `n`-th */
	SURVIVE_ONE,     /* the `n`-th alone */
	SURVIVE_MASK,    /* the `n`-th if bit n of `seed` is set */
	SURVIVE_SOME,    /* of 100 changes, `n` */
	SURVIVE_TORN,    /* of 100 sectors, `n` */
	SURVIVE__COUNT
};

struct survival {
	enum survive which;
	unsigned n;
	uint64_t seed; /* for the choices left to chance */
};

/* What a file holds; all zero is nothing. */
struct content {
	unsigned char *octets;
	size_t len;
	size_t cap;
};

/* What is in the file after a cut that these changes survived. */
void disk_content(const struct disk *d, unsigned file, const struct survival *s,
    struct content *ret);
/* What processes see in it. */
void disk_seen(const struct disk *d, unsigned file, struct content *ret);
/* The file that processes see under the name; 0: none. */
unsigned disk_seen_file(const struct disk *d, enum name name);

void content_free(struct content *c);

#endif
