/*
 * Holds the mail being received: in memory while it is small, then in an
 * unlinked temporary file beside the database, which leaves no name whatever
 * ends the process.
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
 * Is the memory full?  Then spool_open() or spool_use() is to be called before
 * more is appended.
 */
bool spool_needs_file(const struct spool *sp);
/*
 * Makes an unlinked file in `folder` for it, once: the same is for all mails of
 * the spool, so a process that it was lent to has no more than one.  Returns the
 * descriptor, which stays the spool's; or -1 with errno.
 */
int spool_open(struct spool *sp, const char *folder);
/* Takes over a file that somebody else has made. */
void spool_use(struct spool *sp, int fd);
/*
 * Takes the mail that another process has written into the file of
 * spool_open(), which it may still have open, and cut short.  Returns 0, or -1
 * with errno if the file has fewer octets, or the mail is one that stays in
 * memory.
 */
int spool_take(struct spool *sp, uint64_t size);

/*
 * Takes octets from the front of `*data`, as long as there is room.  Returns 0,
 * or -1 with errno; the mail is then incomplete and must be dropped.
 */
int spool_append(struct spool *sp, struct span *data);
/* Writes what is in memory to the file, if there is one.  As above. */
int spool_flush(struct spool *sp);

/* Forgets the mail and gives its disk space back. */
void spool_reset(struct spool *sp);
/*
 * Between mails: the octets on the disk of the file of spool_open().  They are
 * not 0 if somebody has filled it who was lent it.
 */
uint64_t spool_kept_octets(const struct spool *sp);

uint64_t spool_size(const struct spool *sp);
/* Is it more than stays in memory? */
bool spool_is_big(const struct spool *sp);

/*
 * Lends the octets from `offset` on, up to SPOOL_MEMORY of them and all of a
 * small mail, until the next call.  Returns 0, or -1 with errno.
 */
int spool_read(struct spool *sp, uint64_t offset, struct span *ret);

#endif
