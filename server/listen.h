/*
 * A superserver of our own, for a socket that listens: systemd's Accept=no,
 * inetd's `wait`.  It forks a process per connection, one ahead (worker.h), so
 * a session is still a process that ends with its connection.  The listener
 * itself never opens the database.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/networks.h"

struct helper_conf;

enum {
	/*
	 * A session that is to end may yet wait for filters, for its writer
	 * to commit a mail, and for its client to take the reply; but not as
	 * long as this.
	 */
	SESSION_END_MS = 1800 * 1000,
};

struct listen_conf {
	const char *hostname;     /* for the 421 over a limit */
	uint64_t max_connections; /* at once */
	uint64_t max_per_source;  /* of one IPv4 address, one IPv6 /64 */
	/* Who brings the clients of others is not counted; NULL: nobody. */
	const struct fronts *fronts;
	uint64_t session_timeout_sec; /* a session ends itself then */
	uint64_t idle_exit_sec;       /* without a connection; 0: never */
	/* A worker may end before its connection comes (filters.h). */
	bool workers_leave;
	uint64_t stop_timeout_sec; /* for sessions to end after SIGTERM */
	/* By enum helper (helpers.h); NULL: there are none. */
	const struct helper_conf *helpers;
	/* By socket: its clients begin with TLS; NULL: none do. */
	const bool *tls_first;
};

enum listen_role {
	/*
	 * A new process for one connection.  That comes over `*ret_fd`, which
	 * then is the socket to the writer.
	 */
	LISTEN_SESSION,
	/* A new process to be the writer; sessions come over `*ret_fd`. */
	LISTEN_WRITER,
	LISTEN_DONE,   /* this process is done: idle, or SIGTERM */
	LISTEN_FAILED, /* it could not start; logged */
};

/*
 * Accepts from the listening sockets `fds` until it is time to end.  Returns
 * once in this process, and once in each that it forks, where it has closed
 * what is its own.  The writer ends when nobody is left to serve.
 */
enum listen_role listen_run(
    const struct listen_conf *conf, const int *fds, size_t nfds, int *ret_fd);

#endif
