/*
 * The envelope of one mail: what MAIL and RCPT said.  The session fills it and
 * the store writes it, so neither includes the other.
 *
 * All text is valid and ends in NUL.  The envelope owns it until
 * envelope_reset() or envelope_free().
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "span.h"

struct recipient {
	const char *forward_path;       /* no brackets, no source route */
	const char *notify;             /* NOTIFY= as sent (3461); or NULL */
	const char *original_recipient; /* ORCPT= as sent, xtext; or NULL */
	const char *mailbox;            /* where it goes; NULL: forward_path */
	bool added;                     /* by a filter, not by RCPT */
};

struct envelope {
	const char *verb;         /* "MAIL", "SEND", "SOML" or "SAML" */
	const char *protocol;     /* WITH name: RFC 3848, 6531 s. 4.3 */
	const char *helo;         /* argument of HELO or EHLO; "" if none */
	const char *reverse_path; /* no brackets; "" for <> */
	const char *body_type;    /* "7BIT", "8BITMIME" or "BINARYMIME" */
	bool smtputf8;            /* MAIL carried SMTPUTF8 */
	bool requiretls;          /* MAIL carried REQUIRETLS (RFC 8689) */
	const char *envelope_id;  /* ENVID= as sent, xtext; or NULL */
	const char *claimed_as;   /* by AUTH, unchecked; or NULL */
	const char *dsn_return;   /* "FULL", "HDRS" or NULL */
	uint64_t size;            /* octets of the mail data */
	bool bare_line_ends;      /* the text has a CR or LF outside CRLF */

	struct recipient *recipients;
	unsigned nrecipients;

	/* Private to envelope.c. */
	unsigned recipients_cap;
	struct envelope_block *blocks;
};

/* Forgets the mail, and keeps a little memory for the next one. */
void envelope_reset(struct envelope *e);
/* Frees everything.  `e` may be filled anew. */
void envelope_free(struct envelope *e);

/*
 * Copies `text` into the envelope and ends it with NUL.  NULL: no memory.
 */
const char *envelope_text(struct envelope *e, struct span text);

/*
 * Appends a recipient whose strings came from envelope_text().  Returns 0, or
 * -1 when there is no memory; the envelope is then as it was.
 */
int envelope_add(struct envelope *e, const struct recipient *r);

/*
 * How far it is filled, and back to there: what was added since is forgotten,
 * texts and recipients.  A mark holds until envelope_reset().
 */
struct envelope_mark {
	unsigned nrecipients;
	struct envelope_block *block;
	size_t used;
};
struct envelope_mark envelope_mark(const struct envelope *e);
void envelope_return(struct envelope *e, struct envelope_mark to);

/* Returns the mailbox that the recipient goes to. */
const char *recipient_mailbox(const struct recipient *r);

#endif
