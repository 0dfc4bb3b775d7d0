/*
 * The mail store as its readers see it: lists, single mails, and what a person
 * changes while sessions run.  It opens the database as store.h does, and
 * every change takes the write lock.
 *
 * No call leaves a read transaction open or the write lock taken, so a caller
 * may wait as long as it likes between two calls.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mail/envelope.h"
#include "mail/facts.h"
#include "policy.h"
#include "store.h"

struct archive;

struct archive_conf {
	const char *path;
	int wait_ms; /* as in struct store_conf */
	/*
	 * Does this header field or path hold the words that a person gave?
	 * `text` is as the mail has it: not decoded, without NUL.
	 */
	bool (*holds)(const char *text, const char *words);
};

/* `conf` is borrowed for the archive's life.  NULL: no memory. */
struct archive *archive_new(const struct archive_conf *conf);
void archive_free(struct archive *a);

/*
 * Opens the database, which it makes or updates where it can be written to,
 * and checks that its tables are tables.
 */
enum verdict archive_open(struct archive *a);

/*
 * Was a file that could only be read, and that nobody had open, written to
 * since it was opened?  Then what was read may come from several states of it.
 */
bool archive_is_torn(const struct archive *a);

/* The kind of the last failure, and its cause in one line. */
enum verdict archive_result(const struct archive *a);
const char *archive_error(const struct archive *a);

/*
 * Lists
 */

/*
 * Which mails are wanted.  A number that is 0, or a text that is NULL, asks
 * for nothing.
 */
struct archive_filter {
	int64_t after_id; /* only greater ids */
	int64_t up_to_id;
	const char *from;    /* words in the reverse-path or in From */
	const char *to;      /* in a recipient, its mailbox, or To */
	const char *subject; /* in Subject */
	/* Mails to this mailbox, which may have two names of its domain. */
	const char *mailbox[2];
	int64_t since;  /* received then or later, microseconds */
	int64_t until;  /* received before that */
	int64_t larger; /* of more octets */
	/*
	 * in_inbox: none in quarantine; quarantined: only those in quarantine.
	 */
	int64_t in_inbox;
	int64_t quarantined;
	/* Mails that this consumer has neither had nor leased. */
	const char *new_to;
	int64_t now;        /* seconds since 1970; for the leases */
	const char *had_by; /* that this consumer has had */
};

struct archive_row {
	int64_t id;
	int64_t received_at; /* microseconds since 1970, UTC */
	int64_t size;        /* octets */
	char *client_address;
	char *reverse_path;
	char *recipients; /* a line each, without line end behind the last */
	/* Not decoded; NULL where the mail has none. */
	char *header_from;
	char *header_to;
	char *header_subject;
	char *header_date;
	char *header_message_id;
};

enum {
	ARCHIVE_PAGE = 256,
};

struct archive_page {
	struct archive_row rows[ARCHIVE_PAGE];
	size_t nrows;
};

/*
 * Reads the next mails in the order of their ids, and moves filter->after_id
 * behind them.  Returns 1, or 0 when there are no more (the page is empty), or
 * -1.  The page is emptied first; it starts as { 0 }.
 */
int archive_list(struct archive *a, struct archive_filter *filter,
    struct archive_page *page);
void archive_page_reset(struct archive_page *page);

/*
 * Reads the newest `count` that match, up to ARCHIVE_PAGE, in the order of
 * their ids.  Returns 0 or -1.
 */
int archive_list_newest(struct archive *a, const struct archive_filter *filter,
    uint64_t count, struct archive_page *page);

/*
 * Moves filter->after_id so that of the mails that match only the newest
 * `count` are left.  Returns 0 or -1.
 */
int archive_skip_to_newest(
    struct archive *a, struct archive_filter *filter, uint64_t count);

/* The highest id that there is, 0 for none. */
int archive_last_id(struct archive *a, int64_t *ret);

/* A number that changes whenever another process has changed the database. */
int archive_version(struct archive *a, int64_t *ret);
/*
 * A descriptor that becomes readable when others have stored mails, until the
 * next archive_version(); -1: there is none.
 */
int archive_listen(struct archive *a);

/*
 * One mail
 */

struct archive_mail {
	int64_t id;
	int64_t received_at;
	char *client_address;
	int client_port; /* 0: none */
	struct envelope envelope;
	struct facts facts; /* of TLS and AUTH */
	char *trace;
	size_t header_size;
	char *data; /* NUL behind it */
	size_t len;
	char *quarantine; /* why a filter has put it aside; or NULL */
};

/*
 * Reads a mail whole, as filters have changed it (filter_change), without the
 * recipients that filters have removed.  Returns 1; 0: there is no such mail;
 * or -1.  `ret` is { 0 } or from an earlier call, and is reset first.
 */
int archive_read(struct archive *a, int64_t id, struct archive_mail *ret);
void archive_mail_reset(struct archive_mail *m);
/* From now on mails are read as clients have sent them. */
void archive_read_as_sent(struct archive *a);

/*
 * Changes
 */

/*
 * Stores the mails under new ids, in one transaction, so `n` is to be small.
 * If that fails, stores each in a transaction of its own, up to the first that
 * fails.  The sizes are those of the envelopes.  Returns 0 or -1; `*ret_added`
 * tells how many were stored.
 */
int archive_add(struct archive *a, const struct archive_mail *mails, size_t n,
    size_t *ret_added);

/*
 * Which mails to delete: those that `before` or `up_to_id` names; 0 names
 * none.
 */
struct archive_prune {
	int64_t before; /* received earlier, microseconds */
	int64_t up_to_id;
	const char *had_by; /* NULL, or only what this consumer has had */
	bool dry_run;
	int64_t after_id; /* only greater ids; each call moves it on */
	int at_once; /* mails of a call; 0: as usual; less on a full disk */
	/* What went so far. */
	uint64_t mails;
	uint64_t octets;
};

/*
 * Deletes some of them, few enough to keep sessions waiting for milliseconds.
 * Returns 1; 0: there are no more; or -1.
 */
int archive_prune(struct archive *a, struct archive_prune *p);

/*
 * Finds the highest id to delete so that the newest `keep` mails stay, or as
 * many of the newest as have no more than `octets` in all.  0: nothing is to
 * be deleted.
 */
int archive_id_to_keep(struct archive *a, uint64_t keep, int64_t *ret);
int archive_id_to_fit(struct archive *a, uint64_t octets, int64_t *ret);

/*
 * Gives the room of deleted mails back; no session can store a mail meanwhile.
 */
int archive_vacuum(struct archive *a);

/*
 * Consumers: a mail is leased, worked on, and then marked done or given back.
 */

/* Returns 1; 0: another process has it, or it is done or gone; or -1. */
int archive_lease(struct archive *a, const char *consumer, int64_t id,
    int64_t now, int64_t until);
int archive_done(
    struct archive *a, const char *consumer, int64_t id, int64_t now);
/*
 * Names of consumers that have had one of the newest mails, a line each; to be
 * freed.  NULL: there are none, or it failed.
 */
char *archive_consumers(struct archive *a);
/* Is the mail done for the consumer?  1, 0 or -1. */
int archive_is_done(struct archive *a, const char *consumer, int64_t id);
/*
 * Ends the lease that was taken up to `until`; a lease that another process
 * has taken since stays.  Returns 1; 0: there was none; or -1.
 */
int archive_give_back(
    struct archive *a, const char *consumer, int64_t id, int64_t until);

/*
 * For readers that take nothing away from others: what a consumer has had, and
 * how many mails there are.  Each returns 0 or -1, unless it says otherwise.
 */

/*
 * Notes, or forgets, that the consumer has had these mails, in one
 * transaction.
 */
int archive_set_done(struct archive *a, const char *consumer,
    const int64_t *ids, size_t n, bool done, int64_t now);
/* Counts the mails of greater ids; and the mails that the consumer has had. */
int archive_count(struct archive *a, int64_t after_id, int64_t *ret);
int archive_count_done(struct archive *a, const char *consumer, int64_t *ret);
/* The id of the mail before the newest `n`; 0: there are no more than `n`. */
int archive_id_behind(struct archive *a, int64_t n, int64_t *ret);
/* Deletes these mails in one transaction: no more than some hundreds. */
int archive_remove(struct archive *a, const int64_t *ids, size_t n);

/*
 * The rules of what is accepted, in the tables that smtpd-db(5) describes: to
 * change them, and to ask what smtpd would answer.
 */

enum archive_rules {
	RULES_DOMAIN,
	RULES_MAILBOX,
	RULES_ALIAS,
	RULES_SENDER,
	RULES_CLIENT,
	RULES_QUOTA, /* one row, whose key is "1" */
	RULES_RATE,
	RULES__COUNT
};

enum {
	RULES_KEYS_MAX = 2,
	RULES_COLUMNS_MAX = 9,
};

/* The names of the columns, NULL at the end; the first ones are the key. */
const char *const *archive_rules_columns(enum archive_rules which);
int archive_rules_nkeys(enum archive_rules which);

/* Stands for the value that the column has in a new row. */
extern const char archive_rules_default[];

enum {
	RULES_NAMES_MAX = 3,
};

/*
 * The keys of a row.  Each may have several names: the one that a new row
 * gets, one that means the same, and one that has no effect but may stand in
 * the table.
 */
struct archive_keys {
	const char *name[RULES_KEYS_MAX][RULES_NAMES_MAX]; /* NULL: none */
};

/*
 * Makes the row, or changes it; a row with the second name of a key keeps that
 * name.  `values` has a place for each column: those of the keys are not read,
 * and NULL leaves a column as it is.  Returns 1; 0: the table does not take
 * the row; or -1.
 */
int archive_rules_add(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys, const char *const *values);
/*
 * Deletes the rows that have these keys, under any of their names; a second
 * key without a name stands for all.  Returns how many, or -1.
 */
int archive_rules_remove(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys);
/* Is there a row with this first key?  1, 0 or -1. */
int archive_rules_has(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys);

struct archive_table {
	char **cells; /* nrows times the columns; NULL for NULL */
	size_t nrows;
	size_t ncolumns;
};

/* All rows.  Returns 0 or -1.  `ret` is to be reset afterwards. */
int archive_rules_list(
    struct archive *a, enum archive_rules which, struct archive_table *ret);
void archive_table_reset(struct archive_table *t);

/*
 * Accounts (AUTH).  Each change is one transaction.
 */

struct archive_account {
	const char *name;
	const char *verifier; /* as the table has it; NULL: none */
	const char *subject;  /* of a certificate; NULL: none */
};

enum {
	/* The name, "yes" for a password, the subject, the reverse-paths. */
	ARCHIVE_ACCOUNT_COLUMNS = 4,
};

/* 1, 0 or -1. */
int archive_account_has(struct archive *a, const char *name);
/*
 * Makes the account, or changes what `account` gives, and adds the
 * reverse-paths of `patterns`, which ends with NULL.  Returns 1; 0: the table
 * does not take it; or -1.
 */
int archive_account_put(struct archive *a,
    const struct archive_account *account, char *const *patterns);
/*
 * Deletes these reverse-paths of the account or, if there are none, the
 * account.  Returns how many rows were deleted, or -1.
 */
int archive_account_remove(
    struct archive *a, const char *name, char *const *patterns);
/* The state of AUTH. */
struct archive_auth {
	int64_t accounts;
	int64_t asking;        /* rows that take mail from accounts only */
	int64_t lost_bindings; /* of accounts that do not exist */
	/* Wrong passwords that still count, and from how many addresses. */
	int64_t guesses, guessers;
	int64_t most; /* from one address */
	char most_from[64];
};

/* `now`: seconds since 1970.  0 or -1. */
int archive_auth(struct archive *a, int64_t now, struct archive_auth *ret);
/*
 * Calls `one` with each account, whose columns are lent; NULL for NULL.
 * Returns 0 or -1.
 */
int archive_account_list(struct archive *a,
    void (*one)(void *context, const char *const *row), void *context);

/*
 * A copy of all rows with their ids, as a stream (archive/copy.h).  Dump and
 * load hold one page of mails in memory, and of a big mail only a piece.
 */

/*
 * Writes the mails from `after_id` on.  That mail comes once more, so that the
 * reader of the stream sees that it has the same one.
 */
int archive_dump(struct archive *a, int64_t after_id, FILE *to);

struct archive_load_conf {
	/* Called when mails have been committed, with how many so far. */
	void (*tell)(void *context, uint64_t mails);
	void *context;
};

/*
 * Adds the mails that are not there yet, and replaces the rules by those of
 * the stream.  Fails if a mail that is there differs from that of the stream,
 * or the stream lacks the newest one.  Returns how many mails were added, or
 * -1; pages that were committed before a failure stay.
 */
int64_t archive_load(
    struct archive *a, const struct archive_load_conf *conf, FILE *from);

/*
 * A question of policy.h, put to the database that the archive has open; nothing
 * is counted.  Returns the verdict of the answer.
 */
enum verdict archive_ask(struct archive *a, const struct policy_asker *asker,
    const struct question *q, struct answer *ret);

/*
 * An index of the words in mails (SQLite's FTS5), in a file of its own beside
 * the database: it can be dropped at any time, and smtpd knows nothing of it.
 */

struct search;

/*
 * Opens "<database>-words".  `make` makes it where there is none, `anew`
 * deletes it first.  NULL: failed; the archive has the cause.
 */
struct search *search_open(struct archive *a, bool make, bool anew);
void search_close(struct search *s);

/* The highest id in the index; -1: failed. */
int64_t search_last_id(struct search *s);

struct search_words {
	const char *from;
	const char *to;
	const char *subject;
	const char *text;
};

/*
 * Between search_begin() and search_end() no other process adds, and
 * search_last_id() stays as it is.  Each returns 0 or -1; after a failure
 * search_close() rolls back.
 */
int search_begin(struct search *s);
int search_add(struct search *s, int64_t id, const struct search_words *words);
int search_end(struct search *s, int64_t last_id);

/*
 * Finds up to `max` mails that match a query of FTS5 and `which`, whose texts
 * from, to and subject are ignored: the best first, or the newest.  The index
 * may have words of deleted mails, which are passed over.  Returns how many,
 * or -1.
 */
int search_find(struct search *s, const char *query,
    const struct archive_filter *which, bool newest_first, int64_t *ret,
    int max);

/*
 * What the database holds and how its files are: for stats and doctor.
 */

struct archive_stats {
	int64_t messages;
	int64_t octets;
	int64_t recipients;
	int64_t last_id;  /* the highest that was ever given */
	int64_t first_at; /* microseconds; 0: there is no mail */
	int64_t last_at;
	int64_t page_size;
	int64_t pages;
	int64_t free_pages;
	int64_t log_octets;   /* of the write-ahead log's file */
	int64_t max_messages; /* of the quota; 0: none */
	int64_t max_octets;
};

/* Reads the rows of all mails, but not their data.  Returns 0 or -1. */
int archive_stats(struct archive *a, struct archive_stats *ret);

struct archive_hour {
	int64_t hour; /* since 1970 */
	int64_t messages;
};

/* The newest hours that had mail, newest first.  Returns how many, or -1. */
int archive_hours(struct archive *a, struct archive_hour *ret, int max);

/*
 * For a database that cannot be opened since its schema is damaged: makes a
 * copy of it at `path` with the schema of a new database.  Returns how many
 * mails can be read from the copy, up to the first damage.  With 0, or -1
 * (failed), there is no copy.
 */
int64_t archive_lend_schema(struct archive *a, const char *path);
/*
 * Is the database a file?  If it is on a server, archive_lend_schema() and
 * search_open() fail.
 */
bool archive_is_file(void);
/*
 * The first damage that the database finds in itself, or "ok"; to be freed.
 * NULL: the check failed.
 */
char *archive_check(struct archive *a);
/* A table, column or other part of the schema that is not as it should be. */
struct archive_flaw {
	const char *kind; /* "table" */
	const char *name; /* "message.tls" for a column */
	bool is_there;    /* but in another form */
	/*
	 * SQL that mends it.  NULL: there is none, but a copy of all rows into
	 * a new database does, unless what is not there held some.
	 */
	const char *remedy;
};

/*
 * Compares the schema with that of a new database, and calls `one` with each
 * part of that which is not there, or in another form; what else there is does
 * not count.  Returns 0 or -1.
 */
int archive_check_schema(struct archive *a,
    void (*one)(void *context, const struct archive_flaw *flaw), void *context);
/* Does a COMMIT wait until another server has it?  1, 0 or -1. */
int archive_has_copies(struct archive *a);
/* Has a sync failed, and no process healed the WAL since? */
bool archive_is_marked(const struct archive *a);
/* What the header of a database says, and an SQL dump of it leaves out. */
int archive_application_id(void);
int archive_schema_version(void);
/* The file, with links resolved, as SQLite names it; or the server. */
const char *archive_file(const struct archive *a);
/*
 * The library or server that reads and writes the database, with its version;
 * and whether it has the fault that smtpd-db(5) describes under "Writing".
 */
const char *archive_library(struct archive *a);
bool archive_library_is_faulty(void);

#endif
