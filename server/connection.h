/*
 * The octets of one client: reads and writes that wait, but never for too
 * long, less where others want the place, and end at SIGTERM.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* How much a session is in the way of others; the listener tells it. */
enum connection_haste {
	HASTE_NONE,
	HASTE_SOON, /* many are connected: a client has a second to speak */
	HASTE_NOW,  /* too many are: only one that is speaking can stay */
};

struct connection {
	int in, out;
	bool is_socket;     /* `in` is one */
	int signals;        /* SIGTERM and those of haste (signalfd) */
	int64_t timeout_ms; /* for one command, or one reply to be taken */
	int64_t expires_ms; /* CLOCK_MONOTONIC: the end of the session */
	int64_t stopped_ms; /* when SIGTERM came; 0: it did not */
	enum connection_haste haste;
	/*
	 * How long the client was waited for since its last reply; or since
	 * its mail began to arrive, of which so much has come.
	 */
	int64_t waited_ms;
	bool in_text;
	uint64_t text_octets;
};

enum connection_result {
	CONNECTION_OK,
	CONNECTION_EOF,      /* the client is gone */
	CONNECTION_TIMEOUT,  /* it was silent, or slow, for timeout_ms */
	CONNECTION_CROWDED,  /* it was, while others want the place */
	CONNECTION_EXPIRED,  /* expires_ms is over */
	CONNECTION_SHUTDOWN, /* SIGTERM */
};

/* The signal by which a session is told. */
int connection_signal_of(enum connection_haste haste);

/*
 * Starts the clock.  Takes over SIGTERM and the signals of haste, which from
 * then on are noticed only while it waits for the client, and ignores SIGPIPE
 * and SIGXFSZ, so that a client that is gone and a limit on the size of files
 * are errors like others.
 */
void connection_start(
    struct connection *c, uint64_t timeout_sec, uint64_t session_timeout_sec);

/*
 * Says whether what is read next belongs to the text of a mail.  Such a client
 * is slow if the whole of the text comes slower than TEXT_RATE_MIN after the
 * timeout, which haste makes short.  Any other client is
 * slow if a whole command takes longer than the timeout.  Who is at no socket
 * is never slow, but silent.
 */
enum {
	TEXT_RATE_MIN = 500, /* octets a second */
};
void connection_expect_text(struct connection *c, bool in_text);

/* Reads what there is, up to `size` octets; `*ret_len` is set with OK. */
enum connection_result connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len);

/*
 * Writes all of it.  SIGTERM does not keep a reply from being sent to a client
 * that takes it within a second.
 */
enum connection_result connection_write(struct connection *c, struct span data);

/*
 * Says goodbye.  A socket that is closed with input unread is reset, which can
 * destroy the last reply on its way; so the input is read, for a second at
 * most, until the client has closed as well.  With haste it is not.
 */
void connection_close(struct connection *c);

/*
 * Tells a client (nobody else) that it cannot be served, and closes; the log
 * has the reason.  Works without connection_start().
 */
void connection_refuse(struct connection *c);

#endif
