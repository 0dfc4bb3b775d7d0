/*
 * Answers that take long, or that smtpdb gives: a second process, made at the
 * start, runs commands of smtpdb that print JSON, one after the other.
 */
#ifndef WEB_TELLER_H
#define WEB_TELLER_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/span.h"

struct teller;

/*
 * Makes the process, which calls `confine` and ends if that returns false.
 * NULL, with errno: there is none.
 */
struct teller *teller_start(
    const char *database, bool (*confine)(void *arg), void *arg);
void teller_stop(struct teller *t);

/* The descriptor is readable when the process has told something. */
int teller_fd(const struct teller *t);
/* Reads what has been told.  True: an answer that was waited for is there. */
bool teller_read(struct teller *t);

/*
 * Returns what the command has told, lines of JSON, if that was at most a
 * minute ago and the archive's version is still the same.  False: the command
 * has been asked, and teller_read() says when it has told.
 */
bool teller_ask(
    struct teller *t, const char *what, int64_t version, struct span *ret);

#endif
