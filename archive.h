/*
 * The mail store as its readers see it: lists, single mails, and what a person
 * changes beside running sessions.  It opens the database as store.h does,
 * and every change takes the write lock.
 *
 * No call leaves a read transaction open or the write lock taken, so a caller
 * may wait for whom it likes between two calls.
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
	 * Does this header field or path, as stored, hold the words that a
	 * person gave?  Either is UTF-8 without control characters.
	 */
	bool (*holds)(const char *text, const char *words);
};

/* `conf` is borrowed for the archive's life.  NULL: no memory. */
struct archive *archive_new(const struct archive_conf *conf);
void archive_free(struct archive *a);

/* Opens, makes or migrates the database. */
enum verdict archive_open(struct archive *a);

/*
 * What was read may be of several states: somebody has written to a database that
 * can be read only, which nobody had open before.
 */
bool archive_is_torn(const struct archive *a);

/* Of the last call that failed: its kind, and its cause in one line. */
enum verdict archive_result(const struct archive *a);
const char *archive_error(const struct archive *a);

/*
 * Lists
 */

/* Which mails; the numbers are 0 and the texts NULL where all will do. */
struct archive_filter {
	int64_t after_id; /* only greater ones */
	int64_t up_to_id;
	const char *from;    /* held by reverse-path or From */
	const char *to;      /* by a recipient, its mailbox, or To */
	const char *subject; /* by Subject */
	/* That went to this mailbox, by the one or two names of its domain. */
	const char *mailbox[2];
	int64_t since;  /* received then or later, microseconds */
	int64_t until;  /* earlier than that */
	int64_t larger; /* of more octets */
	/* 1: without those that a filter has put aside; or only those. */
	int64_t in_inbox;
	int64_t quarantined;
	/* That this consumer has not had yet, and that nobody leases to it. */
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
	/* As stored, not decoded; NULL where the mail has none. */
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
 * Moves filter->after_id so far that of the mails that match, only the newest
 * `count` are left.  Returns 0 or -1.
 */
int archive_skip_to_newest(
    struct archive *a, struct archive_filter *filter, uint64_t count);

/* The highest id that there is, 0 for none. */
int archive_last_id(struct archive *a, int64_t *ret);

/*
 * Changes whenever another process has changed the database; says nothing of
 * what has changed.
 */
int archive_version(struct archive *a, int64_t *ret);
/* As database_listen(). */
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
 * Reads it whole, as filters have changed it (filter_change), without the
 * recipients that they have taken away.  Returns 1; 0: there is no such mail;
 * or -1.  `ret` starts as { 0 } or from the last call, and is
 * archive_mail_reset() first.
 */
int archive_read(struct archive *a, int64_t id, struct archive_mail *ret);
void archive_mail_reset(struct archive_mail *m);
/* From now on mails are read as clients have sent them. */
void archive_read_as_sent(struct archive *a);

/*
 * Changes
 */

/*
 * Makes them rows with new ids; the sizes are those of the envelopes.  They are one
 * transaction, so they are to be few; if that fails, each is one, up to the
 * first that fails.  Returns 0 or -1, and how many there are now.
 */
int archive_add(struct archive *a, const struct archive_mail *mails, size_t n,
    size_t *ret_added);

/* What is to go: what either of the first two says; 0 says nothing. */
struct archive_prune {
	int64_t before; /* received earlier, microseconds */
	int64_t up_to_id;
	const char *had_by; /* NULL, or only what this consumer has had */
	bool dry_run;
	int64_t after_id; /* only greater ones; moves on with what went */
	int at_once;      /* 0, or fewer than usual: the disk is full */
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
 * The highest id that must go so that the newest `keep` mails are left (or
 * newer ones of no more than `octets` in all).  0: none must.
 */
int archive_id_to_keep(struct archive *a, uint64_t keep, int64_t *ret);
int archive_id_to_fit(struct archive *a, uint64_t octets, int64_t *ret);

/* Gives the room of deleted mails back; no mail is taken meanwhile. */
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
/* 1: it is done; 0; or -1. */
int archive_is_done(struct archive *a, const char *consumer, int64_t id);
/* The lease until then; another's stays. */
int archive_give_back(
    struct archive *a, const char *consumer, int64_t id, int64_t until);

/*
 * For who looks, and takes nothing away: what this consumer has had, and how
 * much there is.  Each returns 0 or -1.
 */

/* Sets or forgets that it has had them, in one transaction. */
int archive_set_done(struct archive *a, const char *consumer,
    const int64_t *ids, size_t n, bool done, int64_t now);
/* Mails of greater ids; and all mails that the consumer has had. */
int archive_count(struct archive *a, int64_t after_id, int64_t *ret);
int archive_count_done(struct archive *a, const char *consumer, int64_t *ret);
/* The id behind which are the newest n mails, itself a mail's; 0: none is. */
int archive_id_behind(struct archive *a, int64_t n, int64_t *ret);
/* Is there such a mail?  1, 0 or -1. */
int archive_has(struct archive *a, int64_t id);
/* Deletes these mails in one transaction: no more than some hundreds. */
int archive_remove(struct archive *a, const int64_t *ids, size_t n);

/*
 * The rows that say what is accepted, which smtpd-db(5) describes: as a person
 * changes them, and what smtpd would answer by them.
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

/* A value that was said before, taken back: it is as in a new row. */
extern const char archive_rules_default[];

enum {
	RULES_NAMES_MAX = 3,
};

/*
 * The keys of a row, each by its names: first that of new rows, then one that
 * means the same, then one that does not count but may stand there.
 */
struct archive_keys {
	const char *name[RULES_KEYS_MAX][RULES_NAMES_MAX]; /* NULL: none */
};

/*
 * Makes the row, or changes it; one that stands there by the second name of a
 * key keeps it.  `values` has one for each column behind the keys, at its place;
 * NULL where nothing is said of it.  Returns 1; 0: the table does not take it;
 * or -1.
 */
int archive_rules_add(struct archive *a, enum archive_rules which,
    const struct archive_keys *keys, const char *const *values);
/*
 * Deletes what has these keys, by any of their names; a key without one stands
 * for all.  How many, or -1.
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
 * Accounts (AUTH).  What is changed is one transaction.
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
 * Makes the account, or changes what is said of it, and adds the reverse-paths,
 * up to NULL.  Returns 1; 0: the table does not take it; or -1.
 */
int archive_account_put(struct archive *a,
    const struct archive_account *account, char *const *patterns);
/*
 * Deletes these reverse-paths of it; without any, the account.  How many, or
 * -1.
 */
int archive_account_remove(
    struct archive *a, const char *name, char *const *patterns);
/* How AUTH stands. */
struct archive_auth {
	int64_t accounts;
	int64_t asking;        /* rows that only take mail of an account */
	int64_t lost_bindings; /* of accounts that there are not */
	/* Wrong passwords that still count, and from how many addresses. */
	int64_t guesses, guessers;
	int64_t most; /* of one of them */
	char most_from[64];
};

/* `now`: seconds since 1970.  0 or -1. */
int archive_auth(struct archive *a, int64_t now, struct archive_auth *ret);
/* Calls `one` with each, whose columns are lent; NULL for NULL.  0 or -1. */
int archive_account_list(struct archive *a,
    void (*one)(void *context, const char *const *row), void *context);

/*
 * A copy of all rows, ids kept, as a stream (archive/copy.h).  Both hold one page of
 * mails in memory, and of a big mail a piece.
 */

/* From mail `after_id` on, which comes once more, to see that it is the same. */
int archive_dump(struct archive *a, int64_t after_id, FILE *to);

struct archive_load_conf {
	/* Called when mails have been committed, with how many so far. */
	void (*tell)(void *context, uint64_t mails);
	void *context;
};

/*
 * Adds what is not there yet, and makes the rules those of the stream.  Fails if
 * there are other mails than those of the stream, up to some id.  How many mails
 * were added, or -1; what was committed before that stays.
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

/* Opens "<database>-words".  NULL: the archive has the cause. */
struct search *search_open(struct archive *a, bool make, bool anew);
void search_close(struct search *s);

/* The highest id that is in it; -1: failed. */
int64_t search_last_id(struct search *s);

struct search_words {
	const char *from;
	const char *to;
	const char *subject;
	const char *text;
};

/*
 * Between the two nobody else adds, and search_last_id() stays as it is.  Each
 * returns 0 or -1; what has failed is taken back by search_close().
 */
int search_begin(struct search *s);
int search_add(struct search *s, int64_t id, const struct search_words *words);
int search_end(struct search *s, int64_t last_id);

/*
 * Finds up to `max` mails for words of FTS5's query language, the best first or
 * the newest, of those that `which` asks for; its words are not looked at.  Mails
 * that are gone are passed over, whose words stay in the index.  Returns how
 * many, or -1.
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
	int64_t last_id;  /* ever given */
	int64_t first_at; /* microseconds; 0: there is no mail */
	int64_t last_at;
	int64_t page_size;
	int64_t pages;
	int64_t free_pages;
	int64_t log_octets;   /* of the write-ahead log's file */
	int64_t max_messages; /* of the quota; 0: none */
	int64_t max_octets;
};

/* Reads all mails' rows, though not the mails.  Returns 0 or -1. */
int archive_stats(struct archive *a, struct archive_stats *ret);

struct archive_hour {
	int64_t hour; /* since 1970 */
	int64_t messages;
};

/* The newest hours that had mail, newest first.  Returns how many, or -1. */
int archive_hours(struct archive *a, struct archive_hour *ret, int max);

/*
 * Makes a new file of a database that cannot be opened since its schema is
 * damaged: the same with the schema of a new one.  Returns how many mails can
 * be read of it, up to the first damage; with 0 or -1 (failed) there is no file.
 */
int64_t archive_lend_schema(struct archive *a, const char *path);
/*
 * Is it a file, beside which others lie?  Else it is a server's, and what is of
 * files alone fails: archive_lend_schema(), search_open().
 */
bool archive_is_file(void);
/*
 * What the database finds wrong with itself first, or "ok"; to be freed.  NULL: it
 * failed.
 */
char *archive_check(struct archive *a);
/*
 * Has another server to have what is stored before it counts as stored?  1, 0 or
 * -1.
 */
int archive_has_copies(struct archive *a);
/* Did a sync fail, and nobody has healed the WAL since? */
bool archive_is_marked(const struct archive *a);
/* What the header of a database says, and a dump of it does not. */
int archive_application_id(void);
int archive_schema_version(void);
/* The file, with links resolved, as SQLite names it; or the server. */
const char *archive_file(const struct archive *a);
/*
 * What reads and writes it, with its version; and whether that has the fault of
 * smtpd-db(5), "Writing".
 */
const char *archive_library(struct archive *a);
bool archive_library_is_faulty(void);

#endif
