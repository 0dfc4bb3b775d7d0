#include "reply.h"

#include <stddef.h>

/* clang-format off */
const struct reply_text replies[REPLY__COUNT] = {
	[REPLY_READY]          = { 220, NULL,    "% ESMTP smtpd" },
	[REPLY_CLOSING]        = { 221, "2.0.0", "% closing connection" },
	[REPLY_OK]             = { 250, "2.0.0", "OK" },
	[REPLY_HELO]           = { 250, NULL,    "%" },
	[REPLY_FLUSHED]        = { 250, "2.0.0", "Flushed" },
	[REPLY_SENDER_OK]      = { 250, "2.1.0", "Sender OK" },
	[REPLY_RECIPIENT_OK]   = { 250, "2.1.5", "Recipient OK" },
	[REPLY_CHUNK_OK]       = { 250, "2.0.0", "# octets received" },
	[REPLY_STORED]         = { 250, "2.0.0", "Stored as message #" },
	[REPLY_CANNOT_VRFY]    = { 252, "2.5.2", "Cannot verify, but will take mail for it" },
	[REPLY_START_MAIL]     = { 354, NULL,    "End with <CRLF>.<CRLF>" },

	[REPLY_SHUTDOWN]       = { 421, "4.3.2", "% shutting down, try again" },
	[REPLY_UNAVAILABLE]    = { 421, "4.3.0", "% mail store unavailable, try later" },
	[REPLY_TIMEOUT]        = { 421, "4.4.2", "% timed out waiting for input" },
	[REPLY_EXPIRED]        = { 421, "4.4.2", "% session took too long" },
	[REPLY_TOO_MANY_ERRORS]= { 421, "4.7.0", "% too many errors" },
	[REPLY_TOO_MANY_MAILS] = { 421, "4.7.0", "% too many mails in one session" },
	[REPLY_LOST_TRACK]     = { 421, "4.7.0", "% lost track of the mail data" },
	[REPLY_NOT_SMTP]       = { 421, "4.7.0", "% speaks SMTP, not HTTP" },

	/* Trouble of ours. */
	[REPLY_BUSY]           = { 451, "4.3.0", "Mail store busy, try again" },
	[REPLY_FAILED]         = { 451, "4.3.0", "Mail store failed, try again" },
	/* To a client that did not wait for the 4yz of its RCPTs. */
	[REPLY_NO_RECIPIENTS_YET]
	                       = { 451, "4.5.1", "No recipients for now, try again" },
	[REPLY_FULL]           = { 452, "4.3.1", "Mail store full, try later" },
	[REPLY_NO_MEMORY]      = { 452, "4.3.1", "Out of memory, try later" },
	[REPLY_TOO_MANY_RECIPIENTS]
	                       = { 452, "4.5.3", "Too many recipients" },

	/* Trouble of theirs. */
	[REPLY_LINE_TOO_LONG]  = { 500, "5.5.2", "Line too long" },
	[REPLY_BAD_OCTET]      = { 500, "5.5.2", "Control character in command" },
	[REPLY_UNKNOWN]        = { 500, "5.5.1", "Command unrecognized" },
	[REPLY_NO_ARGUMENT]    = { 501, "5.5.4", "No argument allowed" },
	[REPLY_NEEDS_ARGUMENT] = { 501, "5.5.4", "Argument missing" },
	[REPLY_HELO_SYNTAX]    = { 501, "5.5.4", "Not a domain or address literal" },
	[REPLY_MAIL_SYNTAX]    = { 501, "5.1.7", "Syntax: FROM:<reverse-path> [parameters]" },
	[REPLY_RCPT_SYNTAX]    = { 501, "5.1.3", "Syntax: TO:<forward-path> [parameters]" },
	[REPLY_RCPT_NULL]      = { 501, "5.1.3", "A recipient cannot be empty" },
	[REPLY_BDAT_SYNTAX]    = { 501, "5.5.4", "Syntax: BDAT octets [LAST]" },
	[REPLY_BAD_UTF8]       = { 501, "5.5.2", "Not UTF-8" },
	[REPLY_MAIL_LOCAL_TOO_LONG]
	                       = { 501, "5.1.7", "Local part too long" },
	[REPLY_MAIL_DOMAIN_TOO_LONG]
	                       = { 501, "5.1.7", "Domain too long" },
	[REPLY_MAIL_PATH_TOO_LONG]
	                       = { 501, "5.1.7", "Path too long" },
	[REPLY_RCPT_LOCAL_TOO_LONG]
	                       = { 501, "5.1.3", "Local part too long" },
	[REPLY_RCPT_DOMAIN_TOO_LONG]
	                       = { 501, "5.1.3", "Domain too long" },
	[REPLY_RCPT_PATH_TOO_LONG]
	                       = { 501, "5.1.3", "Path too long" },
	[REPLY_PARAM_SYNTAX]   = { 501, "5.5.4", "Malformed parameter" },
	[REPLY_PARAM_TWICE]    = { 501, "5.5.4", "Parameter given twice" },
	[REPLY_PARAM_VALUE]    = { 501, "5.5.4", "Malformed parameter value" },
	[REPLY_NOT_IMPLEMENTED]= { 502, "5.5.1", "Command not implemented" },
	[REPLY_BAD_SEQUENCE]   = { 503, "5.5.1", "Bad sequence of commands" },
	[REPLY_NEEDS_MAIL]     = { 503, "5.5.1", "MAIL first" },
	[REPLY_NEEDS_RCPT]     = { 503, "5.5.1", "RCPT first" },
	[REPLY_NEEDS_BDAT]     = { 503, "5.5.1", "BINARYMIME needs BDAT" },
	[REPLY_BODY_UNKNOWN]   = { 504, "5.5.4", "Body type not implemented" },
	[REPLY_HELP_UNKNOWN]   = { 504, "5.5.4", "No help on that" },
	[REPLY_TOO_BIG]        = { 552, "5.3.4", "Mail too big" },
	[REPLY_NEEDS_SMTPUTF8] = { 553, "5.6.7", "Address needs SMTPUTF8" },
	[REPLY_NO_RECIPIENTS]  = { 554, "5.5.1", "No valid recipients" },
	[REPLY_BARE_CR]        = { 554, "5.6.0", "Bare CR in mail" },
	[REPLY_BARE_LF]        = { 554, "5.6.0", "Bare LF in mail" },
	[REPLY_PARAM_UNKNOWN]  = { 555, "5.5.4", "Parameter unknown" },
};
/* clang-format on */
