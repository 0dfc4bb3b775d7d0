/*
 * Writes a session down in the format of tests/transcripts, so that what a
 * client did can be read, sent to us, and played again.
 */
#ifndef RECORD_H
#define RECORD_H

#include "../mail/auth.h"
#include "../mail/envelope.h"
#include "../mail/span.h"
#include "../session.h"

struct record;

/*
 * Opens or makes the file, whose path is borrowed.  NULL: logged.  That it
 * cannot be written later is logged, once.
 */
struct record *record_open(const char *path);
void record_close(struct record *r);

/* These functions do nothing if `r` is NULL. */

/* Empties the file and writes the settings that matter. */
void record_begin(struct record *r, const struct session_conf *conf);
/*
 * Write octets from the client, and to it.  Of AUTH what stands behind the
 * mechanism is masked (mask.h); `is_text`: what begins here is not a command.
 */
void record_input(struct record *r, struct span data, bool is_text);
void record_output(struct record *r, struct span data);
/*
 * Write which mechanisms are offered (NULL: none), before the first output, and
 * what comes of a step of AUTH, before it is answered.
 */
void record_offer(struct record *r, const char *mechanisms);
void record_auth(
    struct record *r, enum auth_result result, struct span challenge);
/* Writes why no more input came; not that the client left. */
void record_end(struct record *r, enum session_end why);
/* Take octets of a mail, forget that mail, or write that it was stored. */
void record_body(struct record *r, struct span data);
void record_drop(struct record *r);
void record_stored(struct record *r, const struct envelope *e);

#endif
