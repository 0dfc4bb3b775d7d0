/*
 * Which images of a round are made and checked.
 */
#ifndef POWERCUT_EXPLORE_H
#define POWERCUT_EXPLORE_H

#include "events.h"

struct explore {
	const struct events *events;
	uint64_t seed;      /* of the choices */
	uint64_t mail_seed; /* of the mails */
	unsigned images;    /* at most, for each cut that matters */
	unsigned others;    /* about so many other cuts, with one image each */
	unsigned jobs;      /* processes that work at it */
	const char *folder; /* for the images; is there */
	const char *keep;   /* folder for those that lost something; or NULL */
	const char *title;  /* of the round, for messages */
};

struct explored {
	unsigned long cuts;
	unsigned long exhausted; /* cuts of which every image was tried */
	unsigned long images;
	unsigned long reopened;   /* images that the store went on with */
	unsigned long looked_for; /* confirmed mails, in all images */
	unsigned long losses;     /* images that lost something */
};

/* Adds what was tried to `*sum`; losses are told on standard error. */
void explore(const struct explore *x, struct explored *sum);

/*
 * Makes one image of the round in `path` (a database that is not there yet),
 * for another round to begin with.  Returns the cut.
 */
size_t explore_one(const struct explore *x, const char *path);

#endif
