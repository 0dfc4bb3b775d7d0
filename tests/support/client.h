/*
 * The real program as a child, in a folder of its own, and its client, which
 * waits for what the server has to say and never sleeps.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <sys/types.h>

#include "buffer.h"
#include "script.h"

/* What the program finds as its descriptors 0 and 1. */
enum client_way {
	CLIENT_SOCKET, /* one AF_UNIX stream for both */
	CLIENT_PIPES,
	CLIENT_FILE,     /* a regular file, folder->input, and a pipe */
	CLIENT_LISTENER, /* an AF_UNIX socket that listens */
	CLIENT_WAY__COUNT
};

extern const char *const client_way_names[CLIENT_WAY__COUNT];

/* Where the database is, and what else a run needs and leaves. */
struct folder {
	char path[64];
	char database[96];
	char log[96];
	char input[96];
	const char *option; /* one more for the program; or "" */
	const char *client; /* the client's address; "": local */
};

void folder_make(struct folder *f);
void folder_remove(const struct folder *f);
/* Adds to a message how and what the program logged, as far as it has room. */
void folder_add_log(
    const struct folder *f, enum client_way way, struct script_error *error);

struct client {
	pid_t pid;
	enum client_way way;
	int to, from;         /* the same for a socket; `to` -1: closed */
	bool eof;             /* the server has closed */
	struct buffer output; /* read, not yet looked at */
	struct buffer line;   /* of client_read_line() */
};

/* Starts ./smtpd, or what SMTPD_PROGRAM names, with the options of `conf`. */
void client_start(struct client *c, const struct folder *f,
    const struct session_conf *conf, enum client_way way);

/*
 * Sends it while reading what comes; a server that has closed gets no more.
 * False: it does not read.
 */
bool client_send(struct client *c, struct span octets);
/* The client says no more. */
void client_close_input(struct client *c);

/*
 * Puts the next line into `c->line`, without CRLF.  False: the server has
 * closed (`c->eof`) or says nothing.
 */
bool client_read_line(struct client *c);
/* False: the server does not close. */
bool client_read_to_the_end(struct client *c);

/* Ends the program, where it has not ended; its wait status. */
int client_stop(struct client *c);

#endif
