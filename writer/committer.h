/*
 * The thread that commits, so that the loop can take the next mails and answer
 * questions while it waits for the disk.  It alone has the store that writes,
 * and does one order at a time; what an order names is the thread's until it is
 * done, and the loop's before and after.
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

/* NULL: it cannot be had, errno says why.  `conf` is borrowed. */
struct committer *committer_start(const struct store_conf *conf);
/* Waits for what it does, has it close the database, and ends it. */
void committer_end(struct committer *k);

/* Ready to be read (poll(2)) when the order is done. */
int committer_fd(const struct committer *k);
bool committer_is_busy(const struct committer *k);
/* To one that is not busy. */
void committer_give(struct committer *k, struct order order);
/* The same, done before it returns, by the caller. */
void committer_do(struct committer *k, struct order order);
/*
 * Waits until the order is done, and returns it, with what came of it; those
 * that commit tell each client's mail.
 */
struct order committer_take(struct committer *k, enum verdict *ret);
/* Why that was not VERDICT_OK. */
const char *committer_error(const struct committer *k);

/* While it is not busy: the store that mails are to stand beside. */
struct store *committer_store(struct committer *k);

#endif
