/* An LMTP client (RFC 2033): one mail to all of its mailboxes, or to none. */
#ifndef READER_LMTP_H
#define READER_LMTP_H

#include "archive.h"

/*
 * `where` is the path of a socket, or HOST:PORT.  EX_OK: every mailbox has it.
 * EX_TEMPFAIL: try again; any other status: it will not be taken.  What is
 * wrong has been told.
 */
int lmtp_deliver(const char *where, const struct archive_mail *m);

#endif
