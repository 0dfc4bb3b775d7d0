/* An LMTP client (RFC 2033): one mail to those of its mailboxes that lack it. */
#ifndef READER_LMTP_H
#define READER_LMTP_H

#include "../archive.h"

/*
 * `where` is the path of a socket, or HOST:PORT.  `had` says for each recipient
 * whether it has the mail, and is passed over; it is set for those that take
 * it now.  EX_OK: all have it.  EX_TEMPFAIL: try again; any other status: some
 * will not take it.  `*ret_lost` is set where other mails will fare no better.
 * What is wrong has been told.
 */
int lmtp_deliver(
    const char *where, const struct archive_mail *m, bool *had, bool *ret_lost);

#endif
