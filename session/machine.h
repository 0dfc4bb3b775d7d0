/*
 * What session.c (the machine), command.c (what each verb does) and output.c
 * (what the client is told) share.  Nobody else includes this.
 */
#ifndef SESSION_MACHINE_H
#define SESSION_MACHINE_H

#include "../session.h"
#include "body.h"
#include "param.h"
#include "transaction.h"

enum {
	/*
	 * 512 octets (5321 s. 4.5.3.1.4) and what the extensions add to MAIL
	 * and RCPT: SIZE 26, BODY 17, SMTPUTF8 10, DSN 500 and more.
	 */
	LINE_MAX_COMMAND = 2048,
	/* Room in the output below which no command is begun. */
	OUTPUT_RESERVE = 2048,
	OUTPUT_SIZE = 2 * OUTPUT_RESERVE,
	/* Mails in one session (MAILMAX, RFC 9422). */
	MAILS_MAX = 10000,
	/* Commands since the last mail that lead to none (FLAG_JUNK). */
	JUNK_MAX = 100,
	/*
	 * 4yz replies since the last mail, for each recipient that it may
	 * have: who names more than it may gets one for each (5321 s.
	 * 4.5.3.1.10).
	 */
	DEFERRALS_FACTOR = 10,
};

struct command;

struct session {
	const struct session_conf *conf;
	enum session_event pending; /* SESSION_READ: none */
	bool closing;               /* close when the output is sent */

	/* Input lent by the caller, and the line being put together. */
	struct span in;
	char line[LINE_MAX_COMMAND];
	size_t line_len;
	bool in_line;      /* its end is still to come */
	bool line_over;    /* it is too long, and only its beginning kept */
	bool line_refused; /* which was answered; its end is awaited */
	char last;         /* the octet before `in` */

	char out[OUTPUT_SIZE];
	size_t out_len;

	/* The refusal to report, by offsets into `out`. */
	bool refused;
	int refused_code;
	size_t refused_at, refused_len;

	struct transaction mail;
	struct body body;    /* where its text after DATA is */
	struct span data;    /* of its text, lent to the caller */
	uint64_t chunk_left; /* octets of this BDAT still to come */
	uint64_t chunk_size;
	bool chunk_last;
	enum transaction_state chunk_from; /* before it */
	enum reply chunk_reply; /* the octets are read, then refused so */

	const struct command *command; /* the one being run */

	/* What MAIL, RCPT, VRFY or EXPN asks; it stands in the line. */
	struct question question;
	bool utf8_reply; /* the answer may hold UTF-8 (RFC 6531) */
	/* A list whose members are being told; NULL: none. */
	const struct answer *list;
	const char *member; /* the last one told */

	/* Since the last mail. */
	unsigned njunk, ndeferrals;
	struct session_counts counts;
};

/*
 * Appends one line of a reply, where `more` is not the last one; one of 4yz or
 * 5yz is reported and counted.  The host name is filled in.
 */
void session_say(struct session *s, const struct reply_text *r,
    struct reply_values values, bool more);
/* The same for a reply of one line, without or with the number in it. */
void session_reply(struct session *s, enum reply id);
void session_reply_number(struct session *s, enum reply id, uint64_t number);

/*
 * After the reply to a command: past the limit of errors, or of 4yz replies,
 * gives the last reply; closes after it, or after a 421.
 */
void session_check_errors(struct session *s, int code);
/* Both of that; REPLY_NONE is fine. */
void session_conclude(struct session *s, enum reply id);

/* Runs the command in `s->line`; the reply to give, or REPLY_NONE. */
enum reply command_run(struct session *s);
/*
 * `s->line` cannot be run, for `why` (REPLY_NONE: which was said already).  The
 * reply to give: one that closes the session, if it is nothing to go on after.
 */
enum reply command_refuse(struct session *s, enum reply why);

#endif
