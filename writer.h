/*
 * The writer: the one process of a listener's service that has the database
 * open.  It serves store.h to many sessions, over one socket each
 * (mail/wire.h).  It answers their questions, and commits all complete mails at
 * hand in one transaction, so that one sync serves all of them.
 *
 * It does not rely on what a session says.  The client's address comes from the
 * listener, or from the session of a proxy that is listed.  Sender, recipients
 * and mailboxes of a mail are those that the writer itself has answered.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/networks.h"

struct options;

struct writer_conf {
	const char *database; /* its path */
	const char *hostname; /* for the trace lines */
	uint64_t max_size;    /* octets of a mail */
	uint64_t max_recipients;
	/* Octets of big mails on their way, each counted as max_size. */
	uint64_t max_spool;
	uint64_t dedupe_sec;
	bool submission;
	/*
	 * The peers whose sessions may say who the client is: those of a proxy
	 * before anything else, those of XCLIENT whenever the client so far is
	 * listed.  NULL: there are none.
	 */
	const struct fronts *fronts;
	bool auth_required;   /* nobody may send without an account */
	bool takes_claims;    /* AUTH is checked by nobody (--auth=any) */
	const char *new_mail; /* a file to make after each batch; NULL: none */
};

/*
 * Serves the sessions that come over `listener`, until that is closed and the
 * last of them has gone.  Returns the exit status.
 */
int writer_run(const struct writer_conf *conf, int listener);
/* The same with the settings of the program. */
int writer_serve(const struct options *o, int listener);

#endif
