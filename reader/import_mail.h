/*
 * A mail of a file as the row that it was, or, where it is not one that smtpdb
 * has exported, as one that has to be made.
 */
#ifndef READER_IMPORT_MAIL_H
#define READER_IMPORT_MAIL_H

#include "../archive.h"
#include "../mail/address.h"

/* What a mail without an envelope may have of one. */
struct import_source {
	const char *sender;    /* --sender, or NULL */
	const char *recipient; /* --recipient: no X-Smtpd-Envelope counts */
	char from[ADDRESS_PATH_MAX]; /* of the line of an mbox */
	int64_t date;                /* microseconds */
};

/*
 * NULL; or what is said behind the mail's name, and `ret`, which starts as { 0 },
 * is empty again.
 */
const char *import_read(
    const struct import_source *s, struct span mail, struct archive_mail *ret);

#endif
