/* What the ways to deliver a mail share. */
#ifndef READER_DELIVER_H
#define READER_DELIVER_H

#include "private.h"

struct delivery {
	struct smtpdb *t;
	const char *consumer;
	const char *lmtp; /* NULL: a command */
	bool sendmail;
	char **command;
	int64_t lease_sec;
};

/*
 * Delivers the mail to those of its mailboxes that lack it.  Returns a status,
 * and in `*ret_lost` whether other mails will fare no better.
 */
int deliver_by_lmtp(
    const struct delivery *d, const struct archive_mail *m, bool *ret_lost);

#endif
