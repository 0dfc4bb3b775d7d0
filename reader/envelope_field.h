/*
 * The envelope of a mail in a file: a field X-Smtpd-Envelope between the lines
 * that the server added and what the client sent.  So the two can be told
 * apart again, and a field of the same name that the client sent is behind it.
 *
 *	Return-Path: <ann@a.example>
 *	Received: from ...
 *	X-Smtpd-Envelope: v=1 id=5 received=1795293692123456 client=192.0.2.1 port=4711
 *	 smtputf8=0 lines=lf open=0 protocol=ESMTP verb=MAIL body=7BIT
 *	 ends=12c1l
 *	 account=ann
 *	 tls=TLSv1.3%20TLS_AES_256_GCM_SHA384
 *	 helo=a.example
 *	 from=ann@a.example
 *	 to=bob@b.example mailbox=bob@b.example
 *	 end=1
 *	Subject: hi
 *
 * Words are "name=value"; "%HH" stands for an octet; words for which the mail
 * has no value are left out.  "end" is the last word, so that a mail which
 * begins with a blank is not taken for more of the field.
 */
#ifndef READER_ENVELOPE_FIELD_H
#define READER_ENVELOPE_FIELD_H

#include <stdbool.h>

#include "../archive.h"
#include "../mail/span.h"
#include "../mime/text.h"

/* How a mail lies in a file. */
struct envelope_form {
	bool line_feeds; /* lines end in LF, else in CRLF */
	bool open;       /* an LF was added to the last line */
	/* What the line ends of the mail were (line_ends.h); empty: CRLF. */
	struct text ends;
};

/* The field with its line ends, CRLF; to be freed.  NULL: no memory. */
char *envelope_write(
    const struct archive_mail *m, const struct envelope_form *form);

/*
 * Finds the field in the mail's header.  False: there is none.  What is before
 * and behind it is returned, and its text with the line ends.
 */
bool envelope_find(struct span mail, struct span *ret_before,
    struct span *ret_field, struct span *ret_behind);

/*
 * Reads the field into `m`, which starts as { 0 }, all but the octets of the
 * mail.  `ret_form->ends` is to be freed, whatever is returned.  False: smtpdb
 * did not write the field, or it was damaged.
 */
bool envelope_read(
    struct span field, struct archive_mail *m, struct envelope_form *ret_form);

/* Can this be a reverse-path ("" for <>), or a forward-path? */
bool envelope_is_path(const char *path);

#endif
