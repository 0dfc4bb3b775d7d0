/*
 * The system calls of a confined process, as seccomp(2) knows them.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

enum filter_who {
	FILTER_PIPE = 1,   /* a session of the listener */
	FILTER_FOLDER = 2, /* one of its own, with the database */
	/* smtpdb-web: the same, and whom it accepts itself. */
	FILTER_WEB = FILTER_FOLDER | 4,
	FILTER_TLS = 8, /* what stands between a client and its session, and
			   an exchange of AUTH */
};

/* Makes the program, for the processes that will be forked. */
void filter_prepare(enum filter_who who);

/*
 * From here on this process makes no other calls.  It must have given up new
 * privileges.  False, with errno: that cannot be.
 */
bool filter_install(enum filter_who who);

#endif
