/*
 * A round: processes that store mails at once through store.h, come and
 * go, are killed, meet a failing disk, and all that in the log.
 */
#ifndef POWERCUT_WORKLOAD_H
#define POWERCUT_WORKLOAD_H

#include <stdbool.h>

#include "vfs.h"

struct workload {
	const char *path;   /* of the database; files there are begun with */
	uint64_t mail_seed; /* of the mails; `plan.seed` is of all else */
	int writers;
	unsigned first; /* the number of each writer's first mail */
	unsigned mails; /* of each writer */
	bool large;     /* mails that make the WAL long */
	bool kills;     /* writers are killed in between */
	bool listener;  /* a process that stays checkpoints for the others */
	bool reader;    /* an application reads, and holds checkpoints up */
	/* An application checkpoints; by sabotage without the write lock. */
	bool checkpointer;
	struct vfs_plan plan;
	/* What was confirmed before this event of that log, the files hold. */
	const struct events *before; /* NULL: nothing */
	size_t cut;
};

struct worked {
	unsigned mails;   /* given to the store */
	unsigned acks;    /* confirmed */
	unsigned refused; /* for no reason */
	unsigned killed;  /* writers */
	unsigned syncs;
	unsigned failed_syncs;
	unsigned resets; /* WALs begun anew */
	unsigned races;  /* checkpoints during which one was, by sabotage */
};

/*
 * Runs the round; its events are added to `ev`, and what it did to `*sum`.
 * Ends the program when the log is not what the files say.
 */
void workload_run(
    const struct workload *w, struct events *ev, struct worked *sum);

#endif
