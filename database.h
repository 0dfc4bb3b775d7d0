/*
 * The database under the store, the policy and the archive: transactions that
 * survive, statements, and what errors mean.  Nothing that uses this header
 * knows more of the database, so that another one can take its place
 * (postgresql/).
 *
 * database/ is SQLite: its files, the write lock, the WAL.  The write lock is a
 * file beside the database, where the kernel queues the processes that write.
 * database/wal.c says how whoever takes it knows that the WAL can be trusted.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/span.h"
#include "mail/verdict.h"

enum {
	/* Of the database's header: "smtd", and what schema.sql is. */
	DATABASE_APPLICATION_ID = 0x736d7464,
	DATABASE_VERSION = 4,
};

/*
 * What a statement returns: DATABASE_OK, or a code of SQLite's, of which these
 * are compared or made by callers.  database_fail_code() makes a verdict of any
 * of them.  The lowest octet says which it is.
 */
enum {
	DATABASE_OK = 0,
	DATABASE_NO_MEMORY = 7,
	DATABASE_IO_ERROR = 10,
	DATABASE_CONSTRAINT = 19,
};

struct blob;
struct database;
struct sqlite3;
struct statement;

/*
 * Prepares the library for this process and those that it forks, which need not
 * do it again; opens nothing.  database_new() does it if nobody has.  The
 * process ignores SIGXFSZ from then on, so that a file that may not grow is an
 * error like others.
 */
void database_start(void);

/*
 * Does not look at the disk yet.  `path` is borrowed for the database's life.
 * NULL: no memory.
 */
struct database *database_new(const char *path);
/*
 * A connection that only reads, while another one of this process, perhaps of
 * another thread, writes.  It makes no database and waits for no write lock.
 * Close it before the one that writes.
 */
struct database *database_new_to_read(const char *path);
/*
 * Closes it.  The last process that has it open copies the WAL into it, which
 * can take a while.
 */
void database_free(struct database *db);

/* How long each call that follows waits for others, in milliseconds. */
void database_set_wait(struct database *db, int wait_ms);

/*
 * Opens the database.  Makes it if there is none but its folder exists, and
 * updates one of an older version.  Costs nothing once that has worked; until
 * then, every call tries again.
 */
enum verdict database_open(struct database *db);
/* The same without waiting: makes nothing and updates nothing. */
enum verdict database_open_ahead(struct database *db);
/*
 * The same for a reader of what there is, also of a database that can only be
 * read, where no file is made; or of a server that cannot be written to, or may
 * lose what is written.  What writes to it may then fail.
 */
enum verdict database_open_as_it_is(struct database *db);
/*
 * Was a file that could only be read, and that nobody had open, written to
 * since it was opened?  Then what was read may come from several states of it.
 */
bool database_is_torn(struct database *db);
bool database_is_open(const struct database *db);
/* Does nothing if it is not open. */
void database_close(struct database *db);
/*
 * Closes it if its name now leads to another file, or to none.  True: it is
 * closed.
 */
bool database_leave_if_moved(struct database *db);

/*
 * The folder of the file itself, links resolved, even if it is not open; lent.
 * NULL: database_error() says why.
 */
const char *database_folder(struct database *db);
/* The path of an open database, as SQLite names it. */
const char *database_file(const struct database *db);
/*
 * Opens the file beside an open database whose name is the database's with
 * `suffix` behind it.  `flags` are open(2)'s; O_CREAT makes it for the owner of
 * the database and with its permissions.  VERDICT_UNUSABLE: somebody else may
 * have put it there, since it is a link, also a hard one, or has neither the
 * owner nor the group of the database.
 */
enum verdict database_open_beside(
    struct database *db, const char *suffix, int flags, int *ret_fd);

/*
 * Transactions
 */

/*
 * Says how many mails the next transaction inserts at most, if more than one.
 * A database that several hosts write to gives their ids out at once.
 */
void database_expect(struct database *db, int mails);
/*
 * Takes the write lock and begins a transaction.  After any verdict but
 * VERDICT_OK there is nothing to end.
 */
enum verdict database_begin(struct database *db);
/*
 * Ends the transaction, with all that it wrote on the disk or with nothing of
 * it, and leaves the write lock.
 */
enum verdict database_commit(struct database *db);
/*
 * Ends it with nothing, whatever that takes: the database is closed if there is
 * no memory to roll back.
 */
void database_rollback(struct database *db);
/*
 * May the last failure since database_begin() be that of a row which was
 * inserted earlier, without waiting for an answer?  Then the caller begins
 * again, and each row is waited for, so that the one that fails is known.
 */
bool database_can_single_out(const struct database *db);

/*
 * A savepoint in the transaction, and its end, which keeps what was done since
 * or takes it back.  False: the whole transaction is lost, and is to be rolled
 * back.
 */
int database_save(struct database *db);
bool database_settle(struct database *db, bool keep);
/* The id of the row of `message` that this transaction is to insert next. */
int database_next_id(struct database *db, int64_t *ret);
/*
 * The highest id that a table has given out, 0 for none; and the order to give
 * out only higher ones than `id` from now on.
 */
int database_last_given(struct database *db, const char *table, int64_t *ret);
int database_give_from(struct database *db, const char *table, int64_t id);

/*
 * To be called before a transaction changes counters.  Where several hosts
 * write at once, those that count go one after the other from here on, since
 * two that count in the same rows could wait for each other.
 */
int database_lock_counts(struct database *db);

/* A transaction that only reads; it takes no write lock. */
int database_begin_read(struct database *db);
void database_end_read(struct database *db);
/*
 * In such a transaction, where each answer costs a round trip: from here on a
 * statement that was not asked yet has no row, and is sent.  database_next_round()
 * waits for all of them; `ret_again`: there were some, and what was read is to be
 * read again, for they have their rows now.
 */
void database_begin_rounds(struct database *db);
int database_next_round(struct database *db, bool *ret_again);

/*
 * Copies the WAL into the database, as far as readers let it, if our last
 * commit has left the WAL at least so long and no other process has copied it
 * since.  Trouble here loses no mail.
 */
enum verdict database_tidy(struct database *db, int least_pages);
/* Would database_tidy() copy anything? */
bool database_is_untidy(const struct database *db, int least_pages);
/* The same if others have committed anything since the last call. */
enum verdict database_checkpoint(struct database *db);
/*
 * Drops mails up to that id, or received before that (microseconds), as far as
 * they can be dropped at a stroke; the others are to be deleted.
 */
int database_drop_mails(struct database *db, int64_t up_to_id, int64_t before,
    uint64_t *ret_mails, uint64_t *ret_octets);
/*
 * Gives the room of deleted rows back to the file system; nobody can write
 * meanwhile.
 */
enum verdict database_vacuum(struct database *db);

/* Is the mark set, so that the next writer heals the WAL? */
bool database_is_marked(const struct database *db);

/*
 * Statements.  An error stays with its statement: later calls do nothing, and
 * statement_end() returns it.
 */

/*
 * Takes a statement of this text out of the cache, or makes one.  Each is to be
 * ended, before its transaction is.  Never NULL.
 */
struct statement *statement_take(struct database *db, const char *sql);
/*
 * Bind the parameter of that name; that the statement has none is no error.
 * Texts are borrowed until statement_end().  NULL binds NULL, but an empty span
 * is a text.
 */
void statement_bind_text(
    struct statement *s, const char *name, const char *text);
void statement_bind_span(
    struct statement *s, const char *name, struct span text);
void statement_bind_integer(struct statement *s, const char *name, int64_t n);
void statement_bind_blob(
    struct statement *s, const char *name, struct span octets);
void statement_bind_zeros(struct statement *s, const char *name, uint64_t len);
/* Bind the parameter "?number". */
void statement_bind_nth(struct statement *s, int number, const char *text);
/* Has it another row? */
bool statement_row(struct statement *s);
/* The columns of that row, from 0; lent until the next one. */
bool statement_is_null(struct statement *s, int column);
int64_t statement_integer(struct statement *s, int column);
const char *statement_text(struct statement *s, int column);
struct span statement_blob(struct statement *s, int column);
int statement_end(struct statement *s);

/* Runs a statement without rows to its end. */
int statement_run(struct statement *s);
/* The same for a statement that answers one integer; no row, or NULL, is 0. */
int statement_run_integer(struct statement *s, int64_t *ret);
/* Takes and runs a statement without parameters and rows. */
int database_run(struct database *db, const char *sql);
/* How many rows the last statement changed. */
int database_changes(const struct database *db);

/*
 * A query for the names of the tables that have rows, or have had some;
 * `message` may be among them.
 */
extern const char database_tables_used[];

/*
 * The data of a mail, piece by piece.  With `fill`, of the row that this
 * transaction has inserted with statement_bind_zeros(), to be written from its
 * beginning to its end; else of a row that is there, to be read.  As with
 * statements, an error stays until blob_end(), which returns it.  What was
 * written is in the row only after blob_end().
 */
struct blob *blob_begin(struct database *db, int64_t message_id, bool fill);
uint64_t blob_size(const struct blob *b);
void blob_write(struct blob *b, struct span piece);
/* Reads `len` octets from `at` on.  False: it cannot. */
bool blob_read(struct blob *b, void *ret, size_t len, uint64_t at);
/* `b` may be NULL, from a blob_begin() that had no memory. */
int blob_end(struct blob *b);

/* For other connections: trusts nothing that the file says of itself. */
void database_distrust(struct sqlite3 *sqlite);

/* What the database is, for its administrator */

/* Is it a file, with others beside it? */
bool database_is_file(void);
/*
 * Changes whenever others have changed it.  Where it fails for a database that
 * we may only read, the next call opens that anew.
 */
enum verdict database_data_version(struct database *db, int64_t *ret);
/*
 * A descriptor that can be read when others have stored mails, until the next
 * database_data_version(); it is open as long as the database.  -1: there is none.
 * What else others have changed is not told.
 */
int database_listen(struct database *db);
/*
 * For a database that anybody may have made: checks that its tables are tables.
 * A view in the place of a table could compute for ever.
 */
enum verdict database_check_tables(struct database *db);

struct database_sizes {
	int64_t last_id; /* of mails, ever given */
	int64_t page_size;
	int64_t pages;
	int64_t free_pages;
	int64_t log_octets; /* of the write-ahead log's file */
};

/* What cannot be told is 0. */
int database_read_sizes(struct database *db, struct database_sizes *ret);
/* As store_look() says. */
const char *database_look(const char *path);
/* The statements that make a new database of this version (schema.sql). */
extern const char database_schema[];
/*
 * The statements that would make it as it is, each with ";" behind it; to be
 * freed.  PostgreSQL keeps no such texts: of a column there is the name, the
 * type, and NOT NULL, DEFAULT, CHECK, UNIQUE and PRIMARY KEY where it has
 * them; of what columns share, and of others but functions, no more than that.
 */
int database_read_schema(struct database *db, char **ret);
/* The first damage that it finds in itself, or "ok"; to be freed. */
int database_check(struct database *db, char **ret);
/* Does another server have each COMMIT before it ends? */
int database_has_copies(struct database *db, bool *ret);
/*
 * Makes deletes write as little as possible from now on, for a disk that is
 * full.
 */
void database_delete_sparingly(struct database *db);

/* The library or server, with its version; lent. */
const char *database_library(struct database *db);
/* Does that have the fault that smtpd-db(5) describes under "Writing"? */
bool database_library_is_faulty(void);

/*
 * Errors
 */

/* The cause of the last verdict that was not VERDICT_OK, as one line. */
const char *database_error(const struct database *db);

/* Each keeps the cause and returns the verdict. */
__attribute__((format(printf, 3, 4))) enum verdict database_fail(
    struct database *db, enum verdict verdict, const char *format, ...);
/* `what` was tried, `error` is its errno. */
enum verdict database_fail_errno(
    struct database *db, const char *what, int error);
/* `what` was tried, `rc` is what the last call on it returned. */
enum verdict database_fail_code(struct database *db, const char *what, int rc);

#endif
