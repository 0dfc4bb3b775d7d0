/*
 * What the parts of the recording VFS share: vfs.c has this process and the
 * files' names, vfs_file.c the methods of a file, sabotage.c what stands in
 * place of functions of the store.
 */
#ifndef POWERCUT_VFS_PRIVATE_H
#define POWERCUT_VFS_PRIVATE_H

#include <sqlite3.h>

#include "random.h"
#include "vfs.h"

struct vfs {
	struct events *events;
	const struct vfs_plan *plan;
	/* All that follows changes under the lock of the log. */
	unsigned name[NAME__COUNT]; /* the file of that name; 0: none */
	unsigned nfiles;
	unsigned nsyncs;
	unsigned failures_left;
	struct vfs_log log;
	unsigned errors[VFS_FILES]; /* reported so far, by file */
};

struct vfs_file {
	sqlite3_file base;
	sqlite3_file *real;
	enum name name;
	unsigned file; /* 0: not recorded */
	unsigned errors_seen;
	bool committing; /* the frame being written ends a commit */
};

/* SQLite asks for methods without an argument for us: this process. */
extern struct vfs_process {
	struct vfs *vfs;
	sqlite3_vfs *below;
	int writer;
	struct random random;
	unsigned steps_to_live; /* 0: for ever */
	bool folder_opened;     /* since this was cleared */
	int hold_ms;
	int lock_file; /* to be left in the middle of a checkpoint */
	bool held_until_reset;
	int (*open_folder)(const char *, int *);
} vfs_self;

extern const sqlite3_io_methods vfs_methods;

/* The log of the round. */
void vfs_lock(void);
void vfs_unlock(void);
/* Under the lock.  Returns the number of the event. */
size_t vfs_note(struct event e, const void *octets);

/* Before each thing that is done to a file; some processes die of it. */
void vfs_step(void);
void vfs_die(void);
void vfs_pause_us(unsigned us);

#endif
