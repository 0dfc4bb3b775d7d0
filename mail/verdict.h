/*
 * The outcome of a question or a commit: one vocabulary for the store, the
 * policy, the archive and the session.  mail/reply.h has the reply to each.
 */
#ifndef MAIL_VERDICT_H
#define MAIL_VERDICT_H

enum verdict {
	VERDICT_OK,
	VERDICT_BUSY,      /* others held the database for too long */
	VERDICT_FULL,      /* no room on the disk, or in the quota */
	VERDICT_NO_MEMORY, /* of ours */
	VERDICT_FAILED,    /* I/O error, permission, or a fault of ours */
	VERDICT_TOO_BIG,   /* no row can hold it */
	VERDICT_CORRUPT,   /* the file is damaged, or is no database */
	/*
	 * The database cannot be used at all: its folder is missing or on a
	 * network file system, it belongs to another application, or a newer
	 * version made it.
	 */
	VERDICT_UNUSABLE,
};

/* What an errno means for a mail. */
enum verdict verdict_of_errno(int error);

#endif
