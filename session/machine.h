/*
 * What session.c (the machine), line_read.c (its command lines), command.c (what
 * each verb does) and output.c (what the client is told) share, and with them
 * the extensions: hello.c, auth.c, starttls.c, xclient.c.
 */
#ifndef SESSION_MACHINE_H
#define SESSION_MACHINE_H

#include "../session.h"
#include "body.h"
#include "param.h"
#include "transaction.h"

enum {
	/*
	 * A command has 512 octets (5321 s. 4.5.3.1.4); extensions add to MAIL
	 * and RCPT: SIZE 26, BODY 17, SMTPUTF8 10, DSN 500 and more.
	 */
	LINE_MAX_COMMAND = 2048,
	/* No command is begun while the output has less room. */
	OUTPUT_RESERVE = 2048,
	OUTPUT_SIZE = 2 * OUTPUT_RESERVE,
	/* Mails in one session (MAILMAX, RFC 9422). */
	MAILS_MAX = 10000,
	/* Commands since the last mail that lead to none (FLAG_JUNK). */
	JUNK_MAX = 100,
	/*
	 * 4yz replies since the last mail, per recipient that it may have: a
	 * client that names more recipients gets one for each (5321 s.
	 * 4.5.3.1.10).
	 */
	DEFERRALS_FACTOR = 10,
};

struct auth;
struct xclient;
struct command;

struct session {
	const struct session_conf *conf;
	enum session_event pending; /* SESSION_READ: none */
	bool closing;               /* once the output is sent */

	/* The input that the caller lends, and the line read from it. */
	struct span in;
	char line[LINE_MAX_COMMAND];
	size_t line_len;
	bool in_line;      /* its end has not come */
	bool line_over;    /* it is too long; only its beginning is kept */
	bool line_refused; /* it was refused; its end has not come */
	char last;         /* the octet before `in` */

	char out[OUTPUT_SIZE];
	size_t out_len;

	/* The refusal to report, by offsets into `out`. */
	bool refused;
	int refused_code;
	size_t refused_at, refused_len;

	struct xclient *xclient; /* xclient.h; NULL: never offered */
	bool offers_xclient;
	struct auth *auth; /* auth.h; NULL: there is no AUTH */
	bool tls_due;      /* once the output is sent */
	bool secured;      /* STARTTLS has led to TLS */

	struct transaction mail;
	struct body body;    /* how far its text is read */
	struct span data;    /* octets of its text, lent to the caller */
	uint64_t chunk_left; /* octets of this BDAT that have not come */
	uint64_t chunk_size;
	bool chunk_last;
	enum transaction_state chunk_from; /* the state before it */
	enum reply chunk_reply; /* to its octets; REPLY_NONE: they are text */

	const struct command *command; /* the one being run */

	/* Of MAIL, RCPT, VRFY or EXPN; its text stands in the line. */
	struct question question;
	bool utf8_reply; /* the answer may hold UTF-8 (RFC 6531) */
	/* The list whose members are the reply to EXPN; NULL: none. */
	const struct answer *list;
	const char *member; /* the last one written */

	/*
	 * By LMTP, the verdict on the mail is said once for each RCPT accepted
	 * (RFC 2033 s. 4.2): so often it is still to be said.
	 */
	unsigned nverdicts;
	struct reply_text verdict;
	struct reply_values verdict_values;

	/* Since the last mail. */
	unsigned njunk, ndeferrals;
	struct session_counts counts;
};

/*
 * Appends one line of a reply; `more` lines follow.  A line of 4yz or 5yz is
 * reported and counted.  The host name is filled in.
 */
void session_say(struct session *s, const struct reply_text *r,
    struct reply_values values, bool more);
/* The same for a reply of one line, without or with a number in it. */
void session_reply(struct session *s, enum reply id);
void session_reply_number(struct session *s, enum reply id, uint64_t number);

/*
 * To be called after the reply to a command.  Past the limit of errors, or of
 * 4yz replies, gives the last reply.  Closes after that, or after a 421.
 */
void session_check_errors(struct session *s, int code);
/* Both: session_reply() and session_check_errors(); REPLY_NONE is fine. */
void session_conclude(struct session *s, enum reply id);

/*
 * Says what became of the mail begun, which is not yet reset.  The row's id
 * stands in the reply if that has a place for it.  While there are `nverdicts`,
 * session_repeat_verdict() says it once more.
 */
void session_give_verdict(struct session *s, enum reply id, uint64_t row);
void session_give_verdict_text(
    struct session *s, const struct reply_text *r, struct reply_values values);
void session_repeat_verdict(struct session *s);

/* The first reply. */
void session_greet(struct session *s);

/*
 * Takes input up to the end of the next command line.  True: `s->line` is whole,
 * without its line end, and stays until the next one begins.  A line that is too
 * long or has a bare LF is refused at once; what follows a bare LF on it runs as
 * no command, and is only searched for a BDAT.
 */
bool line_read(struct session *s);

/* Runs the command in `s->line`.  Returns the reply to give, or REPLY_NONE. */
enum reply command_run(struct session *s);
/*
 * Refuses `s->line` for `why` (REPLY_NONE: that was said already).  Returns the
 * reply to give, which is one that closes the session if the line could be a
 * BDAT or a request of HTTP.
 */
enum reply command_refuse(struct session *s, enum reply why);

#endif
