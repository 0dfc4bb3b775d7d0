/*
 * What the files of writer/ share: loop.c waits and hands out, client.c answers
 * one session, batch.c commits the mails of many.
 */
#ifndef WRITER_PRIVATE_H
#define WRITER_PRIVATE_H

#include "../mail/envelope.h"
#include "../mail/header.h"
#include "../mail/peer.h"
#include "../mail/wire.h"
#include "../store.h"
#include "../writer.h"

struct client;

struct writer {
	const struct writer_conf *conf;
	struct store_conf store_conf;
	struct store *store; /* the first; each client has one beside it */
	/* Mails that wait to be committed, in the order they were complete. */
	struct client *ready, **ready_end;
	uint64_t spooled; /* octets granted for big mails on their way */
	uint64_t spool_limit;
	bool has_new; /* something was committed since the last checkpoint */
};

/* One session, and the mail that it has begun. */
struct client {
	struct writer *writer;
	int fd;
	struct peer peer;
	struct store *store;
	enum client_state {
		CLIENT_IDLE,
		CLIENT_MAIL,  /* a MAIL was answered with yes */
		CLIENT_READY, /* the mail is complete, and in `ready` */
	} state;
	bool is_open; /* its recipients need not be asked about */
	struct envelope envelope;
	struct header header;
	uint64_t received; /* octets of the mail, in messages */
	uint64_t granted;  /* octets of a file; 0: there is none */
	struct wire_result result;
	struct client *next; /* in `ready` */
};

/* client.c */

/* NULL: no memory; the descriptor is closed then too. */
struct client *client_new(struct writer *w, int fd, const struct peer *peer);
void client_free(struct client *c);
/*
 * Takes one message and answers it, or makes the mail ready.  False: the
 * session is gone, or what it said was not well-formed; nothing else happens.
 */
bool client_read(struct client *c);
/* Says what became of its mail, and forgets it.  False: as above. */
bool client_conclude(struct client *c);

/* batch.c */

/*
 * Commits the mails that are ready, or as many as one transaction should hold.
 * Returns those that it has dealt with: their `result` is to be told.
 */
struct client *batch_commit(struct writer *w);

#endif
