/*
 * Makes a row of a mail in a file: the row that it was, if smtpdb has exported
 * it, or else a new one.
 */
#ifndef READER_IMPORT_MAIL_H
#define READER_IMPORT_MAIL_H

#include "../archive.h"
#include "../mail/address.h"

/* What a mail without an envelope may have of one. */
struct import_source {
	const char *sender;    /* --sender, or NULL */
	const char *recipient; /* --recipient; X-Smtpd-Envelope is ignored */
	char from[ADDRESS_PATH_MAX]; /* of the From line of an mbox */
	int64_t date;                /* microseconds */
};

/*
 * Returns NULL, or an error to be printed behind the mail's name.  Then `ret`,
 * which starts as { 0 }, is empty again.
 */
const char *import_read(
    const struct import_source *s, struct span mail, struct archive_mail *ret);

#endif
