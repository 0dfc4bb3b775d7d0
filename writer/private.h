/*
 * What the files of writer/ share: loop.c waits and hands out, client.c answers
 * one session, teller.c hears of it, ask.c has the database open for that;
 * committer.c is a thread, in which batch.c commits the mails of many.
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
#include "committer.h"

struct client;
struct introduction;

/* One who tells facts of sessions (mail/wire.h). */
struct teller {
	int fd;
	unsigned may_tell;
	uint64_t asks; /* about this session; 0: none */
	struct teller *next;
};

struct writer {
	const struct writer_conf *conf;
	struct store_conf store_conf;
	/* For questions; each client has a store beside it. */
	struct store *store;
	struct committer *committer;
	enum verdict opened; /* what the last try to open the database said */
	const char *why;
	bool tried; /* for what has just come */
	/* Mails that wait to be committed, in the order they were complete. */
	struct queue {
		struct client *first, **end;
	} small, big;
	struct client *clients; /* all */
	struct teller *tellers;
	uint64_t spool_limit; /* octets; see client.c */
};

/* One session, and the mail that it has begun. */
struct client {
	struct writer *writer;
	int fd;
	uint64_t number; /* as the listener introduced it */
	struct peer peer;
	struct peer front; /* who speaks: `peer`, or who forwards its mails */
	bool has_spoken;   /* it has sent a message */
	struct facts facts;
	struct facts later; /* told while its mail is committed, with `facts` */
	unsigned may_tell;  /* facts of itself */
	struct store *store;
	enum client_state {
		CLIENT_IDLE,
		CLIENT_MAIL,  /* a MAIL was answered with yes */
		CLIENT_READY, /* the mail is complete, and in a queue */
	} state;
	bool is_open; /* its recipients need not be asked about */
	bool is_deaf; /* its session has gone while its mail is committed */
	struct envelope envelope;
	struct header header;
	struct envelope_mark mark; /* the last answer */
	uint64_t received;         /* octets of the mail, in messages */
	uint64_t granted;          /* octets of a file; 0: there is none */
	uint64_t changes;          /* of those, behind the mail */
	char quarantine[WIRE_CAUSE_MAX]; /* "": it is not */
	struct wire_result result;
	struct client *next;            /* in its queue */
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
/* Keeps the facts, and forgets the mail begun. */
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
/* Is anyone asking about a session that has not been introduced yet? */
bool teller_lacks_client(const struct writer *w);
/* Answers what was asked, once nobody has more to tell. */
void teller_answer(struct writer *w);
void teller_forget_all(struct writer *w);

/* ask.c */

/* Once for all that has just come. */
void ask_refresh(struct writer *w);
/* Opens the database for questions, which may make it; or says why it cannot. */
enum verdict ask_open(struct writer *w, const char **ret_cause);
/* The same if it is there and nobody need wait. */
void ask_open_ahead(struct writer *w);

/* batch.c */

void batch_start(struct writer *w);
/* Its mail is complete. */
void batch_add(struct client *c);
/*
 * Takes the mails of one transaction, for `store` to write them: small ones, as
 * many as it should hold, or a big one.
 */
struct client *batch_take(struct queue *q, struct store *store);
/* Commits them with this store.  Their `result` is to be told. */
void batch_commit(struct store *store, struct client *first);

#endif
