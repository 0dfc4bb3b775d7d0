/*
 * Holds the mail being received: in memory while it is small, in an unlinked
 * temporary file beside the database when it is not.  No name remains of it,
 * whatever ends the process.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* A mail of up to this many octets stays in memory. */
enum {
	SPOOL_MEMORY = 256 * 1024,
};

struct spool;

/* NULL: no memory. */
struct spool *spool_new(void);
void spool_free(struct spool *sp);

/*
 * A file that is needed is made in `folder`.  Returns 0, or -1 with errno; the
 * mail is then incomplete and must go.
 */
int spool_append(struct spool *sp, const char *folder, struct span data);

/* Forgets the mail and gives its disk space back. */
void spool_reset(struct spool *sp);

uint64_t spool_size(const struct spool *sp);
/* Is it more than stays in memory? */
bool spool_is_big(const struct spool *sp);

/*
 * Lends the octets from `offset` on, up to SPOOL_MEMORY of them and all of a
 * small mail, until the next call.  Returns 0, or -1 with errno.
 */
int spool_read(struct spool *sp, uint64_t offset, struct span *ret);

#endif
