#include "reply.h"

#include <string.h>

#include "utf8.h"

/* clang-format off */
const struct reply_text replies[REPLY__COUNT] = {
	[REPLY_READY]          = { 220, NULL,    "% ESMTP smtpd" },
	[REPLY_READY_LMTP]     = { 220, NULL,    "% LMTP smtpd" },
	[REPLY_START_TLS]      = { 220, "2.0.0", "Ready to start TLS" },
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
	[REPLY_TOO_MANY_COMMANDS]
	                       = { 421, "4.7.0", "% too many commands without a mail" },
	[REPLY_TOO_MANY_MAILS] = { 421, "4.7.0", "% too many mails in one session" },
	[REPLY_LOST_TRACK]     = { 421, "4.7.0", "% lost track of the mail data" },
	[REPLY_NOT_SMTP]       = { 421, "4.7.0", "% speaks SMTP and nothing else" },

	/* The machine is short, or we are wrong. */
	[REPLY_BUSY]           = { 451, "4.3.0", "Mail store busy, try again" },
	[REPLY_FAILED]         = { 451, "4.3.0", "Mail store failed, try again" },
	/* The client sent DATA without waiting for the 4yz of its RCPTs. */
	[REPLY_NO_RECIPIENTS_YET]
	                       = { 451, "4.5.1", "No recipients for now, try again" },
	[REPLY_FULL]           = { 452, "4.3.1", "Mail store full, try later" },
	[REPLY_NO_MEMORY]      = { 452, "4.3.1", "Out of memory, try later" },
	[REPLY_TOO_MANY_RECIPIENTS]
	                       = { 452, "4.5.3", "Too many recipients" },

	/* The client is wrong. */
	[REPLY_LINE_TOO_LONG]  = { 500, "5.5.2", "Line too long" },
	[REPLY_LF_ALONE]       = { 500, "5.5.2", "Lines end in CRLF, not in LF alone" },
	[REPLY_BAD_OCTET]      = { 500, "5.5.2", "Control character in command" },
	[REPLY_UNKNOWN]        = { 500, "5.5.1", "Command unrecognized" },
	[REPLY_IS_LMTP]        = { 500, "5.5.1", "LMTP is spoken here: LHLO, not HELO or EHLO" },
	[REPLY_NO_ARGUMENT]    = { 501, "5.5.4", "No argument allowed" },
	[REPLY_NEEDS_ARGUMENT] = { 501, "5.5.4", "Argument missing" },
	[REPLY_OPEN_QUOTE]     = { 501, "5.5.4", "Quoted string without its end" },
	[REPLY_HELO_SYNTAX]    = { 501, "5.5.4", "Not a domain or address literal" },
	[REPLY_MAIL_SYNTAX]    = { 501, "5.5.4", "Syntax: FROM:<reverse-path> [parameters]" },
	[REPLY_MAIL_PATH]      = { 501, "5.1.7", "Syntax: FROM:<reverse-path> [parameters]" },
	[REPLY_RCPT_SYNTAX]    = { 501, "5.5.4", "Syntax: TO:<forward-path> [parameters]" },
	[REPLY_RCPT_PATH]      = { 501, "5.1.3", "Syntax: TO:<forward-path> [parameters]" },
	[REPLY_RCPT_NULL]      = { 501, "5.1.3", "A recipient cannot be empty" },
	[REPLY_BDAT_SYNTAX]    = { 501, "5.5.4", "Syntax: BDAT octets [LAST]" },
	[REPLY_XCLIENT_SYNTAX] = { 501, "5.5.4", "Syntax: attribute=value..., each once" },
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

	/* AUTH's (RFC 4954 s. 4.2, 6). */
	[REPLY_AUTH_DONE]      = { 235, "2.7.0", "Authenticated" },
	[REPLY_AUTH_MORE]      = { 334, NULL,    "@" },
	[REPLY_AUTH_TROUBLE]   = { 454, "4.7.0", "Cannot authenticate now, try again" },
	[REPLY_AUTH_TOO_OFTEN] = { 454, "4.7.0", "Too many wrong passwords, try later" },
	[REPLY_AUTH_TOO_LONG]  = { 500, "5.5.6", "Response too long" },
	[REPLY_AUTH_MALFORMED] = { 501, "5.5.2", "Malformed response" },
	[REPLY_AUTH_CANCELLED] = { 501, "5.7.0", "Cancelled" },
	[REPLY_AUTH_ALREADY]   = { 503, "5.5.1", "Authenticated already" },
	[REPLY_AUTH_UNKNOWN]   = { 504, "5.5.4", "Mechanism not offered" },
	[REPLY_AUTH_REQUIRED]  = { 530, "5.7.0", "Authentication required" },
	[REPLY_AUTH_WEAK]      = { 534, "5.7.9", "Mechanism too weak" },
	[REPLY_AUTH_REFUSED]   = { 535, "5.7.8", "Credentials not accepted" },
	[REPLY_AUTH_NEEDS_TLS] = { 538, "5.7.11", "Encryption required" },

	/* The policy's. */
	[REPLY_IS]             = { 250, "2.1.5", "<@>\nMailbox exists" },
	[REPLY_MEMBER]         = { 250, "2.1.5", "<@>\nA member whose address needs SMTPUTF8" },
	[REPLY_WILL_FORWARD]   = { 251, "2.1.5", "User not local; will forward to <@>\nUser not local; will forward" },
	[REPLY_MAILBOX_BUSY]   = { 450, "4.2.1", "Mailbox busy, try again later" },
	[REPLY_RATE]           = { 450, "4.7.1", "Too much mail, try again in @" },
	[REPLY_ALIAS_TROUBLE]  = { 451, "4.2.4", "Alias leads nowhere or too far" },
	[REPLY_MAILBOX_OVER_QUOTA]
	                       = { 452, "4.2.2", "Mailbox full, try again later" },
	[REPLY_NO_MAILBOX]     = { 550, "5.1.1", "No such mailbox here" },
	[REPLY_NO_LIST]        = { 550, "5.1.1", "No such list here" },
	[REPLY_NO_RELAY]       = { 550, "5.7.1", "Not a domain of this host" },
	[REPLY_DISABLED]       = { 550, "5.2.1", "Mailbox disabled" },
	[REPLY_MOVED]          = { 551, "5.1.6", "User not local; please try <@>\nUser not local" },
	[REPLY_MAILBOX_FULL]   = { 552, "5.2.2", "Mailbox full" },
	[REPLY_NAME_NOT_ALLOWED]
	                       = { 553, "5.1.3", "Mailbox name not allowed" },
	[REPLY_AMBIGUOUS]      = { 553, "5.1.4", "Ambiguous; name the domain as well" },
	[REPLY_NOT_YOURS]      = { 553, "5.7.1", "Not an address of this account" },

	/* The listener's. */
	[REPLY_NO_SERVICE]     = { 421, "4.3.0", "Service not available, try later" },
	[REPLY_NO_PROCESS]     = { 421, "4.7.0", "% cannot start a session, try later" },
	[REPLY_NO_PROXY_HEADER]
	                       = { 421, "4.7.0", "% wants a PROXY header from you first" },
	[REPLY_TOO_MANY_CONNECTIONS]
	                       = { 421, "4.7.0", "% too many connections, try later" },
	[REPLY_TOO_MANY_FROM_YOU]
	                       = { 421, "4.7.0", "% too many connections from your address" },

	/* HELP's. */
	[REPLY_STATUS]         = { 211, "2.0.0", "smtpd @" },
	[REPLY_STATUS_LIMITS]  = { 211, "2.0.0", "Limits: # octets, # recipients, # mails, # errors" },
	[REPLY_STATUS_COUNTS]  = { 211, "2.0.0", "So far: # commands, # errors, # mails, # recipients, # octets" },
	[REPLY_HELP_VERBS]     = { 214, "2.0.0", "@" },
	[REPLY_HELP_HINT]      = { 214, "2.0.0", "HELP verb explains one" },
	[REPLY_HELP_STATUS_HINT]
	                       = { 214, "2.0.0", "HELP STATUS tells of this session" },
	[REPLY_HELP_HELO]      = { 214, "2.0.0", "HELO domain: say who you are" },
	[REPLY_HELP_EHLO]      = { 214, "2.0.0", "EHLO domain: say who you are, see the extensions" },
	[REPLY_HELP_LHLO]      = { 214, "2.0.0", "LHLO domain: say who you are, see the extensions" },
	[REPLY_HELP_MAIL]      = { 214, "2.0.0", "MAIL FROM:<reverse-path> [SIZE= BODY= SMTPUTF8 RET= ENVID=]: begin a mail" },
	[REPLY_HELP_RCPT]      = { 214, "2.0.0", "RCPT TO:<forward-path> [NOTIFY= ORCPT=]: name one recipient" },
	[REPLY_HELP_DATA]      = { 214, "2.0.0", "DATA: send the mail; a line with a single dot ends it" },
	[REPLY_HELP_BDAT]      = { 214, "2.0.0", "BDAT octets [LAST]: send a part of the mail" },
	[REPLY_HELP_RSET]      = { 214, "2.0.0", "RSET: forget the mail begun" },
	[REPLY_HELP_NOOP]      = { 214, "2.0.0", "NOOP [text]: do nothing" },
	[REPLY_HELP_QUIT]      = { 214, "2.0.0", "QUIT: end the session" },
	[REPLY_HELP_VRFY]      = { 214, "2.0.0", "VRFY mailbox: ask whether it exists" },
	[REPLY_HELP_EXPN]      = { 214, "2.0.0", "EXPN list: ask who is on it" },
	[REPLY_HELP_HELP]      = { 214, "2.0.0", "HELP [verb | STATUS]: explain a command, or this session" },
	[REPLY_HELP_AUTH]      = { 214, "2.0.0", "AUTH mechanism [response]: prove who you are" },
	[REPLY_HELP_SEND]      = { 214, "2.0.0", "SEND FROM:<reverse-path>: as MAIL, for a terminal" },
	[REPLY_HELP_SOML]      = { 214, "2.0.0", "SOML FROM:<reverse-path>: as MAIL, for a terminal or mailbox" },
	[REPLY_HELP_SAML]      = { 214, "2.0.0", "SAML FROM:<reverse-path>: as MAIL, for a terminal and mailbox" },
	[REPLY_HELP_STARTTLS]  = { 214, "2.0.0", "STARTTLS: go on inside TLS" },
	[REPLY_HELP_XFORWARD]  = { 214, "2.0.0", "XFORWARD attribute=value...: say whose mails follow" },
	[REPLY_HELP_XCLIENT]   = { 214, "2.0.0", "XCLIENT attribute=value...: say who the client is" },
	[REPLY_HELP_TURN]      = { 214, "2.0.0", "TURN: swap roles (not implemented)" },
};
/* clang-format on */

enum reply
reply_for(enum verdict verdict)
{
	static const enum reply reply_of[] = {
		[VERDICT_OK] = REPLY_NONE,
		[VERDICT_BUSY] = REPLY_BUSY,
		[VERDICT_FULL] = REPLY_FULL,
		[VERDICT_NO_MEMORY] = REPLY_NO_MEMORY,
		[VERDICT_FAILED] = REPLY_FAILED,
		[VERDICT_TOO_BIG] = REPLY_TOO_BIG,
		[VERDICT_CORRUPT] = REPLY_UNAVAILABLE,
		[VERDICT_UNUSABLE] = REPLY_UNAVAILABLE,
	};

	return reply_of[verdict];
}

struct line {
	char *p;
	size_t size, len;
};

static void
put(struct line *to, const char *text, size_t len)
{
	if (len > to->size - to->len)
		len = to->size - to->len;
	memcpy(to->p + to->len, text, len);
	to->len += len;
}

static void
put_string(struct line *to, const char *text)
{
	put(to, text, strlen(text));
}

static void
put_number(struct line *to, uint64_t n)
{
	char digits[20]; /* 2^64 has 20 */
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(to, digits + at, sizeof digits - at);
}

/* Is it printable, and US-ASCII unless UTF-8 is allowed? */
static bool
may_be_said(const char *detail, bool utf8)
{
	struct span text = span_of(detail);

	for (size_t i = 0; i < text.len && !utf8; i++) {
		if ((unsigned char)detail[i] >= 0x80)
			return false;
	}
	return utf8_is_printable(text);
}

static bool
is_plural_ending(const char *text)
{
	return *text == 's' && strchr(" ,\n", text[1]);
}

static void
put_text(
    struct line *to, const struct reply_text *r, const struct reply_values *v)
{
	const uint64_t *number = v->numbers;
	bool is_one = false; /* the number before this word */
	const char *text = r->text, *instead = strchr(text, '\n');

	if (instead && !may_be_said(v->detail, v->utf8))
		text = instead + 1;
	for (; *text && *text != '\n'; text++) {
		if (*text == '%')
			put_string(to, v->hostname);
		else if (*text == '@')
			put_string(to, v->detail);
		else if (*text == '#') {
			is_one = *number == 1;
			put_number(to, *number++);
		} else if (is_one && is_plural_ending(text))
			is_one = false;
		else
			put(to, text, 1);
	}
}

size_t
reply_write(char *buf, size_t size, const struct reply_text *r,
    const struct reply_values *v, bool more)
{
	struct line line = { buf, size, 0 };

	put_number(&line, (uint64_t)r->code);
	put(&line, more ? "-" : " ", 1);
	if (r->enhanced) {
		put_string(&line, r->enhanced);
		put(&line, " ", 1);
	}
	put_text(&line, r, v);
	put(&line, "\r\n", 2);
	return line.len;
}

void
reply_write_text(char *buf, size_t size, const struct reply_text *r,
    const struct reply_values *v)
{
	struct line line = { buf, size - 1, 0 };

	put_text(&line, r, v);
	buf[line.len] = '\0';
}
