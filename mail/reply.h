/*
 * The table of all replies: code (RFC 5321 s. 4.2), enhanced code (RFC 3463)
 * and text.  The machine, the policy, the listener and HELP take theirs from
 * here; only rows of the policy have words of their own.
 */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

enum reply {
	REPLY_NONE, /* no reply: it comes later, or was written already */
	REPLY_READY,
	REPLY_READY_LMTP,
	REPLY_START_TLS,
	REPLY_CLOSING,
	REPLY_OK,
	REPLY_HELO,
	REPLY_FLUSHED,
	REPLY_SENDER_OK,
	REPLY_RECIPIENT_OK,
	REPLY_CHUNK_OK,
	REPLY_STORED,
	REPLY_CANNOT_VRFY,
	REPLY_START_MAIL,
	REPLY_SHUTDOWN,
	REPLY_UNAVAILABLE,
	REPLY_TIMEOUT,
	REPLY_EXPIRED,
	REPLY_TOO_MANY_ERRORS,
	REPLY_TOO_MANY_COMMANDS,
	REPLY_TOO_MANY_MAILS,
	REPLY_LOST_TRACK,
	REPLY_NOT_SMTP,
	REPLY_BUSY,
	REPLY_FAILED,
	REPLY_FULL,
	REPLY_NO_MEMORY,
	REPLY_TOO_MANY_RECIPIENTS,
	REPLY_LINE_TOO_LONG,
	REPLY_LF_ALONE,
	REPLY_BAD_OCTET,
	REPLY_UNKNOWN,
	REPLY_IS_LMTP,
	REPLY_NO_ARGUMENT,
	REPLY_NEEDS_ARGUMENT,
	REPLY_OPEN_QUOTE,
	REPLY_HELO_SYNTAX,
	REPLY_MAIL_SYNTAX,
	REPLY_MAIL_PATH,
	REPLY_RCPT_SYNTAX,
	REPLY_RCPT_PATH,
	REPLY_RCPT_NULL,
	REPLY_BDAT_SYNTAX,
	REPLY_XCLIENT_SYNTAX,
	REPLY_BAD_UTF8,
	REPLY_MAIL_LOCAL_TOO_LONG,
	REPLY_MAIL_DOMAIN_TOO_LONG,
	REPLY_MAIL_PATH_TOO_LONG,
	REPLY_RCPT_LOCAL_TOO_LONG,
	REPLY_RCPT_DOMAIN_TOO_LONG,
	REPLY_RCPT_PATH_TOO_LONG,
	REPLY_PARAM_SYNTAX,
	REPLY_PARAM_TWICE,
	REPLY_PARAM_VALUE,
	REPLY_PARAM_UNKNOWN,
	REPLY_BODY_UNKNOWN,
	REPLY_HELP_UNKNOWN,
	REPLY_NOT_IMPLEMENTED,
	REPLY_BAD_SEQUENCE,
	REPLY_NEEDS_MAIL,
	REPLY_NEEDS_RCPT,
	REPLY_NEEDS_BDAT,
	REPLY_TOO_BIG,
	REPLY_NEEDS_SMTPUTF8,
	REPLY_NO_RECIPIENTS,
	REPLY_NO_RECIPIENTS_YET,
	REPLY_BARE_CR,
	REPLY_BARE_LF,

	/* AUTH's. */
	REPLY_AUTH_DONE,
	REPLY_AUTH_MORE, /* the detail is the challenge */
	REPLY_AUTH_TROUBLE,
	REPLY_AUTH_TOO_OFTEN,
	REPLY_AUTH_TOO_LONG,
	REPLY_AUTH_MALFORMED,
	REPLY_AUTH_CANCELLED,
	REPLY_AUTH_ALREADY,
	REPLY_AUTH_UNKNOWN,
	REPLY_AUTH_REQUIRED,
	REPLY_AUTH_WEAK,
	REPLY_AUTH_REFUSED,
	REPLY_AUTH_NEEDS_TLS,

	/* The policy's. */
	REPLY_IS, /* the detail is the address */
	REPLY_MEMBER,
	REPLY_WILL_FORWARD,
	REPLY_MAILBOX_BUSY,
	REPLY_RATE, /* the detail is how long to wait */
	REPLY_ALIAS_TROUBLE,
	REPLY_MAILBOX_OVER_QUOTA,
	REPLY_NO_MAILBOX,
	REPLY_NO_LIST,
	REPLY_NO_RELAY,
	REPLY_DISABLED,
	REPLY_MOVED, /* the detail is the address */
	REPLY_MAILBOX_FULL,
	REPLY_NAME_NOT_ALLOWED,
	REPLY_AMBIGUOUS,
	REPLY_NOT_YOURS,

	/* The listener's. */
	REPLY_NO_SERVICE,
	REPLY_NO_PROCESS,
	REPLY_NO_PROXY_HEADER,
	REPLY_TOO_MANY_CONNECTIONS,
	REPLY_TOO_MANY_FROM_YOU,

	/* HELP's. */
	REPLY_STATUS,
	REPLY_STATUS_LIMITS,
	REPLY_STATUS_COUNTS,
	REPLY_HELP_VERBS,
	REPLY_HELP_HINT,
	REPLY_HELP_STATUS_HINT,
	REPLY_HELP_HELO,
	REPLY_HELP_EHLO,
	REPLY_HELP_LHLO,
	REPLY_HELP_MAIL,
	REPLY_HELP_RCPT,
	REPLY_HELP_DATA,
	REPLY_HELP_BDAT,
	REPLY_HELP_RSET,
	REPLY_HELP_NOOP,
	REPLY_HELP_QUIT,
	REPLY_HELP_VRFY,
	REPLY_HELP_EXPN,
	REPLY_HELP_HELP,
	REPLY_HELP_AUTH,
	REPLY_HELP_SEND,
	REPLY_HELP_SOML,
	REPLY_HELP_SAML,
	REPLY_HELP_TURN,
	REPLY_HELP_STARTTLS,
	REPLY_HELP_XCLIENT,
	REPLY_HELP_XFORWARD,
	REPLY__COUNT
};

enum {
	REPLY_LINE_MAX = 512, /* 5321 s. 4.5.3.1.5, with CRLF */
	REPLY_NUMBERS_MAX = 5,
};

struct reply_text {
	int code;
	const char *enhanced; /* NULL: none */
	/*
	 * One line without CR, LF and peer data.  "%" stands for the host
	 * name, each "#" for the next number, behind which a word loses its "s"
	 * if the number is 1; "@" for the detail.  A text behind "\n" stands in for the first if the detail may not be said.
	 */
	const char *text;
};

extern const struct reply_text replies[REPLY__COUNT];

/* The values for the places in a text. */
struct reply_values {
	const char *hostname;
	uint64_t numbers[REPLY_NUMBERS_MAX];
	const char *detail;
	bool utf8; /* the reply may hold UTF-8 (RFC 6531 s. 3.3) */
};

/*
 * Writes one line with its CRLF, with "-" behind the code if `more` lines
 * follow. What exceeds `size` octets is cut.  Returns the octets written.
 */
size_t reply_write(char *buf, size_t size, const struct reply_text *r,
    const struct reply_values *v, bool more);
/* Writes the text alone, and a NUL. */
void reply_write_text(char *buf, size_t size, const struct reply_text *r,
    const struct reply_values *v);

/* Returns the refusal for a verdict; REPLY_NONE for VERDICT_OK. */
enum reply reply_for(enum verdict verdict);

#endif
