/*
 * The settings: from the command line, and from environment variables.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/networks.h"
#include "../session.h"
#include "listen.h"
#include "sockets.h"

/* Who checks the passwords of AUTH. */
enum auth_by {
	AUTH_BY_NONE, /* there is no AUTH */
	AUTH_BY_ANY,  /* nobody: what is said is taken, as a claim */
	AUTH_BY_ROWS, /* smtpd-auth, by the table account */
	AUTH_BY_DOVECOT,
};

/* Of an option that may be given several times. */
struct text_list {
	const char *texts[LISTENERS_MAX];
	size_t n;
};

struct options {
	char **argv; /* as they came */
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
	bool lmtp;
	enum auth_by auth;
	const char *auth_dovecot; /* the path of its socket */
	bool auth_required;       /* nobody else may send */
	bool auth_insecure;       /* passwords may go over any network */
	uint64_t dedupe_sec;      /* 0: off */
	const char *record;       /* a path; NULL: off */
	const char *new_mail;     /* the path of a file to make; NULL: off */
	const char *user;         /* to become; NULL: see user.h */
	struct fronts fronts;     /* who may say who its client is */
	/* Filters (filters.h); NULL: none. */
	const char *milters, *policies, *end_policies;
	const char *milter_default; /* "tempfail" or "accept" */
	bool milter_accepts;        /* the same */
	uint64_t milter_timeout_sec;
	bool no_confine;   /* sessions keep what they give up (confine.h) */
	bool allow_unsafe; /* of a server that may lose mails */
	struct text_list listen; /* addresses (bind.h) */

	/* For smtpd-tls, if there is a certificate. */
	struct text_list tls_certs;
	struct text_list tls_keys; /* none: they are in the same files */
	const char *tls_ca; /* of clients; NULL: none are asked for one */
	bool tls_require_client;
	const char *tls; /* "immediate", "starttls" or NULL: by the socket */

	/* For a socket that listens (listen.h). */
	uint64_t max_connections;
	uint64_t max_per_source;
	uint64_t max_spool; /* octets; 0: a quarter of the free disk */
	uint64_t idle_exit_sec;
	uint64_t stop_timeout_sec;
};

/*
 * Reads the arguments into `*ret`, with defaults for those that are missing.
 * Returns 0 to go on.  Returns -1, with the exit status in `*ret_status`, if
 * --help or --version was printed, or a fault was logged.  Strings are borrowed
 * from `argv` or the environment, or are static.
 */
int options_read(int argc, char **argv, struct options *ret, int *ret_status);

/* What they say of a session; any_line_end is for who knows the input. */
struct session_conf options_session(const struct options *o);
/* And of a listener, which needs to know more. */
struct listen_conf options_listen(const struct options *o);

#endif
