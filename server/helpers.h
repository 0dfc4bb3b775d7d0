/*
 * The listener's helpers.  It starts each that is wanted as a program of its
 * own, and again when one has ended, and introduces sessions to them.
 */
#ifndef HELPERS_H
#define HELPERS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "introduce.h"

/* A program, which gets introductions on its standard input. */
struct helper_conf {
	const char *const *argv; /* argv[0]: its path; NULL: it is not wanted */
	unsigned may_tell;       /* the writer, of any session (FACT_BIT) */
	const char *without;     /* what there is not while it is not there */
};

struct helpers {
	const struct helper_conf *confs; /* by enum helper */
	struct helper_process {
		pid_t pid;  /* 0: none */
		int fd;     /* introductions go here */
		int64_t at; /* not before (ms, CLOCK_MONOTONIC) */
	} rows[HELPER__COUNT];
};

/* `confs` may be NULL: nobody is wanted. */
void helpers_open(struct helpers *h, const struct helper_conf *confs);
/* Closes what is open, in a process just forked too. */
void helpers_close(struct helpers *h);

/*
 * Starts those that are wanted and not there, with a socket to the writer
 * (-1: there is none yet).
 */
void helpers_start(struct helpers *h, int writer);
/* There is another writer: everyone gets a socket to it. */
void helpers_meet_writer(const struct helpers *h, int writer);

/* Takes notice of a child that ended; logged.  False: it was none of them. */
bool helpers_forget(struct helpers *h, pid_t pid, int status);

/*
 * Introduces the session, whose connection is in `i`, to each helper that is
 * there, and adds the session's end of a socket to each to `i`.  A helper that
 * has no room is left out, and the session does not offer what it does.
 */
void helpers_introduce(const struct helpers *h, struct introduction *i);

/*
 * In a process just forked: becomes the program, with `fd` as its standard
 * input.  Never returns.
 */
void helper_become(const struct helper_conf *conf, int fd);

/* Passes SIGHUP on; who cannot be there is started again at once. */
void helpers_hang_up(struct helpers *h);

/* When the listener ends: waits until they have. */
void helpers_wait(struct helpers *h);

#endif
