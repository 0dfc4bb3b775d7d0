/*
 * The client's end of the writer's socket (mail/wire.h): a store whose
 * database another process has open.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "../mail/networks.h"
#include "../mail/question.h"
#include "../store.h"
#include "spool.h"

struct link;

/* Takes over the descriptor.  NULL: no memory, and the descriptor is closed. */
struct link *link_new(int fd);
void link_free(struct link *l);

void link_ask(struct link *l, const struct question *q, struct answer *ret);
/* As store_tell(). */
void link_tell(struct link *l, uint64_t number, const struct facts *f);
/* As store_retract(). */
void link_retract(struct link *l);

enum verdict link_introduce(struct link *l, const struct fronted *said);

/*
 * Has the writer open a file for a mail that is too big for messages.  Returns
 * the descriptor, which the caller owns; or -1, with the reason in `*ret`.
 */
int link_open_spool(struct link *l, enum verdict *ret);

/* Stores the mail in `spool` as store_commit() does. */
enum verdict link_commit(struct link *l, const struct store_mail *mail,
    struct spool *spool, int64_t *ret_id, bool *ret_again);
/* Gives up the mail begun; the next question about MAIL begins another. */
void link_drop(struct link *l);

const char *link_error(const struct link *l);
/* As database_fail_errno(). */
enum verdict link_fail_errno(struct link *l, const char *what, int error);

#endif
