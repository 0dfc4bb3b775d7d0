/*
 * How the program was started: by a superserver with one connection, with
 * sockets to listen on, or by hand.
 */
#ifndef START_H
#define START_H

#include <stdbool.h>
#include <stddef.h>

#include "connection.h"
#include "sockets.h"

struct start {
	struct connection connection;
	int listening[LISTENERS_MAX];
	size_t nlistening; /* 0: it is a connection */
};

bool start_is_socket(int fd);

/*
 * Descriptors 0 to 2 must be taken, lest the database gets one of them and
 * with it what somebody prints (sqlite.org/howtocorrupt, s. 1.1).
 */
void start_take_descriptors(void);

/*
 * Finds what systemd passed, else standard input and output.  Returns EX_OK,
 * or the exit status when what was passed cannot be served; logged.
 */
int start_find(struct start *ret);

/*
 * Under inetd's `wait`, descriptors 0 to 2 are all the listening socket.  It
 * moves away, since no session may inherit it.
 */
void start_clear_descriptors(struct start *start);

/* Tells a person who types where mail goes and how to end. */
void start_give_hint(const char *database);

#endif
