/*
 * A superserver of our own, for a socket that listens: systemd's Accept=no,
 * inetd's `wait`.  It forks one process per connection, so that a session is
 * still a process that ends with its connection, and never opens the database.
 * One is forked ahead (worker.h).
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stddef.h>
#include <stdint.h>

struct listen_conf {
	const char *hostname;      /* for the 421 of those over a limit */
	uint64_t max_connections;  /* at once */
	uint64_t max_per_source;   /* of one IPv4 address, one IPv6 /64 */
	uint64_t idle_exit_sec;    /* without a connection; 0: never */
	uint64_t stop_timeout_sec; /* for sessions to end after SIGTERM */
};

enum listen_role {
	/*
	 * A new process for one connection, which comes over `*ret_fd`; that is
	 * its socket to the writer then.
	 */
	LISTEN_SESSION,
	/* The process to write for them; `*ret_fd` is the listener's socket. */
	LISTEN_WRITER,
	LISTEN_DONE,   /* this process is done: idle, or SIGTERM */
	LISTEN_FAILED, /* it could not start; logged */
};

/*
 * Accepts from the listening sockets `fds` until it is time to end.  Returns
 * once in this process and once in each that it forks, where nothing of it is
 * left but the answer.  The writer ends when
 * nobody is left to serve.
 */
enum listen_role listen_run(
    const struct listen_conf *conf, const int *fds, size_t nfds, int *ret_fd);

#endif
