/*
 * The database under the store, the policy and the archive: transactions that
 * survive, statements, and what errors mean.  What stands on this header knows no
 * more of the database, so that another can take its place.
 *
 * database/ is SQLite: its files, the write lock, the WAL.  The write lock is a file beside the database, where the kernel queues the
 * processes that write.  Whoever takes it writes into a WAL that can be
 * trusted; database/wal.c tells what that takes.
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
 * What a statement returns: DATABASE_OK, or what database_fail_code() makes a
 * verdict of.  The others are those that callers look for, or say themselves; the
 * last octet of a code tells.
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
 * Gets the library ready for this process and those that it forks, which need
 * not do it again; opens nothing.  database_new() does it if nobody has.
 * SIGXFSZ is ignored from then on: a file that may not grow is an error like
 * others.
 */
void database_start(void);

/*
 * Takes no notice of the disk yet.  `path` is borrowed for the database's life.
 * NULL: no memory.
 */
struct database *database_new(const char *path);
/*
 * A connection that only reads, while another of this process writes, which
 * another thread may have.  It makes no database, waits for no write lock, and
 * is to be closed before the one that writes.
 */
struct database *database_new_to_read(const char *path);
/*
 * Closes it, and as the last process that has it open, copies the WAL into it;
 * that can take a while.
 */
void database_free(struct database *db);

/* How long each call that follows waits for others, in milliseconds. */
void database_set_wait(struct database *db, int wait_ms);

/*
 * Opens the database, makes it if its folder exists, and leads one of an older
 * version to the present one.  Costs nothing once it has worked; until then,
 * every call tries again.
 */
enum verdict database_open(struct database *db);
/* The same for who waits for nobody: makes nothing, and leads nothing on. */
enum verdict database_open_ahead(struct database *db);
/*
 * The same for who looks at what there is: also what can be read only, where it
 * lies, which makes no file; or a server that cannot be written to, or may lose
 * what is written.  Then what writes may fail.
 */
enum verdict database_open_as_it_is(struct database *db);
/*
 * Was a file that can be read only, and that nobody had open, written to since it
 * was opened?  Then what was read may be of several states.
 */
bool database_is_torn(struct database *db);
bool database_is_open(const struct database *db);
/* Nothing happens where it is not open. */
void database_close(struct database *db);
/* Closes it if another file, or none, has its name by now.  True: it is closed. */
bool database_leave_if_moved(struct database *db);

/*
 * The folder of the file itself, links resolved, also where it is not open;
 * lent.  NULL: it cannot be told, database_error() says why.
 */
const char *database_folder(struct database *db);
/* The file of one that is open, as SQLite names it. */
const char *database_file(const struct database *db);
/*
 * Opens the file of one that is open with `suffix` behind its name; `flags` are
 * open(2)'s, and O_CREAT makes it for the owner of the database and with its
 * permissions.  What somebody else may have put there is VERDICT_UNUSABLE: a
 * link, also a hard one, and what has neither the owner nor the group of the
 * database.
 */
enum verdict database_open_beside(
    struct database *db, const char *suffix, int flags, int *ret_fd);

/*
 * Transactions
 */

/*
 * How many mails the next transaction inserts at most, where more than one:
 * one that is written from several hosts gives their ids out at once.
 */
void database_expect(struct database *db, int mails);
/*
 * Takes the write lock and begins a transaction.  Of what is not VERDICT_OK
 * nothing remains to be ended.
 */
enum verdict database_begin(struct database *db);
/*
 * Ends it with all that was written on the disk, or with nothing of it; then
 * others may write.
 */
enum verdict database_commit(struct database *db);
/*
 * Ends it with nothing, whatever that takes: where there is no memory to roll
 * back, the database is closed.
 */
void database_rollback(struct database *db);
/*
 * Was the last failure since database_begin() perhaps that of a row which was
 * inserted before, without waiting for an answer?  Nothing is stored then; and
 * once more, each row is waited for, so that the one which fails is singled out.
 */
bool database_can_single_out(const struct database *db);

/*
 * A savepoint in it, and its end, which keeps what was done since or takes it
 * back.  False: the whole transaction is lost, and is to be rolled back.
 */
int database_save(struct database *db);
bool database_settle(struct database *db, bool keep);
/* The id of the row of `message` that this transaction is to insert next. */
int database_next_id(struct database *db, int64_t *ret);
/*
 * The highest id that a table has given, 0 for none; and that it is to give none
 * from now on that is not higher than `id`, as if it had given that.
 */
int database_last_given(struct database *db, const char *table, int64_t *ret);
int database_give_from(struct database *db, const char *table, int64_t id);

/*
 * Before rows are counted in: where several hosts write at once, one after the
 * other does from here on, since two that count in two rows could wait for each
 * other.
 */
int database_lock_counts(struct database *db);

/* A transaction that only reads needs no write lock. */
int database_begin_read(struct database *db);
void database_end_read(struct database *db);

/*
 * Copies the WAL into the database, as far as readers let it, if our last
 * commit has left it so many pages long, and no other process copied it
 * meanwhile.  Trouble is no lost mail.
 */
enum verdict database_tidy(struct database *db, int least_pages);
/* Would it? */
bool database_is_untidy(const struct database *db, int least_pages);
/* The same whenever others have committed anything since the last call. */
enum verdict database_checkpoint(struct database *db);
/*
 * Drops what can be dropped at a stroke of mails up to that id, or received before
 * that (microseconds); the others are to be deleted.
 */
int database_drop_mails(struct database *db, int64_t up_to_id, int64_t before,
    uint64_t *ret_mails, uint64_t *ret_octets);
/* Gives the room of deleted rows back; nobody writes meanwhile. */
enum verdict database_vacuum(struct database *db);

/* Is the mark set, so that the next who writes has the WAL to heal? */
bool database_is_marked(const struct database *db);

/*
 * Statements.  An error stays with the statement: whatever is done with it
 * after that does nothing, and statement_end() returns it.
 */

/*
 * A statement at rest, made if there is none of this text.  Each is to be
 * ended, before its transaction is.  Never NULL.
 */
struct statement *statement_take(struct database *db, const char *sql);
/*
 * Bind the parameter of that name; one that the statement lacks is no error.
 * Texts are borrowed until statement_end(); NULL is NULL, but a span is a text
 * if it is empty.
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

/* Runs to the end one that answers nothing. */
int statement_run(struct statement *s);
/* The same for the one integer that it answers; none or NULL is 0. */
int statement_run_integer(struct statement *s, int64_t *ret);
/* Both in one, of a text without parameters. */
int database_run(struct database *db, const char *sql);
/* Rows that the last statement changed. */
int database_changes(const struct database *db);

/* The names of the tables that have rows, or had some; `message` among them. */
extern const char database_tables_used[];

/*
 * The data of a mail, piece by piece: of the row that this transaction inserted
 * with statement_bind_zeros(), to be filled from its beginning to its end; or, if
 * not `fill`, of one that is there.  Like a statement's, an error stays until
 * blob_end(), which returns it; what was filled is the row's after that only.
 */
struct blob *blob_begin(struct database *db, int64_t message_id, bool fill);
uint64_t blob_size(const struct blob *b);
void blob_write(struct blob *b, struct span piece);
/* Reads `len` octets from `at` on.  False: it cannot. */
bool blob_read(struct blob *b, void *ret, size_t len, uint64_t at);
/* One that could not be begun for want of memory is NULL; that is fine here. */
int blob_end(struct blob *b);

/* For connections of others: no trust in what the file says of itself. */
void database_distrust(struct sqlite3 *sqlite);

/*
 * What it is, for those who look after it
 */

/* Is it a file, beside which others lie? */
bool database_is_file(void);
/* Changes whenever others have changed it. */
int database_data_version(struct database *db, int64_t *ret);
/*
 * For a database that anybody may have made: are its tables tables?  A view in
 * the place of one could compute for ever.
 */
enum verdict database_check_tables(struct database *db);

struct database_sizes {
	int64_t last_id; /* of mails, ever given */
	int64_t page_size;
	int64_t pages;
	int64_t free_pages;
	int64_t log_octets; /* of the write-ahead log's file */
};

/* What nobody can tell is 0. */
int database_read_sizes(struct database *db, struct database_sizes *ret);
/* What it finds wrong with itself first, or "ok"; to be freed. */
int database_check(struct database *db, char **ret);
/* Has another server each COMMIT before it ends? */
int database_has_copies(struct database *db, bool *ret);
/* Deletes write as little as can be from now on, where a disk is full. */
void database_delete_sparingly(struct database *db);

/* What reads and writes it, with its version; lent. */
const char *database_library(struct database *db);
/* Has that the fault of smtpd-db(5), "Writing"? */
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
