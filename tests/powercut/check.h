/*
 * Whether a disk image holds what it must.
 */
#ifndef POWERCUT_CHECK_H
#define POWERCUT_CHECK_H

#include <stdbool.h>

#include "events.h"

enum {
	CHECK_WHY_MAX = 400,
};

/* What stands in the lock file, which nobody ever syncs. */
enum mark {
	MARK_NO_FILE,
	MARK_NONE, /* made, but what was written did not get through */
	MARK_CLEAR,
	MARK_SET,
	MARK__COUNT
};

struct check {
	const struct events *events;
	uint64_t seed;    /* of the mails */
	const char *path; /* of the image's database */
	/* Let the store open the image first and add a mail. */
	bool with_store;
	enum mark mark;
};

/*
 * Demands, with a database fresh from the disk: that it is undamaged, that each
 * mail confirmed before event `cut` is there octet for octet, that no other row
 * is but a whole mail of the run.  Returns whether all is so; if not, `ret_why`
 * gets the reason.  Adds the number of mails looked for to `*looked_for`.
 */
bool check_image(const struct check *c, size_t cut, unsigned long *looked_for,
    char ret_why[CHECK_WHY_MAX]);

/* Makes the lock file of the database `path`. */
void check_lock_file(const char *path, enum mark mark);

/* Removes the image's files. */
void check_clean(const char *path);

#endif
