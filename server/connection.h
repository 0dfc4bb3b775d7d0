/*
 * The octets of one client: reads and writes that wait, but never for too
 * long, and end at SIGTERM.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

struct connection {
	int in, out;
	bool is_socket;     /* `in` is one */
	int sigterm;        /* readable when SIGTERM has come (signalfd) */
	int64_t timeout_ms; /* for one read or write */
	int64_t expires_ms; /* CLOCK_MONOTONIC: the end of the session */
};

enum connection_result {
	CONNECTION_OK,
	CONNECTION_EOF,      /* the client is gone */
	CONNECTION_TIMEOUT,  /* it was silent for timeout_ms */
	CONNECTION_EXPIRED,  /* expires_ms is over */
	CONNECTION_SHUTDOWN, /* SIGTERM */
};

/*
 * Starts the clock.  Takes over SIGTERM, which from then on is noticed only
 * before a read, and ignores SIGPIPE and SIGXFSZ, so that a client that is gone
 * and a limit on the size of files are errors like others.
 */
void connection_start(
    struct connection *c, uint64_t timeout_sec, uint64_t session_timeout_sec);

/* Reads what there is, up to `size` octets; `*ret_len` is set with OK. */
enum connection_result connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len);

/* Writes all of it.  SIGTERM does not keep a reply from being sent. */
enum connection_result connection_write(struct connection *c, struct span data);

/*
 * Says goodbye.  A socket that is closed with input unread is reset, which can
 * destroy the last reply on its way; so the input is read, for a second at
 * most, until the client has closed as well.
 */
void connection_close(struct connection *c);

/*
 * Tells a client (nobody else) that it cannot be served, and closes; the log
 * has the reason.  Works without connection_start().
 */
void connection_refuse(struct connection *c);

#endif
