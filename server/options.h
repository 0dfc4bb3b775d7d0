/*
 * The command line and the few environment variables that stand in for it.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *database;
	const char *hostname;
	uint64_t max_size; /* octets */
	uint64_t max_recipients;
	uint64_t max_errors;
	uint64_t timeout_sec;         /* for each read and write */
	uint64_t session_timeout_sec; /* for the whole session */
	bool strict;
	bool submission;
	bool rfc821;
	bool vrfy;
	uint64_t dedupe_sec;  /* 0: do not */
	const char *record;   /* path; NULL: do not */
	const char *new_mail; /* path of a file to make; NULL: do not */
	bool no_confine;      /* keep what a session gives up (confine.h) */

	/* For a socket that listens (listen.h). */
	uint64_t max_connections;
	uint64_t max_per_source;
	uint64_t max_spool; /* octets; 0: a quarter of the free disk */
	uint64_t idle_exit_sec;
	uint64_t stop_timeout_sec;
};

/*
 * Reads the arguments into `*ret`, with defaults for what is not given.
 * Returns 0 to go on, or -1 when the program is done with it, with the exit
 * status in `*ret_status`: --help and --version were printed, or a fault was
 * logged.  Strings are borrowed from `argv`, the environment, or static.
 */
int options_read(int argc, char **argv, struct options *ret, int *ret_status);

#endif
