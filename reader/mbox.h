/* The lines between the mails of an mbox (RFC 4155). */
#ifndef READER_MBOX_H
#define READER_MBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/span.h"

/*
 * Reads "From SENDER DATE".  The sender is what stands before the date,
 * whatever that is; the date may have a zone, and may lack seconds; it is
 * seconds since 1970.  False: the line begins no mail.
 */
bool mbox_read_from(
    struct span line, struct span *ret_sender, int64_t *ret_date);

/* Does it begin with "From ", with any number of ">" before that? */
bool mbox_is_quoted(struct span line);

#endif
