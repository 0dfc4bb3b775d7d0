/*
 * The mail store: one database that many processes write at once.  A
 * mail is appended piece by piece, then committed; when store_commit() says
 * VERDICT_OK, it survives the process, the kernel and the power supply.
 *
 * Nothing here depends on SQLite being the database.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/span.h"
#include "mail/verdict.h"

struct database;
struct answer;
struct facts;
struct policy;
struct fronted;
struct policy_asker;
struct question;
struct store;
struct trace_mail;

enum {
	/* The usual `wait_ms`. */
	STORE_WAIT_MS = 30000,
};

struct store_conf {
	const char *path; /* of the database; made if its folder exists */
	int wait_ms;      /* how long a writer waits for the others */
};

struct store_mail {
	const struct envelope *envelope;
	const struct header *header; /* completed; NULL: nothing is known */
	int64_t received_at;         /* microseconds since 1970, UTC */
	const char *client_address;  /* as struct peer has it */
	int client_port;             /* 0 when local */
	const struct facts *facts;   /* of the session; NULL: none */
	/* The trace lines; the row's id goes between the two. */
	const char *trace_before_id;
	const char *trace_after_id;
	const char *trace; /* all of them as they are; NULL: those above */
	/* What to write them from; NULL: they are given above. */
	const struct trace_mail *trace_mail;
	/*
	 * If the same client has sent the same mail (envelope and octets)
	 * within so many seconds, no second row is made; 0: do not look.
	 */
	uint64_t dedupe_sec;
	/*
	 * So many of the octets appended stand behind the mail and say what
	 * filters change in it (mail/change.h).
	 */
	uint64_t changes;
	const char *quarantine;
};

/*
 * A mail whose trace lines are to be written from `lines`, which is borrowed
 * for its life.  The fields that both have are copied from there.
 */
struct store_mail store_mail_of(
    const struct trace_mail *lines, const struct header *header);

/* As database_start(). */
void store_start(void);

/*
 * Takes no notice of the disk yet.  `conf` and its strings are borrowed for
 * the store's life.  NULL: no memory.
 */
struct store *store_new(const struct store_conf *conf);
/*
 * A second store in the database of `first`, for another mail at the same time,
 * by the same process.  It has its own spool and its own client;
 * store_refresh() and store_begin() of one count for all.  `first` must outlive
 * it.
 */
struct store *store_beside(struct store *first);
/*
 * Moves a store beside another `first`: a mail that was begun beside the store
 * for questions is so inserted with the one that writes.
 */
void store_move_beside(struct store *st, struct store *first);
/*
 * A store for questions, while another thread has the one that writes to the
 * same database.  It makes no database, and is open only while the other one
 * is.
 */
struct store *store_new_to_ask(const struct store_conf *conf);
/*
 * Closes the database, and as the last process that has it open, copies the WAL
 * into it; that can take a while.
 */
void store_free(struct store *st);

/*
 * A store whose database a writer has open, at the other end of this socket,
 * which this takes over.  Of the functions below it has those that a session
 * needs: ask, append, drop, commit.  NULL: no memory.
 */
struct store *store_connect(const struct store_conf *conf, int writer);

/* Its database, for archive.h; lent. */
struct database *store_database(struct store *st);
/* What the rows say to this store's client (policy.h); lent. */
struct policy *store_policy(struct store *st);

/*
 * Opens the database; makes it, or updates it from an older version, if need
 * be.  Costs nothing once that has worked; until then, every call tries again.
 */
enum verdict store_open(struct store *st);
/*
 * What the beginning of the file at `path` says against storing mails there,
 * without opening it as a database; NULL: nothing, as far as it goes.
 */
const char *store_look(const char *path);
/* Like store_open(), but never waits, makes or updates. */
void store_open_ahead(struct store *st);
bool store_is_open(const struct store *st);

/* Closes the database.  The next who needs it opens it again. */
void store_leave(struct store *st);
/*
 * For who has it open for long before it is used: the same if another file, or
 * none, has its name by now.  True: it is not open.
 */
bool store_leave_if_moved(struct store *st);

/*
 * Says who the client is, if that is not who has connected.  The writer takes it
 * from a session of a front (writer.h) and ends any other one.
 */
enum verdict store_introduce(struct store *st, const struct fronted *said);

/*
 * A question of the client that this store is for.  The verdict in the answer
 * is VERDICT_OK when the rows have decided; else store_error() has the cause.
 * store_refresh() comes before the questions of commands that have just come
 * (policy.h).
 */
void store_ask(struct store *st, const struct policy_asker *asker,
    const struct question *q, struct answer *ret);
void store_refresh(struct store *st);
/*
 * Before a mail: what is known of the client, to a writer that session `number`
 * alone has, and which takes it from nobody else.
 */
void store_tell(struct store *st, uint64_t number, const struct facts *facts);
/*
 * After a recipient that the rows take: a filter does not.  Only one that was
 * asked about since the mail was begun, and once.
 */
void store_retract(struct store *st);

/*
 * Appends to the mail begun.  Trouble is kept for store_commit() to return,
 * and what follows is dropped.
 */
void store_append(struct store *st, struct span data);
/* Forgets the mail begun. */
void store_drop(struct store *st);

/*
 * Makes the mail begun a row, with its recipients, on stable storage, and
 * forgets it.  `*ret_id` is written with VERDICT_OK only.  With anything else
 * there is no row, but for one case: the disk failed, and the process or all
 * of them ended before the next mail (then it may be there; database/heal.c).
 */
enum verdict store_commit(
    struct store *st, const struct store_mail *mail, int64_t *ret_id);
/* Was the row of the last mail there before (dedupe_sec)? */
bool store_was_known(const struct store *st);

/*
 * The same for several mails in one transaction, begun by stores that stand
 * beside each other.  What is inserted is a row for sure only when store_end()
 * says VERDICT_OK; after anything else of it, or store_abandon(), none is.  If
 * store_insert() fails, the transaction may be lost: it is to be abandoned, or
 * taken back to a savepoint.  No mail begun is forgotten by these.
 */
enum verdict store_begin(struct store *st, int mails); /* at most so many */
enum verdict store_insert(
    struct store *st, const struct store_mail *mail, int64_t *ret_id);
enum verdict store_end(struct store *st);
void store_abandon(struct store *st);
/*
 * After a failure of store_insert() or store_end(): may another mail of the
 * transaction be the cause?  Done again, the cause is found (database.h).
 */
bool store_can_single_out(const struct store *st);

/*
 * Between store_begin() and store_end(): a savepoint, and its end, which keeps
 * what was done since or takes it back.  False: the whole transaction is lost.
 */
enum verdict store_save(struct store *st);
bool store_settle(struct store *st, bool keep);

/*
 * For a mail that another process spools: makes the file, whose descriptor
 * stays the store's; then takes it with so many octets.  The second returns 0,
 * or -1: it has not so many, or they are too few for a file.
 */
enum verdict store_open_spool(struct store *st, int *ret_fd);
int store_take_spool(struct store *st, uint64_t size);
/* Of the file between mails: what a session has filled it with meanwhile. */
uint64_t store_kept_octets(const struct store *st);
/* Octets that are free on the disk of the database; 0: unknown. */
uint64_t store_free_octets(struct store *st);

/*
 * Work that can wait until the client has its reply: copies the WAL into the
 * database when it has grown long.  Trouble is not lost mail; it is returned
 * to be logged.
 */
enum verdict store_tidy(struct store *st);
/* Is there such work? */
bool store_is_untidy(const struct store *st);

/*
 * The same for who does nothing else: copies whatever others have committed
 * since the last call.
 */
enum verdict store_checkpoint(struct store *st);

/* The cause of the last result that was not VERDICT_OK, as one line of text. */
const char *store_error(const struct store *st);

#endif
