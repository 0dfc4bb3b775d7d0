/*
 * The thread that commits, so that the loop can take mails and answer questions
 * while the disk is waited for.  It alone has the store that writes, and does
 * one order at a time.  What an order names belongs to the thread until it is
 * done, and to the loop before and after.
 */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>

#include "../mail/verdict.h"
#include "../store.h"

struct client;

enum job {
	JOB_OPEN,       /* the database, which may have to be made */
	JOB_OPEN_AHEAD, /* the same, without waiting or making */
	JOB_COMMIT,     /* a batch */
	JOB_TIDY,       /* copy the WAL, if it is long */
	JOB_CHECKPOINT, /* copy all of it */
	JOB_END,        /* close the database, and end the thread */
};

struct order {
	enum job job;
	bool leave;          /* close the database first: it has moved */
	struct client *mail; /* JOB_COMMIT: the first of the batch */
};

struct committer;

/* NULL: it cannot be started, errno says why.  `conf` is borrowed. */
struct committer *committer_start(const struct store_conf *conf);
/*
 * Waits for the order at work, has the thread close the database, and ends it.
 */
void committer_end(struct committer *k);

/* Ready to be read (poll(2)) when the order is done. */
int committer_fd(const struct committer *k);
bool committer_is_busy(const struct committer *k);
/* Gives it an order; it must not be busy. */
void committer_give(struct committer *k, struct order order);
/* The same, but the caller carries it out, and it is done on return. */
void committer_do(struct committer *k, struct order order);
/*
 * Waits until the order is done, and returns it with its verdict.  For
 * JOB_COMMIT, each client of the batch has its own.
 */
struct order committer_take(struct committer *k, enum verdict *ret);
/* Why that was not VERDICT_OK. */
const char *committer_error(const struct committer *k);

/* While it is not busy: the store that mails are to stand beside. */
struct store *committer_store(struct committer *k);

#endif
