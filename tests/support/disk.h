/*
 * The system calls by which the store reaches the disk are the test program's
 * own, for the SQLite library as well.  They tell what is done to the
 * write-ahead log, and stand in for disks that are not at hand: failing, full,
 * remote.  All zero, as each test begins, is the disk as it is.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>

extern struct disk {
	/* Seen: */
	unsigned nsyncs;  /* of a log, by fdatasync() */
	bool unsynced;    /* a log was written to since the last of them */
	size_t written;   /* octets to logs */
	unsigned nwrites; /* in so many calls */

	/* To do: */
	void (*in_sync)(void);  /* once, before the next sync of a log */
	void (*in_write)(void); /* once, before the next write to a database */
	unsigned failing_syncs; /* so many syncs of a log give EIO */
	int log_error;          /* writing to a log gives this errno */
	int lock_error;         /* to a lock file */
	int spool_error;        /* to a file without a name */
	unsigned spool_octets;  /* at most so many at a time, if not 0 */
	bool lacks_tmpfile;     /* open() knows no O_TMPFILE */
	const char *remote;     /* statfs() of this folder tells `magic` */
	unsigned magic;
} disk;

#endif
