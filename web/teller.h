/*
 * What takes long or is smtpdb's to tell: another process, made at the start,
 * runs the commands of smtpdb that tell it as JSON, one after the other.
 */
#ifndef WEB_TELLER_H
#define WEB_TELLER_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/span.h"

struct teller;

/*
 * Makes the process, which `confine` confines (false: it ends).  NULL, with
 * errno: there is none.
 */
struct teller *teller_start(
    const char *database, bool (*confine)(void *arg), void *arg);
void teller_stop(struct teller *t);

/* Readable when it has told something. */
int teller_fd(const struct teller *t);
/* Takes that.  True: what somebody has waited for is there. */
bool teller_read(struct teller *t);

/*
 * What the command of that name has told, lines of JSON, no longer than a
 * minute ago or, as `version` of the archive says, before it changed.  False:
 * it is asked now, and teller_read() says when.
 */
bool teller_ask(
    struct teller *t, const char *what, int64_t version, struct span *ret);

#endif
