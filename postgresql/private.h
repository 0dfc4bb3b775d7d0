/*
 * What the modules of postgresql/ share.  Each builds on those before it:
 * error.c, dialect.c; talk.c (one connection: sending, waiting with a
 * deadline); pipeline.c, bulk.c, query.c, rounds.c, statement.c, ids.c,
 * blob.c; partition.c; settings.c (whether the server may be trusted); open.c
 * (which database it is); transaction.c (what a commit's end means); about.c.
 */
#ifndef POSTGRESQL_PRIVATE_H
#define POSTGRESQL_PRIVATE_H

#include <limits.h>

#include <libpq-fe.h>

#include "../database.h"

enum {
	DATABASE_ERROR_MAX = 512,
	STATEMENTS_MAX = 64,
	PARAMETERS_MAX = 40,
	NUMBER_SIZE = 24, /* of an integer, as text */
	TOKEN_SIZE = 33,  /* 16 octets in hexadecimal digits */
};

/* The parameters in a statement's text, in the order of $1, $2... */
struct parameters {
	int n;
	struct span names[PARAMETERS_MAX]; /* ":id", "?1"; in the text */
};

/* The lock under which one process at a time makes the tables. */
#define MAKE_LOCK "SELECT pg_advisory_xact_lock(x'736d7464'::int, 1)"

struct bulk;

struct statement {
	struct database *db;
	char *sql;  /* as it was given; NULL: the place is free */
	char *text; /* in PostgreSQL's words; the names stand in `sql` */
	struct parameters parameters;
	char name[16];
	/* The connections that it is prepared on, and was taken for. */
	unsigned long prepared_on, taken_on;
	bool taken;
	bool is_run;
	int rc; /* the first error since it was taken */
	unsigned long last_use;
	struct bulk *bulk; /* NULL: its rows go one by one */

	const char *values[PARAMETERS_MAX]; /* NULL: NULL */
	Oid types[PARAMETERS_MAX];          /* 0: the server finds out */
	int lengths[PARAMETERS_MAX];
	int formats[PARAMETERS_MAX];
	char *owned[PARAMETERS_MAX]; /* of the values, to be freed */
	char numbers[PARAMETERS_MAX][NUMBER_SIZE];

	PGresult *rows;
	int row;
	unsigned char *octets; /* of the last statement_blob() */
};

struct database {
	const char *path;
	int wait_ms;
	char folder[PATH_MAX];
	PGconn *connection;        /* NULL: none */
	unsigned long connections; /* how many there have been */
	char place[256];   /* the server, for people; without a password */
	bool only_reads;   /* and so makes no tables */
	bool as_it_is;     /* takes a standby, and unsafe settings */
	bool is_ready;     /* it is ours, of this version, and may be trusted */
	bool is_pooled;    /* a pooler is between: nothing lasts longer than a
	                       transaction (no prepared statements) */
	bool is_pipelined; /* answers are still to come (pipeline.c) */
	bool owes_answer;  /* of what was sent by query_send() */
	bool is_mute;      /* the wait for an answer was given up */
	bool is_careful;   /* waits for each answer: an error came late */
	bool can_single_out; /* it came in this transaction */
	bool has_warned;     /* since the last statement was sent */
	/* The server has not ended a COMMIT yet. */
	bool is_stuck;
	int64_t retry_at; /* no connection is tried before; clock_ms() */

	char token[TOKEN_SIZE]; /* the name of our row in main.writer */
	int64_t batch;          /* number of our last transaction with ids */
	bool has_ids;           /* this transaction took them */
	int expected;           /* mails of the next one; 0: nobody said */
	int64_t next_id, last_id;
	PGresult *used;        /* answer to database_tables_used; or NULL */
	int64_t used_until;    /* how long a reader takes it; clock_ms() */
	int64_t partitions_at; /* when to look at them next; clock_ms() */
	bool begins_read;      /* the next statement begins a transaction */
	struct rounds *rounds; /* NULL: nobody reads in rounds */
	/* Statements whose rows gather, in the order of their first rows. */
	struct statement *gathered[STATEMENTS_MAX];
	int ngathered;
	size_t gathered_octets;

	int changes;
	int timeout_ms;       /* of a statement; see open.c */
	uint64_t big_octets;  /* of data (blob.c) in this transaction */
	enum verdict trouble; /* of the last error */
	char message[DATABASE_ERROR_MAX];
	struct statement statements[STATEMENTS_MAX];
	unsigned long uses, names;
	char error[DATABASE_ERROR_MAX];
};

/* error.c */

/*
 * Each keeps what the server or libpq said, and returns the code for
 * database_fail_code().
 */
int error_of_result(struct database *db, const PGresult *result);
int error_of_talk(struct database *db, const char *message);
int error_own(
    struct database *db, int code, enum verdict verdict, const char *message);

/* dialect.c */

/*
 * The text in PostgreSQL's words, to be freed; NULL: no memory.  `ret` points
 * into `sql`.
 */
char *dialect_translate(const char *sql, struct parameters *ret);

/* talk.c */

/*
 * The time by clock_ms() at which what was sent has failed, if there is no
 * answer.  A query of smtpdb takes as long as it has rows, so it has no
 * deadline and ends with the connection at the latest; a COMMIT has one, since
 * it waits for standbys.
 */
int64_t talk_deadline(const struct database *db, bool is_commit);
/* Connects.  The text of `path` may set anything but the encoding. */
int talk_open(struct database *db);
void talk_close(struct database *db);
/* Is the server a standby, as it says? */
bool talk_is_standby(const struct database *db);
/*
 * Can the connection be used?  Not if the server has gone meanwhile, or has
 * not answered in time.
 */
bool talk_is_alive(struct database *db);
/*
 * Waits for the next result: 1, it can be had; 0, not in time; -1, the connection
 * is lost.
 */
int talk_wait(struct database *db, int64_t until);
/*
 * Waits for the end of what was sent, up to talk_deadline().  Returns the last
 * result, to be cleared; NULL: none came, or an error, and the code is in
 * `*ret_rc`.
 */
PGresult *talk_await(struct database *db, int *ret_rc);
/*
 * Waits for the end of what query_send() has sent.  Its error does not count:
 * what is returned is that the server is silent, so that nothing else can be
 * sent.
 */
int talk_settle(struct database *db);
/* Is a transaction open, or one that has failed? */
bool talk_is_in_transaction(const struct database *db);
/*
 * Prepares a text.  The server finds out the types that are 0, or all of them
 * where `types` is NULL.
 */
int talk_prepare(struct database *db, const char *name, const char *text, int n,
    const Oid *types);
/* Is it prepared, on this connection? */
bool talk_has_prepared(const struct statement *s);
int talk_send_statement(const struct statement *s);

/* pipeline.c */

/* How a transaction that only reads begins. */
#define PIPELINE_BEGIN_READ "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
/* May it be sent without waiting for its answer? */
bool pipeline_takes(const struct database *db, const struct statement *s);
/* Begin a pipeline, or send in it; nobody waits for an answer. */
int pipeline_begin(struct database *db);
int pipeline_send(struct database *db, struct statement *s);
int pipeline_send_text(struct database *db, const char *sql);
/*
 * Waits for all answers, up to `until`, and returns the first error.  `ret`
 * gets the last `n` answers, to be cleared; NULL where none came.  Where the
 * server is silent, this returns an error, and leaves is_pipelined true.
 */
int pipeline_read(struct database *db, int64_t until, PGresult **ret, int n);
/* Has the silent pipeline ended?  The connection is to be closed then. */
bool pipeline_has_ended(struct database *db);
/* Fails because a COMMIT has not ended in time. */
enum verdict pipeline_fail_stuck(struct database *db);

/* bulk.c */

/*
 * For a statement that was just prepared: finds out whether many of its rows
 * can go at once.
 */
int bulk_make(struct statement *s);
void bulk_free(struct bulk *b);
bool bulk_has_rows(const struct bulk *b);
/* Keeps the values as a row to be sent. */
int bulk_add(struct statement *s);
/* Sends all rows that have gathered. */
int bulk_send_all(struct database *db);
/* Forgets the rows: their transaction is over, or the connection. */
void bulk_forget_all(struct database *db);
/* Sends the rows and reads all answers; called before anything that waits. */
int bulk_await(struct database *db);

/* rounds.c */

/*
 * In rounds: gives a prepared statement its rows, or sends it, and then it has
 * none; an error stands in its `rc`.  False: the statement is to be run in the
 * usual way.
 */
bool rounds_take(struct statement *s);
/* Waits for the answers of a round; called before anything else that waits. */
int rounds_collect(struct database *db);
void rounds_end(struct database *db);

/* query.c */

/* Sends SQL without parameters, and waits for its end. */
int query_run(struct database *db, const char *sql);
/* The same, but the end is waited for by what is sent next (talk_settle()). */
void query_send(struct database *db, const char *sql);
/* The same as query_run() for one value; "" for none. */
int query_ask(struct database *db, const char *sql, char *ret, size_t size);

/* statement.c */

/* Prepares the statement, unless that is done or there is a pooler. */
int statement_prepare(struct statement *s);
void statement_free_all(struct database *db);

/* partition.c */

/* Makes the partitions, in the transaction that makes the tables. */
int partition_make(struct database *db);
void partition_divide(struct database *db);
/* Makes the next partition when it is time. */
void partition_look(struct database *db);

/* settings.c */

/* A column of a SELECT: what settings_judge() is to look at. */
#define SETTINGS                                                               \
	"concat_ws(' ', current_setting('server_encoding'),"                   \
	" current_setting('fsync'), current_setting('full_page_writes'),"      \
	" current_setting('synchronous_commit'))"
/* Fails if one of these values may lose mails, and that is not allowed. */
enum verdict settings_judge(
    struct database *db, const char *values, bool allow_unsafe);
/* The same of what the server says now. */
enum verdict settings_check(struct database *db, bool allow_unsafe);
/* Is it allowed here: by --allow-unsafe, or to who takes what there is? */
bool settings_may_be_unsafe(const struct database *db);

#endif
