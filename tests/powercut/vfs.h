/*
 * The recording VFS: SQLite's own, with every change of a file noted in the
 * log, and with the troubles that are ordered from it.  Once registered it is
 * the default, so that the store uses it and does not know.
 *
 * Recorded are the database, its WAL and its rollback journal.  The -shm file
 * is memory; the spool is a file without a name, gone with the power.
 */
#ifndef POWERCUT_VFS_H
#define POWERCUT_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"

enum {
	VFS_FILES = 1 << 16, /* that a round may make */
};

/* What is wrong with the program; each must be found out. */
enum sabotage {
	SABOTAGE_NONE,
	/* NORMAL in place of FULL: COMMIT syncs nothing. */
	SABOTAGE_NORMAL,
	/* A sync that failed is tried again, which works, and so is good. */
	SABOTAGE_RETRY,
	/* Nobody marks that a sync may fail, or has failed. */
	SABOTAGE_MARK,
	/* Whoever finds the mark clears it, and heals nothing. */
	SABOTAGE_HEAL,
	/* Someone checkpoints without the write lock. */
	SABOTAGE_CHECKPOINT,
	SABOTAGE__COUNT
};

/* What the disk does, and how; the same for all processes of a round. */
struct vfs_plan {
	uint64_t seed;
	enum sabotage sabotage;
	unsigned fail_percent; /* of the syncs; some fail in a row */
	unsigned delay_us;     /* a sync takes up to this long */
	/* Who is told that a sync failed dies of it: SIGKILL was pending. */
	bool kill_at_failure;
};

struct vfs; /* shared by the processes of a round */

/* Ends the program on trouble.  `ev` and `plan` are borrowed. */
struct vfs *vfs_new(struct events *ev, const struct vfs_plan *plan);
void vfs_free(struct vfs *v);

/* For files that are there when the round begins: its number. */
unsigned vfs_add_file(struct vfs *v, enum name name);

/* Makes it the default of this process, which is writer `writer`. */
void vfs_register(struct vfs *v, int writer);

/*
 * From now on, this process is killed when it is about to do its `steps`-th
 * thing to a file; 0: never.
 */
void vfs_kill_after(unsigned steps);

/* Notes that mail `key` was confirmed as row `id`. */
void vfs_acknowledge(uint64_t key, int64_t id);
/* Notes that this process was told the database is damaged. */
void vfs_note_damage(void);

/* The WAL. */
struct vfs_log {
	unsigned generation; /* how often it was begun */
	unsigned commits;    /* in all of them */
	unsigned pages;      /* since it was begun */
};

struct vfs_log vfs_log(struct vfs *v);

/*
 * The checkpoint that this process begins next, on a connection that has not
 * seen the last commit, stops between its look at the wal-index and its
 * work.  It leaves the write lock, and waits until another has begun the WAL
 * anew or `timeout_ms` are over.
 */
void vfs_hold_checkpoint(int timeout_ms, int lock_file);
/* Whether the WAL was begun anew in that time. */
bool vfs_held_until_reset(void);

#endif
