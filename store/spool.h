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

/* The memory is full: spool_open() or spool_use() comes before more. */
bool spool_needs_file(const struct spool *sp);
/*
 * Makes an unlinked file in `folder` for it.  Returns the descriptor, which
 * stays the spool's; or -1 with errno.
 */
int spool_open(struct spool *sp, const char *folder);
/* Takes over a file that somebody else has made. */
void spool_use(struct spool *sp, int fd);
/*
 * Another process has written so many octets into the file of spool_open(), and
 * may still have it open.  Returns 0, or -1 with errno: it has not.
 */
int spool_take(struct spool *sp, uint64_t size);

/*
 * Takes octets from the front of `*data`, as long as they have room.  Returns
 * 0, or -1 with errno; the mail is then incomplete and must go.
 */
int spool_append(struct spool *sp, struct span *data);
/* Writes what is in memory to the file, if there is one.  As above. */
int spool_flush(struct spool *sp);

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
