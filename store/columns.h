/*
 * Parts of a mail as columns of its row.
 */
#ifndef STORE_COLUMNS_H
#define STORE_COLUMNS_H

#include "../database.h"
#include "../mail/envelope.h"
#include "../mail/facts.h"
#include "../mail/header.h"

void columns_bind_envelope(struct statement *s, const struct envelope *e);
/* `f` may be NULL, and so may `h`. */
void columns_bind_facts(struct statement *s, const struct facts *f);
void columns_bind_header(struct statement *s, const struct header *h);

#endif
