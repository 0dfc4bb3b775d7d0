/*
 * The octets of one client.  Reads and writes wait for it up to a deadline,
 * which is shorter while others want its place, and end at SIGTERM.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* How much others want the place of a session; the listener tells it. */
enum connection_haste {
	HASTE_NONE,
	HASTE_SOON, /* many are connected: a client has a second to speak */
	HASTE_NOW, /* too many are: only a client whose mail arrives can stay */
	HASTE_OUT, /* this one leaves, since its source has the most */
	HASTE__COUNT,
};

struct connection {
	int in, out;
	bool is_socket;     /* `in` is one */
	int signals;        /* SIGTERM and the signals of haste (signalfd) */
	int64_t timeout_ms; /* for a command to come, or a reply to go */
	int64_t expires_ms; /* CLOCK_MONOTONIC: the end of the session */
	int64_t stopped_ms; /* when SIGTERM came; 0: it did not */
	enum connection_haste haste;
	/*
	 * How long this waited for the client since its last reply, or since
	 * its mail began to arrive; and how much of that mail has come.
	 */
	int64_t waited_ms;
	bool in_text;
	uint64_t text_octets;
};

enum connection_result {
	CONNECTION_OK,
	CONNECTION_EOF,      /* the client is gone */
	CONNECTION_TIMEOUT,  /* it was silent, or slow, for timeout_ms */
	CONNECTION_CROWDED,  /* the same, while others want its place */
	CONNECTION_EXPIRED,  /* expires_ms is over */
	CONNECTION_SHUTDOWN, /* SIGTERM */
	CONNECTION_FULL,     /* the file that takes replies does not; errno */
};

/* The signal that tells a session, and the set of them. */
int connection_signal_of(enum connection_haste haste);
void connection_add_signals(sigset_t *set);

/*
 * Starts the clock.  Takes over SIGTERM and the signals of haste, which then
 * only end a wait for the client.  SIGPIPE has to be ignored (log_open).
 */
void connection_start(
    struct connection *c, uint64_t timeout_sec, uint64_t session_timeout_sec);

/*
 * Says whether the next octets belong to the text of a mail.  A client that
 * sends text is slow if all of it comes slower than at a rate once the timeout
 * is over; haste makes that short, and the rate higher.  Any other client is
 * slow if a whole command takes longer than the timeout.  A client at no socket
 * is never slow, only silent.
 */
void connection_expect_text(struct connection *c, bool in_text);

/* Waits so long, or until it is told of something by a signal. */
void connection_pause(struct connection *c, uint32_t ms);

/* Waits in the same way until another process has said something there. */
enum connection_result connection_wait(struct connection *c, int fd);

/* Reads up to `size` octets; `*ret_len` is set with CONNECTION_OK. */
enum connection_result connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len);

/*
 * Writes all of it.  After SIGTERM, a client has a second to take the reply.
 */
enum connection_result connection_write(struct connection *c, struct span data);

/*
 * Closes.  The kernel resets a socket with unread input, which can destroy the
 * last reply on its way.  So this reads, for a second at most, until the client
 * closes too; with haste it does not.
 */
void connection_close(struct connection *c);

/*
 * Tells a client at a socket that it cannot be served, and closes; the log has
 * the reason.  Works without connection_start().
 */
void connection_refuse(struct connection *c);

#endif
