/*
 * A database in a folder of its own, mails to put there, and what another
 * program sees of it.  Anything unexpected here is a crash.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "../../store.h"

struct scratch {
	char folder[64];
	char path[80]; /* of the database */
	struct store_conf conf;
};

/* An empty folder; `wait_ms` is for the stores that use `conf`. */
void scratch_make(struct scratch *s, int wait_ms);
/* Removes it with all that is in it. */
void scratch_remove(const struct scratch *s);

/* The path of the database with `suffix` behind it; lent until the next call.
 */
const char *scratch_file(const struct scratch *s, const char *suffix);
/* The length of that file in octets, or -1: there is none. */
int64_t scratch_size(const struct scratch *s, const char *suffix);
/* The names in the folder, sorted, a blank behind each; lent likewise. */
const char *scratch_list(const struct scratch *s);

/* Reads all of a file; to be freed. */
char *scratch_read(const char *path, size_t *ret_len);
/* Makes or overwrites a file. */
void scratch_write(const char *path, const void *octets, size_t len);

/* The connection of another program, with a busy timeout of its own. */
sqlite3 *scratch_connect(const struct scratch *s);
/* Runs SQL there that answers nothing. */
void scratch_exec(sqlite3 *db, const char *sql);
/*
 * Asks from there: columns are joined by "|", rows by a blank, and NULL is
 * "NULL".  Lent until the next call.  `db` NULL: a connection of its own.
 */
const char *scratch_query(
    const struct scratch *s, sqlite3 *db, const char *sql);
/* Asks the database file alone, as if there were no write-ahead log. */
const char *scratch_query_file(const struct scratch *s, const char *sql);

/* A mail from <a@client.example> to <b@mx.example>. */
const struct store_mail *scratch_mail(void);

/* Octets `from` to `from + len` of the endless text number `seed`. */
void scratch_text(unsigned seed, size_t from, char *ret, size_t len);
/* Appends `len` octets of that text, `piece` of them at a time. */
void scratch_append(struct store *st, unsigned seed, size_t len, size_t piece);
/* Appends such a text and commits it as scratch_mail(). */
enum verdict scratch_commit(
    struct store *st, unsigned seed, size_t len, int64_t *ret_id);
/* Is the data of row `id` these octets? */
bool scratch_holds(
    const struct scratch *s, int64_t id, unsigned seed, size_t len);

/*
 * Runs `run` in a child process; what it returns becomes the exit status of
 * the child, which makes no assertions.
 */
int scratch_start(int (*run)(void *), void *arg);
/* Waits for the child.  Its exit status, or -1: it was killed. */
int scratch_wait(int pid);

/* Milliseconds on a clock that never jumps. */
int64_t scratch_now_ms(void);
/* Waits a moment, in a loop that asks for a condition until `deadline_ms`. */
bool scratch_poll(int64_t deadline_ms);

extern const char *const scratch_result_names[];
/* Is it one line that tells a cause, as store_error() promises? */
bool scratch_is_cause(const char *text);

/* Fails the test where `call` on the store does not give `want`. */
#define EXPECT_RESULT(st, want, call)                                          \
	do {                                                                   \
		enum verdict got_ = (call);                                    \
		cr_expect(got_ == (want), "%s: want %s, got %s: \"%s\"",       \
		    #call, scratch_result_names[want],                         \
		    scratch_result_names[got_], store_error(st));              \
		cr_expect(                                                     \
		    got_ == VERDICT_OK || scratch_is_cause(store_error(st)),   \
		    "%s: no line with the cause: \"%s\"", #call,               \
		    store_error(st));                                          \
	} while (0)

/* Fails the test where the query does not give `want`. */
#define EXPECT_QUERY(s, sql, want)                                             \
	do {                                                                   \
		const char *got_ = scratch_query(s, NULL, sql);                \
		cr_expect(strcmp(got_, want) == 0,                             \
		    "%s: want \"%s\", got \"%s\"", sql, want, got_);           \
	} while (0)

/* How many wait for a lock of flock(2) on this file? */
int scratch_waiters(int fd);

#endif
