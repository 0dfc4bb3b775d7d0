/*
 * How the program was started: by a superserver with one connection or with
 * sockets to listen on, or by hand.
 */
#ifndef START_H
#define START_H

#include <stdbool.h>
#include <stddef.h>

#include "bind.h"
#include "connection.h"
#include "sockets.h"

struct start {
	struct connection connection;
	int listening[LISTENERS_MAX];
	size_t nlistening; /* 0: it is a connection */
	const char *names; /* systemd's, "a:b"; NULL: none */
};

bool start_is_socket(int fd);
/* Do strangers come by it, and not a person or program of this machine? */
bool start_is_network(const struct start *s);

/*
 * Opens descriptors 0 to 2 if they are closed.  Otherwise the database could
 * get one of them, and with it what a function prints (sqlite.org/howtocorrupt,
 * s. 1.1).
 */
void start_take_descriptors(void);

/*
 * Finds what systemd passed, or takes standard input and output.  Returns
 * EX_OK, or the exit status if these cannot be served; logged.
 */
int start_find(struct start *ret);

/*
 * Makes the sockets of --listen those to listen on.  Returns EX_OK, or the exit
 * status; logged.
 */
int start_listen(struct start *start, const char *const *addresses, size_t n,
    struct bound *ret);

/*
 * Moves the listening socket away from descriptors 0 to 2, where inetd's `wait`
 * puts it, since no session may inherit it.
 */
void start_clear_descriptors(struct start *start);

/*
 * Which of the listening sockets are for clients that begin with TLS (RFC 8314):
 * all or none, as `when` says ("immediate", "starttls"); or if it is NULL, that
 * of port 465, and what systemd calls "submissions" or "smtps".  Static; NULL:
 * none are.
 */
const bool *start_tls_first(const struct start *s, const char *when);

/* Tells those who wait that they cannot be served. */
void start_refuse(struct start *start);

/* Tells a person who types where mail goes and how to end. */
void start_give_hint(const char *database);
/* Where it goes alone, or why it cannot. */
void start_tell_database(const char *database);

#endif
