/*
 * What the files of writer/ share: loop.c waits and hands out, client.c answers
 * one session, batch.c commits the mails of many.
 */
#ifndef WRITER_PRIVATE_H
#define WRITER_PRIVATE_H

#include "../mail/envelope.h"
#include "../mail/facts.h"
#include "../mail/header.h"
#include "../mail/peer.h"
#include "../mail/wire.h"
#include "../store.h"
#include "../writer.h"

struct client;
struct introduction;

/* One who tells facts of sessions (mail/wire.h). */
struct teller {
	int fd;
	unsigned may_tell;
	struct teller *next;
};

struct writer {
	const struct writer_conf *conf;
	struct store_conf store_conf;
	struct store *store; /* the first; each client has one beside it */
	/* Mails that wait to be committed, in the order they were complete. */
	struct client *ready, **ready_end;
	struct client *clients; /* all */
	struct teller *tellers;
	uint64_t spooled; /* octets granted for big mails on their way */
	uint64_t spool_limit;
	bool has_new; /* something was committed since the last checkpoint */
};

/* One session, and the mail that it has begun. */
struct client {
	struct writer *writer;
	int fd;
	uint64_t number; /* as the listener introduced it */
	struct peer peer;
	bool has_spoken; /* it has sent a message */
	struct facts facts;
	unsigned may_tell; /* facts of itself */
	struct store *store;
	enum client_state {
		CLIENT_IDLE,
		CLIENT_MAIL,  /* a MAIL was answered with yes */
		CLIENT_READY, /* the mail is complete, and in `ready` */
	} state;
	bool is_open; /* its recipients need not be asked about */
	struct envelope envelope;
	struct header header;
	unsigned nbefore; /* recipients, before the last answer */
	uint64_t received; /* octets of the mail, in messages */
	uint64_t granted;  /* octets of a file; 0: there is none */
	uint64_t changes;  /* of those, behind the mail */
	char quarantine[WIRE_CAUSE_MAX]; /* "": it is not */
	struct wire_result result;
	struct client *next;            /* in `ready` */
	struct client *before, *behind; /* in `clients` */
};

/* client.c */

/*
 * Takes its socket, LINK.  NULL: no memory; the descriptor is closed then too.
 */
struct client *client_new(struct writer *w, const struct introduction *i);
void client_free(struct client *c);
/*
 * Takes one message and answers it, or makes the mail ready.  False: the
 * session is gone, or what it said was not well-formed; nothing else happens.
 */
bool client_read(struct client *c);
/* Says what became of its mail, and forgets it.  False: as above. */
bool client_conclude(struct client *c);

/* NULL: it is gone, or has not been introduced yet. */
struct client *client_find(const struct writer *w, uint64_t number);
/* Takes notice of facts, and forgets the mail begun. */
void client_hear(struct client *c, const struct facts *f);

/* teller.c */

/* Takes its socket, TELLER.  False: no memory; it is closed then too. */
bool teller_add(struct writer *w, const struct introduction *i);
/*
 * Returns what anyone has told next; those who are gone are forgotten.  False:
 * nobody has anything more to say.
 */
bool teller_hear(
    struct writer *w, uint64_t *ret_number, struct facts *ret_facts);
void teller_forget_all(struct writer *w);

/* batch.c */

/*
 * Commits the mails that are ready, or as many as one transaction should hold.
 * Returns those that it has dealt with: their `result` is to be told.
 */
struct client *batch_commit(struct writer *w);

#endif
