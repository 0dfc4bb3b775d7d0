/*
 * What the modules of postgresql/ share.  They stand on each other in this order:
 * error.c, dialect.c; talk.c (one connection: sending, waiting with a deadline);
 * pipeline.c, bulk.c, statement.c, blob.c; open.c (which database it is, and whether
 * it may be trusted); transaction.c (what a commit's end means);
 * partition.c; about.c.
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

/* What a statement's text says of its parameters, in the order of $1, $2... */
struct parameters {
	int n;
	struct span names[PARAMETERS_MAX]; /* ":id", "?1"; in the text */
};

/* For one process at a time to make the tables. */
#define MAKE_LOCK "SELECT pg_advisory_xact_lock(x'736d7464'::int, 1)"

struct bulk;

struct statement {
	struct database *db;
	char *sql;  /* as it was given; NULL: the place is free */
	char *text; /* in PostgreSQL's words; the names stand in `sql` */
	struct parameters parameters;
	char name[16];
	/* The connection that it is prepared on, and was taken for. */
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
	unsigned long connections; /* that there have been */
	char place[256];   /* the server, for people; without a password */
	bool only_reads;   /* and so makes no tables */
	bool as_it_is;     /* also a standby, also unsafe settings */
	bool is_ready;     /* it is ours, of this version, and may be trusted */
	bool is_pooled;    /* a pooler is between: nothing lasts longer than a
	                       transaction (no prepared statements) */
	bool is_pipelined; /* answers are still to come (pipeline.c) */
	bool owes_answer;  /* of what was sent by query_send() */
	bool is_mute;      /* an answer that it owes was given up */
	bool is_careful;   /* waits for each, as an error came late, */
	bool can_single_out; /* in this transaction */
	bool has_warned;     /* since the last statement was sent */
	/* A COMMIT that the server has not ended yet. */
	bool is_stuck;
	int64_t retry_at; /* no connection is tried before; clock_ms() */

	char token[TOKEN_SIZE]; /* who we are in main.writer */
	int64_t batch;          /* our transactions that took ids */
	bool has_ids;           /* this transaction took them */
	int expected;           /* mails of the next one; 0: nobody said */
	int64_t next_id, last_id;
	PGresult *used;        /* answer to database_tables_used; or NULL */
	int64_t used_until;    /* if it only reads: clock_ms() */
	int64_t partitions_at; /* when to look at them next; clock_ms() */
	bool begins_read;      /* with the next statement */
	struct rounds *rounds; /* NULL: nobody reads in rounds */
	/* Those whose rows gather, in the order of their first rows. */
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
 * When what was sent has failed without an answer, by clock_ms().  What smtpdb
 * asks takes as long as there are rows, and has no end but the connection's,
 * unless it is a COMMIT, which waits for standbys.
 */
int64_t talk_deadline(const struct database *db, bool is_commit);
/* Connects.  What can be set by the text of `path` is, but for the encoding. */
int talk_open(struct database *db);
void talk_close(struct database *db);
/* Can it only be read, as the server says? */
bool talk_is_standby(const struct database *db);
/* Has the server gone while nobody looked, or gave it no answer in time? */
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
 * Waits for what query_send() has sent; how that ended matters only if nothing more
 * can be said.
 */
int talk_settle(struct database *db);
/* Is one open?  Also one that has failed. */
bool talk_is_in_transaction(const struct database *db);
/* Prepares a text; types that are 0, or all of them, the server finds out. */
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
/* Nobody waits for an answer. */
int pipeline_begin(struct database *db);
int pipeline_send(struct database *db, struct statement *s);
int pipeline_send_text(struct database *db, const char *sql);
/*
 * Waits for all answers until then; the first error.  `ret` gets the last `n` of
 * them, to be cleared; NULL where none came.  A connection that is silent stays
 * as it is: DATABASE_OK is not returned, and is_pipelined is true.
 */
int pipeline_read(struct database *db, int64_t until, PGresult **ret, int n);
/* Has what was silent ended?  The connection is good for nothing else then. */
bool pipeline_has_ended(struct database *db);
/* A COMMIT has not ended in time. */
enum verdict pipeline_fail_stuck(struct database *db);

/* bulk.c */

/* Of a statement that was just prepared: can its rows go by many? */
int bulk_make(struct statement *s);
void bulk_free(struct bulk *b);
bool bulk_has_rows(const struct bulk *b);
/* Keeps the values as a row to be sent. */
int bulk_add(struct statement *s);
/* Sends all that have gathered. */
int bulk_send_all(struct database *db);
/* Forgets them, as their transaction is over, or the connection. */
void bulk_forget_all(struct database *db);
/* Sends them and reads all answers; comes before anything that waits. */
int bulk_await(struct database *db);

/* rounds.c */

/*
 * In rounds: gives the statement, which is prepared, its rows, or sends it, and
 * then it has none; an error stands in its `rc`.  False: it is to be run as ever.
 */
bool rounds_take(struct statement *s);
/* Waits for those that were sent; comes before anything else is waited for. */
int rounds_collect(struct database *db);
void rounds_end(struct database *db);

/* query.c */

/* Sends SQL without parameters, and waits for its end. */
int query_run(struct database *db, const char *sql);
/* The same, and nobody waits for the end, but who says something next. */
void query_send(struct database *db, const char *sql);
/* The same as query_run() for one value; "" for none. */
int query_ask(struct database *db, const char *sql, char *ret, size_t size);

/* statement.c */

/* Prepares it, where that can be and has not been done. */
int statement_prepare(struct statement *s);
void statement_free_all(struct database *db);

/* partition.c */

/* In the transaction that makes the tables. */
int partition_make(struct database *db);
void partition_divide(struct database *db);
/* Is it time for the next one? */
void partition_look(struct database *db);

/* open.c */

/* What of the server's settings may lose mails, as a failure. */
enum verdict settings_check(struct database *db, bool allow_unsafe);

#endif
